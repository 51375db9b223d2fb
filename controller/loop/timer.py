"""Interval ticks: when the next cycle starts, and what happens to ticks that were missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from devices.clock import Clock
from models.domain.interval import floor_to_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The start of one cycle."""

    interval_start_utc: datetime
    """Start of the interval that has just begun."""
    missed: int
    """Intervals since the last tick that were passed over because the loop was late."""


def next_tick_utc(now_utc: datetime, interval_min: int, delay_s: float) -> datetime:
    """When the next cycle starts: the first interval boundary plus delay that lies after ``now_utc``.

    The delay lets readings sampled at the boundary arrive. A tick that was missed is skipped, never queued:
    the newest interval is the only one worth planning for.
    """
    interval = timedelta(minutes=interval_min)
    delay = timedelta(seconds=delay_s)
    boundary = floor_to_interval(now_utc - delay, interval_min)
    return boundary + interval + delay


def count_missed(previous_start_utc: datetime | None, start_utc: datetime, interval_min: int) -> int:
    """Intervals between two ticks that had none of their own."""
    if previous_start_utc is None:
        return 0
    steps = round((start_utc - previous_start_utc) / timedelta(minutes=interval_min))
    return max(0, steps - 1)


async def interval_ticks(clock: Clock, interval_min: int, delay_s: float) -> AsyncIterator[Tick]:
    """Endless ticks, aligned to UTC interval boundaries."""
    previous: datetime | None = None
    while True:
        due_utc = next_tick_utc(clock.now_utc(), interval_min, delay_s)
        await clock.sleep_until_utc(due_utc)
        start_utc = floor_to_interval(max(clock.now_utc(), due_utc), interval_min)
        if previous is not None and start_utc <= previous:
            continue  # the wall clock stepped back: that interval has had its cycle
        yield Tick(interval_start_utc=start_utc, missed=count_missed(previous, start_utc, interval_min))
        previous = start_utc
