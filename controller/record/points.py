"""Records to points: pseudonyms for members and devices, and nothing that tells income, tier, weight or name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from controller.record.line_protocol import FieldValue, Point
from controller.record.quantities import to_epoch_ms, to_eur
from controller.record.records import (
    AllocationRow,
    AssetState,
    DecisionRow,
    ExplanationRow,
    Figures,
    IntervalRecord,
    MeteredRow,
    Prices,
    SettledInterval,
)
from controller.record.texts import is_sensitive_key
from models.domain.setpoint import Setpoint
from models.domain.telemetry import DeviceKey

STORAGE_KINDS = ("battery", "ev")
UNFORWARDED_TOPIC = "weight"
"""Explanations of a weight would tell the weight."""

LEAST_BURDENS = 3
"""Members with a known burden from which on their common figures leave the gateway."""
BURDEN_DIGITS = 2
"""Figures of burdens leave the gateway rounded: the worst-off one is a single member's, in whole percent of its income,
and indices of a few burdens could be solved for each."""

_MEMBER_SECRETS = frozenset({"burden", "burdens", "persons"})
"""With the billed cost beside it, a burden would give the income away."""
_WEIGHT = re.compile(r"^(log_)?weights?$|^(log_)?weight_of_|_weight$|^log_weight")
_COMMON_BURDEN = re.compile(r"^(worst|gini|jain|theil)_(energy_)?burden")
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointContext:
    """What all points of a site need."""

    site: str
    language: str
    member: Callable[[str], str]
    """Pseudonym of a member id."""
    device: Callable[[DeviceKey], str]
    """Pseudonym of a device."""


def points_of_record(record: IntervalRecord, context: PointContext) -> Iterator[Point]:
    """All points of a cycle's first transaction; a re-plan's carry the time from which it holds."""
    decision = record.decision
    time_s = to_epoch_ms(decision.valid_from_utc) // 1000
    owners = {state.device: state.member for state in record.asset_states}
    for settled in record.settled:
        yield from points_of_settled(settled, context)
    yield _point("interval", context, _interval_tags(decision), _interval_fields(decision), time_s)
    for state in record.asset_states:
        if state.kind in STORAGE_KINDS:
            yield from _storage(state, context, time_s)
    for setpoint in record.setpoints:
        tags = dispatch_tags(setpoint, decision.rung, owners.get(setpoint.device), context)
        fields: dict[str, FieldValue] = {"set_kw": setpoint.power_kw, "decision_id": decision.decision_id}
        yield _point("dispatch", context, tags, fields, time_s)
    for explanation in record.explanations:
        yield from _explanation(explanation, decision.decision_id, context, time_s)
    fairness = fairness_point(record.fairness, "interval", context, time_s)
    if fairness is not None:
        yield fairness
    for name, figures in (("policy", record.policy), ("gateway", record.gateway)):
        fields = _shareable(figures)
        if fields:
            yield _point(name, context, {}, fields, time_s)


def fairness_point(figures: Figures, span: str, context: PointContext, time_s: int) -> Point | None:
    """Community figures of an ``interval`` or a ``day``; none where nothing can be told.

    With bills beside them, figures of few burdens would tell incomes: below ``LEAST_BURDENS`` they stay here.
    """
    is_told = (figures.get("members_with_burden") or 0.0) >= LEAST_BURDENS
    fields = {
        name: value for name, value in _shareable(figures).items() if is_told or not name.endswith("_energy_burden")
    }
    return _point("fairness", context, {"span": span}, fields, time_s) if fields else None


def points_of_settled(settled: SettledInterval, context: PointContext) -> Iterator[Point]:
    """``meter`` and ``allocation`` of a closed interval, at its start."""
    time_s = _start_s(settled.start_utc)
    for metered in settled.metered:
        tags = {"member": context.member(metered.member)}
        yield _point("meter", context, tags, _meter_fields(metered, settled.revision), time_s)
    for row in settled.allocations:
        tags = {"member": context.member(row.member), "stage": settled.stage.value, "key": settled.key}
        yield _point("allocation", context, tags, _allocation_fields(row, settled.revision), time_s)


def points_of_explanations(rows: Iterable[ExplanationRow], decision_id: str, context: PointContext) -> Iterator[Point]:
    """``explanation`` points of what speaks of a time of its own, such as a settled day."""
    for row in rows:
        if row.interval_start_utc is not None:
            yield from _explanation(row, decision_id, context, _start_s(row.interval_start_utc))


def dispatch_tags(setpoint: Setpoint, rung: str, member: str | None, context: PointContext) -> dict[str, str]:
    """Tags of a setpoint's point, the same before and after its outcome."""
    tags = {"device": context.device(setpoint.device), "rung": str(rung), "reason": setpoint.reason.value}
    return tags if member is None else tags | {"member": context.member(member)}


