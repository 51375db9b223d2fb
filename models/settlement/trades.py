"""Views of shared energy: who supplied whom, and the community's own coefficients."""

from __future__ import annotations

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import IntArray
from models.settlement.rounding import round_to_total
from models.settlement.sharing import SharedEnergy


def match_trades(received_wh: IntArray, supplied_wh: IntArray) -> IntArray:
    """Who supplied whom in one interval: buyer's share times seller's share, in whole watt-hours.

    Each entry is received_i supplied_j / Q rounded down or up by one unit; rows add up to what each member received,
    columns to what each supplied, exactly. (Units left over by rounding down are given out row by row to the columns
    that miss most, which always comes out even: a matrix of zeros and ones with these sums exists.)

    Args:
        received_wh: [N] community energy consumed [Wh].
        supplied_wh: [N] export that members consumed [Wh]; the same sum.

    Returns:
        [N, N] energy from member j (column) to member i (row) [Wh].

    Raises:
        SettlementError: The sums differ.
    """
    total = int(received_wh.sum())
    if total != int(supplied_wh.sum()):
        raise SettlementError(f"trades: {total} Wh were received, {int(supplied_wh.sum())} Wh supplied")
    matrix = np.zeros((received_wh.size, supplied_wh.size), dtype=np.int64)
    if not total:
        return matrix
    rows, columns = np.flatnonzero(received_wh), np.flatnonzero(supplied_wh)
    block = (received_wh[rows, None] * supplied_wh[None, columns]) // total
    missing_column = supplied_wh[columns] - block.sum(axis=0)
    missing_row = received_wh[rows] - block.sum(axis=1)
    for row in np.argsort(-missing_row, kind="stable"):
        chosen = np.argsort(-missing_column, kind="stable")[: missing_row[row]]
        block[row, chosen] += 1
        missing_column[chosen] -= 1
    matrix[np.ix_(rows, columns)] = block
    return matrix


def sum_trades(energy: SharedEnergy) -> IntArray:
    """Who supplied whom over all intervals: [N, N] energy from member j (column) to member i (row) [Wh]."""
    members = energy.received_wh.shape[0]
    total = np.zeros((members, members), dtype=np.int64)
    for step in np.flatnonzero(energy.shared_wh):
        total += match_trades(energy.received_wh[:, step], energy.supplied_wh[:, step])
    return total


def find_coefficients(energy: SharedEnergy, decimals: int = 6) -> IntArray:
    """The community's own coefficients: each member's part of the shared energy, rounded so that intervals sum to 1.

    Args:
        energy: shared energy of N members in T intervals.
        decimals: digits after the point.

    Returns:
        [N, T] integers in units of 10^-decimals; each column adds up to 10^decimals, or to 0
        where nothing was shared.
    """
    unit = 10**decimals
    shared = energy.shared_wh
    part = np.divide(energy.received_wh * float(unit), shared, out=np.zeros(energy.received_wh.shape), where=shared > 0)
    return round_to_total(part, np.where(shared > 0, unit, 0))
