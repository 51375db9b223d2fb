"""Array types of the pure part, and the one way to make an array that cannot be changed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def freeze(values: ArrayLike) -> FloatArray:
    """A read-only float64 copy of the values."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def freeze_integers(values: ArrayLike) -> IntArray:
    """A read-only int64 copy of the values."""
    array = np.array(values, dtype=np.int64)
    array.setflags(write=False)
    return array
