"""Records to rows, inside the caller's transaction."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from controller.record.quantities import to_epoch_ms, to_epoch_s
from controller.record.records import (
    AssetState,
    DecisionRow,
    DeviceRow,
    ExplanationRow,
    IntervalRecord,
    SettledInterval,
)
from controller.record.texts import to_json
from models.dispatch.result import SolveRecord
from models.domain.errors import StoreError


def insert_decision(connection: sqlite3.Connection, record: IntervalRecord, epoch: int) -> None:
    """The interval that begins and the decision for it."""
    decision = record.decision
    start_s = insert_interval(connection, decision.interval_start_utc, decision.interval_s)
    texts = {
        "prices": to_json(asdict(decision.prices), place="prices"),
        "solve": None if decision.solve is None else _solve_json(decision.solve),
        "weights": to_json(decision.weights, place="weights", is_keyed_by_member=True),
        "proposals": to_json(decision.proposals, place="proposals", is_keyed_by_member=True),
        "figures": to_json(decision.figures, place="figures"),
        "fairness": to_json(record.fairness, place="fairness figures"),
        "policy": to_json(record.policy, place="policy figures"),
        "gateway": to_json(record.gateway, place="gateway figures"),
        "faults": to_json(decision.faults, place="faults"),
    }
    connection.execute(
        "INSERT INTO decisions VALUES (:decision_id, :start_s, :epoch, :valid_from_ms, :committed_ms, :replan, :cause,"
        " :rung, :prices, :solve, :problem_sha256, :weights, :proposals, :figures, :fairness, :policy, :gateway,"
        " :faults)",
        {**_decision_columns(decision), **texts, "start_s": start_s, "epoch": epoch},
    )
    for explanation in record.explanations:
        _insert_explanation(connection, decision.decision_id, explanation, start_s)
    for state in record.asset_states:
        _insert_asset_state(connection, decision.decision_id, state)


def insert_later_explanations(connection: sqlite3.Connection, decision_id: str, rows: Sequence[ExplanationRow]) -> None:
    """What was found out on a decision after it was committed.

    Raises:
        StoreError: there is no such decision.
    """
    found = connection.execute("SELECT start_s FROM decisions WHERE decision_id = ?", (decision_id,)).fetchone()
    if found is None:
        message = f"decision {decision_id} is not on record, so it cannot be explained"
        raise StoreError(message)
    for row in rows:
        _insert_explanation(connection, decision_id, row, found[0])


def insert_settled(connection: sqlite3.Connection, settled: SettledInterval) -> None:
    """A closed interval: metered energy and allocations, as its next revision.

    Raises:
        StoreError: the revision is not the next one.
    """
    start_s = insert_interval(connection, settled.start_utc, settled.duration_s)
    _require_next_revision(connection, settled, start_s)
    prices = settled.prices
    connection.execute(
        "INSERT INTO settled VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            start_s,
            settled.revision,
            settled.stage.value,
            settled.key,
            prices.import_micro_per_kwh,
            prices.export_micro_per_kwh,
            prices.network_fee_micro_per_kwh,
            prices.local_micro_per_kwh,
            int(prices.is_islanded),
        ),
    )
    common = {"start_s": start_s, "revision": settled.revision}
    connection.executemany(
        "INSERT INTO metered VALUES (:start_s, :member, :revision, :quality, :import_wh, :export_wh, :demand_wh,"
        " :pv_wh, :charge_wh, :discharge_wh, :ev_wh, :shiftable_wh)",
        ({**asdict(row), "quality": row.quality.value, **common} for row in settled.metered),
    )
    connection.executemany(
        "INSERT INTO allocations VALUES (:start_s, :member, :revision, :shared_wh, :sold_wh, :own_wh, :community_wh,"
        " :grid_wh, :use_wh, :renewable_wh, :value_micro, :billed_micro, :weight)",
        ({**asdict(row), **common} for row in settled.allocations),
    )
    connection.executemany(
        "INSERT INTO device_energy VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_device_values(row, start_s, settled.revision) for row in settled.devices),
    )


def _device_values(row: DeviceRow, start_s: int, revision: int) -> tuple[object, ...]:
    key = (start_s, row.device.gateway, row.device.device, revision, row.member, row.kind)
    return (*key, row.import_wh, row.export_wh, row.soc_wh, row.is_plugged, row.curtailed_wh)


def insert_interval(connection: sqlite3.Connection, start_utc: datetime, duration_s: int) -> int:
    """The interval itself, unless it is there.

    Returns:
        Its start [s since 1970].

    Raises:
        StoreError: it is there with another length.
    """
    start_s = to_epoch_s(start_utc)
    connection.execute("INSERT INTO intervals VALUES (?, ?) ON CONFLICT DO NOTHING", (start_s, duration_s))
    (found_s,) = connection.execute("SELECT duration_s FROM intervals WHERE start_s = ?", (start_s,)).fetchone()
    if found_s != duration_s:
        message = f"interval {start_utc.isoformat()} is stored with {found_s} s, found {duration_s} s"
        raise StoreError(message)
    return start_s


def _require_next_revision(connection: sqlite3.Connection, settled: SettledInterval, start_s: int) -> None:
    (newest,) = connection.execute("SELECT max(revision) FROM settled WHERE start_s = ?", (start_s,)).fetchone()
    wanted = 0 if newest is None else newest + 1
    if settled.revision != wanted:
        message = f"interval {settled.start_utc.isoformat()}: the next revision is {wanted}, found {settled.revision}"
        raise StoreError(message)


def _solve_json(solve: SolveRecord) -> str:
    # A solve that found nothing has no gap; infinity and NaN become null.
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(solve).items()
    }
    return to_json(finite, place="solve record")


def _decision_columns(decision: DecisionRow) -> dict[str, object]:
    return {
        "decision_id": decision.decision_id,
        "valid_from_ms": to_epoch_ms(decision.valid_from_utc),
        "committed_ms": to_epoch_ms(decision.committed_utc),
        "replan": decision.replan,
        "cause": decision.cause,
        "rung": decision.rung.value,
        "problem_sha256": decision.problem_sha256,
    }


def _insert_explanation(
    connection: sqlite3.Connection, decision_id: str, row: ExplanationRow, decision_start_s: int
) -> None:
    start_s = decision_start_s if row.interval_start_utc is None else to_epoch_s(row.interval_start_utc)
    place = f"explanation of {row.topic}"
    connection.execute(
        "INSERT INTO explanations VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            decision_id,
            row.member,
            row.topic,
            start_s,
            str(row.reason),
            to_json(row.numbers, place=place),
            to_json(row.texts, place=place),
        ),
    )


def _insert_asset_state(connection: sqlite3.Connection, decision_id: str, state: AssetState) -> None:
    connection.execute(
        "INSERT INTO asset_states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            decision_id,
            state.device.gateway,
            state.device.device,
            state.member,
            state.kind,
            state.power_kw,
            state.soc_frac,
            state.soc_kwh,
            state.age_s,
        ),
    )
