"""What each interval's net demand was above its forecast, and the reserve below the peak that follows from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.arrays import FloatArray, freeze, freeze_integers
from models.domain.interval import PlanSteps
from models.forecast.history import History
from models.forecast.misses import reserve_against

MEMORY_DAYS = 7
"""Older errors are of other weather and habits."""
MOST_WAITING = 4
"""Intervals that are expected and not metered yet: meters that say little settle theirs a cycle late, or later."""
MOST_REVIEW_WORK = 5e7
"""Columns of history times members that a review goes over at most; takes about 1 s."""
REVIEW_STRIDES_H = (1, 2)
"""Hours between an interval that is reviewed and the next; wider ones leave too few near a time of day."""
LITTLE_MORE_MEMBERS = 25
"""A column of history costs as much as so many members, besides them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an interval was expected to bring when it began, N members."""

    start_utc: datetime
    demand_kw: FloatArray
    """[N]"""
    pv_kw: FloatArray
    """[N]"""


class ForecastMisses:
    """Errors of one step ahead of the last days, oldest first."""

    def __init__(self, interval_min: int, zone: ZoneInfo) -> None:
        """Start with none."""
        self._interval = timedelta(minutes=interval_min)
        self._zone = zone
        self._waiting: dict[datetime, Expected] = {}
        self._missed_kw: deque[tuple[datetime, float]] = deque(maxlen=MEMORY_DAYS * 24 * 60 // interval_min)

    def __len__(self) -> int:
        """Number of known errors."""
        return len(self._missed_kw)

    def expect(self, expected: Expected) -> None:
        """Remember what an interval should bring, until it is metered; the first word on an interval stands."""
        self._waiting.setdefault(expected.start_utc, expected)
        while len(self._waiting) > MOST_WAITING:
            del self._waiting[min(self._waiting)]

    def learn(self, demand: History, pv: History) -> None:
        """Compare what was metered with what was expected of it; members that are not known are left out."""
        for start_utc in sorted(self._waiting):
            if demand.end_utc >= start_utc + self._interval:
                self._compare(self._waiting.pop(start_utc), demand, pv)

    def _compare(self, waiting: Expected, demand: History, pv: History) -> None:
        column = (waiting.start_utc - demand.start_utc) // self._interval
        if column < 0:
            return
        missed_kw = demand.mean_kw[:, column] - waiting.demand_kw - (pv.mean_kw[:, column] - waiting.pv_kw)
        if np.isfinite(missed_kw).any():
            self._missed_kw.append((waiting.start_utc, float(np.nansum(missed_kw))))

    def reserve_kw(self, steps: PlanSteps) -> FloatArray:
        """[T] Room to keep free below the peak in each step of a plan [kW]."""
        middles = [
            start + timedelta(hours=0.5 * float(hours))
            for start, hours in zip(steps.starts_utc, steps.step_h, strict=True)
        ]
        ahead_h = freeze([_clock_h(moment, self._zone) for moment in middles])
        oldest_utc = steps.starts_utc[0] - timedelta(days=MEMORY_DAYS)
        recent = [(start, missed_kw) for start, missed_kw in self._missed_kw if start >= oldest_utc]
        return reserve_against(
            freeze([missed_kw for _, missed_kw in recent]),
            freeze([_clock_h(start, self._zone) for start, _ in recent]),
            ahead_h,
            of_hour=freeze_integers([int(start.timestamp()) // 3600 for start, _ in recent]),
        )


def columns_to_review(columns: int, members: int, interval_min: int) -> range:
    """Columns of a history whose forecasts are made again at a start, one or two hours apart; none if it takes long.

    What is left out is learnt as intervals are metered.
    """
    for hours in REVIEW_STRIDES_H:
        stride = max(1, hours * 60 // interval_min)
        chosen = range(max(1, columns - MEMORY_DAYS * 24 * 60 // interval_min), columns, stride)
        if len(chosen) * columns * (members + LITTLE_MORE_MEMBERS) <= MOST_REVIEW_WORK:
            return chosen
    return range(0)


def _clock_h(moment_utc: datetime, zone: ZoneInfo) -> float:
    local = moment_utc.astimezone(zone)
    return local.hour + local.minute / 60.0 + local.second / 3600.0
