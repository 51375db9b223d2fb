from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.interval import (
    MOST_SPLITS,
    Span,
    billing_period,
    billing_period_index,
    floor_to_interval,
    interval_starts,
    local_day_of,
    next_interval_start,
    plan_steps,
    settlement_day,
)

ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "America/Santiago", "Asia/Kathmandu")
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
intervals = st.sampled_from((1, 5, 15, 30, 60))
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(2020, 1, 1), date(2035, 1, 1))


@given(moments, intervals)
def test_a_moment_lies_in_the_interval_that_it_is_floored_to(moment: datetime, interval_min: int) -> None:
    start, after = floor_to_interval(moment, interval_min), next_interval_start(moment, interval_min)
    assert start <= moment < after
    assert after - start == timedelta(minutes=interval_min)
    assert start.timestamp() % (interval_min * 60) == 0


@given(moments, intervals)
def test_the_next_interval_start_is_never_now(moment: datetime, interval_min: int) -> None:
    start = floor_to_interval(moment, interval_min)
    assert next_interval_start(start, interval_min) == start + timedelta(minutes=interval_min)


@pytest.mark.parametrize("moment", [datetime(2026, 6, 1), datetime(2026, 6, 1, tzinfo=timezone(timedelta(hours=2)))])  # noqa: DTZ001
def test_only_aware_utc_times_are_taken(moment: datetime) -> None:
    with pytest.raises(ValueError, match="aware UTC"):
        floor_to_interval(moment, 15)


@given(moments, intervals, st.integers(1, 40), st.integers(0, 40), st.sampled_from((60, 120, 180)))
def test_plan_steps_follow_each_other_and_are_aligned(
    now: datetime,
    interval_min: int,
    fine_steps: int,
    coarse_steps: int,
    coarse_step_min: int,
) -> None:
    steps = plan_steps(
        now,
        interval_min=interval_min,
        fine_steps=fine_steps,
        coarse_steps=coarse_steps,
        coarse_step_min=coarse_step_min,
    )
    ends = [start + timedelta(hours=h) for start, h in zip(steps.starts_utc, steps.step_h.tolist(), strict=True)]
    assert steps.starts_utc[0] == now
    assert len(steps.starts_utc) == fine_steps + coarse_steps
    assert all(
        abs(end - start) < timedelta(milliseconds=1)
        for end, (_, start) in zip(ends, pairwise(steps.starts_utc), strict=False)
    )
    assert (steps.step_h > 0).all()
    assert (steps.step_h[1:fine_steps] == interval_min / 60).all()
    assert (steps.step_h[fine_steps + 1 :] == coarse_step_min / 60).all()
    assert all(start.timestamp() % (coarse_step_min * 60) == 0 for start in steps.starts_utc[fine_steps + 1 :])
    assert not steps.step_h.flags.writeable


def test_a_re_plan_keeps_the_steps_and_shortens_the_first() -> None:
    options: dict[str, Any] = {"interval_min": 15, "fine_steps": 16, "coarse_steps": 20, "coarse_step_min": 60}
    whole = plan_steps(datetime(2026, 6, 1, 12, 0, tzinfo=UTC), **options)
    rest = plan_steps(datetime(2026, 6, 1, 12, 10, tzinfo=UTC), **options)
    assert whole.starts_utc[1:] == rest.starts_utc[1:]
    assert rest.step_h[0] == pytest.approx(5 / 60)
    assert whole.end_utc == datetime(2026, 6, 2, 12, 0, tzinfo=UTC)


