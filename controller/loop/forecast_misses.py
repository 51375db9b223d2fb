"""What each interval's net demand was above its forecast, and the reserve below the peak that follows from it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.arrays import FloatArray, freeze
from models.domain.interval import PlanSteps
from models.forecast.history import History
from models.forecast.misses import reserve_against

MEMORY_DAYS = 7
"""Older errors are of other weather and habits."""


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
        self._waiting: Expected | None = None
        kept = MEMORY_DAYS * 24 * 60 // interval_min
        self._clock_h: deque[float] = deque(maxlen=kept)
        self._missed_kw: deque[float] = deque(maxlen=kept)

    def __len__(self) -> int:
        """Number of known errors."""
        return len(self._missed_kw)

    def expect(self, expected: Expected) -> None:
        """Remember what an interval should bring, until it is metered; the first word on an interval stands."""
        if self._waiting is None or self._waiting.start_utc != expected.start_utc:
            self._waiting = expected

    def learn(self, demand: History, pv: History) -> None:
        """Compare the interval that is waited for with what was metered; members that are not known are left out."""
        waiting = self._waiting
        if waiting is None or demand.end_utc < waiting.start_utc + self._interval:
            return
        self._waiting = None
        column = (waiting.start_utc - demand.start_utc) // self._interval
        if column < 0:
            return
        missed_kw = demand.mean_kw[:, column] - waiting.demand_kw - (pv.mean_kw[:, column] - waiting.pv_kw)
        if np.isfinite(missed_kw).any():
            self._clock_h.append(_clock_h(waiting.start_utc, self._zone))
            self._missed_kw.append(float(np.nansum(missed_kw)))

    def reserve_kw(self, steps: PlanSteps) -> FloatArray:
        """[T] Room to keep free below the peak in each step of a plan [kW]."""
        middles = [
            start + timedelta(hours=0.5 * float(hours))
            for start, hours in zip(steps.starts_utc, steps.step_h, strict=True)
        ]
        ahead_h = freeze([_clock_h(moment, self._zone) for moment in middles])
        return reserve_against(freeze(self._missed_kw), freeze(self._clock_h), ahead_h)


def _clock_h(moment_utc: datetime, zone: ZoneInfo) -> float:
    local = moment_utc.astimezone(zone)
    return local.hour + local.minute / 60.0 + local.second / 3600.0
