"""The reserve covers what forecasts missed near the same time of day, and nothing where too little is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.forecast.misses import LEAST_ERRORS, LEAST_HOURS, QUANTILE, WINDOW_H, reserve_against

CLOCK_H = np.tile(np.arange(0.0, 24.0, 0.25), 7)
OF_HOUR = np.arange(len(CLOCK_H)) // 4
errors = arrays(np.float64, len(CLOCK_H), elements=st.floats(-20.0, 20.0))


@given(missed_kw=errors, at_h=st.floats(0.0, 23.99))
def test_most_errors_near_the_time_of_day_are_covered(missed_kw: np.ndarray, at_h: float) -> None:
    reserve_kw = reserve_against(missed_kw, CLOCK_H, np.array([at_h]), of_hour=OF_HOUR)[0]
    apart_h = np.abs(CLOCK_H - at_h)
    near = np.minimum(apart_h, 24.0 - apart_h) <= WINDOW_H - 1e-9
    assert reserve_kw >= 0.0
    assert np.mean(missed_kw[near] <= reserve_kw + 1e-9) >= QUANTILE - 2.0 / near.sum()


@given(missed_kw=errors)
def test_errors_of_another_time_of_day_do_not_count(missed_kw: np.ndarray) -> None:
    noon = (CLOCK_H > 9.0) & (CLOCK_H < 15.0)
    only_noon = np.where(noon, missed_kw, 0.0)
    assert reserve_against(only_noon, CLOCK_H, np.array([0.0]), of_hour=OF_HOUR)[0] == 0.0


@given(missed_kw=errors)
def test_demand_that_stays_below_its_forecast_needs_no_reserve(missed_kw: np.ndarray) -> None:
    assert not reserve_against(-np.abs(missed_kw), CLOCK_H, np.arange(24.0), of_hour=OF_HOUR).any()


def test_the_day_is_a_circle() -> None:
    late_kw = np.where(CLOCK_H >= 23.0, 5.0, 0.0)
    late_kw[CLOCK_H < 23.0] = np.nan
    reserve_kw = reserve_against(late_kw, CLOCK_H, np.array([0.5, 23.5, 12.0]), of_hour=OF_HOUR)
    assert reserve_kw == pytest.approx([5.0, 5.0, 0.0])


def at_noon(missed_kw: np.ndarray, of_hour: np.ndarray) -> np.ndarray:
    """Reserve at noon and an hour later, by errors that all happened at noon."""
    return reserve_against(missed_kw, np.full(len(missed_kw), 12.0), np.array([12.0, 13.0]), of_hour=of_hour)


@pytest.mark.parametrize("hours, reserve_kw", [(1, 0.0), (LEAST_HOURS - 1, 0.0), (LEAST_HOURS, 3.0)])
def test_errors_of_neighbouring_minutes_are_not_many(hours: int, reserve_kw: float) -> None:
    of_hour = np.arange(10 * LEAST_ERRORS) % hours
    assert at_noon(np.full(len(of_hour), 3.0), of_hour)[0] == reserve_kw


@pytest.mark.parametrize("known", [0, LEAST_ERRORS - 1])
def test_too_few_errors_give_no_reserve(known: int) -> None:
    missed_kw = np.full(LEAST_ERRORS, np.nan)
    missed_kw[:known] = 3.0
    assert at_noon(missed_kw, np.arange(LEAST_ERRORS))[0] == 0.0


def test_enough_errors_do_and_the_result_cannot_be_changed() -> None:
    reserve_kw = at_noon(np.full(LEAST_ERRORS, 3.0), np.arange(LEAST_ERRORS))
    assert reserve_kw == pytest.approx([3.0, 3.0])
    assert not reserve_kw.flags.writeable
