"""What an event comes to in a plan, in the same plan without it, and at the meters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from config.schema import Site
from controller.record.event_records import EventFigures, HeldBack
from controller.record.records import SettledInterval
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.domain.arrays import FloatArray
from models.domain.demand_response import DemandEvent, find_open_steps, find_targets, share_of_steps, touches
from models.domain.interval import PlanSteps, Span
from models.domain.telemetry import DeviceKey

WH_PER_KWH = 1000.0
SECONDS_PER_HOUR = 3600.0
LEAST_HELD_BACK_KWH = 1e-3
"""Less than a watt-hour is the solver's tolerance [kWh]."""


def remove_event(
    problem: DispatchProblem, events: Iterable[DemandEvent], event: DemandEvent, steps: PlanSteps
) -> DispatchProblem:
    """The problem as it would be without an event: its target gone, its steps closed where no other event holds.

    Args:
        problem: As it was solved.
        events: All events that the problem knows of.
        event: One of them.
        steps: The problem's steps.
    """
    others = [other for other in events if other != event]
    is_open = find_open_steps(others, steps)
    return replace(
        problem,
        curtailables=tuple(replace(load, is_open=load.is_open & is_open) for load in problem.curtailables),
        event_target_kw=find_targets(others, steps),
    )


def measure_plan(
    problem: DispatchProblem, plan: Plan, event: DemandEvent, steps: PlanSteps, members: Sequence[str]
) -> EventFigures | None:
    """An event's window in a plan; ``None`` for one without a schedule or figures.

    Energies are of the window alone, steps that it takes a part of by that part. What is held back is that of all
    steps that the event holds for, the cost that of the whole plan.
    """
    schedule, figures = plan.schedule, plan.figures
    if schedule is None or figures is None:
        return None
    step_h, is_held = problem.step_h, touches(event, steps)
    net_kw = np.sum(schedule.import_kw - schedule.export_kw, axis=0)
    cut_kwh = [cut_kw * step_h for cut_kw in schedule.curtailed_load_kw]
    held_back: dict[str, float] = {}
    discomfort: dict[str, float] = {}
    for load, kwh in zip(problem.curtailables, cut_kwh, strict=False):
        held_kwh = float(np.sum(kwh[is_held]))
        _add(held_back, members[load.member], held_kwh)
        _add(discomfort, members[load.member], held_kwh * load.discomfort_eur_per_kwh)
    missed_eur = problem.event_shortfall_eur_per_kwh * float(np.sum(figures.event_shortfall_kwh))
    return EventFigures(
        **_describe_window(net_kw[is_held], (share_of_steps(event, steps) * step_h)[is_held], event.target_kw),
        cost=figures.cost_eur - float(np.sum(figures.discomfort_eur)) - missed_eur,
        held_back_kwh=_drop_nothing(held_back),
        discomfort={member: discomfort[member] for member in _drop_nothing(held_back)},
    )


def measure_meters(
    site: Site, event: DemandEvent, settled: Sequence[SettledInterval], stretches: Sequence[HeldBack]
) -> EventFigures | None:
    """An event's window as it was metered; ``None`` where an interval or a meter is missing.

    Args:
        site: The site.
        event: An event that is over.
        settled: Closed intervals that the window touches, oldest first.
        stretches: What loads were held back in it.
    """
    spans = [
        Span(start_utc=one.start_utc, end_utc=one.start_utc + timedelta(seconds=one.duration_s)) for one in settled
    ]
    hours = np.array([_overlap_h(span, event.span) for span in spans])
    net_kw = np.array([_net_kw(one) for one in settled])
    if not np.isclose(float(np.sum(hours)), event.span.hours) or not np.isfinite(net_kw).all():
        return None
    prices = find_discomfort_prices(site)
    held_back: dict[str, float] = {}
    discomfort: dict[str, float] = {}
    for one in stretches:
        held_kwh = one.span.hours * one.held_back_kw
        _add(held_back, one.member, held_kwh)
        _add(discomfort, one.member, held_kwh * prices.get(one.device, 0.0))
    return EventFigures(
        **_describe_window(net_kw, hours, event.target_kw), held_back_kwh=held_back, discomfort=discomfort
    )


def _describe_window(net_kw: FloatArray, hours: FloatArray, target_kw: float | None) -> dict[str, float]:
    above_kw = np.zeros_like(net_kw) if target_kw is None else np.maximum(net_kw - target_kw, 0.0)
    return {
        "net_kwh": float(np.sum(net_kw * hours)),
        "peak_kw": float(np.max(net_kw, initial=-np.inf)) if net_kw.size else 0.0,
        "above_kwh": float(np.sum(above_kw * hours)),
    }


def _net_kw(settled: SettledInterval) -> float:
    wh = 0.0
    for row in settled.metered:
        if row.import_wh is None or row.export_wh is None:
            return np.nan
        wh += row.import_wh - row.export_wh
    return wh / WH_PER_KWH * SECONDS_PER_HOUR / settled.duration_s


def _overlap_h(one: Span, other: Span) -> float:
    begin_utc, end_utc = max(one.start_utc, other.start_utc), min(one.end_utc, other.end_utc)
    return Span(start_utc=begin_utc, end_utc=end_utc).hours if begin_utc < end_utc else 0.0


def find_discomfort_prices(site: Site) -> dict[DeviceKey, float]:
    """What going without is worth to its owner, by curtailable load [currency/kWh]."""
    members = {member.id: member for member in site.members}
    return {
        DeviceKey(gateway.id, device.id): load.discomfort_eur_per_kwh
        for gateway in site.gateways
        for device in gateway.devices
        if device.kind == "curtailable_load"
        for load in members[device.member or ""].curtailable_loads
        if load.id == device.asset
    }


def _add(sums: dict[str, float], member: str, value: float) -> None:
    sums[member] = sums.get(member, 0.0) + value


def _drop_nothing(held_back: Mapping[str, float]) -> dict[str, float]:
    return {member: kwh for member, kwh in held_back.items() if kwh > LEAST_HELD_BACK_KWH}
