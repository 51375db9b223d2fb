"""Cars beyond a plan's exact steps: what was planned arrives, in pulses that keep the limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.loop.car_pulses import pulse_cars
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Schedule
from tests.controller.loop.neighbours import ANNA_CAR, at, make_site, plan_by_rule, say, see, usual_readings, without
from tests.controller.loop.reports import build

SITE = make_site()
READINGS = [
    *without(usual_readings(), ANNA_CAR),
    say(ANNA_CAR, is_plugged=True, energy_needed_kwh=40.0, departure_utc=at(24 * 60.0)),
]
PROBLEM = build(SITE, see(SITE, READINGS)).problem
STEPS, EXACT, LEAST_KW = len(PROBLEM.step_h), PROBLEM.exact_steps, 1.4
LAST = PROBLEM.evs[0].departure_step


def schedule(ev_kw: np.ndarray, import_kw: float = 0.0) -> Schedule:
    """One that draws so much in every home."""
    planned = plan_by_rule(PROBLEM).schedule
    assert planned is not None
    none = np.zeros_like(planned.import_kw)
    return replace(planned, ev_kw=ev_kw, import_kw=none + import_kw, export_kw=none, buy_kw=none, sell_kw=none)


def charging(power_kw: float) -> np.ndarray:
    """So much in every step while the car is there."""
    ev_kw = np.zeros((1, STEPS))
    ev_kw[0, : LAST + 1] = power_kw
    return ev_kw


@settings(max_examples=60)
@given(powers=st.lists(st.floats(0.0, 7.0), min_size=STEPS, max_size=STEPS))
def test_what_is_sent_is_what_was_planned_within_half_a_pulse(powers: list[float]) -> None:
    ev_kw = charging(1.0) * np.array(powers)
    sent_kw = pulse_cars(PROBLEM, schedule(ev_kw))[0]
    assert sent_kw[:EXACT] == pytest.approx(ev_kw[0, :EXACT])
    assert ((sent_kw[EXACT:] == 0.0) | (sent_kw[EXACT:] >= 0.999 * LEAST_KW)).all()
    off_kwh = np.cumsum((sent_kw - ev_kw[0]) * PROBLEM.step_h)[: LAST + 1]
    assert np.abs(off_kwh).max() <= LEAST_KW * PROBLEM.step_h.max() / 2 + 1e-9


def test_a_car_with_half_its_least_current_charges_every_other_step() -> None:
    sent_kw = pulse_cars(PROBLEM, schedule(charging(0.7)))[0]
    assert sent_kw[EXACT : EXACT + 4].tolist() == [1.4, 0.0, 1.4, 0.0]


def with_limits(*, member_kw: float, community_kw: float) -> DispatchProblem:
    return replace(
        PROBLEM,
        member_import_limit_kw=np.full(3, member_kw),
        community_import_limit_kw=np.full(STEPS, community_kw),
    )


@pytest.mark.parametrize("member_kw, community_kw", [(2.5, 60.0), (17.0, 6.5)])
def test_a_pulse_waits_where_the_plan_leaves_no_room_for_it(member_kw: float, community_kw: float) -> None:
    tight = with_limits(member_kw=member_kw, community_kw=community_kw)
    # Two kilowatts in every home: 0.7 kW more than planned would be one step beyond either limit.
    assert pulse_cars(PROBLEM, schedule(charging(0.7), import_kw=2.0))[0, EXACT:].any()
    assert not pulse_cars(tight, schedule(charging(0.7), import_kw=2.0))[0, EXACT:].any()


def test_without_grid_there_are_no_pulses() -> None:
    island = replace(PROBLEM, is_islanded=np.ones(STEPS, dtype=np.bool_))
    assert not pulse_cars(island, schedule(charging(0.7)))[0, EXACT:].any()


def test_no_pulse_comes_after_the_car_has_left() -> None:
    late = charging(0.0)
    late[0, LAST] = 0.6
    assert not pulse_cars(PROBLEM, schedule(late))[0].any()
