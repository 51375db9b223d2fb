"""One error for each interval that was expected and then metered; nothing is learnt twice or from the unknown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from controller.loop.forecast_misses import MEMORY_DAYS, MOST_WAITING, Expected, ForecastMisses, columns_to_review
from models.domain.interval import PlanSteps, plan_steps
from models.forecast.history import History

START = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
BERLIN = ZoneInfo("Europe/Berlin")


def history(*columns: tuple[float, float], start_utc: datetime = START) -> History:
    values = np.array(columns).T if columns else np.zeros((2, 0))
    return History(start_utc=start_utc, interval_s=900, mean_kw=values)


def expected(start_utc: datetime, demand_kw: float = 1.0, pv_kw: float = 0.0) -> Expected:
    return Expected(start_utc=start_utc, demand_kw=np.full(2, demand_kw), pv_kw=np.full(2, pv_kw))


def taught(moments_utc: Iterable[datetime], missed_kw: float) -> ForecastMisses:
    """Each of some intervals missed by the same."""
    misses = ForecastMisses(15, BERLIN)
    for moment in moments_utc:
        misses.expect(expected(moment))
        misses.learn(history((1.0 + missed_kw, 1.0), start_utc=moment), history((0.0, 0.0), start_utc=moment))
    return misses


def mornings(days: int = 4) -> list[datetime]:
    """Two hours of quarters on each of some days: enough errors near one time of day."""
    return [START + timedelta(days=day) + number * QUARTER for day in range(days) for number in range(8)]


def steps(now_utc: datetime = START) -> PlanSteps:
    return plan_steps(now_utc, interval_min=15, fine_steps=4, coarse_steps=2, coarse_step_min=60)


def test_more_demand_and_less_sun_than_expected_add_up() -> None:
    misses = ForecastMisses(15, BERLIN)
    for moment in mornings():
        misses.expect(expected(moment, demand_kw=1.0, pv_kw=2.0))
        misses.learn(history((1.5, 1.0), start_utc=moment), history((2.0, 1.0), start_utc=moment))
    assert misses.reserve_kw(steps())[0] == pytest.approx(0.5 + 1.0)


def test_a_member_that_is_not_known_is_left_out() -> None:
    misses = ForecastMisses(15, BERLIN)
    for moment in mornings():
        misses.expect(expected(moment))
        misses.learn(history((1.5, np.nan), start_utc=moment), history((0.0, 0.0), start_utc=moment))
    assert misses.reserve_kw(steps())[0] == pytest.approx(0.5)


def test_nothing_is_learnt_before_the_interval_is_metered() -> None:
    misses = ForecastMisses(15, BERLIN)
    misses.expect(expected(START + QUARTER))
    misses.learn(history((5.0, 5.0)), history((0.0, 0.0)))
    assert len(misses) == 0
    misses.learn(history((5.0, 5.0), (1.0, 1.0)), history((0.0, 0.0), (0.0, 0.0)))
    assert len(misses) == 1


def test_an_interval_counts_once_and_its_first_forecast_stands() -> None:
    misses = ForecastMisses(15, BERLIN)
    misses.expect(expected(START))
    misses.expect(expected(START, demand_kw=9.0))
    for _ in range(2):
        misses.learn(history((1.0, 1.0)), history((0.0, 0.0)))
    assert len(misses) == 1
    assert not misses.reserve_kw(steps()).any()


def test_an_interval_that_nobody_metered_or_that_is_forgotten_teaches_nothing() -> None:
    misses = ForecastMisses(15, BERLIN)
    misses.expect(expected(START))
    misses.learn(history((np.nan, np.nan)), history((np.nan, np.nan)))
    misses.expect(expected(START - 8 * QUARTER))
    misses.learn(history((1.0, 1.0)), history((0.0, 0.0)))
    assert len(misses) == 0


def test_only_the_last_days_are_kept() -> None:
    kept = MEMORY_DAYS * 96
    misses = taught((START + number * QUARTER for number in range(kept + 5)), 1.0)
    assert len(misses) == kept


def test_the_reserve_follows_the_local_time_of_day() -> None:
    misses = taught(mornings(), 2.0)
    morning = misses.reserve_kw(steps(START + timedelta(days=5)))
    night = misses.reserve_kw(steps(START + timedelta(hours=12)))
    assert morning == pytest.approx(np.full(6, 2.0))
    assert not night.any()


def test_the_time_of_day_is_the_clocks_not_the_suns() -> None:
    # Clocks go forward on the fifth day: the same time of day is an hour earlier in UTC.
    misses = taught([moment - timedelta(days=79) for moment in mornings()], 2.0)

    def first_kw(days: int, hours: float) -> float:
        return float(misses.reserve_kw(steps(START + timedelta(days=days, hours=hours)))[0])

    assert first_kw(-76, 3.5) == first_kw(-74, 2.5) == pytest.approx(2.0)
    assert first_kw(-74, 3.5) == 0.0


@pytest.mark.parametrize("late", range(MOST_WAITING))
def test_intervals_that_are_settled_late_teach_too(late: int) -> None:
    misses = ForecastMisses(15, BERLIN)
    for number in range(40):
        metered = history(*[(2.0, 1.0)] * max(0, number - late))
        misses.learn(metered, history(*[(0.0, 0.0)] * max(0, number - late)))
        misses.expect(expected(START + number * QUARTER))
    assert len(misses) == 39 - late


def test_no_more_than_a_few_intervals_are_waited_for() -> None:
    misses = ForecastMisses(15, BERLIN)
    for number in range(20):
        misses.expect(expected(START + number * QUARTER))
    misses.learn(history(*[(1.0, 1.0)] * 20), history(*[(0.0, 0.0)] * 20))
    assert len(misses) == MOST_WAITING


@pytest.mark.parametrize("days, reserve_kw", [(MEMORY_DAYS - 1, 2.0), (MEMORY_DAYS + 4, 0.0)])
def test_errors_are_forgotten_by_their_age_even_if_none_came_since(days: int, reserve_kw: float) -> None:
    misses = taught(mornings(), 2.0)
    assert misses.reserve_kw(steps(START + timedelta(days=days)))[0] == pytest.approx(reserve_kw)


@pytest.mark.parametrize(
    "members, interval_min, chosen",
    [(12, 15, 168), (100, 15, 84), (12, 60, 168), (12, 1, 0), (100, 1, 0), (3, 1, 0)],
)
def test_a_review_takes_a_bounded_amount_of_work(members: int, interval_min: int, chosen: int) -> None:
    columns = 28 * 24 * 60 // interval_min
    found = columns_to_review(columns, members, interval_min)
    assert len(found) == chosen
    assert all(0 < column < columns for column in found)


def test_a_short_history_is_reviewed_as_far_as_it_goes() -> None:
    assert list(columns_to_review(10, 3, 15)) == [1, 5, 9]
    assert list(columns_to_review(0, 3, 15)) == list(columns_to_review(1, 3, 15)) == []