def outcome_point(
    setpoint: Setpoint,
    *,
    tags: Mapping[str, str],
    decision_id: str,
    outcome: str,
    applied_kw: float | None,
    time_s: int,
    context: PointContext,
) -> Point:
    """The ``dispatch`` point again, whole, now with how the setpoint ended."""
    fields: dict[str, FieldValue] = {"set_kw": setpoint.power_kw, "decision_id": decision_id, "outcome": outcome}
    fields["is_acknowledged"] = outcome == "acknowledged"
    if applied_kw is not None:
        fields["applied_kw"] = applied_kw
    return _point("dispatch", context, tags, fields, time_s)


def _point(
    measurement: str, context: PointContext, tags: Mapping[str, str], fields: Mapping[str, FieldValue], time_s: int
) -> Point:
    return Point(measurement=measurement, tags={"site": context.site, **tags}, fields=fields, time_s=time_s)


def _start_s(start_utc: datetime) -> int:
    return to_epoch_ms(start_utc) // 1000


def _meter_fields(row: MeteredRow, revision: int) -> dict[str, FieldValue]:
    energies = {
        "import_wh": row.import_wh,
        "export_wh": row.export_wh,
        "demand_wh": row.demand_wh,
        "pv_wh": row.pv_wh,
        "charge_wh": row.charge_wh,
        "discharge_wh": row.discharge_wh,
        "ev_wh": row.ev_wh,
        "shiftable_wh": row.shiftable_wh,
    }
    known: dict[str, FieldValue] = {name: value for name, value in energies.items() if value is not None}
    return known | {"quality": row.quality.value, "revision": revision}


def _allocation_fields(row: AllocationRow, revision: int) -> dict[str, FieldValue]:
    return {
        "shared_wh": row.shared_wh,
        "sold_wh": row.sold_wh,
        "own_wh": row.own_wh,
        "community_wh": row.community_wh,
        "grid_wh": row.grid_wh,
        "use_wh": row.use_wh,
        "renewable_wh": row.renewable_wh,
        "value_eur": to_eur(row.value_micro),
        "billed_eur": to_eur(row.billed_micro),
        "revision": revision,
    }


def _interval_tags(decision: DecisionRow) -> dict[str, str]:
    tags = {"rung": decision.rung.value}
    if decision.solve is not None:
        tags |= {"solver": decision.solve.solver, "termination": decision.solve.termination.value}
    return tags


def _interval_fields(decision: DecisionRow) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {
        **_shareable(decision.figures),
        **_price_fields(decision.prices),
        "decision_id": decision.decision_id,
        "cause": decision.cause,
        "replan": decision.replan,
        "faults": len(decision.faults),
    }
    if decision.solve is not None:
        if math.isfinite(decision.solve.gap_frac):
            fields["gap_frac"] = decision.solve.gap_frac
        fields |= {
            "solve_s": sum(decision.solve.stage_s),
            "rows": decision.solve.rows,
            "columns": decision.solve.columns,
            "binaries": decision.solve.binaries,
        }
    return fields


def _price_fields(prices: Prices) -> dict[str, FieldValue]:
    return {
        "import_price_eur_per_kwh": to_eur(prices.import_micro_per_kwh),
        "export_price_eur_per_kwh": to_eur(prices.export_micro_per_kwh),
        "network_fee_eur_per_kwh": to_eur(prices.network_fee_micro_per_kwh),
        "local_price_eur_per_kwh": to_eur(prices.local_micro_per_kwh),
        "is_islanded": prices.is_islanded,
    }


def _storage(state: AssetState, context: PointContext, time_s: int) -> Iterator[Point]:
    figures = {
        "power_kw": state.power_kw,
        "soc_frac": state.soc_frac,
        "soc_kwh": state.soc_kwh,
        "age_s": state.age_s,
    }
    tags = {"device": context.device(state.device), "kind": state.kind}
    if state.member is not None:
        tags["member"] = context.member(state.member)
    fields = _shareable(figures)
    if fields:
        yield _point("storage", context, tags, fields, time_s)


def _explanation(row: ExplanationRow, decision_id: str, context: PointContext, time_s: int) -> Iterator[Point]:
    topic, _, subject = row.topic.partition(":")
    if topic == UNFORWARDED_TOPIC:
        return
    tags = {"member": context.member(row.member), "topic": topic, "reason": str(row.reason)}
    if subject:
        gateway, _, device = subject.partition("/")
        tags["device"] = context.device(DeviceKey(gateway, device))
    fields: dict[str, FieldValue] = {
        name: value for name, value in _shareable(row.numbers).items() if not _MEMBER_SECRETS & set(name.split("_"))
    }
    fields["decision_id"] = decision_id
    text = row.texts.get(context.language)
    if text:
        fields["text"] = _NOT_PRINTABLE.sub(" ", text)
    if row.interval_start_utc is not None:
        time_s = _start_s(row.interval_start_utc)
    yield _point("explanation", context, tags, fields, time_s)


def _shareable(figures: Figures) -> dict[str, FieldValue]:
    # Always floats: a field that is an integer once and a float later is refused by InfluxDB.
    return {
        name: round(float(value), BURDEN_DIGITS) if _COMMON_BURDEN.search(name) else float(value)
        for name, value in figures.items()
        if value is not None and not is_sensitive_key(name) and not _WEIGHT.search(name)
    }
