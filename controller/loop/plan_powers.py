"""What a plan asks of each device in one of its steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from config.members import Ev
from controller.loop.car_pulses import pulse_cars
from controller.loop.problem_builder import BuiltProblem, RunningSchedule
from controller.loop.setpoints import ControlledDevice, DevicePower, bound
from models.dispatch.result import Plan, Schedule
from models.domain.arrays import FloatArray
from models.domain.interval import PlanSteps
from models.domain.setpoint import Reason
from models.explanation.setpoint import (
    NOTICEABLE_KW,
    explain_battery,
    explain_curtailment,
    explain_ev,
    explain_hold_back,
    explain_run,
)

LEAST_CURTAILMENT_KW = 0.01
"""Curtailment below this, of PV or of a load, is the solver's tolerance [kW]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPlan:
    """A plan with the devices and times that its rows and steps stand for; its schedule exists."""

    plan: Plan
    built: BuiltProblem
    starts_utc: tuple[datetime, ...]

    @property
    def schedule(self) -> Schedule:
        """The plan's schedule.

        Raises:
            ValueError: The plan has none.
        """
        if self.plan.schedule is None:
            message = "a running plan needs a schedule"
            raise ValueError(message)
        return self.plan.schedule

    @property
    def ev_kw(self) -> FloatArray:
        """[E, T] power that is sent to each car: in pulses where the plan asks for less than its least current."""
        return pulse_cars(self.built.problem, self.schedule)

    def step_at(self, moment_utc: datetime) -> int:
        """Index of the step that a moment lies in; the last one for later moments."""
        return max(0, sum(start <= moment_utc for start in self.starts_utc) - 1)

    def schedule_by_device(self) -> RunningSchedule:
        """Planned power of each battery and car."""
        schedule = self.schedule
        net_kw = schedule.charge_kw - schedule.discharge_kw
        power_kw = {device.key: net_kw[row] for row, device in enumerate(self.built.batteries)}
        power_kw |= {device.key: schedule.ev_kw[row] for row, device in enumerate(self.built.evs)}
        return RunningSchedule(power_kw=power_kw, starts_utc=self.starts_utc)


def powers_of_plan(running: RunningPlan, step: int, devices: tuple[ControlledDevice, ...]) -> tuple[DevicePower, ...]:
    """Bounded power of every device that the plan moves, in one step; a run that should have started by then starts."""
    schedule, problem = running.schedule, running.built.problem
    ev_kw = schedule.ev_kw if step < problem.exact_steps else running.ev_kw
    powers = []
    for row, device in enumerate(running.built.batteries):
        net_kw = float(schedule.charge_kw[row, step] - schedule.discharge_kw[row, step])
        reason = explain_battery(problem, schedule, row) if step == 0 else Reason.FALLBACK_RULE
        powers.append(_power(device, net_kw, reason))
    for row, device in enumerate(running.built.evs):
        powers.append(_power(device, float(ev_kw[row, step]), explain_ev(schedule, row)))
    for row, device in enumerate(running.built.runs):
        is_start = float(np.max(schedule.run_kw[row, : step + 1])) > NOTICEABLE_KW
        powers.append(_power(device, device.highest_kw if is_start else 0.0, explain_run(schedule, row)))
    powers.extend(_waiting_points(running, devices))
    powers.extend(_curtailments(running, step, devices))
    powers.extend(_caps(running, step))
    return tuple(powers)


def _waiting_points(running: RunningPlan, devices: tuple[ControlledDevice, ...]) -> list[DevicePower]:
    """Charging points without a car are held at 0, so that a car that arrives waits for the re-plan it causes."""
    planned = {device.key for device in running.built.evs}
    return [
        _power(device, 0.0, Reason.IDLE)
        for device in devices
        if isinstance(device.asset, Ev) and device.key not in planned and device.key not in running.built.left_out
    ]


def _curtailments(running: RunningPlan, step: int, devices: tuple[ControlledDevice, ...]) -> list[DevicePower]:
    schedule, problem = running.schedule, running.built.problem
    limits = []
    for device in devices:
        if device.asset is None and device.key not in running.built.left_out:
            curtailed_kw = float(schedule.curtailed_kw[device.member_index, step])
            if curtailed_kw > LEAST_CURTAILMENT_KW:
                allowed_kw = float(problem.pv_kw[device.member_index, step]) - curtailed_kw
                limits.append(_power(device, -allowed_kw, explain_curtailment(problem)))
    return limits


def _caps(running: RunningPlan, step: int) -> list[DevicePower]:
    """The most that each load may draw that is held back; the others get nothing and draw what they want."""
    schedule, problem, built = running.schedule, running.built.problem, running.built
    starts_utc = running.starts_utc[step : step + 1]
    caps = []
    for row, device in enumerate(built.curtailables):
        cut_kw = float(schedule.curtailed_load_kw[row, step])
        if cut_kw > LEAST_CURTAILMENT_KW:
            steps = PlanSteps(starts_utc=starts_utc, step_h=problem.step_h[step : step + 1])
            wanted_kw = float(problem.curtailables[row].wanted_kw[step])
            power = _power(device, wanted_kw - cut_kw, explain_hold_back(built.events, steps))
            caps.append(replace(power, held_back_kw=max(0.0, wanted_kw - power.power_kw)))
    return caps


def _power(device: ControlledDevice, power_kw: float, reason: Reason) -> DevicePower:
    return DevicePower(
        device=device.key, member=device.member, power_kw=bound(round(power_kw, 3), device), reason=reason
    )
