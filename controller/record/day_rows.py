"""Settled days and ledger entries: to rows inside the caller's transaction, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np

from controller.record.day_records import PRICE_LINES, DaySettlement, MemberDay
from controller.record.quantities import from_epoch_ms, from_epoch_s, to_epoch_ms, to_epoch_s
from models.domain.errors import StoreError
from models.settlement.arrays import IntArray
from models.settlement.ledger import Entry, Posting, Stage
from models.settlement.settle_day import GameKind

Select = Callable[[str, tuple[object, ...]], Sequence[sqlite3.Row]]
"""Rows of a query: ``Reader.select``."""

BILL_LINES = (
    "stand_alone_minor",
    "wear_minor",
    "share_minor",
    "solidarity_minor",
    "islanded_minor",
    "peak_minor",
    "plain_micro",
    "loss_after_micro",
    "weight",
)
SERIES = ("import_wh", "export_wh", "received_wh", "supplied_wh")

_DAY_COLUMNS = (
    "day, revision, stage, game, method, outcome, input_digest, settled_ms, start_s, step_s, intervals, estimated,"
    " minor_per_unit, players, coalitions, gain_micro, game_micro, max_error_micro, core_excess_micro, utility_minor,"
    " peak_minor, notes, prices"
)


def select_from(connection: sqlite3.Connection) -> Select:
    """Queries over a connection, inside whatever transaction it is in."""

    def select(query: str, values: tuple[object, ...]) -> Sequence[sqlite3.Row]:
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(query, values).fetchall()

    return select


def insert_day(connection: sqlite3.Connection, day: DaySettlement) -> None:
    """One revision of a day with its bills."""
    prices = {**{name: list(line) for name, line in day.price_lines.items()}, "islanded": day.islanded_micro_per_kwh}
    values = (
        day.local_day.isoformat(),
        day.revision,
        day.stage.value,
        day.game.value,
        day.method,
        day.outcome,
        day.input_digest,
        to_epoch_ms(day.settled_utc),
        to_epoch_s(day.start_utc),
        day.step_s,
        len(day.starts_utc),
        day.estimated,
        day.minor_per_unit,
        day.players,
        day.coalitions,
        day.gain_micro,
        day.game_micro,
        day.max_error_micro,
        day.core_excess_micro,
        day.utility_minor,
        day.peak_minor,
        json.dumps(day.notes),
        json.dumps(prices, separators=(",", ":")),
    )
    connection.execute(f"INSERT INTO day_settlements ({_DAY_COLUMNS}) VALUES ({_marks(values)})", values)  # noqa: S608
    for place, one in enumerate(day.members):
        row = (
            day.local_day.isoformat(),
            day.revision,
            place,
            one.member,
            *(getattr(one, name) for name in BILL_LINES),
            *(_to_blob(getattr(one, name)) for name in SERIES),
            one.is_estimated.astype(np.uint8).tobytes(),
        )
        connection.execute(f"INSERT INTO day_bills VALUES ({_marks(row)})", row)  # noqa: S608


def read_day(select: Select, local_day: date, revision: int | None = None) -> DaySettlement | None:
    """A revision of a day, the newest where none is named; ``None``: there is no such.

    Raises:
        StoreError: its rows are damaged.
    """
    key = local_day.isoformat()
    rows = select(
        "SELECT * FROM day_settlements WHERE day = ? AND (? IS NULL OR revision = ?) ORDER BY revision DESC LIMIT 1",
        (key, revision, revision),
    )
    if not rows:
        return None
    row = rows[0]
    bills = select("SELECT * FROM day_bills WHERE day = ? AND revision = ? ORDER BY place", (key, row["revision"]))
    try:
        return _to_day(row, tuple(_to_member(bill, row["intervals"]) for bill in bills))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{key}, revision {row['revision']}: the settlement on record is damaged: {error}"
        raise StoreError(message) from error


def read_settled_days(select: Select, since: date, until: date) -> dict[date, Stage]:
    """Stage of the newest revision of every settled day in ``[since, until)``, by day."""
    rows = select(
        "SELECT day, stage, max(revision) FROM day_settlements WHERE day >= ? AND day < ? GROUP BY day ORDER BY day",
        (since.isoformat(), until.isoformat()),
    )
    return {date.fromisoformat(row["day"]): Stage(row["stage"]) for row in rows}


def insert_entry(connection: sqlite3.Connection, entry: Entry) -> None:
    """One ledger entry."""
    connection.execute(
        "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.sequence,
            entry.day.isoformat(),
            entry.revision,
            entry.stage.value,
            entry.kind,
            entry.content,
            entry.hash,
            entry.previous_hash,
        ),
    )


def read_last_entry(select: Select) -> Entry | None:
    """The newest ledger entry."""
    rows = select("SELECT * FROM ledger ORDER BY sequence DESC LIMIT 1", ())
    return to_entry(rows[0]) if rows else None


def read_entries(select: Select, kind: str, since: date, until: date) -> list[Entry]:
    """Entries of a kind for days in ``[since, until)``, in order."""
    rows = select(
        "SELECT * FROM ledger WHERE kind = ? AND day >= ? AND day < ? ORDER BY sequence",
        (kind, since.isoformat(), until.isoformat()),
    )
    return [to_entry(row) for row in rows]


def to_entry(row: sqlite3.Row) -> Entry:
    """A row of ``ledger``.

    Raises:
        StoreError: its content is not an entry's.
    """
    try:
        fields: dict[str, Any] = json.loads(row["content"])
        return Entry(
            sequence=int(fields["sequence"]),
            day=date.fromisoformat(fields["day"]),
            revision=int(fields["revision"]),
            stage=Stage(fields["stage"]),
            kind=str(fields["kind"]),
            input_digest=str(fields["input_digest"]),
            postings=tuple(Posting(str(account), int(amount)) for account, amount in fields["postings"]),
            previous_hash=row["previous_hash"],
            digests=tuple(sorted((str(name), str(digest)) for name, digest in fields.get("digests", {}).items())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"ledger entry {row['sequence']} cannot be read: {error}"
        raise StoreError(message) from error


def _to_day(row: sqlite3.Row, members: tuple[MemberDay, ...]) -> DaySettlement:
    prices = json.loads(row["prices"])
    islanded = int(prices.pop("islanded"))
    if not members:
        message = "it has no bills"
        raise ValueError(message)
    if any(len(prices[name]) != row["intervals"] for name in PRICE_LINES):
        message = f"its prices are not those of {row['intervals']} intervals"
        raise ValueError(message)
    plain = ("players", "coalitions", "gain_micro", "game_micro", "max_error_micro", "core_excess_micro")
    return DaySettlement(
        local_day=date.fromisoformat(row["day"]),
        revision=row["revision"],
        stage=Stage(row["stage"]),
        game=GameKind(row["game"]),
        method=row["method"],
        outcome=row["outcome"],
        input_digest=row["input_digest"],
        settled_utc=from_epoch_ms(row["settled_ms"]),
        start_utc=from_epoch_s(row["start_s"]),
        step_s=row["step_s"],
        minor_per_unit=row["minor_per_unit"],
        **{name: row[name] for name in plain},
        utility_minor=row["utility_minor"],
        peak_minor=row["peak_minor"],
        notes=tuple(json.loads(row["notes"])),
        price_lines={name: tuple(line) for name, line in prices.items()},
        islanded_micro_per_kwh=islanded,
        members=members,
    )


def _to_member(row: sqlite3.Row, intervals: int) -> MemberDay:
    values: dict[str, Any] = {name: row[name] for name in BILL_LINES}
    values |= {name: np.frombuffer(row[name], dtype="<i8").astype(np.int64) for name in SERIES}
    is_estimated = np.frombuffer(row["is_estimated"], dtype=np.uint8).astype(np.bool_)
    for name, series in (*((name, values[name]) for name in SERIES), ("is_estimated", is_estimated)):
        if len(series) != intervals:
            message = f"{name} of {row['member']} has {len(series)} values for {intervals} intervals"
            raise ValueError(message)
    return MemberDay(member=row["member"], **values, is_estimated=is_estimated)


def _to_blob(series: IntArray) -> bytes:
    return series.astype("<i8").tobytes()


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
