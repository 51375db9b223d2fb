from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.setpoints import DevicePower, controlled_devices
from devices.registry import DeviceRegistry
from models.dispatch.result import Schedule
from models.domain.setpoint import Reason
from models.domain.telemetry import DeviceKey
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_PV,
    ANNA_WASHER,
    BERT_BATTERY,
    at,
    make_site,
    plan_by_rule,
    say,
    see,
    usual_readings,
    without,
)
from tests.controller.loop.reports import build

SITE = make_site()
DEVICES = controlled_devices(SITE)
READINGS = [
    *without(usual_readings(), ANNA_CAR, ANNA_WASHER),
    say(ANNA_CAR, is_plugged=True, energy_needed_kwh=20.0, departure_utc=at(600)),
    say(ANNA_WASHER, is_requested=True, remaining_s=3600.0, latest_end_utc=at(300)),
]
BUILT = build(SITE, see(SITE, READINGS))
PLAN = plan_by_rule(BUILT.problem)
STEPS = len(BUILT.problem.step_h)


def running(**arrays: np.ndarray) -> RunningPlan:
    """The plan with some of its schedule replaced."""
    assert PLAN.schedule is not None
    schedule: Schedule = replace(PLAN.schedule, **arrays)
    outlook_starts = tuple(at(15 * number) for number in range(STEPS))
    return RunningPlan(plan=replace(PLAN, schedule=schedule), built=BUILT, starts_utc=outlook_starts)


def powers(plan: RunningPlan, step: int = 0) -> dict[DeviceKey, DevicePower]:
    return {power.device: power for power in powers_of_plan(plan, step, DEVICES)}


def filled(rows: int, value: float) -> np.ndarray:
    return np.full((rows, STEPS), value)


@settings(max_examples=60)
@given(
    charge_kw=st.floats(-1.0, 9.0), discharge_kw=st.floats(-1.0, 9.0), car_kw=st.floats(-1.0, 20.0),
    run_kw=st.floats(0.0, 5.0), curtailed_kw=st.floats(0.0, 9.0), step=st.integers(0, STEPS - 1),
)  # fmt: skip
def test_whatever_a_plan_holds_every_power_is_inside_its_devices_rating(
    charge_kw: float, discharge_kw: float, car_kw: float, run_kw: float, curtailed_kw: float, step: int
) -> None:
    plan = running(
        charge_kw=filled(2, charge_kw),
        discharge_kw=filled(2, discharge_kw),
        ev_kw=filled(1, car_kw),
        run_kw=filled(1, run_kw),
        curtailed_kw=filled(3, curtailed_kw),
    )
    registry = DeviceRegistry.from_site(SITE)
    found = powers(plan, step)
    assert {ANNA_BATTERY, ANNA_CAR, ANNA_WASHER, BERT_BATTERY} <= set(found)
    for key, power in found.items():
        assert registry.get(key).allows(power.power_kw)


@pytest.mark.parametrize("planned_kw, sent_kw", [(0.9, 0.0), (1.38, 0.0), (1.3999, 1.4), (6.9999999, 7.0)])
def test_a_cars_power_below_its_least_current_becomes_nothing(planned_kw: float, sent_kw: float) -> None:
    assert powers(running(ev_kw=filled(1, planned_kw)))[ANNA_CAR].power_kw == sent_kw


def test_a_battery_gets_its_net_power_to_the_watt_and_a_reason() -> None:
    plan = running(charge_kw=filled(2, 0.0), discharge_kw=filled(2, 2.34567))
    power = powers(plan)[BERT_BATTERY]
    assert (power.power_kw, power.member) == (-2.346, "bert")
    assert power.reason is not Reason.FALLBACK_RULE
    assert powers(plan, 3)[BERT_BATTERY].reason is Reason.FALLBACK_RULE


def test_a_run_starts_with_its_whole_power_or_waits() -> None:
    later = np.zeros((1, STEPS))
    later[0, 2:6] = 2.0
    plan = running(run_kw=later)
    assert [powers(plan, step)[ANNA_WASHER].power_kw for step in (0, 1, 2)] == [0.0, 0.0, 2.0]
    assert powers(plan)[ANNA_WASHER].reason is Reason.WAIT_FOR_CHEAPER


def test_pv_is_spoken_to_only_where_it_is_curtailed_and_told_what_it_may_give() -> None:
    assert ANNA_PV not in powers(running())
    sun_kw, curtailed_kw = filled(3, 3.0), filled(3, 0.0)
    curtailed_kw[0] = 1.25
    plan = running(curtailed_kw=curtailed_kw)
    plan = replace(plan, built=replace(BUILT, problem=replace(BUILT.problem, pv_kw=sun_kw)))
    power = powers(plan)[ANNA_PV]
    assert (power.power_kw, power.reason) == (-1.75, Reason.CURTAIL_LIMIT)
    dear = replace(plan.built.problem, export_price_eur_per_kwh=np.full(STEPS, -0.05))
    plan = replace(plan, built=replace(plan.built, problem=dear))
    assert powers(plan)[ANNA_PV].reason is Reason.CURTAIL_PRICE
    silent = replace(plan, built=replace(plan.built, left_out=(ANNA_PV,)))
    assert ANNA_PV not in powers(silent)


@pytest.mark.parametrize("minutes, step", [(-5.0, 0), (0.0, 0), (14.99, 0), (15.0, 1), (100.0, 6), (1e6, STEPS - 1)])
def test_a_moment_lies_in_the_step_that_has_begun(minutes: float, step: int) -> None:
    assert running().step_at(at(minutes)) == step


def test_the_schedule_of_a_device_is_its_net_power() -> None:
    plan = running(charge_kw=filled(2, 1.0), discharge_kw=filled(2, 0.25), ev_kw=filled(1, 7.0))
    schedule = plan.schedule_by_device()
    assert set(schedule.power_kw) == {ANNA_BATTERY, BERT_BATTERY, ANNA_CAR}
    assert schedule.power_at(BERT_BATTERY, (at(15),)) == pytest.approx([0.75])
    assert np.isnan(schedule.power_at(ANNA_PV, (at(15),))).all()


def test_a_running_plan_without_a_schedule_is_a_broken_promise() -> None:
    with pytest.raises(ValueError, match="schedule"):
        _ = replace(running(), plan=replace(PLAN, schedule=None)).schedule
