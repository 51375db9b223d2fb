from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.domain.errors import ProblemError
from models.forecast.demand import forecast_demand
from models.forecast.history import Forecast, ForecastBasis, History

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 5, 31, 22, tzinfo=UTC)
"""Midnight between Sunday and Monday in Berlin."""
DAY_H = np.ones(24)


def history(mean_kw: np.ndarray, start_utc: datetime = MONDAY, interval_s: int = 3600) -> History:
    return History(start_utc=start_utc, interval_s=interval_s, mean_kw=np.atleast_2d(mean_kw))


def forecast(past: History, step_h: np.ndarray = DAY_H, persons: int = 2, late: timedelta = timedelta(0)) -> Forecast:
    people = np.full(len(past.mean_kw), persons, dtype=np.int64)
    return forecast_demand(past, past.end_utc + late, step_h, zone=BERLIN, persons=people)


def daily_shape() -> np.ndarray:
    shape: np.ndarray = 0.3 + np.exp(-0.5 * ((np.arange(24) - 19.0) / 2.0) ** 2)
    return shape


def test_a_home_that_repeats_itself_is_foreseen() -> None:
    result = forecast(history(np.tile(daily_shape(), 14)))
    np.testing.assert_allclose(result.mean_kw[0], daily_shape(), atol=0.06)
    assert result.basis == (ForecastBasis.HISTORY,)


def test_weekends_are_foreseen_from_weekends() -> None:
    week = np.concatenate([np.full(5 * 24, 0.2), np.full(2 * 24, 1.0)])
    past = history(np.concatenate([week, week, week, week[: 5 * 24]]))
    saturday = forecast(past, np.ones(48)).mean_kw[0]
    assert saturday[6:].mean() > 0.55
    monday = forecast(history(np.tile(week, 4)), np.ones(24)).mean_kw[0]
    assert monday[6:].mean() < 0.45


def test_what_was_missed_of_late_is_carried_on_and_dies_away() -> None:
    calm = np.full(14 * 24, 0.5)
    lively = calm.copy()
    lively[-3:] += 2.0
    surplus = forecast(history(lively)).mean_kw[0] - forecast(history(calm)).mean_kw[0]
    assert 0.3 < surplus[0] < 2.0
    assert np.all(np.diff(surplus[:18]) <= 1e-9)
    assert surplus[12] < 0.2 * surplus[0]


POWERS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(0, 200)),
    elements=st.one_of(st.floats(0.0, 20.0), st.just(float("nan"))),
)
STEPS = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0.01, 6.0))


@given(mean_kw=POWERS, step_h=STEPS, late_min=st.integers(0, 300), interval_s=st.sampled_from([60, 900, 3600]))
@settings(deadline=None)
def test_a_forecast_is_finite_and_not_negative_whatever_is_missing(
    mean_kw: np.ndarray, step_h: np.ndarray, late_min: int, interval_s: int
) -> None:
    past = history(mean_kw, interval_s=interval_s)
    result = forecast(past, step_h, late=timedelta(minutes=late_min))
    assert result.mean_kw.shape == (len(mean_kw), len(step_h))
    assert np.all(np.isfinite(result.mean_kw))
    assert np.all(result.mean_kw >= 0.0)


@given(seed=st.integers(0, 1000))
@settings(deadline=None)
def test_homes_do_not_depend_on_each_other(seed: int) -> None:
    kw = np.random.default_rng(seed).gamma(1.0, 0.5, (3, 400))
    together = forecast(history(kw)).mean_kw
    np.testing.assert_allclose(together[1:2], forecast(history(kw[1:2])).mean_kw, atol=1e-12)


@given(seed=st.integers(0, 1000), start_min=st.integers(0, 59))
@settings(deadline=None)
def test_coarse_steps_are_the_means_of_fine_ones(seed: int, start_min: int) -> None:
    past = history(np.random.default_rng(seed).gamma(1.0, 0.5, (2, 700)), interval_s=900)
    late = timedelta(minutes=start_min)
    fine = forecast(past, np.full(96, 0.25), late=late).mean_kw
    coarse = forecast(past, np.array([0.25] * 16 + [1.0] * 20), late=late).mean_kw
    np.testing.assert_allclose(coarse[:, :16], fine[:, :16], atol=1e-9)
    np.testing.assert_allclose(coarse[:, 16:], fine[:, 16:].reshape(2, 20, 4).mean(axis=2), atol=1e-9)


