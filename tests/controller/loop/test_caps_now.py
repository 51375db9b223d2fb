"""A cap of an earlier plan holds only for an event that is on now, and is counted by what the load draws now."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loop.caps_now import EventsNow
from controller.loop.curtailable_data import HeldSoFar
from controller.loop.held_back import Cap
from controller.loop.outlook import PresentLimits
from controller.loop.plan_powers import RunningPlan
from controller.loop.running_plan_shift import shift_plan
from controller.loop.setpoints import DevicePower, controlled_devices
from controller.record.records import Rung
from models.domain.demand_response import DemandEvent, EventSource
from models.domain.setpoint import Reason
from models.domain.telemetry import Reading
from tests.controller.loop.neighbours import (
    BERT_BATTERY,
    CLEO_HEATER,
    at,
    make_site,
    plan_by_rule,
    say,
    see,
    usual_readings,
    with_heater,
)
from tests.controller.loop.planning_bench import Bench, fail
from tests.controller.loop.reports import build

SITE = make_site(**with_heater())
DEVICES = controlled_devices(SITE)
HEATER_KW = 3.0
WIDE = PresentLimits(import_kw=60.0, export_kw=60.0, is_islanded=False)
TODAY = date(2026, 6, 12)
LATER = 20.0
"""Minutes after the plan was made."""


def event(begin: float = 0.0, end: float = 60.0, source: EventSource = EventSource.MQTT) -> DemandEvent:
    return DemandEvent(start_utc=at(begin), end_utc=at(end), key=source.value, source=source)


def readings(minutes: float, power_kw: float | None) -> list[Reading]:
    return [*usual_readings(minutes), say(CLEO_HEATER, minutes, power_kw=power_kw)]


def running(cut_kw: float) -> RunningPlan:
    """A plan made at the start, when the heater drew 1.5 kW, that cuts it by so much in every step."""
    built = build(SITE, see(SITE, readings(0.0, 1.5)), events=(event(),))
    plan, steps = plan_by_rule(built.problem), len(built.problem.step_h)
    assert plan.schedule is not None
    schedule = replace(plan.schedule, curtailed_load_kw=np.full((1, steps), cut_kw))
    starts = tuple(at(15.0 * step) for step in range(steps))
    return RunningPlan(plan=replace(plan, schedule=schedule), built=built, starts_utc=starts)


def planned_cut_kw(cut_kw: float) -> float:
    """What the plan takes in the second step: a load is forecast to want its usual share only."""
    return min(cut_kw, float(running(cut_kw).built.problem.curtailables[0].wanted_kw[1]))


def cap_now(
    power_kw: float | None = 2.5, *events: DemandEvent, cut_kw: float = 0.05, **held: Any
) -> DevicePower | None:
    """The heater's cap when the plan is followed later."""
    snapshot = see(SITE, readings(LATER, power_kw), LATER)
    now = EventsNow(events=events, held=HeldSoFar(**held))
    found = shift_plan(running(cut_kw), SITE, DEVICES, snapshot, WIDE, now)
    assert BERT_BATTERY in [one.device for one in found.powers]
    return next((one for one in found.powers if one.device == CLEO_HEATER), None)


def test_a_load_is_free_once_the_event_is_called_off() -> None:
    assert cap_now() is None
    assert cap_now(2.5, event(0.0, 20.0)) is None
    assert cap_now(2.5, event(30.0, 90.0)) is None


def test_an_event_that_begins_within_the_interval_counts_as_in_a_plan() -> None:
    assert cap_now(2.5, event(25.0, 90.0)) is not None


def test_no_more_is_taken_than_was_planned_and_all_that_is_taken_is_counted() -> None:
    cap = cap_now(2.5, event())
    assert cap is not None
    assert cap.held_back_kw == pytest.approx(0.05, abs=1e-3)
    assert cap.power_kw + cap.held_back_kw == pytest.approx(2.5)


def test_a_plan_that_took_all_of_a_small_power_does_not_take_all_of_a_large_one() -> None:
    cap = cap_now(2.5, event(), cut_kw=9.0)
    assert cap is not None
    assert cap.power_kw + cap.held_back_kw == pytest.approx(2.5)
    assert cap.held_back_kw == pytest.approx(planned_cut_kw(9.0), abs=2e-3)


@pytest.mark.parametrize("power_kw", [None, 0.0, 0.005])
def test_a_load_that_draws_nothing_or_does_not_say_is_left_alone(power_kw: float | None) -> None:
    assert cap_now(power_kw, event()) is None


def test_a_load_that_is_held_wants_what_it_wanted_before() -> None:
    cap = cap_now(1.0, event(), caps={CLEO_HEATER: Cap(allowed_kw=1.0, held_back_kw=0.5)})
    assert cap is not None
    assert cap.power_kw + cap.held_back_kw == pytest.approx(1.5)


def test_the_limit_of_the_day_holds_for_an_earlier_plan_too() -> None:
    assert cap_now(2.5, event(), by_day_kwh={CLEO_HEATER: {TODAY: 2.0}}) is None
    # What is left would last for the planned cut if it were six times as much.
    nearly = cap_now(2.5, event(), by_day_kwh={CLEO_HEATER: {TODAY: 1.997}})
    assert nearly is not None
    assert 0.01 < nearly.held_back_kw < 0.03


def test_the_reason_is_the_event_of_now() -> None:
    cap = cap_now(2.5, event(source=EventSource.PRICE))
    assert cap is not None
    assert cap.reason is Reason.HOLD_BACK_PRICE


@given(power_kw=st.floats(0.0, 9.0), cut_kw=st.floats(0.0, 9.0), used_kwh=st.floats(0.0, 3.0))
def test_no_cap_leaves_the_rating_or_takes_more_than_planned(power_kw: float, cut_kw: float, used_kwh: float) -> None:
    cap = cap_now(power_kw, event(), cut_kw=cut_kw, by_day_kwh={CLEO_HEATER: {TODAY: used_kwh}})
    if cap is not None:
        assert 0.0 <= cap.power_kw <= HEATER_KW
        assert 0.0 < cap.held_back_kw <= planned_cut_kw(cut_kw) + 2e-3
        assert cap.held_back_kw * 10.0 / 60.0 <= max(0.0, 2.0 - used_kwh) + 2e-3


@pytest.mark.parametrize("is_called_off", [False, True])
async def test_the_ladder_asks_for_the_events_of_now(*, is_called_off: bool) -> None:
    bench = Bench(plan_by_rule, fail(), site=SITE)
    bench.forecaster.events = (event(),)
    await bench.decide(0.0, readings(0.0, 1.5))
    bench.planner.running = running(0.05)
    bench.forecaster.events = () if is_called_off else (event(),)
    later = await bench.decide(LATER, readings(LATER, 2.5))
    assert later.rung is Rung.PREVIOUS
    assert (CLEO_HEATER in [one.device for one in later.powers]) != is_called_off
