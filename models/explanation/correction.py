"""What a new revision of a settled day changed for one member: energy, the lines of the bill, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CorrectionCause(StrEnum):
    """Why a day was settled again. Bounded vocabulary: these become tags."""

    OWN_METER = "own_meter"
    """Meter values of the member itself are others now."""
    OTHER_METERS = "other_meters"
    """Those of the member are the same, others' are not."""
    FINAL_GAME = "final_game"
    """The same meter values: the final settlement after the provisional one."""
    OTHER_DATA = "other_data"
    """The same meter values: an earlier day of the period, a weight or a price is another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredDay:
    """A member's day at its meter."""

    import_wh: int
    export_wh: int
    estimated: int
    """Values that were estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A member's day before and after a new revision; what a line does to the bill is positive where it raises it."""

    cause: CorrectionCause
    is_re_optimised_now: bool
    """Valued by the re-optimised game, and before by the metered one."""
    before: MeteredDay
    after: MeteredDay
    bill_before_minor: int
    """For the day's energy."""
    alone_minor: int
    wear_minor: int
    share_minor: int
    solidarity_minor: int
    islanded_minor: int
    peak_before_minor: int
    """Booked on this day for the peak charge."""
    peak_after_minor: int

    @property
    def bill_after_minor(self) -> int:
        """Bill of the day's energy now: before + all lines."""
        lines = self.alone_minor + self.wear_minor + self.share_minor + self.solidarity_minor + self.islanded_minor
        return self.bill_before_minor + lines

    @property
    def is_noticeable(self) -> bool:
        """Something that the member was told is another figure now."""
        return (
            self.before != self.after
            or self.bill_before_minor != self.bill_after_minor
            or self.peak_before_minor != self.peak_after_minor
            or self.cause is CorrectionCause.OWN_METER
        )
