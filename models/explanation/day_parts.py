"""Parts of a local day: the times by which a member is told when its benefit arose."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from models.settlement.arrays import IntArray


class DayPart(StrEnum):
    """Part of a day, by local time."""

    NIGHT = "night"
    """22 to 6 o'clock: both ends of the settlement day."""
    MORNING = "morning"
    """6 to 10 o'clock."""
    MIDDAY = "midday"
    """10 to 16 o'clock."""
    EVENING = "evening"
    """16 to 22 o'clock."""


_FIRST_HOURS = (6, 10, 16, 22)


def find_day_parts(starts_utc: Sequence[datetime], zone: ZoneInfo) -> IntArray:
    """[T] index into ``DayPart`` of the part in which each interval begins."""
    hours = np.array([start.astimezone(zone).hour for start in starts_utc])
    return np.asarray(np.searchsorted(_FIRST_HOURS, hours, side="right") % len(DayPart), dtype=np.int64)
