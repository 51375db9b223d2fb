"""Why each device is asked for what it is asked for: reason, numbers and a sentence in every language."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from config.schema import Site
from controller.loop.planner import PlanDecision
from controller.record.catalogues import load_languages
from controller.record.records import ExplanationRow, Figures
from models.dispatch.result import Plan
from models.domain.telemetry import DeviceKey
from models.explanation.setpoint import (
    LimitMet,
    find_battery_limits,
    find_ev_limits,
    find_marginal_price,
    find_shared_limits,
)
from models.explanation.setpoint_wording import DeviceWord, SetpointWording

SETPOINT_TOPIC = "setpoint"
LIMIT_PREFIX = "is_at_"
"""Before a limit in the name of its number, which is there and 1 where the limit is met."""


def explain_setpoints(site: Site, decision: PlanDecision) -> tuple[ExplanationRow, ...]:
    """One row for each device that a decision moves."""
    kinds = _find_kinds(site)
    positions = {member.id: position for position, member in enumerate(site.members)}
    limits = dict(_find_limits(decision))
    wording = _load_wording()
    rows = []
    for power in decision.powers:
        member = positions[power.member]
        numbers: dict[str, float | None] = {"power_kw": power.power_kw}
        if power.held_back_kw > 0.0:
            numbers["held_back_kw"] = power.held_back_kw
        if decision.plan is not None:
            numbers |= _plan_numbers(decision, decision.plan, member, limits.get(power.device))
        rows.append(
            ExplanationRow(
                member=power.member,
                topic=f"{SETPOINT_TOPIC}:{power.device}",
                reason=power.reason,
                numbers=numbers,
                texts=wording.word(kinds[power.device], power.reason, power.power_kw),
            )
        )
    return tuple(rows)


@cache
def _load_wording() -> SetpointWording:
    return SetpointWording(load_languages())


def _find_kinds(site: Site) -> dict[DeviceKey, DeviceWord]:
    known = {word.value: word for word in DeviceWord}
    return {
        DeviceKey(gateway.id, device.id): known[device.kind]
        for gateway in site.gateways
        for device in gateway.devices
        if device.kind in known
    }


def _find_limits(decision: PlanDecision) -> Iterator[tuple[DeviceKey, tuple[LimitMet, ...]]]:
    """Limits that a fresh plan's first step meets, by device."""
    if decision.plan is None or decision.plan.schedule is None or decision.built is None:
        return
    problem, schedule = decision.built.problem, decision.plan.schedule
    for row, device in enumerate(decision.built.batteries):
        yield device.key, find_battery_limits(problem, schedule, row)
    for row, device in enumerate(decision.built.evs):
        yield device.key, find_ev_limits(problem, schedule, row)


def _plan_numbers(decision: PlanDecision, plan: Plan, member: int, limits: tuple[LimitMet, ...] | None) -> Figures:
    if limits is None and decision.built is not None and plan.schedule is not None:
        limits = find_shared_limits(decision.built.problem, plan.schedule, member)
    met = {f"{LIMIT_PREFIX}{limit.value}": 1.0 for limit in limits or ()}
    price_eur_per_kwh = find_marginal_price(plan, member)
    return met if price_eur_per_kwh is None else met | {"marginal_price_eur_per_kwh": price_eur_per_kwh}