def test_a_step_inside_an_interval_has_the_intervals_power() -> None:
    past = history(np.tile(daily_shape(), 14))
    whole = forecast(past).mean_kw[0, 0]
    late = forecast(past, np.array([0.5, 1.0]), late=timedelta(minutes=30)).mean_kw[0]
    assert late[0] == pytest.approx(whole)


def test_a_fresh_site_starts_from_a_labelled_generic_profile_by_persons() -> None:
    empty = history(np.empty((2, 0)))
    people = np.array([1, 4])
    result = forecast_demand(empty, MONDAY, DAY_H, zone=BERLIN, persons=people)
    assert result.basis == (ForecastBasis.GENERIC, ForecastBasis.GENERIC)
    yearly_kwh = result.mean_kw.mean(axis=1) * 8760.0
    assert 1500.0 < yearly_kwh[0] < yearly_kwh[1] < 5000.0
    assert int(np.argmax(result.mean_kw[0])) in {18, 19, 20}


def test_history_takes_over_from_the_generic_profile_day_by_day() -> None:
    errors, bases = [], []
    for days in (0, 1, 2, 4, 7, 14):
        result = forecast(history(np.full(days * 24, 3.0).reshape(1, -1)))
        errors.append(float(np.abs(result.mean_kw - 3.0).mean()))
        bases.append(result.basis[0])
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(errors))
    assert errors[-1] < 0.01
    assert bases == [ForecastBasis.GENERIC, *[ForecastBasis.BLENDED] * 3, *[ForecastBasis.HISTORY] * 2]


def test_a_history_of_nothing_but_gaps_is_no_history() -> None:
    gaps = forecast(history(np.full((1, 400), np.nan)))
    none = forecast(history(np.empty((1, 0)), start_utc=MONDAY + timedelta(hours=400)))
    assert gaps.basis == (ForecastBasis.GENERIC,)
    np.testing.assert_allclose(gaps.mean_kw, none.mean_kw)


def test_a_stretch_of_missing_readings_changes_little() -> None:
    kw = np.tile(daily_shape(), 21)
    holed = kw.copy()
    holed[300:330] = np.nan
    holed[-2:] = np.nan
    np.testing.assert_allclose(forecast(history(holed)).mean_kw, forecast(history(kw)).mean_kw, atol=0.05)


@pytest.mark.parametrize("changed", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_habits_follow_the_clock_on_the_wall_across_a_change(changed: datetime) -> None:
    start = changed - timedelta(days=14)
    local_h = np.array([(start + timedelta(hours=n)).astimezone(BERLIN).hour for n in range(15 * 24)])
    result = forecast(history(daily_shape()[local_h], start_utc=start))
    ahead_h = np.array([(start + timedelta(hours=n)).astimezone(BERLIN).hour for n in range(15 * 24, 16 * 24)])
    np.testing.assert_allclose(result.mean_kw[0], daily_shape()[ahead_h], atol=0.08)


@pytest.mark.parametrize(
    "mean_kw, start, interval_s, message",
    [
        (np.array([[1.0, -0.1]]), MONDAY, 3600, "negative or infinite"),
        (np.array([[1.0, np.inf]]), MONDAY, 3600, "negative or infinite"),
        (np.ones(4), MONDAY, 3600, r"found shape \(4,\)"),
        (np.ones((1, 4)), MONDAY, 7000, "divisors of 3600 s"),
        (np.ones((1, 4)), MONDAY + timedelta(minutes=5), 3600, "multiples of the interval"),
        (np.ones((1, 4)), datetime(2026, 6, 1), 3600, "aware times in UTC"),  # noqa: DTZ001
    ],
)
def test_a_history_that_cannot_be_is_refused(
    mean_kw: np.ndarray, start: datetime, interval_s: int, message: str
) -> None:
    with pytest.raises(ProblemError, match=message):
        History(start_utc=start, interval_s=interval_s, mean_kw=mean_kw)


def test_steps_and_persons_have_to_fit() -> None:
    past = history(np.ones((2, 48)))
    for step_h in (np.array([]), np.array([1.0, 0.0]), np.array([np.nan])):
        with pytest.raises(ProblemError, match="lengths above 0 h"):
            forecast(past, step_h)
    with pytest.raises(ProblemError, match=r"persons: found shape \(3,\), accepted \(2,\)"):
        forecast_demand(past, past.end_utc, DAY_H, zone=BERLIN, persons=np.array([1, 2, 3]))
    with pytest.raises(ProblemError, match="first step: found"):
        forecast_demand(past, datetime(2026, 6, 3), DAY_H, zone=BERLIN, persons=np.array([1, 2]))  # noqa: DTZ001
