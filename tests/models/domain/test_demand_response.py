"""Events: which steps they hold for, which the prices make, and what may still be held back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.demand_response import (
    PIECE,
    DemandEvent,
    EventSource,
    day_pieces,
    event_of,
    find_open_steps,
    find_price_events,
    find_remaining,
    find_targets,
    limit_to_demand,
    number_days,
    share_of_steps,
    split_by_day,
    touches,
)
from models.domain.interval import PlanSteps, Span, plan_steps
from models.domain.market import EventNotice

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
minutes = st.integers(-600, 2000)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def steps_at(now_utc: datetime = NOON, *, fine: int = 8, coarse: int = 10) -> PlanSteps:
    return plan_steps(now_utc, interval_min=15, fine_steps=fine, coarse_steps=coarse, coarse_step_min=60)


def event(begin: float, end: float, target_kw: float | None = None) -> DemandEvent:
    return DemandEvent(start_utc=at(begin), end_utc=at(end), key="shed", source=EventSource.MQTT, target_kw=target_kw)


def day_of(prices: list[float], day: date = date(2026, 6, 12)) -> tuple[tuple[datetime, ...], np.ndarray]:
    """A local day's pieces with hourly prices; the last one holds to the day's end."""
    edges = day_pieces(day, BERLIN)
    hours = [min(number // 4, len(prices) - 1) for number in range(len(edges) - 1)]
    return edges, np.array([prices[hour] for hour in hours])


def test_an_event_holds_for_every_step_that_it_touches_be_it_by_a_minute() -> None:
    steps = steps_at()
    assert touches(event(14.0, 31.0), steps)[:4].tolist() == [True, True, True, False]
    assert share_of_steps(event(14.0, 31.0), steps)[:4] == pytest.approx([1 / 15, 1.0, 1 / 15, 0.0])


def test_an_event_that_ends_where_a_step_begins_leaves_it_alone() -> None:
    steps = steps_at()
    assert touches(event(15.0, 30.0), steps)[:3].tolist() == [False, True, False]
    assert not touches(event(-30.0, 0.0), steps).any()
    assert not touches(event(12 * 60.0, 13 * 60.0), steps).any()


@given(begin=minutes, length=st.integers(1, 600), now=st.integers(0, 59))
def test_the_shares_of_the_steps_add_up_to_the_event_inside_the_horizon(begin: int, length: int, now: int) -> None:
    steps, one = steps_at(at(now)), event(begin, begin + length)
    inside_h = (min(one.end_utc, steps.end_utc) - max(one.start_utc, at(now))) / timedelta(hours=1)
    assert float(np.sum(share_of_steps(one, steps) * steps.step_h)) == pytest.approx(max(0.0, inside_h), abs=1e-6)
    assert ((share_of_steps(one, steps) > 1e-4) <= touches(one, steps)).all()


@given(spans=st.lists(st.tuples(minutes, st.integers(1, 300), st.none() | st.floats(-5.0, 20.0)), max_size=5))
def test_of_overlapping_events_the_least_target_holds_and_all_open_their_steps(
    spans: list[tuple[int, int, float | None]],
) -> None:
    steps = steps_at()
    events = [event(begin, begin + length, target_kw) for begin, length, target_kw in spans]
    is_open, target_kw = find_open_steps(events, steps), find_targets(events, steps)
    for step in range(len(steps.step_h)):
        here = [one for one in events if touches(one, steps)[step]]
        asked = [one.target_kw for one in here if one.target_kw is not None]
        assert is_open[step] == bool(here)
        if target_kw.size:
            assert target_kw[step] == min(asked, default=np.inf)
        else:
            assert not asked


def test_a_notice_without_a_power_is_an_event_without_a_target() -> None:
    notice = EventNotice(
        ts_utc=NOON, valid_from_utc=NOON, kind="shed", start_utc=at(60), end_utc=at(120), power_kw=None
    )
    assert event_of(notice).target_kw is None
    assert find_targets([event_of(notice)], steps_at()).size == 0
    assert find_open_steps([event_of(notice)], steps_at()).sum() == 4


def test_dear_hours_of_a_day_are_an_event_for_each_contiguous_stretch() -> None:
    prices = [0.2] * 24
    prices[8] = prices[18] = prices[19] = 0.5
    found = find_price_events(*day_of(prices), 1.0)
    local = [(one.start_utc.astimezone(BERLIN).hour, one.end_utc.astimezone(BERLIN).hour) for one in found]
    assert local == [(8, 9), (18, 20)]
    assert {one.source for one in found} == {EventSource.PRICE}
    assert [one.target_kw for one in found] == [None, None]


def test_dear_hours_up_to_midnight_end_there() -> None:
    (found,) = find_price_events(*day_of([0.2] * 22 + [0.6, 0.6]), 1.0)
    assert found.end_utc == day_pieces(date(2026, 6, 12), BERLIN)[-1]


def test_a_day_of_equal_prices_has_no_dear_hour_whatever_floats_make_of_it() -> None:
    edges, prices = day_of([0.1 + 0.2] * 24)
    assert find_price_events(edges, prices, 0.0) == ()
    assert find_price_events(edges, prices * (1.0 + 1e-12 * np.arange(len(prices))), 0.0) == ()


@given(
    prices=st.lists(st.floats(-0.5, 2.0), min_size=24, max_size=24),
    threshold_std=st.floats(0.0, 3.0),
    shift=st.floats(-1.0, 1.0),
)
def test_dear_is_what_lies_above_the_days_own_mean_by_its_own_deviation(
    prices: list[float], threshold_std: float, shift: float
) -> None:
    edges, price = day_of([round(one, 3) for one in prices])
    limit = price.mean() + threshold_std * price.std()
    found = find_price_events(edges, price, threshold_std)
    for one, next_one in pairwise(found):
        assert one.end_utc < next_one.start_utc
    for start, value in zip(edges, price, strict=False):
        if abs(value - limit) > 1e-4 and price.std() > 1e-5:
            assert any(one.span.contains(start) for one in found) == (value > limit)
    # Only differences count: a tax on every hour makes no event.
    shifted = find_price_events(edges, price + round(shift, 3), threshold_std)
    if price.std() > 1e-5 and np.min(np.abs(price - limit)) > 1e-4:
        assert shifted == found


@pytest.mark.parametrize("day, pieces", [(date(2026, 3, 29), 92), (date(2026, 6, 12), 96), (date(2026, 10, 25), 100)])
def test_a_local_day_has_92_96_or_100_quarter_hours(day: date, pieces: int) -> None:
    edges = day_pieces(day, BERLIN)
    assert len(edges) == pieces + 1
    assert {later - earlier for earlier, later in pairwise(edges)} == {PIECE}


def test_steps_count_to_the_local_day_that_they_begin_in() -> None:
    evening = datetime(2026, 6, 12, 20, 30, tzinfo=UTC)
    index, days = number_days(steps_at(evening, fine=8, coarse=3), BERLIN)
    assert days == (date(2026, 6, 12), date(2026, 6, 13))
    assert index.tolist() == [0] * 6 + [1] * 5


def test_what_was_held_back_is_taken_off_the_limit_of_its_own_day() -> None:
    first, second = date(2026, 6, 12), date(2026, 6, 13)
    assert find_remaining(3.0, {first: 1.25}, (first, second)).tolist() == [1.75, 3.0]
    assert find_remaining(3.0, {first: 3.5}, (first, second)).tolist() == [0.0, 3.0]


def test_a_stretch_over_midnight_counts_to_both_days() -> None:
    midnight = datetime(2026, 6, 12, 22, 0, tzinfo=UTC)
    hours = split_by_day(
        Span(start_utc=midnight - timedelta(minutes=15), end_utc=midnight + timedelta(minutes=30)), BERLIN
    )
    assert hours == {date(2026, 6, 12): 0.25, date(2026, 6, 13): 0.5}


@given(
    wanted=st.lists(st.tuples(st.integers(0, 2), st.floats(0.0, 4.0)), min_size=1, max_size=6),
    demand=st.lists(st.floats(-1.0, 5.0), min_size=3, max_size=3),
)
def test_loads_of_a_member_together_want_no_more_than_its_demand(
    wanted: list[tuple[int, float]], demand: list[float]
) -> None:
    member = [owner for owner, _ in wanted]
    wanted_kw, demand_kw = np.array([[kw] for _, kw in wanted]), np.array([[kw] for kw in demand])
    limited_kw = limit_to_demand(wanted_kw, member, demand_kw)
    assert (limited_kw >= 0.0).all()
    assert (limited_kw <= wanted_kw + 1e-12).all()
    for owner in range(3):
        mine = [row for row, other in enumerate(member) if other == owner]
        before, after = float(wanted_kw[mine].sum()), float(limited_kw[mine].sum())
        assert after == pytest.approx(min(before, max(demand[owner], 0.0)), abs=1e-9)
