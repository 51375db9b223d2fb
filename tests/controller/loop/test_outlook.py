from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import Site
from controller.loop.outlook import HISTORY_DAYS, Forecaster, MeteredHistory, Outlook, PresentLimits
from models.domain.errors import SiteFileError
from models.domain.market import LimitNotice
from models.domain.price_series import PriceSeries
from models.domain.tariff import PriceBook
from tests.controller.loop.neighbours import START, at, make_forecaster, make_site

SITE = make_site()
TARIFF = SITE.tariff.model_copy(update={"peak_charge_eur_per_kw": 5.0})
CHARGED = SITE.model_copy(update={"tariff": TARIFF})
minutes = st.floats(-600.0, 2400.0)


def outlook(now_utc: datetime = START) -> Outlook:
    return make_forecaster(SITE).look_ahead(now_utc, 0.0)


LOOK = outlook()
REPLAN = outlook(at(7))
HORIZON_H = float(LOOK.steps.step_h.sum())


@given(first=minutes, length=st.floats(0.0, 3000.0))
def test_shares_of_the_steps_add_up_to_the_time_inside_the_horizon(first: float, length: float) -> None:
    share = LOOK.share_of(at(first), at(first + length))
    assert np.all((share >= 0.0) & (share <= 1.0))
    inside_h = max(0.0, min(first + length, HORIZON_H * 60.0) - max(first, 0.0)) / 60.0
    assert float(share @ LOOK.steps.step_h) == pytest.approx(inside_h, abs=1e-6)


def test_a_shortened_first_step_has_its_share_too() -> None:
    share = REPLAN.share_of(at(11), at(22.5))
    assert share[:3] == pytest.approx([0.5, 0.5, 0.0])


@given(moment=minutes)
def test_the_last_step_before_a_departure_is_over_when_the_car_leaves(moment: float) -> None:
    step = LOOK.last_step_before(at(moment))
    ends = [
        start + timedelta(hours=float(hours))
        for start, hours in zip(LOOK.steps.starts_utc, LOOK.steps.step_h, strict=True)
    ]
    if ends[0] <= at(moment):
        assert ends[step] <= at(moment) + timedelta(seconds=1)
        assert step + 1 == len(ends) or ends[step + 1] > at(moment)
    else:
        assert step == 0


