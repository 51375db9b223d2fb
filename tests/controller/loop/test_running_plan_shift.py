"""The plan before, followed later: only while it is fresh, within the limits in force, and by what devices say now."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controller.loop.outlook import PresentLimits
from controller.loop.plan_powers import RunningPlan
from controller.loop.running_plan_shift import Shifted, shift_plan
from controller.loop.setpoints import controlled_devices
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Schedule
from models.domain.setpoint import Reason
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
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
WIDE = PresentLimits(import_kw=60.0, export_kw=60.0, is_islanded=False)
ISLAND = PresentLimits(import_kw=0.0, export_kw=0.0, is_islanded=True)


def home_at(minutes: float, *but: Reading) -> list[Reading]:
    """Anna's car is there and her washer waits; some say something else."""
    said = [
        *without(usual_readings(minutes), ANNA_CAR, ANNA_WASHER),
        say(ANNA_CAR, minutes, is_plugged=True, energy_needed_kwh=20.0, departure_utc=at(600)),
        say(ANNA_WASHER, minutes, is_requested=True, remaining_s=3600.0, latest_end_utc=at(300)),
    ]
    return [*without(said, *(reading.device for reading in but)), *but]


BUILT = build(SITE, see(SITE, home_at(0.0)))
PLAN = plan_by_rule(BUILT.problem)
STEPS = len(BUILT.problem.step_h)


def running(problem: DispatchProblem = BUILT.problem, **arrays: np.ndarray) -> RunningPlan:
    """A plan made at the start."""
    assert PLAN.schedule is not None
    schedule: Schedule = replace(PLAN.schedule, **arrays)
    starts = tuple(at(15.0 * step) for step in range(STEPS))
    return RunningPlan(plan=replace(PLAN, schedule=schedule), built=replace(BUILT, problem=problem), starts_utc=starts)


def shift(plan: RunningPlan | None, minutes: float, limits: PresentLimits = WIDE, *but: Reading) -> Shifted:
    return shift_plan(plan, SITE, DEVICES, see(SITE, home_at(minutes, *but), minutes), limits)


def powers(found: Shifted) -> dict[DeviceKey, float]:
    return {power.device: power.power_kw for power in found.powers}


def rising() -> np.ndarray:
    """Each step another power, so that the step that is followed shows: a tenth of a kW for each."""
    return np.tile(np.arange(STEPS) * 0.1, (2, 1))


@pytest.mark.parametrize("missed", [1, 2, 5, 15])
def test_after_any_number_of_missed_intervals_the_step_of_now_is_followed(missed: int) -> None:
    plan = running(charge_kw=rising(), discharge_kw=np.zeros((2, STEPS)))
    found = powers(shift(plan, 15.0 * missed + 1.0))
    assert found[BERT_BATTERY] == found[ANNA_BATTERY] == pytest.approx(0.1 * missed)


def test_a_plan_is_not_followed_beyond_its_fine_steps_and_says_so() -> None:
    assert shift(running(), 239.9).powers
    assert shift(running(), 240.0) == Shifted(refusal="the running plan is too old to shift")


def test_after_a_restart_there_is_no_plan_to_follow() -> None:
    assert shift(None, 15.0) == Shifted(refusal="no running plan to shift")


def drawing(net_kw: float) -> dict[str, np.ndarray]:
    """Each of three homes draws a third of so much, or gives it."""
    third = np.full((3, STEPS), net_kw / 3)
    return {"import_kw": np.maximum(third, 0.0), "export_kw": np.maximum(-third, 0.0)}


@pytest.mark.parametrize(
    "net_kw, limits, refusal",
    [
        (6.0, replace(WIDE, import_kw=5.0), "the running plan breaks a new limit: it draws 6.000 kW of 5 kW"),
        (-6.0, replace(WIDE, export_kw=5.0), "the running plan breaks a new limit: it gives 6.000 kW of 5 kW"),
        (6.0, replace(WIDE, import_kw=7.0), ""),
        (6.0, replace(WIDE, export_kw=5.0), ""),
        (6.0, ISLAND, "the running plan counts on the grid for now"),
    ],
)
def test_a_plan_that_breaks_a_limit_it_did_not_know_is_not_followed(
    net_kw: float, limits: PresentLimits, refusal: str
) -> None:
    found = shift(running(BUILT.problem, **drawing(net_kw)), 31.0, limits)
    assert found.refusal == refusal
    assert bool(found.powers) == (refusal == "")