@given(st.lists(st.integers(-200, 2000), max_size=12), st.integers(0, 59))
def test_a_coarse_step_is_split_where_something_ends_and_no_other_step_is(ends_min: list[int], late_min: int) -> None:
    now = datetime(2026, 6, 1, 12, 0, tzinfo=UTC) + timedelta(minutes=late_min)
    options: dict[str, Any] = {"interval_min": 15, "fine_steps": 16, "coarse_steps": 20, "coarse_step_min": 60}
    ends = [now + timedelta(minutes=minutes) for minutes in ends_min]
    plain, split = plan_steps(now, **options), plan_steps(now, **options, ends_utc=ends)
    assert set(plain.starts_utc) <= set(split.starts_utc)
    assert split.end_utc == plain.end_utc
    assert split.starts_utc[:17] == plain.starts_utc[:17]
    added = [start for start in split.starts_utc if start not in plain.starts_utc]
    wanted = {floor_to_interval(end, 15) for end in ends} - set(plain.starts_utc)
    inside = sorted(moment for moment in wanted if plain.starts_utc[16] < moment < plain.end_utc)
    assert added == inside[:MOST_SPLITS]
    lengths = [(after - before) / timedelta(hours=1) for before, after in pairwise((*split.starts_utc, split.end_utc))]
    assert split.step_h == pytest.approx(lengths)


@pytest.mark.parametrize("change", [{"fine_steps": 0}, {"coarse_steps": -1}, {"coarse_step_min": 50}])
def test_steps_that_cannot_be_are_refused(change: dict[str, int]) -> None:
    options: dict[str, Any] = {"interval_min": 15, "fine_steps": 4, "coarse_steps": 4, "coarse_step_min": 60} | change
    with pytest.raises(ValueError, match="multiple of the interval"):
        plan_steps(datetime(2026, 6, 1, tzinfo=UTC), **options)


@given(days, zones)
def test_settlement_days_follow_each_other_without_gap(day: date, zone: ZoneInfo) -> None:
    today, tomorrow = settlement_day(day, zone), settlement_day(day + timedelta(days=1), zone)
    assert today.end_utc == tomorrow.start_utc
    assert local_day_of(today.start_utc, zone) == day
    assert local_day_of(today.start_utc - timedelta(microseconds=1), zone) == day - timedelta(days=1)
    assert today.hours in {23.0, 23.5, 24.0, 24.5, 25.0}


@pytest.mark.parametrize(
    "zone, day, quarter_hours",
    [
        ("Europe/Berlin", date(2026, 3, 29), 92),
        ("Europe/Berlin", date(2026, 6, 12), 96),
        ("Europe/Berlin", date(2026, 10, 25), 100),
        ("Australia/Lord_Howe", date(2026, 4, 5), 98),
        ("Australia/Lord_Howe", date(2026, 10, 4), 94),
        ("UTC", date(2026, 3, 29), 96),
    ],
)
def test_a_day_has_as_many_quarter_hours_as_its_clock_shows(zone: str, day: date, quarter_hours: int) -> None:
    starts = interval_starts(settlement_day(day, ZoneInfo(zone)), 15)
    assert len(starts) == quarter_hours
    assert len(dict.fromkeys(starts)) == quarter_hours


def test_a_span_that_does_not_begin_on_an_interval_is_refused() -> None:
    day = settlement_day(date(2026, 6, 12), ZoneInfo("Asia/Kathmandu"))
    assert len(interval_starts(day, 15)) == 96
    with pytest.raises(ValueError, match="not the start of a 60-minute interval"):
        interval_starts(day, 60)


@given(moments, zones)
def test_a_billing_period_is_the_local_month_around_the_moment(moment: datetime, zone: ZoneInfo) -> None:
    period = billing_period(moment, zone)
    assert period.contains(moment)
    assert not period.contains(period.end_utc)
    assert billing_period(period.end_utc, zone).start_utc == period.end_utc
    first, last = local_day_of(period.start_utc, zone), local_day_of(period.end_utc - timedelta(seconds=1), zone)
    assert (first.day, first.month) == (1, last.month)
    assert (last + timedelta(days=1)).day == 1


@given(moments, zones)
def test_the_period_index_changes_where_the_local_month_does(now: datetime, zone: ZoneInfo) -> None:
    steps = plan_steps(now, interval_min=15, fine_steps=16, coarse_steps=30, coarse_step_min=60)
    index = billing_period_index(steps.starts_utc, zone)
    period = billing_period(now, zone)
    expected = [0 if period.contains(start) else 1 for start in steps.starts_utc]
    assert np.array_equal(index, expected)


def test_a_span_knows_its_length() -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    assert Span(start_utc=start, end_utc=start + timedelta(minutes=90)).hours == 1.5
