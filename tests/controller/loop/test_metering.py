from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loop.metering import MemberEnergy, batteries_of, meter_batteries, meter_interval
from models.domain.snapshot import MISSING_ENERGY, CountedEnergy, MeterQuality
from models.domain.telemetry import DeviceKey
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    ANNA_PV,
    ANNA_WASHER,
    BERT_BATTERY,
    BERT_METER,
    CLEO_HEATER,
    CLEO_METER,
    make_site,
    with_heater,
)

SITE = make_site()
MEASURED = MeterQuality.MEASURED
energies = st.floats(0.0, 20.0)


def counted(import_kwh: float, export_kwh: float = 0.0, quality: MeterQuality = MEASURED) -> CountedEnergy:
    return CountedEnergy(import_kwh=import_kwh, export_kwh=export_kwh, quality=quality)


def balanced(demand: float, pv: float, charge: float, discharge: float, car: float, run: float) -> MemberEnergy:
    """Anna's energies when her meter says exactly what the devices behind it leave."""
    net_kwh = demand + charge + car + run - pv - discharge
    through = {
        ANNA_METER: counted(max(net_kwh, 0.0), max(-net_kwh, 0.0)),
        ANNA_PV: counted(0.0, pv),
        ANNA_BATTERY: counted(charge, discharge),
        ANNA_CAR: counted(car),
        ANNA_WASHER: counted(run),
    }
    return meter_interval(SITE, through)[0]


@given(demand=energies, pv=energies, charge=energies, discharge=energies, car=energies, run=energies)
def test_the_balance_at_the_connection_closes(
    demand: float, pv: float, charge: float, discharge: float, car: float, run: float
) -> None:
    anna = balanced(demand, pv, charge, discharge, car, run)
    assert anna.quality is MEASURED
    assert anna.has_all_devices
    assert anna.demand_kwh == pytest.approx(demand, abs=1e-9)
    supply = anna.import_kwh + anna.pv_kwh + anna.discharge_kwh
    use = anna.demand_kwh + anna.charge_kwh + anna.ev_kwh + anna.run_kwh + anna.export_kwh
    assert supply == pytest.approx(use, abs=1e-9)
    assert anna.consumption_kwh == pytest.approx(use - anna.export_kwh, abs=1e-9)


def test_meters_that_disagree_give_no_negative_demand() -> None:
    through = {ANNA_METER: counted(0.0, 1.0), ANNA_PV: counted(0.0, 0.9)}
    assert meter_interval(SITE, through)[0].demand_kwh == 0.0


@given(
    named=st.dictionaries(
        st.sampled_from([ANNA_METER, ANNA_PV, ANNA_BATTERY, BERT_METER, BERT_BATTERY, CLEO_METER]),
        st.sampled_from(list(MeterQuality)),
    )
)
def test_a_member_is_as_good_as_its_worst_meter(named: dict[DeviceKey, MeterQuality]) -> None:
    through = {
        key: MISSING_ENERGY if quality is MeterQuality.MISSING else counted(1.0, 0.0, quality)
        for key, quality in named.items()
    }
    anna, bert, cleo = meter_interval(SITE, through)
    for member, meter in ((anna, ANNA_METER), (bert, BERT_METER), (cleo, CLEO_METER)):
        assert member.quality is named.get(meter, MeterQuality.MISSING)
    assert bert.has_all_devices == (named.get(BERT_BATTERY, MeterQuality.MISSING) is not MeterQuality.MISSING)
    assert cleo.has_all_devices


def test_two_meters_of_a_member_are_added_and_one_missing_makes_it_missing() -> None:
    second = {"id": "heat", "devices": [{"id": "meter", "kind": "meter", "member": "cleo"}]}
    site = make_site()
    site = site.model_validate(
        site.model_copy(update={"gateways": (*site.gateways, type(site.gateways[0]).model_validate(second))})
    )
    key = DeviceKey("heat", "meter")
    cleo = meter_interval(site, {CLEO_METER: counted(1.0, 0.25), key: counted(2.0, 0.0, MeterQuality.INTERPOLATED)})[2]
    assert (cleo.import_kwh, cleo.export_kwh, cleo.quality) == (3.0, 0.25, MeterQuality.INTERPOLATED)
    assert meter_interval(site, {CLEO_METER: counted(1.0)})[2].quality is MeterQuality.MISSING


def test_batteries_are_found_with_their_owners_in_the_sites_order() -> None:
    assert [(key, owner) for key, owner, _ in batteries_of(SITE)] == [(ANNA_BATTERY, 0), (BERT_BATTERY, 1)]
    through = {BERT_BATTERY: counted(1.0, 2.0)}
    assert meter_batteries(SITE, through) == (MISSING_ENERGY, through[BERT_BATTERY])


def test_a_load_that_may_be_held_back_is_a_part_of_the_demand_and_need_not_count() -> None:
    site = make_site(**with_heater())
    for through in ({CLEO_METER: counted(1.5)}, {CLEO_METER: counted(1.5), CLEO_HEATER: counted(0.4)}):
        cleo = meter_interval(site, through)[2]
        assert cleo.has_all_devices
        assert cleo.demand_kwh == pytest.approx(1.5)