def test_a_plan_that_broke_the_limit_already_when_it_was_made_is_followed() -> None:
    tight = replace(BUILT.problem, community_import_limit_kw=np.full(STEPS, 5.0))
    limits = replace(WIDE, import_kw=5.0)
    assert shift(running(tight, **drawing(6.0)), 31.0, limits).powers


def test_a_plan_made_without_grid_is_not_followed_with_it() -> None:
    plan = running(replace(BUILT.problem, is_islanded=np.ones(STEPS, dtype=np.bool_)), **drawing(0.0))
    assert shift(plan, 16.0).refusal == "the running plan counts on no grid for now"
    assert shift(plan, 16.0, ISLAND).powers


def test_a_run_whose_planned_time_was_missed_starts_now() -> None:
    run_kw = np.zeros((1, STEPS))
    run_kw[0, 1:3] = 2.0
    plan = running(run_kw=run_kw)
    assert powers(shift(plan, 1.0))[ANNA_WASHER] == 0.0
    assert powers(shift(plan, 61.0))[ANNA_WASHER] == 2.0
    done = say(ANNA_WASHER, 61.0, is_requested=False, is_running=False)
    assert ANNA_WASHER not in powers(shift(plan, 61.0, WIDE, done))


def test_a_car_that_has_left_is_waited_for() -> None:
    gone = say(ANNA_CAR, 16.0, is_plugged=False)
    (power,) = [one for one in shift(running(), 16.0, WIDE, gone).powers if one.device == ANNA_CAR]
    assert (power.power_kw, power.reason) == (0.0, Reason.IDLE)


@pytest.mark.parametrize("limits, sent_kw", [(WIDE, None), (ISLAND, 0.0)])
def test_a_car_that_came_since_charges_on_arrival_unless_there_is_no_grid(
    limits: PresentLimits, sent_kw: float | None
) -> None:
    away = [*without(home_at(0.0), ANNA_CAR), say(ANNA_CAR, is_plugged=False)]
    built = build(SITE, see(SITE, away))
    problem = replace(built.problem, is_islanded=np.full(STEPS, limits.is_islanded))
    plan = plan_by_rule(built.problem)
    assert plan.schedule is not None
    plan = replace(plan, schedule=replace(plan.schedule, **drawing(0.0)))
    starts = tuple(at(15.0 * step) for step in range(STEPS))
    before = RunningPlan(plan=plan, built=replace(built, problem=problem), starts_utc=starts)
    assert powers(shift(before, 16.0, limits)).get(ANNA_CAR) == sent_kw


@pytest.mark.parametrize(
    "planned_kw, soc_frac, sent_kw",
    [(2.0, 0.9, 0.0), (2.0, 0.5, 2.0), (-2.0, 0.1, 0.0), (-2.0, 0.9, -2.0), (2.0, None, None)],
)
def test_a_battery_that_is_full_or_empty_by_now_rests(
    planned_kw: float, soc_frac: float | None, sent_kw: float | None
) -> None:
    plan = running(
        charge_kw=np.full((2, STEPS), max(planned_kw, 0.0)), discharge_kw=np.full((2, STEPS), max(-planned_kw, 0.0))
    )
    now = say(BERT_BATTERY, 46.0, power_kw=0.0, soc_frac=soc_frac)
    assert powers(shift(plan, 46.0, WIDE, now)).get(BERT_BATTERY) == sent_kw


def test_a_car_below_its_least_current_gets_its_energy_in_pulses() -> None:
    exact = BUILT.problem.exact_steps
    plan = running(ev_kw=np.full((1, STEPS), 0.7))
    sent_kw = [powers(shift(plan, 15.0 * step))[ANNA_CAR] for step in range(exact, exact + 4)]
    assert sent_kw == [1.4, 0.0, 1.4, 0.0]
