from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loop.fallback import meters_by_member, powers_by_rule
from controller.loop.outlook import PresentLimits
from controller.loop.setpoints import controlled_devices
from models.domain.setpoint import Reason
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    ANNA_PV,
    ANNA_WASHER,
    BATTERY,
    BERT_BATTERY,
    BERT_METER,
    CAR,
    CLEO_METER,
    make_site,
    say,
    see,
    usual_readings,
    without,
)

SITE = make_site()
DEVICES = controlled_devices(SITE)


WIDE = PresentLimits(import_kw=60.0, export_kw=60.0, is_islanded=False)


def rule(readings: list[Reading], site: Any = SITE, limits: PresentLimits = WIDE) -> dict[DeviceKey, float]:
    powers = powers_by_rule(site, controlled_devices(site), see(site, readings), limits)
    assert all(power.reason is Reason.FALLBACK_RULE for power in powers)
    return {power.device: power.power_kw for power in powers}


def home(net_kw: float, battery_kw: float, soc_frac: float | None) -> list[Reading]:
    """Bert's home alone."""
    return [say(BERT_METER, power_kw=net_kw), say(BERT_BATTERY, power_kw=battery_kw, soc_frac=soc_frac)]


@given(net_kw=st.floats(-10.0, 10.0), battery_kw=st.floats(-4.0, 4.0))
def test_a_battery_takes_its_home_as_near_to_zero_as_it_can(net_kw: float, battery_kw: float) -> None:
    sent_kw = rule(home(net_kw, battery_kw, 0.5))[BERT_BATTERY]
    rest_kw = net_kw - battery_kw
    assert -4.0 <= sent_kw <= 4.0
    best_kw = max(0.0, abs(rest_kw) - 4.0)
    assert abs(rest_kw + sent_kw) == pytest.approx(best_kw, abs=1e-3)


@pytest.mark.parametrize(
    "net_kw, soc_frac, sent_kw",
    [(-2.0, 0.9, 0.0), (-2.0, 0.95, 0.0), (-2.0, 0.89, 2.0), (2.0, 0.1, 0.0), (2.0, 0.05, 0.0), (2.0, 0.11, -2.0)],
)
def test_a_full_battery_does_not_charge_and_an_empty_one_does_not_discharge(
    net_kw: float, soc_frac: float, sent_kw: float
) -> None:
    assert rule(home(net_kw, 0.0, soc_frac)) == {BERT_BATTERY: sent_kw}


@pytest.mark.parametrize(
    "readings", [home(1.0, 0.0, None), [say(BERT_METER, power_kw=1.0), say(BERT_BATTERY, soc_frac=0.5)]]
)
def test_a_battery_of_unknown_state_is_left_to_itself(readings: list[Reading]) -> None:
    assert rule(readings) == {}


@given(silent=st.sets(st.sampled_from([reading.device for reading in usual_readings()])))
def test_the_rule_never_acts_without_a_fresh_meter(silent: set[DeviceKey]) -> None:
    readings = [
        replace(reading, is_plugged=True) if reading.device == ANNA_CAR else reading for reading in usual_readings()
    ]
    powers = rule(without(readings, *sorted(silent)))
    assert not silent.intersection(powers)
    if ANNA_METER in silent:
        assert not {ANNA_PV, ANNA_BATTERY, ANNA_CAR, ANNA_WASHER}.intersection(powers)
    if BERT_METER in silent:
        assert BERT_BATTERY not in powers
    if not silent:
        assert set(powers) == {ANNA_BATTERY, ANNA_CAR, BERT_BATTERY}


def test_a_meter_that_says_no_power_is_no_meter() -> None:
    assert rule([say(BERT_METER, import_kwh_total=1.0), say(BERT_BATTERY, power_kw=0.0, soc_frac=0.5)]) == {}


def test_two_batteries_of_a_home_do_not_do_the_same_work_twice() -> None:
    second = BATTERY | {"id": "bat2"}
    site = make_site(members=[{"id": "bert", "batteries": [BATTERY, second]}])
    other = DeviceKey("gw-bert", "bat2")
    readings = [*home(6.0, 0.0, 0.5), say(other, power_kw=0.0, soc_frac=0.5)]
    assert rule(readings, site) == {BERT_BATTERY: -4.0, other: -2.0}
    readings = [*home(3.0, -1.0, 0.5), say(other, power_kw=-2.0, soc_frac=0.5)]
    powers = rule(readings, site)
    assert sum(powers.values()) == pytest.approx(-6.0)


def test_a_car_charges_and_a_run_starts_when_they_are_there() -> None:
    anna = [say(ANNA_METER, power_kw=0.0), say(ANNA_CAR, is_plugged=True), say(ANNA_WASHER, is_requested=True)]
    assert rule(anna) == {ANNA_CAR: 7.0, ANNA_WASHER: 2.0}
    anna = [say(ANNA_METER, power_kw=0.0), say(ANNA_CAR, is_plugged=False), say(ANNA_WASHER, is_requested=False)]
    assert rule(anna) == {}


def test_a_battery_that_discharges_makes_no_room_for_a_car_and_one_that_charges_takes_some() -> None:
    anna = {"id": "anna", "import_limit_kw": 5.0, "batteries": [BATTERY], "evs": [CAR]}
    site = make_site(members=[anna])
    car = say(ANNA_CAR, is_plugged=True, power_kw=0.0)
    needy = [say(ANNA_METER, power_kw=3.0), say(ANNA_BATTERY, power_kw=0.0, soc_frac=0.5), car]
    assert rule(needy, site) == {ANNA_BATTERY: -3.0, ANNA_CAR: 2.0}
    sunny = [say(ANNA_METER, power_kw=-1.0), say(ANNA_BATTERY, power_kw=1.0, soc_frac=0.5), car]
    assert rule(sunny, site) == {ANNA_BATTERY: 2.0, ANNA_CAR: 5.0}


def test_without_grid_batteries_serve_and_nobody_charges_or_starts() -> None:
    island = PresentLimits(import_kw=0.0, export_kw=0.0, is_islanded=True)
    readings = [
        *without(usual_readings(), ANNA_CAR, ANNA_WASHER),
        say(ANNA_CAR, is_plugged=True, power_kw=7.0),
        say(ANNA_WASHER, is_requested=True, is_running=False),
    ]
    assert rule(readings, limits=island) == {ANNA_BATTERY: 1.0, BERT_BATTERY: -1.5, ANNA_CAR: 0.0, ANNA_WASHER: 0.0}


def test_meters_are_listed_by_their_owner() -> None:
    assert meters_by_member(SITE) == {"anna": [ANNA_METER], "bert": [BERT_METER], "cleo": [CLEO_METER]}
