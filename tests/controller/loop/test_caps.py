"""From a plan that holds a load back to its cap: bounded, explained, on record, renewed and released."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.loop.cycle_record import interval_record
from controller.loop.fallback import powers_by_rule
from controller.loop.held_back import Cap
from controller.loop.outlook import PresentLimits
from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.planner import PlanDecision
from controller.loop.setpoint_explanations import explain_setpoints
from controller.loop.setpoints import DevicePower, bound, controlled_devices
from controller.record.event_records import Curtailment
from controller.record.live_caps import LiveCap
from controller.record.records import Rung
from devices.registry import DeviceRegistry
from models.domain.demand_response import DemandEvent, EventSource
from models.domain.setpoint import Reason, Setpoint
from models.explanation.language import LANGUAGES
from tests.controller.loop.desk import Desk, at_desk, minutes_pass, power
from tests.controller.loop.neighbours import (
    CLEO_HEATER,
    CLEO_METER,
    START,
    at,
    make_site,
    plan_by_rule,
    say,
    see,
    usual_readings,
    weights_of,
    with_heater,
)
from tests.controller.loop.reports import build, report

SITE = make_site(**with_heater())
DEVICES = controlled_devices(SITE)
HEATER_KW = 3.0
WIDE = PresentLimits(import_kw=60.0, export_kw=60.0, is_islanded=False)
READINGS = [*usual_readings(), say(CLEO_HEATER, power_kw=1.5)]


def event(source: EventSource = EventSource.MQTT, begin: float = 0.0, end: float = 60.0) -> DemandEvent:
    return DemandEvent(start_utc=at(begin), end_utc=at(end), key=source.value, source=source)


def running(cut_kw: float, *events: DemandEvent) -> RunningPlan:
    """A plan that cuts Cleo's heater by so much in every step."""
    built = build(SITE, see(SITE, READINGS), events=events or (event(),))
    plan, steps = plan_by_rule(built.problem), len(built.problem.step_h)
    assert plan.schedule is not None
    schedule = replace(plan.schedule, curtailed_load_kw=np.full((1, steps), cut_kw))
    starts = tuple(at(15.0 * step) for step in range(steps))
    return RunningPlan(plan=replace(plan, schedule=schedule), built=built, starts_utc=starts)


def cap_of(plan: RunningPlan, step: int = 0) -> DevicePower | None:
    return next((one for one in powers_of_plan(plan, step, DEVICES) if one.device == CLEO_HEATER), None)


def test_the_cap_is_what_the_load_wants_less_what_is_held_back() -> None:
    cap = cap_of(running(0.6))
    assert cap is not None
    assert (cap.power_kw, cap.held_back_kw, cap.member) == pytest.approx((0.9, 0.6, "cleo"))
    assert cap.reason is Reason.HOLD_BACK_EVENT


def test_a_load_that_is_not_held_back_is_sent_nothing() -> None:
    assert cap_of(running(0.0)) is None
    assert cap_of(running(0.01)) is None
    assert cap_of(running(0.011)) is not None


@settings(max_examples=40)
@given(cut_kw=st.floats(-1.0, 9.0), step=st.integers(0, 10))
def test_whatever_a_plan_holds_the_cap_is_inside_the_loads_rating(cut_kw: float, step: int) -> None:
    cap = cap_of(running(cut_kw), step)
    if cap is not None:
        assert 0.0 <= cap.power_kw <= HEATER_KW
        assert cap.held_back_kw >= 0.0
        assert DeviceRegistry.from_site(SITE).get(CLEO_HEATER).allows(cap.power_kw)


def test_the_reason_is_who_asked_and_else_the_prices() -> None:
    price, asked = event(EventSource.PRICE, 0.0, 60.0), event(EventSource.MQTT, 15.0, 30.0)
    plan = running(0.05, price, asked)
    reasons = [cap.reason for step in range(3) if (cap := cap_of(plan, step)) is not None]
    assert reasons == [Reason.HOLD_BACK_PRICE, Reason.HOLD_BACK_EVENT, Reason.HOLD_BACK_PRICE]


@pytest.mark.parametrize("power_kw, bounded_kw", [(-1.0, 0.0), (0.0, 0.0), (2.0, 2.0), (9.0, 3.0)])
def test_a_loads_power_is_bounded_by_nothing_and_its_rating(power_kw: float, bounded_kw: float) -> None:
    heater = next(device for device in DEVICES if device.key == CLEO_HEATER)
    assert bound(power_kw, heater) == bounded_kw


def test_no_rule_makes_anybody_go_without() -> None:
    assert CLEO_HEATER not in [one.device for one in powers_by_rule(SITE, DEVICES, see(SITE, READINGS), WIDE)]


