from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import SiteFileError
from config.tariff import Tariff
from models.domain.arrays import FloatArray, freeze
from models.domain.interval import plan_steps
from models.domain.price_series import PriceSeries, parse_price_series
from models.domain.tariff import PriceBook, StepPrices, is_sharing_worthwhile, local_price

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = {"start": "17:00", "end": "21:00", "price_eur_per_kwh": 0.4}


def book(*windows: dict[str, Any], zone: ZoneInfo = BERLIN, **others: Any) -> PriceBook:
    return PriceBook(tariff=tariff(*windows), zone=zone, **others)


def tariff(*windows: dict[str, Any]) -> Tariff:
    bought = {"kind": "time_of_use", "base_eur_per_kwh": 0.3, "windows": list(windows)}
    flat = {"kind": "flat", "price_eur_per_kwh": 0.3}
    return Tariff.model_validate(
        {
            "import_price": bought if windows else flat,
            "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08},
            "network_fee_eur_per_kwh": 0.04,
        },
    )


def price_at(one: PriceBook, local: str, hours: float = 0.25) -> float:
    start = datetime.fromisoformat(local).replace(tzinfo=one.zone).astimezone(UTC)
    return float(one.prices([start], freeze([hours])).import_price_eur_per_kwh[0])


def series(text: str, stamps: Any = "utc", zone: ZoneInfo = BERLIN) -> PriceSeries:
    return parse_price_series(text, name="p.csv", time_column="t", price_column="p", stamps=stamps, zone=zone)


def series_tariff() -> Tariff:
    from_file = {"kind": "series", "file": "p.csv", "time_column": "t", "price_column": "p"}
    return Tariff.model_validate(
        {"import_price": from_file, "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08}},
    )


def test_a_flat_price_is_the_same_at_all_times() -> None:
    steps = plan_steps(
        datetime(2026, 10, 24, 12, 7, tzinfo=UTC),
        interval_min=15,
        fine_steps=16,
        coarse_steps=20,
        coarse_step_min=60,
    )
    prices = book().prices(steps.starts_utc, steps.step_h)
    assert prices.import_price_eur_per_kwh == pytest.approx(np.full(36, 0.3))
    assert prices.export_price_eur_per_kwh == pytest.approx(np.full(36, 0.08))
    assert prices.network_fee_eur_per_kwh == pytest.approx(np.full(36, 0.04))
    assert not prices.import_price_eur_per_kwh.flags.writeable


@pytest.mark.parametrize(
    "local, price",
    [("2026-06-12T16:45", 0.3), ("2026-06-12T17:00", 0.4), ("2026-06-12T20:45", 0.4), ("2026-06-12T21:00", 0.3)],
)
def test_a_window_holds_from_its_start_until_before_its_end(local: str, price: float) -> None:
    assert price_at(book(EVENING), local) == pytest.approx(price)


def test_a_coarse_step_costs_the_mean_of_what_it_reaches_over() -> None:
    one = book({"start": "17:00", "end": "20:50", "price_eur_per_kwh": 0.4})
    assert price_at(one, "2026-06-12T20:00", 1.0) == pytest.approx((50 * 0.4 + 10 * 0.3) / 60)
    assert price_at(one, "2026-06-12T20:40", 0.25) == pytest.approx((10 * 0.4 + 5 * 0.3) / 15)


def test_the_first_window_that_fits_wins() -> None:
    one = book({"start": "18:00", "end": "19:00", "price_eur_per_kwh": 0.9}, EVENING)
    assert price_at(one, "2026-06-12T18:15") == pytest.approx(0.9)
    assert price_at(one, "2026-06-12T19:15") == pytest.approx(0.4)


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_starts() -> None:
    friday_night = {"start": "22:00", "end": "05:00", "price_eur_per_kwh": 0.2, "days": ["fri"]}
    one = book(friday_night)
    assert price_at(one, "2026-06-12T23:00") == pytest.approx(0.2)
    assert price_at(one, "2026-06-13T04:45") == pytest.approx(0.2)
    assert price_at(one, "2026-06-12T04:45") == pytest.approx(0.3)
    assert price_at(one, "2026-06-13T23:00") == pytest.approx(0.3)


def test_a_window_may_be_of_some_months_only_and_end_with_the_day() -> None:
    one = book({"start": "00:00", "end": "24:00", "price_eur_per_kwh": 0.5, "months": [12]})
    assert price_at(one, "2026-12-01T00:00") == pytest.approx(0.5)
    assert price_at(one, "2026-12-31T23:45") == pytest.approx(0.5)
    assert price_at(one, "2026-11-30T23:45") == pytest.approx(0.3)
    assert price_at(one, "2027-01-01T00:00") == pytest.approx(0.3)


def test_on_the_day_the_clock_goes_back_the_repeated_hour_is_paid_twice() -> None:
    one = book({"start": "02:00", "end": "03:00", "price_eur_per_kwh": 0.9})
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)
    prices = one.prices([midnight + timedelta(hours=h) for h in range(25)], freeze(np.ones(25)))
    assert np.flatnonzero(prices.import_price_eur_per_kwh > 0.5).tolist() == [2, 3]