@pytest.mark.parametrize(
    "now, at_clock, due",
    [
        ("2026-06-12T10:00", time(12, 30), "2026-06-12T10:30"),
        ("2026-06-12T10:00", time(12, 0), "2026-06-13T10:00"),
        ("2026-06-12T10:00", time(7, 0), "2026-06-13T05:00"),
        ("2026-03-28T12:00", time(7, 0), "2026-03-29T05:00"),
        ("2026-10-24T12:00", time(7, 0), "2026-10-25T06:00"),
    ],
)
def test_a_local_clock_time_is_found_across_the_change_of_clocks(now: str, at_clock: time, due: str) -> None:
    look = outlook(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert look.next_local_time(at_clock) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_step_ends_where_a_car_leaves() -> None:
    leaves_utc = START + timedelta(hours=10, minutes=40)
    look = make_forecaster(SITE).look_ahead(START, 0.0, [leaves_utc])
    end_utc = START + timedelta(hours=10, minutes=30)
    assert end_utc in look.steps.starts_utc
    assert look.steps.starts_utc[look.last_step_before(leaves_utc) + 1] == end_utc
    assert look.demand.mean_kw.shape[1] == len(LOOK.steps.starts_utc) + 1


def limit(valid_min: float, import_kw: float | None, export_kw: float | None = None) -> LimitNotice:
    return LimitNotice(ts_utc=START, valid_from_utc=at(valid_min), import_kw=import_kw, export_kw=export_kw)


def limits_of(*notices: LimitNotice, now_utc: datetime = START) -> Outlook:
    forecaster = make_forecaster(SITE)
    forecaster.limits = notices
    return forecaster.look_ahead(now_utc, 0.0)


def test_an_announced_limit_holds_from_its_moment_until_the_next_one() -> None:
    limits = limits_of(limit(15.0, 10.0), limit(45.0, None)).limits
    assert limits.import_kw[:5] == pytest.approx([60.0, 10.0, 10.0, 60.0, 60.0])
    assert limits.export_kw == pytest.approx(60.0)
    assert not limits.is_islanded.any()


def test_no_notice_can_raise_a_limit_above_the_connection() -> None:
    assert limits_of(limit(0.0, 1000.0, 1000.0)).limits.import_kw == pytest.approx(60.0)


def test_a_connection_that_may_not_be_used_at_all_is_an_island() -> None:
    limits = limits_of(limit(0.0, 0.0, 0.0), limit(30.0, None, None)).limits
    assert limits.is_islanded[:3].tolist() == [True, True, False]


def test_a_limit_that_begins_within_a_step_holds_for_all_of_it() -> None:
    look = limits_of(limit(10.0, 12.0), limit(20.0, None), now_utc=at(7))
    assert look.limits.import_kw[:3] == pytest.approx([12.0, 12.0, 60.0])
    assert not limits_of(limit(10.0, 0.0, 0.0), now_utc=at(7)).limits.is_islanded[0]


def series(start_utc: datetime, prices: list[float]) -> PriceSeries:
    starts = [int(start_utc.timestamp()) + 3600 * number for number in range(len(prices))]
    return PriceSeries(name="prices.csv", start_s=np.array(starts), price_eur_per_kwh=np.array(prices), period_s=3600)


def with_series(hours: int) -> Forecaster:
    price = {"kind": "series", "file": "prices.csv", "time_column": "a", "price_column": "b"}
    site = make_site(tariff={"import_price": price, "export_price": {"kind": "flat", "price_eur_per_kwh": 0.05}})
    prices = [0.2] * 24 + [0.4] * max(0, hours - 24)
    book = PriceBook(tariff=site.tariff, zone=site.zone, import_series=series(START, prices[:hours]))
    return Forecaster(site, book, MeteredHistory(3, 15))


def test_stored_energy_is_worth_what_the_day_after_the_horizon_costs() -> None:
    look = with_series(72).look_ahead(START, 0.0)
    assert look.stored_value_eur_per_kwh == pytest.approx(0.4)


def test_where_prices_end_with_the_horizon_stored_energy_is_worth_the_horizons_mean() -> None:
    look = with_series(26).look_ahead(START, 0.0)
    assert look.stored_value_eur_per_kwh == pytest.approx(0.2, abs=0.02)


def test_prices_that_end_within_the_horizon_are_told_with_the_first_missing_moment() -> None:
    with pytest.raises(SiteFileError, match=r"prices\.csv: no price for 2026-06-12T15:00"):
        with_series(5).look_ahead(START, 0.0)


def with_history(days: int, spike_kw: float, site: Site = CHARGED) -> Forecaster:
    """The first member draws 1 kW, and every third morning much more from 10:00 UTC on for two hours."""
    quarters = days * 96
    start_utc = START - quarters * timedelta(minutes=15)
    clock_h = np.array([(start_utc + number * timedelta(minutes=15)).hour for number in range(quarters)])
    is_spike = (clock_h >= 10) & (clock_h < 12) & (np.arange(quarters) // 96 % 3 == 0)
    demand_kw = np.ones((len(SITE.members), quarters))
    demand_kw[0] += spike_kw * is_spike
    forecaster = make_forecaster(site)
    forecaster.history.load(start_utc, demand_kw, np.zeros(demand_kw.shape))
    return forecaster


@pytest.mark.parametrize("valid_min, is_islanded", [(-5.0, True), (5.0, False)])
def test_the_limits_of_now_are_those_of_a_first_step(valid_min: float, *, is_islanded: bool) -> None:
    forecaster = make_forecaster(SITE)
    forecaster.limits = (limit(valid_min, 0.0, 0.0),)
    now = forecaster.limits_now(START)
    assert now == forecaster.look_ahead(START, 0.0).limits.at(0)
    assert now.is_islanded == is_islanded
    forecaster.limits = (limit(valid_min, 7.0, 6.0),)
    assert forecaster.limits_now(START) == PresentLimits(import_kw=7.0, export_kw=6.0, is_islanded=False)


def test_without_a_review_or_a_history_nothing_is_kept_free_below_the_peak() -> None:
    fresh = make_forecaster(CHARGED)
    fresh.review(START)
    for forecaster in (fresh, with_history(14, 5.0)):
        assert not forecaster.look_ahead(START, 0.0).peak_reserve_kw.any()


def test_a_review_keeps_room_free_at_the_time_of_day_that_forecasts_missed() -> None:
    forecaster = with_history(14, 5.0)
    forecaster.review(START)
    look = forecaster.look_ahead(START, 0.0)
    hours = np.array([start.hour for start in look.steps.starts_utc])
    assert look.peak_reserve_kw[hours == 11].min() > 1.0
    assert look.peak_reserve_kw[hours == 20].max() < 0.5


def test_nothing_is_reviewed_where_the_peak_has_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    forecaster = with_history(14, 5.0, SITE)
    monkeypatch.setattr("controller.loop.outlook.forecast_demand", None)
    forecaster.review(START)


def test_each_interval_that_is_metered_teaches_once() -> None:
    forecaster = make_forecaster(SITE)
    moments = [START + timedelta(minutes=15 * number) for number in range(30)]
    for moment in moments:
        forecaster.look_ahead(moment, 0.0)
        # A re-plan within the interval is not another forecast of it.
        forecaster.look_ahead(moment + timedelta(minutes=5), 0.0)
        forecaster.history.append(moment, np.full(len(SITE.members), 5.0), np.zeros(len(SITE.members)))
    reserve_kw = forecaster.look_ahead(moments[-1] + timedelta(minutes=15), 0.0).peak_reserve_kw
    assert reserve_kw[0] == 0.0
    assert forecaster.look_ahead(START + timedelta(hours=27.75), 0.0).peak_reserve_kw[0] > 0.0


def test_what_was_paid_in_an_interval_is_what_the_tariff_said_then() -> None:
    price = make_forecaster(SITE).price_of(START, 0.5)
    assert (price.import_eur_per_kwh, price.export_eur_per_kwh, price.is_islanded) == (0.3, 0.08, False)
    assert price.local_eur_per_kwh == pytest.approx((0.3 - 0.02 + 0.08) / 2)


def test_everything_in_an_outlook_is_finite_and_has_one_value_a_step() -> None:
    for look in (LOOK, REPLAN):
        steps = len(look.steps.starts_utc)
        assert look.demand.mean_kw.shape == look.pv.mean_kw.shape == (3, steps)
        for values in (look.demand.mean_kw, look.pv.mean_kw, look.local_price_eur_per_kwh, look.limits.import_kw):
            assert np.isfinite(values).all()
        assert np.all(look.demand.mean_kw >= 0.0)
        assert np.all(look.pv.mean_kw[1:] == 0.0)


@given(gaps=st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_history_keeps_its_place_in_time_across_gaps(gaps: list[int]) -> None:
    history, position = MeteredHistory(1, 60), 0
    for gap in gaps:
        position += gap
        history.append(START + position * timedelta(hours=1), np.array([float(position)]), np.array([np.nan]))
        position += 1
    known = history.history(START, of_pv=False)
    assert known.start_utc + known.mean_kw.shape[1] * timedelta(hours=1) == START + position * timedelta(hours=1)
    offset = round((known.start_utc - START) / timedelta(hours=1))
    for column, value in enumerate(known.mean_kw[0]):
        assert np.isnan(value) or value == column + offset
    assert np.isnan(history.history(START, of_pv=True).mean_kw).all()


def test_history_is_bounded() -> None:
    history = MeteredHistory(2, 60)
    history.load(START, np.ones((2, 5000)), np.ones((2, 5000)))
    end_utc = START + 5000 * timedelta(hours=1)
    history.append(end_utc + timedelta(days=400), np.zeros(2), np.zeros(2))
    assert history.history(START, of_pv=True).mean_kw.shape == (2, HISTORY_DAYS * 24)
