"""Lines that wait for the time-series database: bounded by number and age, oldest first, counted when dropped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.record.line_protocol import Point, encode, key_of

_AGE_CHUNK = 5000
"""Rows looked at for age in one commit, so that a commit stays short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLimits:
    """How much may wait. What is dropped is a copy: the store itself keeps everything."""

    max_rows: int = 1_000_000
    """About 50 days of 30 members at 15 minutes; some 300 MB."""
    max_age_s: float = 35 * 86_400.0
    """Against the newest row, so that no clock is asked."""
    max_dead_letters: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One line that waits."""

    row_id: int
    created_ms: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One line that the server refused, and why."""

    row_id: int
    created_ms: int
    line: str
    reason: str


def put(connection: sqlite3.Connection, points: Iterable[Point], created_ms: int, limits: OutboxLimits) -> None:
    """Queue points, inside the caller's transaction; a waiting point of the same series and time is replaced."""
    connection.executemany(
        "INSERT OR REPLACE INTO outbox (created_ms, point_key, line) VALUES (?, ?, ?)",
        ((created_ms, key_of(point), encode(point)) for point in points),
    )
    _drop_old(connection, created_ms - int(limits.max_age_s * 1000))
    _drop_surplus(connection, limits.max_rows)


def take(connection: sqlite3.Connection, *, after_id: int, limit: int) -> list[OutboxRow]:
    """The oldest waiting rows behind ``after_id``; they stay where they are."""
    rows = connection.execute(
        "SELECT id, created_ms, line FROM outbox WHERE id > ? ORDER BY id LIMIT ?", (after_id, limit)
    )
    return [OutboxRow(row_id=row_id, created_ms=created_ms, line=line) for row_id, created_ms, line in rows]


def keep_waiting(connection: sqlite3.Connection, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Those of the rows that still wait: not replaced by a newer point and not dropped meanwhile."""
    if not rows:
        return []
    found = connection.execute("SELECT id FROM outbox WHERE id BETWEEN ? AND ?", (rows[0].row_id, rows[-1].row_id))
    waiting = {row_id for (row_id,) in found}
    return [row for row in rows if row.row_id in waiting]


def remove(connection: sqlite3.Connection, row_ids: Iterable[int]) -> None:
    """Forget rows that have arrived."""
    connection.executemany("DELETE FROM outbox WHERE id = ?", ((row_id,) for row_id in row_ids))


def bury(connection: sqlite3.Connection, rows: Mapping[int, str], limits: OutboxLimits) -> None:
    """Move refused rows to the dead letters.

    Args:
        connection: inside a transaction.
        rows: the server's reason by row id.
        limits: for the bound on dead letters.
    """
    for row_id, reason in rows.items():
        connection.execute(
            "INSERT INTO dead_letter (created_ms, line, reason) SELECT created_ms, line, ? FROM outbox WHERE id = ?",
            (reason[:500], row_id),
        )
    remove(connection, rows)
    kept_from = connection.execute(
        "SELECT id FROM dead_letter ORDER BY id DESC LIMIT 1 OFFSET ?", (limits.max_dead_letters - 1,)
    ).fetchone()
    if kept_from is not None:
        gone = connection.execute("DELETE FROM dead_letter WHERE id < ?", kept_from).rowcount
        add_counts(connection, {"outbox.dropped_dead_letters": gone})
    add_counts(connection, {"outbox.refused": len(rows)})


def add_counts(connection: sqlite3.Connection, increments: Mapping[str, int]) -> None:
    """Add to the store's counters."""
    connection.executemany(
        "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        ((name, value) for name, value in increments.items() if value),
    )


def _drop_old(connection: sqlite3.Connection, limit_ms: int) -> None:
    (newest_old,) = connection.execute(
        "SELECT max(id) FROM (SELECT id, created_ms FROM outbox ORDER BY id LIMIT ?) WHERE created_ms < ?",
        (_AGE_CHUNK, limit_ms),
    ).fetchone()
    if newest_old is not None:
        gone = connection.execute("DELETE FROM outbox WHERE id <= ?", (newest_old,)).rowcount
        add_counts(connection, {"outbox.dropped_old": gone})


def _drop_surplus(connection: sqlite3.Connection, max_rows: int) -> None:
    oldest, newest = connection.execute("SELECT (SELECT min(id) FROM outbox), (SELECT max(id) FROM outbox)").fetchone()
    # The span of ids is at least the number of rows; only where it is too wide are the rows counted.
    if oldest is None or newest - oldest < max_rows:
        return
    surplus = connection.execute("SELECT count(*) FROM outbox").fetchone()[0] - max_rows
    if surplus > 0:
        connection.execute("DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT ?)", (surplus,))
        add_counts(connection, {"outbox.dropped_full": surplus})
