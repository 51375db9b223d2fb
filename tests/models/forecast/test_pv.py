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
from models.forecast.history import Forecast, ForecastBasis, History
from models.forecast.pv import forecast_pv

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 5, 31, 22, tzinfo=UTC)
DAY_H = np.ones(24)
CLEAR = np.maximum(np.sin((np.arange(24) - 5.0) / 16.0 * np.pi), 0.0) * (np.arange(24) > 5) * (np.arange(24) < 21)


def history(mean_kw: np.ndarray, interval_s: int = 3600) -> History:
    return History(start_utc=MIDNIGHT, interval_s=interval_s, mean_kw=np.atleast_2d(mean_kw))


def forecast(past: History, step_h: np.ndarray = DAY_H, kwp: float = 5.0) -> Forecast:
    sizes = np.full(len(past.mean_kw), kwp)
    return forecast_pv(past, past.end_utc, step_h, zone=BERLIN, pv_kwp=sizes)


def test_clear_days_are_foreseen_from_clear_days() -> None:
    result = forecast(history(np.tile(3.0 * CLEAR, 14)))
    np.testing.assert_allclose(result.mean_kw[0], 3.0 * CLEAR, atol=0.02)
    assert result.basis == (ForecastBasis.HISTORY,)


def test_a_dull_morning_lowers_the_day_and_a_bright_one_raises_it() -> None:
    days = np.tile(3.0 * CLEAR, 14) * np.repeat(np.tile([0.5, 1.0], 7), 24)
    afternoon = [
        forecast(history(np.concatenate([days, share * 3.0 * CLEAR[:12]]))).mean_kw[0, :8].sum()
        for share in (0.2, 0.6, 1.0)
    ]
    assert afternoon[0] < 0.6 * afternoon[1] < 0.6 * afternoon[2]


def test_nights_are_dark_and_no_forecast_exceeds_the_rating() -> None:
    rng = np.random.default_rng(2)
    kw = 6.0 * CLEAR * rng.uniform(0.1, 1.0, (2, 20, 1))
    result = forecast(history(kw.reshape(2, -1)), kwp=4.0).mean_kw
    assert np.all(result[:, CLEAR == 0.0] == 0.0)
    assert result.max() <= 4.0
    assert result.max() > 1.0


def test_homes_under_one_sky_share_what_they_see() -> None:
    days = np.tile(3.0 * CLEAR, 14)
    dull = np.concatenate([days, 0.3 * 3.0 * CLEAR[:12]])
    silent = np.concatenate([days, np.full(12, np.nan)])
    result = forecast(history(np.stack([dull, silent]))).mean_kw
    np.testing.assert_allclose(result[1], result[0], rtol=0.15, atol=0.02)


POWERS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(0, 200)),
    elements=st.one_of(st.floats(0.0, 10.0), st.just(float("nan"))),
)
STEPS = hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0.01, 6.0))


@given(mean_kw=POWERS, step_h=STEPS, kwp=st.floats(0.0, 20.0), interval_s=st.sampled_from([60, 900, 3600]))
@settings(deadline=None)
def test_a_forecast_stays_between_zero_and_the_rating_whatever_is_missing(
    mean_kw: np.ndarray, step_h: np.ndarray, kwp: float, interval_s: int
) -> None:
    result = forecast(history(mean_kw, interval_s), step_h, kwp).mean_kw
    assert result.shape == (len(mean_kw), len(step_h))
    assert np.all((result >= 0.0) & (result <= kwp * (1.0 + 1e-12)))


def test_a_fresh_site_starts_from_the_suns_height_by_season() -> None:
    def first_day(month: int, latitude_deg: float | None) -> np.ndarray:
        start = datetime(2026, month, 20, 23, tzinfo=UTC)
        empty = History(start_utc=start, interval_s=3600, mean_kw=np.empty((1, 0)))
        where = None if latitude_deg is None else 11.6
        result = forecast_pv(
            empty,
            start,
            DAY_H,
            zone=BERLIN,
            pv_kwp=np.array([4.0]),
            latitude_deg=latitude_deg,
            longitude_deg=where,
        )
        assert result.basis == (ForecastBasis.GENERIC,)
        first: np.ndarray = result.mean_kw[0]
        return first

    june, december, southern = first_day(6, 48.0), first_day(12, 48.0), first_day(12, -48.0)
    assert 12.0 < june.sum() < 24.0
    assert december.sum() < 0.35 * june.sum()
    assert southern.sum() == pytest.approx(june.sum(), rel=0.05)
    assert june[[0, 1, 2, 22, 23]].max() == 0.0
    assert first_day(6, None).sum() == pytest.approx(june.sum(), rel=0.1)


def test_history_takes_over_from_the_generic_profile_day_by_day() -> None:
    errors, bases = [], []
    for days in (0, 1, 3, 7, 14):
        result = forecast(history(np.tile(0.8 * CLEAR, days).reshape(1, -1)))
        errors.append(float(np.abs(result.mean_kw[0] - 0.8 * CLEAR).mean()))
        bases.append(result.basis[0])
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(errors))
    assert errors[-1] < 0.02
    assert bases == [ForecastBasis.GENERIC, *[ForecastBasis.BLENDED] * 2, *[ForecastBasis.HISTORY] * 2]


def test_a_home_without_pv_gets_nothing() -> None:
    assert forecast(history(np.tile(CLEAR, 8)), kwp=0.0).mean_kw.max() == 0.0


def test_sizes_have_to_fit_the_homes() -> None:
    past = history(np.ones((2, 48)))
    with pytest.raises(ProblemError, match=r"pv_kwp: found shape \(1,\), accepted \(2,\)"):
        forecast_pv(past, past.end_utc + timedelta(hours=1), DAY_H, zone=BERLIN, pv_kwp=np.array([1.0]))
