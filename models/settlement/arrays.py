"""Array types of settlement, and the checks that every array passes at its edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.domain.errors import SettlementError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
EnergyArray = FloatArray | IntArray


def freeze(array: NDArray[np.generic]) -> None:
    """Make an array read-only, as every array inside a value is."""
    array.setflags(write=False)


def finite(name: str, values: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """The values as float64 of the given shape.

    Raises:
        SettlementError: The shape differs, or a value is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise SettlementError(f"{name}: found shape {array.shape}, accepted is {shape}")
    if not np.all(np.isfinite(array)):
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise SettlementError(f"{name}{list(where)}: found {array[where]}, accepted are finite numbers")
    return array


def non_negative(name: str, values: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """Like ``finite``, and no value below 0.

    Raises:
        SettlementError: As ``finite``, or a value is negative.
    """
    array = finite(name, values, shape)
    if np.any(array < 0.0):
        where = tuple(int(k) for k in np.argwhere(array < 0.0)[0])
        raise SettlementError(f"{name}{list(where)}: found {array[where]}, accepted are numbers >= 0")
    return array
