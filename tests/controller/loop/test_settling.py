from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.settling import ClosedInterval, IntervalSettler, PriceNow
from models.domain.interval import interval_starts, settlement_day
from models.domain.snapshot import MISSING_ENERGY, CountedEnergy, MeterQuality
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    ANNA_PV,
    ANNA_WASHER,
    BERT_BATTERY,
    BERT_METER,
    CLEO_METER,
    START,
    make_site,
    say,
)

BERLIN = ZoneInfo("Europe/Berlin")
PRICE = PriceNow(import_eur_per_kwh=0.3, export_eur_per_kwh=0.08, local_eur_per_kwh=0.18)
watt_hours = st.integers(0, 5000)
Counted = dict[DeviceKey, CountedEnergy]


def counted(import_wh: float, export_wh: float = 0.0) -> CountedEnergy:
    return CountedEnergy(import_kwh=import_wh / 1000, export_kwh=export_wh / 1000, quality=MeterQuality.MEASURED)


def homes_of(
    demand_wh: tuple[int, int, int],
    pv_wh: int = 0,
    anna_battery_wh: int = 0,
    bert_battery_wh: int = 0,
    car_wh: int = 0,
    run_wh: int = 0,
) -> Counted:
    """Counters that agree to the watt-hour; battery energies are signed, + charging."""
    anna_wh = demand_wh[0] + anna_battery_wh + car_wh + run_wh - pv_wh
    bert_wh = demand_wh[1] + bert_battery_wh
    return {
        ANNA_METER: counted(max(anna_wh, 0), max(-anna_wh, 0)),
        ANNA_PV: counted(0, pv_wh),
        ANNA_BATTERY: counted(max(anna_battery_wh, 0), max(-anna_battery_wh, 0)),
        ANNA_CAR: counted(car_wh),
        ANNA_WASHER: counted(run_wh),
        BERT_METER: counted(max(bert_wh, 0), max(-bert_wh, 0)),
        BERT_BATTERY: counted(max(bert_battery_wh, 0), max(-bert_battery_wh, 0)),
        CLEO_METER: counted(demand_wh[2]),
    }


homes = st.builds(
    homes_of,
    st.tuples(watt_hours, watt_hours, watt_hours),
    watt_hours,
    st.integers(-1000, 1000),
    st.integers(-1000, 1000),
    watt_hours,
    watt_hours,
)


def socs() -> dict[DeviceKey, Reading]:
    return {key: say(key, soc_frac=0.5) for key in (ANNA_BATTERY, BERT_BATTERY)}


def close(
    through: Counted,
    *,
    site: Site | None = None,
    price: PriceNow = PRICE,
    settler: IntervalSettler | None = None,
    **at: Any,
) -> ClosedInterval:
    settler = settler or IntervalSettler(site or make_site())
    return settler.close(at.get("start_utc", START), through, socs(), price, np.array([0.8, 1.6, 0.6]))


@pytest.mark.parametrize("key", ["equity", "proportional"])
@settings(max_examples=60)
@given(through=homes)
def test_own_and_community_and_grid_are_the_consumption_to_the_watt_hour(key: str, through: Counted) -> None:
    closed = close(through, site=make_site(sharing={"key": key}))
    rows = closed.settled.allocations
    assert [row.member for row in rows] == ["anna", "bert", "cleo"]
    for row, energy in zip(rows, closed.energies, strict=True):
        assert min(row.own_wh, row.community_wh, row.grid_wh, row.renewable_wh) >= 0
        assert row.consumption_wh == round(1000.0 * energy.consumption_kwh)
        assert row.renewable_wh <= row.own_wh + row.community_wh


@settings(max_examples=60)
@given(through=homes)
def test_what_is_bought_is_sold_and_money_follows(through: Counted) -> None:
    rows = close(through).settled.allocations
    bought_wh, sold_wh = (sum(getattr(row, name) for row in rows) for name in ("shared_wh", "sold_wh"))
    assert bought_wh == sold_wh
    # Buyers pay the fee to the grid's owner; all else that they pay goes to the sellers.
    fee_micro = bought_wh * 0.02 * 1000
    assert sum(row.value_micro for row in rows) == pytest.approx(-fee_micro, abs=len(rows))
    imported_wh = sum(
        round(energy.import_kwh * 1000) for energy in (through[ANNA_METER], through[BERT_METER], through[CLEO_METER])
    )
    exported_wh = sum(round(energy.export_kwh * 1000) for energy in (through[ANNA_METER], through[BERT_METER]))
    assert bought_wh == min(imported_wh, exported_wh)
    outside = (imported_wh - bought_wh) * 0.3 - (exported_wh - sold_wh) * 0.08 + bought_wh * 0.02
    assert sum(row.billed_micro for row in rows) == pytest.approx(outside * 1000, abs=len(rows))


