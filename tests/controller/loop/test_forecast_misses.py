"""One error for each interval that was expected and then metered; nothing is learnt twice or from the unknown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from controller.loop.forecast_misses import MEMORY_DAYS, Expected, ForecastMisses
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
    # Clocks went forward in between: the same time of day is an hour earlier in UTC.
    misses = taught([moment - timedelta(days=80) for moment in mornings()], 2.0)

    def first_kw(days: int, hours: float) -> float:
        return float(misses.reserve_kw(steps(START + timedelta(days=days, hours=hours)))[0])

    assert first_kw(-80, 3.5) == first_kw(0, 2.5) == pytest.approx(2.0)
    assert first_kw(0, 3.5) == 0.0
