from __future__ import annotations

import pytest

from tests.devices.simulator.one_home import constant, energy, make_home
from tests.devices.simulator.village import BATTERY, BOIL, BOILER, METER, START, make_profile, make_setpoint


def test_what_a_load_is_held_back_lowers_the_meter_at_once() -> None:
    home = make_home(constant(2.0), curtailable_loads=[BOILER])
    before = home.readings(START, 1)
    answer = home.offer(make_setpoint(0.25, device=BOIL), START)
    after = home.readings(START, 2)
    assert answer is not None
    assert (answer.is_accepted, answer.applied_kw) == (True, 0.25)
    assert (before[BOIL].power_kw, after[BOIL].power_kw) == (1.0, 0.25)
    assert (before[METER].power_kw, after[METER].power_kw) == (2.0, 1.25)


def test_a_cap_above_what_the_load_wants_is_applied_and_changes_nothing() -> None:
    home = make_home(constant(2.0), curtailable_loads=[BOILER])
    answer = home.offer(make_setpoint(1.2, device=BOIL), START)
    assert answer is not None
    assert answer.applied_kw == 1.2
    assert home.meter.net_kw == 2.0


def test_a_cap_beyond_the_rating_is_refused_and_changes_nothing() -> None:
    home = make_home(constant(2.0), curtailable_loads=[BOILER])
    for seq, power_kw in enumerate((-0.5, 1.6, 250.0)):
        answer = home.offer(make_setpoint(power_kw, device=BOIL, seq=seq), START)
        assert answer is not None
        assert answer.refusal == f"outside limits: found {power_kw:g} kW, accepted 0 to 1.5 kW"
    assert home.meter.net_kw == 2.0


def test_at_the_end_of_a_caps_life_the_load_draws_what_it_wants_at_that_instant() -> None:
    home = make_home(constant(2.0), curtailable_loads=[BOILER])
    home.offer(make_setpoint(0.0, device=BOIL, life_min=7.25), START)
    home.advance_to(3600.0)
    assert energy(home, 7, 8).held_back_kwh == pytest.approx(0.25 / 60.0)
    assert energy(home, 0, 60).held_back_kwh == pytest.approx(7.25 / 60.0)
    assert energy(home, 0, 60).demand_kwh == pytest.approx(2.0 - 7.25 / 60.0)
    assert energy(home, 0, 60).import_kwh == energy(home, 0, 60).demand_kwh


def test_a_cap_follows_the_demand_through_the_profiles_steps() -> None:
    home = make_home(make_profile([[1.0, 4.0, 0.2]], step_s=900), curtailable_loads=[BOILER])
    home.offer(make_setpoint(0.3, device=BOIL, life_min=45), START)
    home.advance_to(2700.0)
    # It wants 0.5, 1.5 (its rating) and 0.1 kW.
    held_kwh = [energy(home, minute, minute + 15).held_back_kwh for minute in (0, 15, 30)]
    assert held_kwh == pytest.approx([0.2 / 4.0, 1.2 / 4.0, 0.0])


def test_what_is_held_back_is_the_batterys_to_level() -> None:
    home = make_home(constant(2.0), soc_kwh=5.0, batteries=[BATTERY], curtailable_loads=[BOILER])
    home.offer(make_setpoint(0.0, device=BOIL), START)
    assert home.assets.batteries[0].power_kw == -1.0
    assert home.meter.net_kw == 0.0
