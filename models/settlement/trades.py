"""Views of shared energy: who supplied whom, and the community's own coefficients."""

from __future__ import annotations

from enum import StrEnum

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


class CoefficientBasis(StrEnum):
    """What an interval's coefficients follow."""

    SHARED = "shared_energy"
    """The energy that members received of each other."""
    DRAWN = "drawn_energy"
    """Nothing was shared: in proportion to what each drew."""
    EQUAL = "equal"
    """Nothing was shared and nobody drew: equal parts."""


def find_coefficients(energy: SharedEnergy, decimals: int = 6) -> tuple[IntArray, tuple[CoefficientBasis, ...]]:
    """The community's own coefficients, rounded so that every interval's add up to 1.

    A network operator gives each member its coefficient's part of what the community fed in, up to what it drew. With
    received_i / Q that is the community's own split: where Q is all that was fed in, the part is received_i; where it
    is all that was drawn, everybody is full. Where nothing was shared the parts follow what each drew.

    Args:
        energy: shared energy of N members in T intervals.
        decimals: digits after the point.

    Returns:
        [N, T] integers in units of 10^-decimals, each column adding up to 10^decimals; and [T] what they follow.
    """
    unit = 10**decimals
    members = energy.received_wh.shape[0]
    drawn = energy.import_wh.sum(axis=0)
    base = np.where(energy.shared_wh > 0, energy.received_wh, np.where(drawn > 0, energy.import_wh, 1))
    part = base * float(unit) / np.where(energy.shared_wh > 0, energy.shared_wh, np.where(drawn > 0, drawn, members))
    basis = tuple(
        CoefficientBasis.SHARED if shared else CoefficientBasis.DRAWN if some else CoefficientBasis.EQUAL
        for shared, some in zip(energy.shared_wh.tolist(), drawn.tolist(), strict=True)
    )
    return round_to_total(part, np.full(len(basis), unit)), basis