def test_sharing_is_closed_where_selling_to_the_grid_earns_more() -> None:
    price = PriceNow(import_eur_per_kwh=0.05, export_eur_per_kwh=0.08, local_eur_per_kwh=0.055)
    rows = close(homes_of((0, 0, 1000), pv_wh=1000), price=price).settled.allocations
    assert sum(row.shared_wh for row in rows) == 0


@given(through=homes, silent=st.sets(st.sampled_from([ANNA_METER, BERT_METER, CLEO_METER])))
@settings(max_examples=60)
def test_members_with_a_silent_meter_have_no_allocation(through: Counted, silent: set[DeviceKey]) -> None:
    closed = close(through | dict.fromkeys(sorted(silent), MISSING_ENERGY))
    spoke = [key.gateway.removeprefix("gw-") for key in (ANNA_METER, BERT_METER, CLEO_METER) if key not in silent]
    assert [row.member for row in closed.settled.allocations] == spoke
    for row in closed.settled.metered:
        assert (row.import_wh is None) == (row.member not in spoke)
        assert (row.quality is MeterQuality.MISSING) == (row.member not in spoke)


def test_a_silent_device_behind_the_meter_makes_the_demand_unknown_and_not_zero() -> None:
    closed = close(homes_of((500, 500, 500), pv_wh=100) | {ANNA_PV: MISSING_ENERGY})
    anna = closed.settled.metered[0]
    assert anna.import_wh == 400
    assert (anna.demand_wh, anna.pv_wh) == (None, None)
    assert closed.settled.metered[1].demand_wh == 500


def test_metered_rows_are_what_was_counted() -> None:
    (anna, bert, cleo) = close(homes_of((500, 700, 900), 2000, 300, -200, 100, 50)).settled.metered
    assert (anna.demand_wh, anna.pv_wh, anna.charge_wh, anna.ev_wh, anna.shiftable_wh) == (500, 2000, 300, 100, 50)
    assert (anna.import_wh, anna.export_wh) == (0, 1050)
    assert (bert.demand_wh, bert.discharge_wh, bert.import_wh) == (700, 200, 500)
    assert (cleo.demand_wh, cleo.import_wh, cleo.pv_wh) == (900, 900, 0)


def test_stored_sun_is_renewable_when_it_comes_out_again() -> None:
    settler = IntervalSettler(make_site())
    stored = {**socs(), ANNA_BATTERY: say(ANNA_BATTERY, soc_frac=0.0)}
    weights = np.ones(3)
    noon = homes_of((0, 0, 0), pv_wh=1000, anna_battery_wh=1000)
    settler.close(START, noon, stored, PRICE, weights)
    night = homes_of((900, 0, 0), anna_battery_wh=-900)
    stored[ANNA_BATTERY] = say(ANNA_BATTERY, soc_frac=0.0)
    evening = settler.close(START, night, stored, PRICE, weights).settled.allocations[0]
    assert (evening.own_wh, evening.grid_wh) == (900, 0)
    assert evening.renewable_wh == 0  # the battery said that it was empty: what came out is of unknown origin
    stored[ANNA_BATTERY] = say(ANNA_BATTERY, soc_frac=0.095)
    settler.close(START, noon, stored, PRICE, weights)
    evening = settler.close(START, night, stored, PRICE, weights).settled.allocations[0]
    assert evening.renewable_wh == pytest.approx(900, abs=60)


@pytest.mark.parametrize("day, quarters", [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 6, 12), 96)])
def test_every_quarter_hour_of_a_day_is_settled_when_the_clocks_change(day: date, quarters: int) -> None:
    site = make_site()
    settler, account = IntervalSettler(site), PeriodAccount(site, settlement_day(day, BERLIN).start_utc)
    starts = interval_starts(settlement_day(day, BERLIN), 15)
    for start_utc in starts:
        closed = settler.close(start_utc, homes_of((100, 200, 300), 250), socs(), PRICE, np.ones(3))
        account.add([closed.settled])
    assert len(starts) == quarters
    assert account.totals().consumption_kwh == pytest.approx(np.array([0.1, 0.2, 0.3]) * quarters)
    # Anna's surplus covers part of what the others need; the rest comes from outside.
    assert account.peak_kw == pytest.approx((0.1 + 0.2 + 0.3 - 0.25) * 4.0)


def test_static_shares_are_followed() -> None:
    shares = {"anna": 0.0, "bert": 1.0, "cleo": 0.0}
    site = make_site(sharing={"key": "static", "static_shares": shares})
    rows = close(homes_of((0, 500, 500), pv_wh=300), site=site).settled.allocations
    assert [row.shared_wh for row in rows] == [0, 300, 0]


def test_the_interval_says_when_and_at_what_price() -> None:
    start_utc = datetime.fromisoformat("2026-06-12T10:15:00+00:00")
    settled = close(homes_of((1, 2, 3)), start_utc=start_utc).settled
    assert (settled.start_utc, settled.duration_s) == (start_utc, 900)
    assert (settled.prices.import_micro_per_kwh, settled.prices.local_micro_per_kwh) == (300_000, 180_000)