def test_on_the_day_the_clock_goes_forward_a_window_in_the_gap_costs_nothing() -> None:
    one = book({"start": "02:00", "end": "03:00", "price_eur_per_kwh": 0.9})
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)
    prices = one.prices([midnight + timedelta(hours=h) for h in range(23)], freeze(np.ones(23)))
    assert prices.import_price_eur_per_kwh == pytest.approx(np.full(23, 0.3))


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from([60, 120, 180]),
)
def test_the_mean_over_steps_does_not_depend_on_how_time_is_cut(now: datetime, zone: str, coarse_min: int) -> None:
    one = book(EVENING, {"start": "23:10", "end": "05:25", "price_eur_per_kwh": -0.1}, zone=ZoneInfo(zone))
    steps = plan_steps(now, interval_min=15, fine_steps=4, coarse_steps=8, coarse_step_min=coarse_min)
    price = one.prices(steps.starts_utc, steps.step_h).import_price_eur_per_kwh
    whole_h = float(steps.step_h.sum())
    whole = one.prices([now], freeze([whole_h])).import_price_eur_per_kwh[0]
    assert price @ steps.step_h == pytest.approx(whole * whole_h, abs=1e-6)


def test_steps_may_leave_time_out_between_them_but_not_overlap() -> None:
    noon = datetime(2026, 6, 12, 12, tzinfo=UTC)
    apart = book(EVENING).prices([noon, noon + timedelta(hours=4)], freeze([1.0, 1.0]))
    assert apart.import_price_eur_per_kwh == pytest.approx([0.3, 0.4])
    with pytest.raises(ValueError, match="follow each other"):
        book(EVENING).prices([noon, noon + timedelta(minutes=30)], freeze([1.0, 1.0]))


HOURLY = "t,p\n2026-06-12T00:00Z,0.10\n2026-06-12T01:00Z,0.20\n2026-06-12T02:00Z,-0.05\n"


def test_a_series_is_averaged_over_each_step() -> None:
    one = PriceBook(tariff=series_tariff(), zone=BERLIN, import_series=series(HOURLY))
    start = datetime(2026, 6, 12, 0, 30, tzinfo=UTC)
    prices = one.prices([start, start + timedelta(hours=1)], freeze([1.0, 1.5])).import_price_eur_per_kwh
    assert prices == pytest.approx([0.15, (0.5 * 0.2 + 1.0 * -0.05) / 1.5])


def test_a_series_finer_than_a_quarter_hour_is_averaged_exactly() -> None:
    rows = "\n".join(f"2026-06-12T00:{minute:02d}Z,{minute / 100}" for minute in range(0, 60, 5))
    one = PriceBook(tariff=series_tariff(), zone=BERLIN, import_series=series("t,p\n" + rows))
    start = datetime(2026, 6, 12, tzinfo=UTC)
    assert one.prices([start], freeze([0.25])).import_price_eur_per_kwh == pytest.approx([0.05])


@pytest.mark.parametrize(
    "start, hours, first",
    [
        ("2026-06-11T23:00", 2.0, "2026-06-11T23:00"),
        ("2026-06-12T02:30", 1.0, "2026-06-12T03:00"),
    ],
)
def test_a_gap_in_the_series_is_named_by_its_first_missing_time(start: str, hours: float, first: str) -> None:
    one = PriceBook(tariff=series_tariff(), zone=BERLIN, import_series=series(HOURLY))
    with pytest.raises(SiteFileError, match=f"p.csv.*no price for {first}"):
        one.prices([datetime.fromisoformat(start).replace(tzinfo=UTC)], freeze([hours]))


def test_a_series_that_was_not_read_is_said_to_be_missing() -> None:
    with pytest.raises(SiteFileError, match="has not been read"):
        PriceBook(tariff=series_tariff(), zone=BERLIN).prices([datetime(2026, 6, 12, tzinfo=UTC)], freeze([1.0]))


def test_live_prices_stand_before_the_tariff_where_they_reach() -> None:
    live = series("t,p\n2026-06-12T12:07Z,1.0\n2026-06-12T12:17Z,2.0\n")
    start = datetime(2026, 6, 12, 12, tzinfo=UTC)
    price = book(live_import=live).prices([start], freeze([1.0])).import_price_eur_per_kwh[0]
    assert price == pytest.approx((7 * 0.3 + 10 * 1.0 + 10 * 2.0 + 33 * 0.3) / 60)


def step_prices(bought: FloatArray, sold: FloatArray, fee: float) -> StepPrices:
    return StepPrices(
        import_price_eur_per_kwh=freeze(bought),
        export_price_eur_per_kwh=freeze(sold),
        network_fee_eur_per_kwh=freeze(np.full(len(bought), fee)),
    )


price_lists = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=10).map(np.array)


@given(price_lists, st.floats(0, 0.5), st.floats(-1, 2), st.sampled_from(["mid_market", "supply_demand_ratio"]))
def test_the_local_price_lies_between_what_the_grid_pays_and_takes(
    pairs: FloatArray,
    fee: float,
    ratio: float,
    method: Any,
) -> None:
    prices = step_prices(pairs[:, 0], pairs[:, 1], fee)
    local = local_price(prices, method, ratio)
    ends = np.sort([pairs[:, 0] - fee, pairs[:, 1]], axis=0)
    assert ((ends[0] - 1e-12 <= local) & (local <= ends[1] + 1e-12)).all()


def test_the_local_price_falls_from_import_to_export_as_supply_grows() -> None:
    prices = step_prices(np.full(3, 0.34), np.full(3, 0.10), 0.04)
    assert local_price(prices, "supply_demand_ratio", freeze([0.0, 0.5, 1.0])) == pytest.approx([0.30, 0.20, 0.10])
    assert local_price(prices, "mid_market") == pytest.approx([0.20] * 3)


def test_sharing_is_worthwhile_unless_the_grid_pays_more() -> None:
    prices = step_prices(np.array([1.0, 0.5, 0.75]), np.array([0.5, 0.5, 0.5]), 0.25)
    assert is_sharing_worthwhile(prices).tolist() == [True, False, True]
