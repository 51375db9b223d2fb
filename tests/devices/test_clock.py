from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.clock import SystemClock, VirtualClock
from devices.virtual_loop import run_virtual
from tests.devices.example_site import START_UTC


async def test_the_system_clock_tells_aware_utc_and_time_that_never_falls() -> None:
    clock = SystemClock()
    first_s, first_real_s = clock.monotonic_s(), clock.real_s()
    await clock.sleep_until_utc(clock.now_utc() + timedelta(milliseconds=5))
    assert clock.now_utc().tzinfo is UTC
    assert clock.monotonic_s() > first_s
    assert clock.real_s() > first_real_s


async def test_the_system_clock_does_not_return_before_the_moment() -> None:
    clock = SystemClock()
    moment_utc = clock.now_utc() + timedelta(milliseconds=20)
    await clock.sleep_until_utc(moment_utc)
    assert clock.now_utc() >= moment_utc
    with clock.outstanding("nothing"):
        await clock.sleep_real(0.0)


def test_a_virtual_clock_refuses_a_start_without_zone() -> None:
    async def main(_: VirtualClock) -> None:
        raise AssertionError

    with pytest.raises(ValueError, match="zone"):
        run_virtual(main, start_utc=datetime(2026, 1, 1))  # noqa: DTZ001 (that is the mistake)


def test_a_start_in_another_zone_is_told_in_utc() -> None:
    async def main(clock: VirtualClock) -> datetime:
        return clock.now_utc()

    start = datetime(2026, 6, 12, 2, tzinfo=timezone(timedelta(hours=2)))
    assert run_virtual(main, start_utc=start).isoformat() == "2026-06-12T00:00:00+00:00"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(min_value=-(10**6), max_value=4 * 10**14), min_size=1, max_size=8))
def test_a_virtual_sleep_ends_exactly_at_its_moment_or_at_once(offsets_us: list[int]) -> None:
    async def main(clock: VirtualClock) -> None:
        for offset_us in offsets_us:
            before_utc = clock.now_utc()
            moment_utc = START_UTC + timedelta(microseconds=offset_us)
            await clock.sleep_until_utc(moment_utc)
            assert clock.now_utc() == max(before_utc, moment_utc)

    run_virtual(main, start_utc=START_UTC)
