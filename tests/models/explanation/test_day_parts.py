from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.domain.interval import interval_starts, settlement_day
from models.explanation.day_parts import DayPart, find_day_parts

ZONE = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "day, night_quarters",
    [(date(2026, 6, 12), 32), (date(2026, 3, 29), 28), (date(2026, 10, 25), 36)],
)
def test_parts_of_the_day_follow_the_local_clock_also_when_it_changes(day: date, night_quarters: int) -> None:
    starts = interval_starts(settlement_day(day, ZONE), 15)
    counts = np.bincount(find_day_parts(starts, ZONE), minlength=4)
    assert counts.tolist() == [night_quarters, 16, 24, 24]


@pytest.mark.parametrize(
    "hour, part",
    [
        (0, DayPart.NIGHT),
        (5, DayPart.NIGHT),
        (6, DayPart.MORNING),
        (10, DayPart.MIDDAY),
        (15, DayPart.MIDDAY),
        (16, DayPart.EVENING),
        (21, DayPart.EVENING),
        (22, DayPart.NIGHT),
    ],
)
def test_an_hour_belongs_to_its_part(hour: int, part: DayPart) -> None:
    start = settlement_day(date(2026, 6, 12), ZONE).start_utc + timedelta(hours=hour)
    assert list(DayPart)[int(find_day_parts([start], ZONE)[0])] is part
