"""Rows to records."""

from __future__ import annotations

import json
import math
import sqlite3
from typing import Any

from controller.record.outcomes import CycleRow
from controller.record.quantities import from_epoch_ms, from_epoch_s
from controller.record.records import (
    AllocationRow,
    AssetState,
    DecisionRow,
    DeviceRow,
    ExplanationRow,
    MeteredRow,
    Prices,
    Rung,
    SettledInterval,
    Stage,
)
from models.dispatch.result import SolveRecord, Termination
from models.domain.snapshot import MeterQuality
from models.domain.telemetry import DeviceKey

METERED_COLUMNS = (
    "member, quality, import_wh, export_wh, demand_wh, pv_wh, charge_wh, discharge_wh, ev_wh, shiftable_wh"
)
ALLOCATION_COLUMNS = (
    "member, shared_wh, sold_wh, own_wh, community_wh, grid_wh, use_wh, renewable_wh, value_micro, billed_micro, weight"
)


def to_metered(row: sqlite3.Row) -> MeteredRow:
    """A row with at least ``METERED_COLUMNS``."""
    values = {name: row[name] for name in METERED_COLUMNS.split(", ")}
    return MeteredRow(**values | {"quality": MeterQuality(values["quality"])})


def to_allocation(row: sqlite3.Row) -> AllocationRow:
    """A row with at least ``ALLOCATION_COLUMNS``."""
    return AllocationRow(**{name: row[name] for name in ALLOCATION_COLUMNS.split(", ")})


def to_device(row: sqlite3.Row) -> DeviceRow:
    """A row of ``device_energy``."""
    return DeviceRow(
        device=DeviceKey(row["gateway"], row["device"]),
        member=row["member"],
        kind=row["kind"],
        import_wh=row["import_wh"],
        export_wh=row["export_wh"],
        soc_wh=row["soc_wh"],
        is_plugged=None if row["is_plugged"] is None else bool(row["is_plugged"]),
        curtailed_wh=row["curtailed_wh"],
    )


def to_settled(
    row: sqlite3.Row, metered: list[MeteredRow], allocations: list[AllocationRow], devices: list[DeviceRow]
) -> SettledInterval:
    """A row of ``settled`` joined with ``intervals``, and its member rows."""
    return SettledInterval(
        start_utc=from_epoch_s(row["start_s"]),
        duration_s=row["duration_s"],
        revision=row["revision"],
        stage=Stage(row["stage"]),
        key=row["key"],
        prices=Prices(
            import_micro_per_kwh=row["import_price_micro_per_kwh"],
            export_micro_per_kwh=row["export_price_micro_per_kwh"],
            network_fee_micro_per_kwh=row["network_fee_micro_per_kwh"],
            local_micro_per_kwh=row["local_price_micro_per_kwh"],
            is_islanded=bool(row["is_islanded"]),
        ),
        metered=tuple(metered),
        allocations=tuple(allocations),
        devices=tuple(devices),
    )


def to_decision(row: sqlite3.Row) -> DecisionRow:
    """A row of ``decisions`` joined with ``intervals``."""
    return DecisionRow(
        decision_id=row["decision_id"],
        interval_start_utc=from_epoch_s(row["start_s"]),
        interval_s=row["duration_s"],
        valid_from_utc=from_epoch_ms(row["valid_from_ms"]),
        committed_utc=from_epoch_ms(row["committed_ms"]),
        replan=row["replan"],
        cause=row["cause"],
        rung=Rung(row["rung"]),
        prices=Prices(**json.loads(row["prices"])),
        solve=None if row["solve"] is None else _to_solve(json.loads(row["solve"])),
        problem_sha256=row["problem_sha256"],
        weights=json.loads(row["weights"]),
        proposals=json.loads(row["proposals"]),
        figures=json.loads(row["figures"]),
        faults=tuple(json.loads(row["faults"])),
    )


def to_explanation(row: sqlite3.Row) -> ExplanationRow:
    """A row of ``explanations``."""
    return ExplanationRow(
        member=row["member"],
        topic=row["topic"],
        reason=row["reason"],
        numbers=json.loads(row["numbers"]),
        texts=json.loads(row["texts"]),
        interval_start_utc=from_epoch_s(row["start_s"]),
    )


def to_asset_state(row: sqlite3.Row) -> AssetState:
    """A row of ``asset_states``."""
    return AssetState(
        device=DeviceKey(row["gateway"], row["device"]),
        member=row["member"],
        kind=row["kind"],
        power_kw=row["power_kw"],
        soc_frac=row["soc_frac"],
        soc_kwh=row["soc_kwh"],
        age_s=row["age_s"],
    )


def to_cycle(row: sqlite3.Row) -> CycleRow:
    """A row of ``cycles``."""
    return CycleRow(
        decision_id=row["decision_id"],
        finished_utc=from_epoch_ms(row["finished_ms"]),
        phase_s=json.loads(row["phases"]),
        faults=tuple(json.loads(row["faults"])),
        events=json.loads(row["events"]),
    )


def _to_solve(values: dict[str, Any]) -> SolveRecord:
    return SolveRecord(
        **values
        | {
            "termination": Termination(values["termination"]),
            "gap_frac": math.nan if values["gap_frac"] is None else values["gap_frac"],
            "peak_memory_mb": math.nan if values["peak_memory_mb"] is None else values["peak_memory_mb"],
            "stage_s": tuple(values["stage_s"]),
            "violated": tuple(values["violated"]),
        }
    )
