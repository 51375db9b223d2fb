"""What demand-response events came to, as the store has it: the result's list, and the report's rows and sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from config.schema import Site
from controller.loop.effect_figures import find_discomfort_prices
from controller.record.event_records import EffectRow, EffectStage, EventFigures, is_called_off
from controller.record.event_rows import read_effects, read_held_back
from controller.record.reader import Reader
from models.domain.interval import Span

SOURCES = {"mqtt": "a market notice", "price": "the day's prices"}
PLACES = 3
"""Decimal places of the result's figures."""


def describe_events(reader: Reader, start_utc: datetime, end_utc: datetime) -> list[dict[str, Any]]:
    """Events that began within a span of time, the first to begin first, with all looks that were taken at each."""
    by_event: dict[tuple[datetime, datetime, str, str], list[EffectRow]] = {}
    for look in read_effects(reader.select, start_utc, end_utc):
        event = look.event
        key = (event.start_utc, event.end_utc, event.source.value, event.key)
        by_event.setdefault(key, []).append(look)
    return [_describe(looks) for looks in by_event.values()]


def _describe(looks: Sequence[EffectRow]) -> dict[str, Any]:
    event = looks[-1].event
    by_stage = {look.stage: look for look in looks}
    ended = by_stage.get(EffectStage.ENDED)
    plans = {
        stage.value: _describe_plans(by_stage[stage]) if stage in by_stage else None
        for stage in (EffectStage.ANNOUNCED, EffectStage.STARTED)
    }
    return {
        "event": event.key,
        "source": event.source.value,
        "start_utc": event.start_utc.isoformat(),
        "end_utc": event.end_utc.isoformat(),
        "target_kw": event.target_kw,
        "is_cancelled": is_called_off(looks),
        **plans,
        "metered": None if ended is None or ended.metered is None else _describe_figures(ended.metered),
    }


def _describe_plans(look: EffectRow) -> dict[str, Any]:
    return {
        "at_utc": look.at_utc.isoformat(),
        "with": None if look.with_event is None else _describe_figures(look.with_event),
        "without": None if look.without_event is None else _describe_figures(look.without_event),
    }


def _describe_figures(figures: EventFigures) -> dict[str, Any]:
    described: dict[str, Any] = {
        "net_kwh": round(figures.net_kwh, PLACES),
        "peak_kw": round(figures.peak_kw, PLACES),
        "above_target_kwh": round(figures.above_kwh, PLACES),
        "held_back_kwh": round(sum(figures.held_back_kwh.values()), PLACES),
        "discomfort": round(sum(figures.discomfort.values()), PLACES),
        "held_back_kwh_by_member": {member: round(kwh, PLACES) for member, kwh in figures.held_back_kwh.items()},
        "discomfort_by_member": {member: round(worth, PLACES) for member, worth in figures.discomfort.items()},
    }
    return described if figures.cost is None else described | {"cost": round(figures.cost, PLACES)}


def sum_held_back(reader: Reader, site: Site, start_utc: datetime, end_utc: datetime) -> dict[str, Any]:
    """What loads were held back over a span of time, by all events together, and what it was worth to their owners."""
    prices = find_discomfort_prices(site)
    stretches = read_held_back(reader.select, Span(start_utc=start_utc, end_utc=end_utc))
    energies = [one.span.hours * one.held_back_kw for one in stretches]
    worth = [kwh * prices.get(one.device, 0.0) for one, kwh in zip(stretches, energies, strict=True)]
    return {
        "kwh": round(sum(energies), PLACES),
        "discomfort": round(sum(worth), PLACES),
        "members": len({one.member for one in stretches}),
    }


def list_rows(events: Sequence[Mapping[str, Any]], zone: tzinfo) -> list[dict[str, Any]]:
    """The report's rows: what was planned with and without each event, what was metered, and what was held back."""
    return [_row(event, zone) for event in events]


def _row(event: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    announced, started = (event[stage] or {"with": None, "without": None} for stage in ("announced", "started"))
    metered = event["metered"]
    start, end = (datetime.fromisoformat(event[name]).astimezone(zone) for name in ("start_utc", "end_utc"))
    has_target = event["target_kw"] is not None
    return {
        "day": f"{start:%a %d %b}",
        "hours": f"{start:%H:%M} to {end:%H:%M}",
        "source": SOURCES[event["source"]] + (", called off" if event["is_cancelled"] else ""),
        "target_kw": event["target_kw"],
        "announced_without_kwh": _get(announced["without"], "net_kwh"),
        "announced_with_kwh": _get(announced["with"], "net_kwh"),
        "started_without_kwh": _get(started["without"], "net_kwh"),
        "started_with_kwh": _get(started["with"], "net_kwh"),
        "metered_kwh": _get(metered, "net_kwh"),
        "above_kwh": _get(metered, "above_target_kwh") if has_target else None,
        "held_back_kwh": _get(metered, "held_back_kwh"),
        "discomfort": _get(metered, "discomfort"),
    }


def say_effect(events: Sequence[Mapping[str, Any]], held_back: Mapping[str, Any], currency: str) -> str:
    """What all events came to, in a sentence or three."""
    count = "One event" if len(events) == 1 else f"{len(events)} events"
    if held_back["kwh"] > 0.0:
        homes = "one home" if held_back["members"] == 1 else f"{held_back['members']} homes"
        said = f"{count}: {held_back['kwh']:.2f} kWh were held back from loads in {homes}, "
        said += f"worth {held_back['discomfort']:.2f} {currency} to their owners."
    else:
        said = f"{count}, and nothing was held back from loads."
    lowered = [lower for event in events if (lower := _find_lowered(event)) is not None]
    if lowered:
        way = "less" if sum(lowered) >= 0.0 else "more"
        when, plans, it = ("it was", "plan", "it") if len(events) == 1 else ("they were", "plans", "them")
        difference_kwh = abs(sum(lowered))
        said += f" When {when} announced, the {plans} drew {difference_kwh:.2f} kWh {way} in {it} than without {it}."
    targets = [event["metered"]["above_target_kwh"] for event in events if event["metered"] and _has_target(event)]
    if targets:
        said += f" Metered above what was asked: {sum(targets):.2f} kWh."
    return said


def _find_lowered(event: Mapping[str, Any]) -> float | None:
    """By how much the first plan that knew an event draws less in it than the same plan without it [kWh]."""
    plans = event["announced"]
    if plans is None or plans["with"] is None or plans["without"] is None:
        return None
    return float(plans["without"]["net_kwh"] - plans["with"]["net_kwh"])


def _has_target(event: Mapping[str, Any]) -> bool:
    return event["target_kw"] is not None


def _get(figures: Mapping[str, Any] | None, name: str) -> float | None:
    return None if figures is None else figures[name]
