"""What changed from one revision of a day to the next, line by line: the figures behind a correction's explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.domain.errors import SettlementError
from models.settlement.arrays import IntArray
from models.settlement.bills import DayBills
from models.settlement.sharing import SharedEnergy

ENERGY_LINES = ("import_wh", "export_wh", "received_wh", "supplied_wh")
MONEY_LINES = (
    "stand_alone_minor",
    "wear_minor",
    "share_minor",
    "solidarity_minor",
    "islanded_minor",
    "bill_minor",
)
PEAK_LINES = ("peak_minor", "total_minor")
"""The day's part of the peak charge, and all that the day asks for: bill + peak."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of a member's day that a revision changed."""

    member: str
    line: str
    """Name of the figure, ending in its unit: watt-hours of the day, or minor units."""
    before: int
    after: int

    @property
    def difference(self) -> int:
        """After less before."""
        return self.after - self.before


def list_changes(
    members: Sequence[str],
    before: tuple[SharedEnergy, DayBills],
    after: tuple[SharedEnergy, DayBills],
    peaks: tuple[IntArray, IntArray] | None = None,
) -> list[Change]:
    """Every figure that differs, by member and then by line.

    A member's differences of money add up: bill = stand-alone - wear - share - solidarity + islanded, before and after,
    and total = bill + peak.

    Args:
        members: [N] ids, in the order of the arrays.
        before: energy and bills of the earlier revision.
        after: energy and bills of the later one.
        peaks: [N] what the day books for the peak charge, before and after [minor units]; ``None``: not compared.

    Raises:
        SettlementError: The revisions are not of the same members.
    """
    lengths = [len(before[1].bill_minor), len(after[1].bill_minor), *(len(peak) for peak in peaks or ())]
    if any(length != len(members) for length in lengths):
        raise SettlementError("revisions: both have to be of the same members")
    lines: list[tuple[str, IntArray, IntArray]] = [
        (line, getattr(before[0], line).sum(axis=1), getattr(after[0], line).sum(axis=1)) for line in ENERGY_LINES
    ]
    lines += [(line, getattr(before[1], line), getattr(after[1], line)) for line in MONEY_LINES]
    if peaks is not None:
        totals = (before[1].bill_minor + peaks[0], after[1].bill_minor + peaks[1])
        lines += [(line, *pair) for line, pair in zip(PEAK_LINES, (peaks, totals), strict=True)]
    return [
        Change(member, line, int(old[place]), int(new[place]))
        for place, member in enumerate(members)
        for line, old, new in lines
        if old[place] != new[place]
    ]
