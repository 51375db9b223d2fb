"""What a member's devices would have done otherwise: the recorded problem solved again with one thing changed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial

from config.schema import Site
from controller.apps.replay_command import read_bundle
from controller.loop.setpoint_explanations import SETPOINT_TOPIC
from controller.loop.solver_process import SolverFailure, SolverProcess
from controller.record.bundles import SUFFIX, bundle_folder
from controller.record.stored import StoredExplanation
from devices.clock import SystemClock
from models.dispatch.binding import Binding, find_bindings
from models.dispatch.bundle import Bundle
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan, Schedule
from models.domain.errors import BundleError
from models.domain.setpoint import Reason
from models.domain.telemetry import DeviceKey
from models.explanation.alternative import AlternativeAnswer, ask_car, ask_run
from models.explanation.counterfactual import MOTIVES, Counterfactual, ask_in_turn

MEMORY_LIMIT_MB = 2048
"""Address space of the worker [MiB]."""
ASKED_KINDS = ("battery", "ev", "shiftable_load")
"""Kinds of devices that can be asked about."""
UNPLANNED = (Reason.IDLE, Reason.FALLBACK_RULE)
"""Reasons of a car or an appliance for which there is nothing to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """Answers on one device, with the limits that hold it, its home and the community in the recorded plan."""

    decision_id: str
    device: DeviceKey
    answers: tuple[Counterfactual, ...] = ()
    """On a battery: by motive, the deciding one last."""
    alternative: AlternativeAnswer | None = None
    """On a car or an appliance."""
    bindings: tuple[Binding, ...]


def ask_what_if(site: Site, member: str, setpoints: list[StoredExplanation]) -> tuple[WhatIf, ...] | str:
    """Ask about the devices of a member, each in its newest planned decision; or say why that is not possible."""
    newest = {stored.row.topic: stored for stored in setpoints if _is_planned(stored)}
    found = []
    for device, kind in _list_devices(site, member):
        stored = newest.get(f"{SETPOINT_TOPIC}:{device}")
        bundle = None if stored is None else _find_bundle(site, stored.decision_id)
        if stored is not None and bundle is not None and bundle.plan is not None:
            asked = _ask(site, member, device, kind, stored, bundle, bundle.plan)
            found += [] if asked is None else [asked]
    if not found:
        return (
            f"there is nothing to ask: no battery, car or appliance of {member} had another choice in this interval, "
            "or the record of its plan is gone"
        )
    return tuple(found)


def _is_planned(stored: StoredExplanation) -> bool:
    return stored.row.reason in list(Reason) and stored.row.reason is not Reason.FALLBACK_RULE


def _list_devices(site: Site, member: str) -> list[tuple[DeviceKey, str]]:
    return [
        (DeviceKey(gateway.id, device.id), device.kind)
        for gateway in site.gateways
        for device in gateway.devices
        if device.kind in ASKED_KINDS and device.member == member
    ]


def _ask(
    site: Site, member: str, device: DeviceKey, kind: str, stored: StoredExplanation, bundle: Bundle, plan: Plan
) -> WhatIf | None:
    """Solve again for one device; ``None``: there is nothing to ask, or no answer."""
    position = [one.id for one in site.members].index(member)
    reason, solve = Reason(stored.row.reason), partial(_solve, bundle)
    problem, power_kw = bundle.problem, stored.row.numbers.get("power_kw") or 0.0
    row = None if plan.schedule is None else _find_row(problem, plan.schedule, kind, position, power_kw)
    if row is None:
        return None
    places: tuple[str, ...] = ("", f"member {position}")
    answers: tuple[Counterfactual, ...] = ()
    alternative = None
    if kind == "battery":
        places = (*places, f"battery {row} of member {position}")
        answers = ask_in_turn(MOTIVES[reason], problem, plan, row, solve) if reason in MOTIVES else ()
    elif reason not in UNPLANNED:
        alternative = (ask_car if kind == "ev" else ask_run)(problem, plan, row, solve)
    if not answers and alternative is None:
        return None
    return WhatIf(
        decision_id=stored.decision_id,
        device=device,
        answers=answers,
        alternative=alternative,
        bindings=tuple(one for one in find_bindings(problem, plan) if one.place in places),
    )


def _find_row(problem: DispatchProblem, schedule: Schedule, kind: str, member: int, power_kw: float) -> int | None:
    """Which of the member's devices of a kind it is: bundles have no ids, so the one with the setpoint's power."""
    owners: list[int]
    if kind == "battery":
        owners = [one.member for one in problem.batteries]
        planned_kw = schedule.charge_kw[:, 0] - schedule.discharge_kw[:, 0]
    elif kind == "ev":
        owners, planned_kw = [one.member for one in problem.evs], schedule.ev_kw[:, 0]
    else:
        owners, planned_kw = [one.member for one in problem.runs], schedule.run_kw[:, 0]
    rows = [row for row, owner in enumerate(owners) if owner == member]
    return min(rows, key=lambda row: abs(float(planned_kw[row]) - power_kw), default=None)


def _find_bundle(site: Site, decision_id: str) -> Bundle | None:
    folder = bundle_folder(site.store.path)
    ending = re.compile(rf"_{re.escape(decision_id)}{re.escape(SUFFIX)}$")
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        if ending.search(path.name):
            try:
                return read_bundle(path)
            except BundleError:
                return None
    return None


def _solve(bundle: Bundle, problem: DispatchProblem) -> Plan | None:
    """The plan of a changed problem, in a process of its own, as it runs live."""

    async def solve() -> Plan | SolverFailure:
        process = SolverProcess(
            solver=bundle.settings.solver,
            mip_gap_frac=bundle.settings.mip_gap_frac,
            memory_limit_mb=MEMORY_LIMIT_MB,
            clock=SystemClock(),
        )
        try:
            await process.start()
            return await process.solve(problem, deadline_s=bundle.settings.deadline_s)
        finally:
            await process.close()

    answer = asyncio.run(solve())
    return None if isinstance(answer, SolverFailure) or not answer.is_usable else answer