@pytest.mark.parametrize("source", list(EventSource))
def test_its_owner_is_told_why_in_every_language(source: EventSource) -> None:
    plan = running(0.6, event(source))
    cap = cap_of(plan)
    assert cap is not None
    decision = PlanDecision(rung=Rung.OPTIMAL, powers=(cap,), plan=plan.plan, built=plan.built, solve_s=0.1, faults=())
    (row,) = explain_setpoints(SITE, decision)
    assert (row.member, row.topic) == ("cleo", "setpoint:gw-cleo/heat")
    assert row.numbers["held_back_kw"] == pytest.approx(0.6)
    assert tuple(row.texts) == LANGUAGES
    assert len(set(row.texts.values())) == len(LANGUAGES)
    assert "held to 0.9\xa0kW" in row.texts["en"]


def setpoint(device: object, power_kw: float, reason: Reason) -> Setpoint:
    return Setpoint(
        setpoint_id="1-1",
        device=device,  # type: ignore[arg-type]
        epoch=1,
        seq=1,
        power_kw=power_kw,
        not_before_utc=START,
        expires_utc=at(1),
        reason=reason,
    )


@pytest.mark.parametrize("is_release", [False, True])
def test_what_is_held_back_or_released_is_on_record_with_the_decision(*, is_release: bool) -> None:
    plan = running(0.6)
    cap = cap_of(plan)
    assert cap is not None
    powers = () if is_release else (cap,)
    decision = PlanDecision(rung=Rung.OPTIMAL, powers=powers, plan=plan.plan, built=plan.built, solve_s=0.1, faults=())
    sent = setpoint(CLEO_HEATER, HEATER_KW if is_release else 0.9, cap.reason)
    done = replace(report(see(SITE, READINGS), decision), setpoints=(sent,))
    record = interval_record(SITE, done, weights_of(SITE), datetime(2026, 6, 12, 10, tzinfo=UTC))
    held_back_kw = 0.0 if is_release else cap.held_back_kw
    assert record.curtailments == (Curtailment(device=CLEO_HEATER, member="cleo", held_back_kw=held_back_kw),)


def speak(desk: Desk) -> None:
    now = (desk.clock.now_utc() - START) / timedelta(minutes=1)
    desk.hear(say(CLEO_HEATER, now, power_kw=0.5), say(CLEO_METER, now, power_kw=1.0))


CAP = replace(power(CLEO_HEATER, 0.5, Reason.HOLD_BACK_EVENT), held_back_kw=1.0)


def test_a_load_that_is_held_back_no_longer_is_released_once() -> None:
    async def play(desk: Desk) -> None:
        speak(desk)
        await desk.send(CAP)
        assert desk.dispatcher.caps() == {CLEO_HEATER: Cap(allowed_kw=0.5, held_back_kw=1.0)}
        (release,) = await desk.send(decision="1-b-0")
        assert (release.power_kw, release.reason) == (HEATER_KW, Reason.NO_CURTAILMENT)
        assert desk.dispatcher.caps() == {}
        assert await desk.send(decision="1-c-0") == ()
        assert not desk.dispatcher.curtailed_members().any()

    assert at_desk(play, SITE).devices.powers(CLEO_HEATER) == [0.5, HEATER_KW]


def test_a_cap_from_before_a_restart_is_known_until_it_ends_or_a_plan_is_sent() -> None:
    before = LiveCap(device=CLEO_HEATER, allowed_kw=0.5, held_back_kw=1.0, until_utc=at(1.0))

    async def play(desk: Desk) -> None:
        speak(desk)
        desk.dispatcher.restore((before,))
        assert desk.dispatcher.caps() == {CLEO_HEATER: Cap(allowed_kw=0.5, held_back_kw=1.0)}
        assert await desk.dispatcher.renew() == 0
        await minutes_pass(1.1)
        assert desk.dispatcher.caps() == {}
        desk.dispatcher.restore((replace(before, until_utc=at(60.0)),))
        assert await desk.send(decision="1-b-0") == ()
        assert desk.dispatcher.caps() == {}

    at_desk(play, SITE)


def test_a_cap_is_renewed_only_while_its_load_and_its_meter_speak() -> None:
    async def play(desk: Desk) -> None:
        speak(desk)
        await desk.send(CAP)
        await minutes_pass(0.3)
        assert await desk.dispatcher.renew() == 1
        await minutes_pass(0.5)
        assert await desk.dispatcher.renew() == 0
        speak(desk)
        assert await desk.dispatcher.renew() == 1

    at_desk(play, SITE)


def test_a_cap_whose_plan_is_over_holds_nothing_back_any_more() -> None:
    async def play(desk: Desk) -> None:
        speak(desk)
        await desk.send(CAP, valid_s=60.0)
        await minutes_pass(1.5)
        assert desk.dispatcher.caps() == {}

    at_desk(play, SITE)
