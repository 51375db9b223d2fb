"""Demand response to rows inside the caller's transaction, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime

from controller.record.event_records import Curtailment, EffectRow, EffectStage, EventFigures, HeldBack, NoticeRow
from controller.record.quantities import from_epoch_ms, to_epoch_ms
from controller.record.texts import to_json
from models.domain.demand_response import DemandEvent, EventSource
from models.domain.interval import Span
from models.domain.telemetry import DeviceKey

Select = Callable[[str, tuple[object, ...]], Sequence[sqlite3.Row]]
"""Rows of a query: ``Reader.select``."""

LONGEST_HOLD_MS = 7_200_000
"""A decision and its setpoints lie no further apart than this; it bounds what a query has to look at [ms]."""


def replace_notices(connection: sqlite3.Connection, notices: Iterable[NoticeRow]) -> None:
    """The notices that a restarted controller has to know, instead of those before."""
    connection.execute("DELETE FROM market_notices")
    connection.executemany(
        "INSERT OR REPLACE INTO market_notices VALUES (?, ?, ?)",
        ((notice.channel, notice.identity, notice.payload) for notice in notices),
    )


def read_notices(select: Select) -> list[NoticeRow]:
    """Kept notices, by channel and identity."""
    rows = select("SELECT * FROM market_notices ORDER BY channel, identity", ())
    return [NoticeRow(channel=row["channel"], identity=row["identity"], payload=row["payload"]) for row in rows]


def insert_curtailments(connection: sqlite3.Connection, decision_id: str, rows: Iterable[Curtailment]) -> None:
    """What a decision holds back."""
    connection.executemany(
        "INSERT INTO curtailments VALUES (?, ?, ?, ?, ?)",
        ((decision_id, row.device.gateway, row.device.device, row.member, row.held_back_kw) for row in rows),
    )


def read_held_back(select: Select, span: Span) -> list[HeldBack]:
    """Stretches in which loads were held back, oldest first, cut to a span of time.

    A stretch begins with a decision's first setpoint that the device took. It ends with the life of the last one, or
    when the device takes one of another decision.
    """
    since_ms, until_ms = to_epoch_ms(span.start_utc), to_epoch_ms(span.end_utc)
    rows = select(
        # CROSS JOIN keeps the order: from the span's few decisions to their setpoints, never through all setpoints.
        "SELECT held.*, min(not_before_ms) AS from_ms, max(expires_ms) AS until_ms"
        " FROM decisions AS made CROSS JOIN curtailments AS held ON held.decision_id = made.decision_id"
        " CROSS JOIN setpoints AS sent ON sent.decision_id = held.decision_id"
        " AND sent.gateway = held.gateway AND sent.device = held.device"
        " WHERE made.start_s >= ? AND made.start_s <= ? AND sent.state IN ('sent', 'acknowledged')"
        " GROUP BY held.decision_id, held.gateway, held.device ORDER BY from_ms DESC, held.gateway, held.device",
        ((since_ms - LONGEST_HOLD_MS) // 1000, -(-until_ms // 1000)),
    )
    next_ms: dict[tuple[str, str], int] = {}
    found = []
    for row in rows:
        key = (row["gateway"], row["device"])
        begin_ms, end_ms = max(row["from_ms"], since_ms), min(row["until_ms"], next_ms.get(key, until_ms), until_ms)
        next_ms[key] = row["from_ms"]
        if begin_ms < end_ms and row["held_back_kw"] > 0.0:
            found.append(_to_held_back(row, begin_ms, end_ms))
    return found[::-1]


def insert_effects(connection: sqlite3.Connection, rows: Iterable[EffectRow]) -> list[EffectRow]:
    """Looks at events; one that is on record already stays as it was. Returns those that were written."""
    written = []
    for row in rows:
        event = row.event
        sides = [_to_text(side) for side in (row.with_event, row.without_event, row.metered)]
        keys = (
            event.key,
            event.source.value,
            to_epoch_ms(event.start_utc),
            to_epoch_ms(event.end_utc),
            row.stage.value,
        )
        values = (*keys, to_epoch_ms(row.at_utc), row.decision_id, event.target_kw, *sides)
        changed = connection.execute(
            "INSERT INTO demand_response_effects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            values,
        ).rowcount
        if changed == 1:
            written.append(row)
    return written


def read_effects(select: Select, since_utc: datetime, until_utc: datetime) -> list[EffectRow]:
    """Looks at events that begin in ``[since, until)``, by the events' start, then by time."""
    rows = select(
        "SELECT * FROM demand_response_effects WHERE start_ms >= ? AND start_ms < ?"
        " ORDER BY start_ms, end_ms, source, event, at_ms, stage",
        (to_epoch_ms(since_utc), to_epoch_ms(until_utc)),
    )
    return [_to_effect(row) for row in rows]


def read_effects_ending(select: Select, since_utc: datetime, until_utc: datetime) -> list[EffectRow]:
    """Looks at events that end at ``since`` or later and begin before ``until``, in the same order."""
    rows = select(
        "SELECT * FROM demand_response_effects WHERE end_ms >= ? AND start_ms < ?"
        " ORDER BY start_ms, end_ms, source, event, at_ms, stage",
        (to_epoch_ms(since_utc), to_epoch_ms(until_utc)),
    )
    return [_to_effect(row) for row in rows]


def _to_text(figures: EventFigures | None) -> str | None:
    if figures is None:
        return None
    return to_json(asdict(figures), place="an event's figures", is_keyed_by_member=True)


def _to_held_back(row: sqlite3.Row, begin_ms: int, end_ms: int) -> HeldBack:
    return HeldBack(
        device=DeviceKey(row["gateway"], row["device"]),
        member=row["member"],
        span=Span(start_utc=from_epoch_ms(begin_ms), end_utc=from_epoch_ms(end_ms)),
        held_back_kw=row["held_back_kw"],
    )


def _to_effect(row: sqlite3.Row) -> EffectRow:
    event = DemandEvent(
        start_utc=from_epoch_ms(row["start_ms"]),
        end_utc=from_epoch_ms(row["end_ms"]),
        key=row["event"],
        source=EventSource(row["source"]),
        target_kw=row["target_kw"],
    )
    return EffectRow(
        event=event,
        stage=EffectStage(row["stage"]),
        at_utc=from_epoch_ms(row["at_ms"]),
        decision_id=row["decision_id"],
        with_event=_to_figures(row["with_event"]),
        without_event=_to_figures(row["without_event"]),
        metered=_to_figures(row["metered"]),
    )


def _to_figures(text: str | None) -> EventFigures | None:
    return None if text is None else EventFigures(**json.loads(text))
