from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.record import outbox
from controller.record.connection import open_writable, transaction
from controller.record.line_protocol import Point
from controller.record.migrations import migrate
from controller.record.outbox import OutboxLimits


def point(index: int, value: float = 1.0) -> Point:
    return Point(measurement="meter", tags={"site": "s"}, fields={"import_wh": value}, time_s=index)


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    opened = open_writable(tmp_path / "s.sqlite")
    migrate(opened)
    return opened


def put(connection: sqlite3.Connection, *points: Point, created_ms: int = 0, limits: OutboxLimits) -> None:
    with transaction(connection):
        outbox.put(connection, points, created_ms, limits)


def waiting(connection: sqlite3.Connection) -> list[int]:
    return [int(row.line.rsplit(" ", 1)[1]) for row in outbox.take(connection, after_id=0, limit=10_000)]


def count(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def test_lines_are_taken_oldest_first_and_in_pieces(connection: sqlite3.Connection) -> None:
    put(connection, *(point(i) for i in range(5)), limits=OutboxLimits())
    first = outbox.take(connection, after_id=0, limit=3)
    rest = outbox.take(connection, after_id=first[-1].row_id, limit=3)
    assert [row.line[-1] for row in [*first, *rest]] == ["0", "1", "2", "3", "4"]


def test_the_same_point_again_replaces_the_waiting_one(connection: sqlite3.Connection) -> None:
    put(connection, point(1, 1.0), point(2), limits=OutboxLimits())
    taken = outbox.take(connection, after_id=0, limit=10)
    put(connection, point(1, 7.0), limits=OutboxLimits())
    assert waiting(connection) == [2, 1]
    assert outbox.keep_waiting(connection, taken) == [taken[1]]
    assert outbox.keep_waiting(connection, []) == []


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(0, 9), max_size=12), bound=st.integers(1, 20))
def test_never_more_rows_than_allowed_and_each_dropped_one_is_counted(sizes: list[int], bound: int) -> None:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    migrate(opened)
    limits = OutboxLimits(max_rows=bound)
    total = 0
    for size in sizes:
        put(opened, *(point(total + i) for i in range(size)), limits=limits)
        total += size
        assert waiting(opened) == list(range(max(0, total - bound), total))
    assert count(opened, "outbox.dropped_full") == max(0, total - bound)
    opened.close()


def test_what_has_arrived_makes_room(connection: sqlite3.Connection) -> None:
    limits = OutboxLimits(max_rows=4)
    put(connection, *(point(i) for i in range(4)), limits=limits)
    outbox.remove(connection, [row.row_id for row in outbox.take(connection, after_id=0, limit=4)][1:3])
    put(connection, point(4), point(5), limits=limits)
    assert waiting(connection) == [0, 3, 4, 5]
    assert count(connection, "outbox.dropped_full") == 0


def test_lines_older_than_the_limit_are_dropped_and_counted(connection: sqlite3.Connection) -> None:
    limits = OutboxLimits(max_age_s=10.0)
    put(connection, point(0), created_ms=0, limits=limits)
    put(connection, point(1), created_ms=6_000, limits=limits)
    assert waiting(connection) == [0, 1]
    put(connection, point(2), created_ms=10_001, limits=limits)
    assert waiting(connection) == [1, 2]
    assert count(connection, "outbox.dropped_old") == 1


def test_dead_letters_keep_line_and_reason_and_are_bounded(connection: sqlite3.Connection) -> None:
    limits = OutboxLimits(max_dead_letters=3)
    put(connection, *(point(i) for i in range(5)), created_ms=42, limits=limits)
    rows = outbox.take(connection, after_id=0, limit=5)
    with transaction(connection):
        outbox.bury(connection, {row.row_id: f"reason {row.line[-1]}" for row in rows[:2]}, limits)
    assert waiting(connection) == [2, 3, 4]
    letters = connection.execute("SELECT created_ms, line, reason FROM dead_letter ORDER BY id").fetchall()
    assert letters == [(42, rows[0].line, "reason 0"), (42, rows[1].line, "reason 1")]
    with transaction(connection):
        outbox.bury(connection, {row.row_id: "x" * 900 for row in rows[2:]}, limits)
    reasons = [row[0] for row in connection.execute("SELECT reason FROM dead_letter ORDER BY id")]
    assert [len(reason) for reason in reasons] == [500, 500, 500]
    assert count(connection, "outbox.refused") == 5
    assert count(connection, "outbox.dropped_dead_letters") == 2
