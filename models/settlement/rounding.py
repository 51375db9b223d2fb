"""Rounding that keeps sums: the largest-remainder method on watt-hours and on minor units of money."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray

LARGEST_DRIFT = 0.5
"""Parts whose sum is further than this from the total [units] were not computed for it: a fault, not a rounding."""


def round_to_total(parts: ArrayLike, total: ArrayLike) -> IntArray:
    """Round each column of parts to integers that add up to its total (largest remainder, ties to the first).

    Each result is the part rounded down or up, so an integer bound on a part also bounds its result.

    Args:
        parts: [N] or [N, T] exact parts, any sign [units].
        total: scalar or [T] integers that the columns have to add up to [units].

    Returns:
        Integers of the same shape as ``parts``.

    Raises:
        SettlementError: A column adds up to something else than its total.
    """
    array = np.asarray(parts, dtype=np.float64)
    columns = array[:, None] if array.ndim == 1 else array
    wanted = np.broadcast_to(np.asarray(total, dtype=np.int64), columns.shape[1:])
    # A part within a billionth of an integer is that integer: 2.9999999999 is a 3 that float sums left a little short.
    nearest = np.rint(columns)
    settled = np.where(np.abs(columns - nearest) < 1e-9 * np.maximum(1.0, np.abs(nearest)), nearest, columns)
    if not np.all(np.abs(columns.sum(axis=0) - wanted) < LARGEST_DRIFT + 1e-9 * np.abs(columns).sum(axis=0)):
        raise SettlementError("parts do not add up to the total that they are rounded to")
    floors = np.floor(settled)
    missing = wanted - floors.sum(axis=0).astype(np.int64)
    return _hand_out(floors.astype(np.int64), settled - floors, missing).reshape(array.shape)


def _hand_out(floors: IntArray, remainders: FloatArray, missing: IntArray) -> IntArray:
    """Add one unit to the ``missing`` largest remainders of each column."""
    order = np.argsort(-remainders, axis=0, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(floors))[:, None], axis=0)
    return np.asarray(floors + (rank < missing), dtype=np.int64)
