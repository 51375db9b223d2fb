from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loop.timer import Tick, count_missed, interval_ticks, next_tick_utc
from devices.clock import SystemClock, VirtualClock
from devices.virtual_loop import run_virtual
from models.domain.interval import floor_to_interval
from tests.controller.loop.neighbours import START, at

moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds are naive)
intervals = st.sampled_from([1, 5, 15, 30, 60])
delays = st.integers(0, 30).map(float)


@given(now=moments, interval_min=intervals, delay_s=delays)
def test_the_next_tick_is_the_first_aligned_moment_after_now(now: datetime, interval_min: int, delay_s: float) -> None:
    due = next_tick_utc(now, interval_min, delay_s)
    boundary = due - timedelta(seconds=delay_s)
    assert floor_to_interval(boundary, interval_min) == boundary
    assert now < due <= now + timedelta(minutes=interval_min)


@given(now=moments, interval_min=intervals, delay_s=delays)
def test_a_tick_is_due_once_only(now: datetime, interval_min: int, delay_s: float) -> None:
    due = next_tick_utc(now, interval_min, delay_s)
    assert next_tick_utc(due, interval_min, delay_s) == due + timedelta(minutes=interval_min)


@given(start=moments, interval_min=intervals, passed=st.integers(0, 5000))
def test_intervals_without_a_tick_are_counted(start: datetime, interval_min: int, passed: int) -> None:
    later = start + passed * timedelta(minutes=interval_min)
    assert count_missed(start, later, interval_min) == max(0, passed - 1)


def test_the_first_tick_has_missed_nothing() -> None:
    assert count_missed(None, START, 15) == 0


def collect(busy_min: list[float], *, start_utc: datetime = START) -> list[tuple[Tick, datetime]]:
    """Ticks and when they came, with a consumer that is busy for so long after each."""

    async def main(clock: VirtualClock) -> list[tuple[Tick, datetime]]:
        seen = []
        ticks = interval_ticks(clock, 15, 2.0)
        async for tick in ticks:
            seen.append((tick, clock.now_utc()))
            if len(seen) > len(busy_min):
                await ticks.aclose()  # type: ignore[attr-defined]
                break
            await clock.sleep_until_utc(clock.now_utc() + timedelta(minutes=busy_min[len(seen) - 1]))
        return seen

    return run_virtual(main, start_utc=start_utc)


def test_ticks_come_a_delay_after_each_boundary() -> None:
    seen = collect([0.1, 14.0, 14.9], start_utc=at(-4))
    assert [tick.interval_start_utc for tick, _ in seen] == [at(0), at(15), at(30), at(45)]
    assert [came - tick.interval_start_utc for tick, came in seen] == [timedelta(seconds=2)] * 4
    assert [tick.missed for tick, _ in seen] == [0, 0, 0, 0]


def test_ticks_that_were_missed_are_skipped_and_told() -> None:
    seen = collect([50.0, 1.0], start_utc=at(-4))
    assert [tick.interval_start_utc for tick, _ in seen] == [at(0), at(60), at(75)]
    assert [tick.missed for tick, _ in seen] == [0, 3, 0]


class SteppedClock(SystemClock):
    """A wall clock that its keeper steps by so much after each sleep."""

    def __init__(self, *steps: timedelta) -> None:
        self.wall_utc = at(-4)
        self._steps = list(steps)

    def now_utc(self) -> datetime:
        return self.wall_utc

    async def sleep_until_utc(self, moment_utc: datetime) -> None:
        self.wall_utc = max(self.wall_utc, moment_utc)
        if self._steps:
            self.wall_utc += self._steps.pop(0)


@pytest.mark.parametrize("step_back_min", [3.0, 16.0, 40.0])
async def test_a_clock_that_steps_back_gives_no_interval_a_second_cycle(step_back_min: float) -> None:
    back = SteppedClock(timedelta(0), timedelta(0), -timedelta(minutes=step_back_min))
    starts = []
    async for tick in interval_ticks(back, 15, 2.0):
        starts.append(tick.interval_start_utc)
        if len(starts) == 6:
            break
    assert starts == sorted(set(starts))


async def test_a_clock_that_jumps_ahead_skips_to_the_running_interval() -> None:
    ahead = SteppedClock(timedelta(0), timedelta(hours=1))
    seen = []
    async for tick in interval_ticks(ahead, 15, 2.0):
        seen.append((tick.interval_start_utc, tick.missed))
        if len(seen) == 3:
            break
    assert seen == [(at(0), 0), (at(75), 4), (at(90), 0)]
