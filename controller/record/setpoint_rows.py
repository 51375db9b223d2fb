"""Setpoints as rows: an intent before it is published, then how it ended, once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from controller.record.outcomes import CycleRow, SetpointOutcome
from controller.record.quantities import from_epoch_ms, to_epoch_ms
from controller.record.texts import to_json
from models.domain.errors import StoreError
from models.domain.setpoint import Reason, Setpoint
from models.domain.telemetry import DeviceKey


def insert_setpoints(
    connection: sqlite3.Connection,
    decision_id: str,
    setpoints: Iterable[Setpoint],
    *,
    epoch: int,
    is_renewal: bool,
) -> None:
    """Intents, state ``pending``.

    Raises:
        StoreError: a setpoint of another epoch.
    """
    for setpoint in setpoints:
        if setpoint.epoch != epoch:
            message = f"setpoint {setpoint.setpoint_id} is of epoch {setpoint.epoch}, this is epoch {epoch}"
            raise StoreError(message)
        columns = (
            setpoint.setpoint_id,
            setpoint.device.gateway,
            setpoint.device.device,
            setpoint.epoch,
            setpoint.seq,
            setpoint.power_kw,
            to_epoch_ms(setpoint.not_before_utc),
            to_epoch_ms(setpoint.expires_utc),
            setpoint.reason.value,
        )
        connection.execute(
            "INSERT INTO setpoints (setpoint_id, gateway, device, epoch, seq, power_kw, not_before_ms, expires_ms,"
            " reason, decision_id, is_renewal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*columns, decision_id, int(is_renewal)),
        )


def update_outcome(connection: sqlite3.Connection, outcome: SetpointOutcome) -> bool:
    """Note how a setpoint went; ``False`` if it is unknown or has ended already."""
    changed = connection.execute(
        "UPDATE setpoints SET state = ?, applied_kw = ?, refusal = ?, changed_ms = ?"
        " WHERE setpoint_id = ? AND state IN ('pending', 'sent')",
        (
            "sent" if outcome.outcome is None else outcome.outcome.value,
            outcome.applied_kw,
            None if outcome.refusal is None else outcome.refusal[:200],
            to_epoch_ms(outcome.at_utc),
            outcome.setpoint_id,
        ),
    ).rowcount
    return changed == 1


def expire_earlier(connection: sqlite3.Connection, epoch: int, at_ms: int) -> int:
    """End what earlier epochs left open: their acknowledgements are no longer listened for."""
    return connection.execute(
        "UPDATE setpoints SET state = 'expired', changed_ms = ? WHERE state IN ('pending', 'sent') AND epoch < ?",
        (at_ms, epoch),
    ).rowcount


def insert_cycle(connection: sqlite3.Connection, cycle: CycleRow) -> None:
    """How the cycle behind a decision went."""
    connection.execute(
        "INSERT INTO cycles VALUES (?, ?, ?, ?, ?)",
        (
            cycle.decision_id,
            to_epoch_ms(cycle.finished_utc),
            to_json(cycle.phase_s, place="phases"),
            to_json(cycle.faults, place="faults"),
            to_json(cycle.events, place="events"),
        ),
    )


def to_setpoint(row: sqlite3.Row) -> Setpoint:
    """The setpoint of a row with at least the columns of its intent."""
    return Setpoint(
        setpoint_id=row["setpoint_id"],
        device=DeviceKey(row["gateway"], row["device"]),
        epoch=row["epoch"],
        seq=row["seq"],
        power_kw=row["power_kw"],
        not_before_utc=from_epoch_ms(row["not_before_ms"]),
        expires_utc=from_epoch_ms(row["expires_ms"]),
        reason=Reason(row["reason"]),
    )
