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
    members: Sequence[str], before: tuple[SharedEnergy, DayBills], after: tuple[SharedEnergy, DayBills]
) -> list[Change]:
    """Every figure that differs, by member and then by line.

    A member's differences of money add up: bill = stand-alone - wear - share - solidarity + islanded, before and after.

    Args:
        members: [N] ids, in the order of the arrays.
        before: energy and bills of the earlier revision.
        after: energy and bills of the later one.

    Raises:
        SettlementError: The revisions are not of the same members.
    """
    if len(before[1].bill_minor) != len(members) or len(after[1].bill_minor) != len(members):
        raise SettlementError("revisions: both have to be of the same members")
    lines: list[tuple[str, IntArray, IntArray]] = [
        (line, getattr(before[0], line).sum(axis=1), getattr(after[0], line).sum(axis=1)) for line in ENERGY_LINES
    ]
    lines += [(line, getattr(before[1], line), getattr(after[1], line)) for line in MONEY_LINES]
    return [
        Change(member, line, int(old[place]), int(new[place]))
        for place, member in enumerate(members)
        for line, old, new in lines
        if old[place] != new[place]
    ]
