"""What a member's battery would have done otherwise: the recorded plan's problem solved again without one motive."""

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
from models.dispatch.result import Plan
from models.domain.errors import BundleError
from models.domain.setpoint import Reason
from models.domain.telemetry import DeviceKey
from models.explanation.counterfactual import MOTIVES, Counterfactual, ask_without

MEMORY_LIMIT_MB = 2048
"""Address space of the worker [MiB]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """An answer, with the limits that hold the member's own devices and the community in the recorded plan."""

    decision_id: str
    answer: Counterfactual
    bindings: tuple[Binding, ...]


def ask_what_if(site: Site, member: str, setpoints: list[StoredExplanation]) -> WhatIf | str:
    """Ask about the first battery of a member in the newest planned decision; or say why that is not possible."""
    position = [one.id for one in site.members].index(member)
    batteries = _find_battery_topics(site, member)
    for stored in reversed([one for one in setpoints if one.row.topic in batteries]):
        motive = MOTIVES.get(Reason(stored.row.reason)) if stored.row.reason in list(Reason) else None
        bundle = None if motive is None else _find_bundle(site, stored.decision_id)
        if motive is None or bundle is None or bundle.plan is None:
            continue
        owned = [row for row, one in enumerate(bundle.problem.batteries) if one.member == position]
        if not owned:
            continue
        plan = bundle.plan
        answer = ask_without(motive, bundle.problem, plan, owned[0], partial(_solve, bundle))
        if answer is None:
            return "the interval could not be solved again"
        places = ("", f"member {position}", *(f"battery {row} of member {position}" for row in owned))
        bindings = tuple(one for one in find_bindings(bundle.problem, plan) if one.place in places)
        return WhatIf(decision_id=stored.decision_id, answer=answer, bindings=bindings)
    return f"no battery of {member} was planned in this interval, or its bundle is gone"


def _find_battery_topics(site: Site, member: str) -> tuple[str, ...]:
    return tuple(
        f"{SETPOINT_TOPIC}:{DeviceKey(gateway.id, device.id)}"
        for gateway in site.gateways
        for device in gateway.devices
        if device.kind == "battery" and device.member == member
    )


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
