from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.members import Battery
from devices.simulator.battery import ENERGY_TOLERANCE_KWH, SimulatedBattery
from tests.devices.simulator.village import BAT, START

POWERS_AND_TIMES = st.lists(st.tuples(st.floats(-8.0, 8.0), st.floats(0.0, 7200.0)), max_size=30)


def make_battery(soc_kwh: float = 5.0, **changes: float) -> SimulatedBattery:
    values = {"capacity_kwh": 10.0, "charge_limit_kw": 4.0, "discharge_limit_kw": 3.0, **changes}
    return SimulatedBattery(Battery.model_validate({"id": "bat", **values}), soc_kwh=soc_kwh)


def play(battery: SimulatedBattery, wanted_kw: float, duration_s: float) -> float:
    """Hold a power for a time, stopping at the limits; returns the time at power [s]."""
    battery.hold(wanted_kw)
    acting_s = min(duration_s, battery.time_to_limit_s())
    battery.advance(acting_s)
    return acting_s


@given(POWERS_AND_TIMES, st.floats(0.5, 1.0), st.floats(0.5, 1.0), st.floats(0.0, 10.0))
def test_stored_energy_changes_by_what_the_counters_say_less_losses(
    steps: list[tuple[float, float]], charge_eff: float, discharge_eff: float, soc_kwh: float
) -> None:
    battery = make_battery(soc_kwh, charge_efficiency_frac=charge_eff, discharge_efficiency_frac=discharge_eff)
    for wanted_kw, duration_s in steps:
        play(battery, wanted_kw, duration_s)
    gained_kwh = charge_eff * battery.import_kwh_total - battery.export_kwh_total / discharge_eff
    assert battery.soc_kwh - soc_kwh == pytest.approx(gained_kwh, abs=1e-9)


@given(POWERS_AND_TIMES, st.floats(0.5, 10.0))
def test_the_state_of_charge_never_leaves_its_limits(steps: list[tuple[float, float]], soc_kwh: float) -> None:
    battery = make_battery(soc_kwh, soc_min_frac=0.05, soc_max_frac=1.0)
    for wanted_kw, duration_s in steps:
        play(battery, wanted_kw, duration_s)
        assert 0.5 - 1e-9 <= battery.soc_kwh <= 10.0 + 1e-9


@given(st.floats(-1e6, 1e6), st.floats(-2.0, 12.0))
def test_the_power_never_exceeds_the_rating_nor_turns_its_sign(wanted_kw: float, soc_kwh: float) -> None:
    battery = make_battery(soc_kwh)
    battery.hold(wanted_kw)
    assert -3.0 <= battery.power_kw <= 4.0
    assert battery.power_kw * wanted_kw >= 0.0
    assert abs(battery.power_kw) <= abs(wanted_kw)


@given(st.floats(0.1, 4.0), st.floats(1.0, 9.0))
def test_charging_until_the_limit_makes_it_full_and_then_stops(power_kw: float, soc_kwh: float) -> None:
    battery = make_battery(soc_kwh)
    play(battery, power_kw, math.inf)
    assert battery.soc_kwh == pytest.approx(10.0, abs=ENERGY_TOLERANCE_KWH)
    assert battery.feasible_kw(power_kw) == 0.0
    assert battery.feasible_kw(-power_kw) < 0.0


def test_one_hour_at_four_kilowatts_stores_what_the_efficiency_leaves() -> None:
    battery = make_battery(1.0, charge_efficiency_frac=0.9)
    play(battery, 4.0, 3600.0)
    assert battery.soc_kwh == pytest.approx(4.6)
    assert battery.import_kwh_total == pytest.approx(4.0)


def test_a_start_below_the_lower_limit_can_only_be_charged() -> None:
    battery = make_battery(0.1, soc_min_frac=0.2)
    assert battery.feasible_kw(-1.0) == 0.0
    assert battery.feasible_kw(1.0) == 1.0


def test_a_start_above_the_upper_limit_can_only_be_discharged() -> None:
    battery = make_battery(9.9, soc_max_frac=0.9)
    assert battery.feasible_kw(1.0) == 0.0
    assert battery.feasible_kw(-1.0) == -1.0


@pytest.mark.parametrize("power_kw", [-3.0005, -3.0, 0.0, 4.0, 4.0005])
def test_powers_within_the_rating_and_the_wires_rounding_are_not_refused(power_kw: float) -> None:
    assert make_battery().refusal(power_kw) is None


@pytest.mark.parametrize("power_kw", [-3.1, 4.1, 4000.0])
def test_a_refusal_names_what_was_found_and_what_is_accepted(power_kw: float) -> None:
    assert make_battery().refusal(power_kw) == f"found {power_kw:g} kW, accepted -3 to 4 kW"


def test_it_reports_power_counters_and_state_of_charge() -> None:
    battery = make_battery(5.0)
    play(battery, -2.0, 1800.0)
    reading = battery.reading(BAT, START, 7)
    assert (reading.device, reading.seq, reading.power_kw) == (BAT, 7, -2.0)
    assert reading.import_kwh_total == 0.0
    assert reading.export_kwh_total == pytest.approx(1.0)
    assert reading.soc_frac == pytest.approx((5.0 - 1.0 / 0.95) / 10.0)
