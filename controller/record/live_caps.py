"""Caps that loads are held by at the moment, for a controller that starts while they live."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controller.record.event_rows import LONGEST_HOLD_MS
from controller.record.quantities import from_epoch_ms, to_epoch_ms
from models.domain.telemetry import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCap:
    """The setpoint that a load took last, while it lives."""

    device: DeviceKey
    allowed_kw: float
    held_back_kw: float
    """Below what the load was expected to draw [kW]."""
    until_utc: datetime
    """End of its life: the load is free from then on."""


def read_live_caps(
    select: Callable[[str, tuple[object, ...]], Sequence[sqlite3.Row]], now_utc: datetime
) -> tuple[LiveCap, ...]:
    """Of each load that is held back the cap in force, by gateway and device.

    Args:
        select: queries over the store.
        now_utc: Caps that ended by then, or were followed by a release, hold nobody back.
    """
    now_ms = to_epoch_ms(now_utc)
    rows = select(
        "SELECT held.gateway, held.device, held.held_back_kw, sent.power_kw, sent.expires_ms"
        " FROM decisions AS made CROSS JOIN curtailments AS held ON held.decision_id = made.decision_id"
        " CROSS JOIN setpoints AS sent ON sent.decision_id = held.decision_id"
        " AND sent.gateway = held.gateway AND sent.device = held.device"
        " WHERE made.start_s >= ? AND sent.state IN ('sent', 'acknowledged') ORDER BY sent.epoch, sent.seq",
        ((now_ms - LONGEST_HOLD_MS) // 1000,),
    )
    newest = {(row["gateway"], row["device"]): row for row in rows}
    return tuple(
        LiveCap(
            device=DeviceKey(*key),
            allowed_kw=row["power_kw"],
            held_back_kw=row["held_back_kw"],
            until_utc=from_epoch_ms(row["expires_ms"]),
        )
        for key, row in sorted(newest.items(), key=lambda item: item[0])
        if row["held_back_kw"] > 0.0 and row["expires_ms"] > now_ms
    )
