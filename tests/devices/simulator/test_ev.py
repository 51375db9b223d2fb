from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.members import Ev
from devices.simulator.ev import EvState, SimulatedEv
from models.profiles.profiles import EvSession
from tests.devices.simulator.village import CAR, EV, START, at, make_session


def make_ev(*sessions: EvSession, start_min: float = 0.0, state: EvState | None = None) -> SimulatedEv:
    return SimulatedEv(Ev.model_validate(EV), sessions, origin_utc=START, start_s=start_min * 60.0, state=state)


def charge(ev: SimulatedEv, held_kw: float | None, duration_s: float) -> None:
    ev.hold(held_kw)
    ev.advance(min(duration_s, ev.time_to_limit_s()))


def test_no_car_no_power() -> None:
    ev = make_ev(make_session(30, 90, 5.0))
    ev.hold(None)
    assert (ev.power_kw, ev.plugged, ev.next_event_s) == (0.0, None, 1800.0)


def test_a_car_that_arrives_charges_at_full_power_until_it_has_what_it_needs() -> None:
    ev = make_ev(make_session(30, 90, 6.3))
    ev.come_and_go(1800.0)
    ev.hold(None)
    assert ev.power_kw == 7.0
    assert ev.time_to_limit_s() == pytest.approx(3600.0)
    charge(ev, None, math.inf)
    ev.hold(None)
    assert (ev.power_kw, ev.time_to_limit_s()) == (0.0, math.inf)
    assert ev.import_kwh_total == pytest.approx(7.0)


def test_a_held_power_replaces_the_default_and_zero_makes_the_car_wait() -> None:
    ev = make_ev(make_session(0, 90, 6.0))
    ev.hold(0.0)
    assert ev.power_kw == 0.0
    ev.hold(3.0)
    assert ev.power_kw == 3.0


def test_a_car_leaves_on_time_and_what_it_lacks_is_remembered() -> None:
    ev = make_ev(make_session(0, 60, 6.3), make_session(120, 180, 2.0))
    charge(ev, 3.5, 3600.0)
    ev.come_and_go(3600.0)
    assert ev.plugged is None
    assert ev.missed_kwh == pytest.approx(6.3 - 3.5 * 0.9)
    assert ev.next_event_s == 7200.0


def test_the_next_car_may_come_the_moment_the_last_one_leaves() -> None:
    second = make_session(60, 120, 2.0)
    ev = make_ev(make_session(0, 60, 1.0), second)
    ev.come_and_go(3600.0)
    assert (ev.plugged, ev.remaining_kwh) == (second, 2.0)


def test_a_car_found_plugged_in_has_charged_since_it_came() -> None:
    ev = make_ev(make_session(-30, 90, 5.0))
    assert ev.remaining_kwh == pytest.approx(5.0 - 7.0 * 0.9 * 0.5)


def test_a_carried_state_says_what_a_car_still_needs() -> None:
    first = make_ev(make_session(0, 300, 9.0))
    charge(first, 2.0, 3600.0)
    second = make_ev(make_session(0, 300, 9.0), start_min=60, state=first.state())
    assert second.remaining_kwh == first.remaining_kwh


def test_a_state_of_another_session_says_nothing() -> None:
    ev = make_ev(make_session(0, 300, 9.0), state=EvState(arrival_utc=at(-500), remaining_kwh=1.0))
    assert ev.remaining_kwh == 9.0


@given(st.lists(st.tuples(st.sampled_from([None, 0.0, 1.4, 3.0, 7.0]), st.floats(0.0, 3000.0)), max_size=20))
def test_the_car_gets_exactly_what_the_counter_says_less_losses_and_never_too_much(
    steps: list[tuple[float | None, float]],
) -> None:
    ev = make_ev(make_session(0, 600, 8.0))
    for held_kw, duration_s in steps:
        charge(ev, held_kw, duration_s)
        assert ev.power_kw == 0.0 or ev.power_kw >= 1.4
    assert 8.0 - ev.remaining_kwh == pytest.approx(0.9 * ev.import_kwh_total, abs=1e-9)
    assert ev.remaining_kwh >= -1e-9


@pytest.mark.parametrize("power_kw", [0.5, -1.0, 8.0])
def test_powers_below_the_minimum_current_or_above_the_limit_are_refused(power_kw: float) -> None:
    ev = make_ev(make_session(0, 60, 5.0))
    assert ev.refusal(power_kw) == f"found {power_kw:g} kW, accepted 0 or 1.4 to 7 kW"


def test_without_a_car_only_zero_is_taken() -> None:
    ev = make_ev()
    assert ev.refusal(0.0) is None
    assert ev.refusal(3.0) == "no car is plugged in, accepted 0 kW"


def test_it_reports_the_car_its_need_and_its_departure() -> None:
    ev = make_ev(make_session(0, 60, 5.0))
    ev.hold(None)
    plugged = ev.reading(CAR, START, 1)
    assert (plugged.is_plugged, plugged.energy_needed_kwh, plugged.departure_utc) == (True, 5.0, at(60))
    ev.come_and_go(3600.0)
    gone = ev.reading(CAR, at(60), 2)
    assert (gone.is_plugged, gone.energy_needed_kwh, gone.departure_utc) == (False, None, None)
