"""Fairness figures of settled days: to rows inside the caller's transaction, back, and to points."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime

from controller.record.day_rows import Select
from controller.record.line_protocol import Point
from controller.record.points import PointContext, fairness_point
from controller.record.quantities import to_epoch_s
from controller.record.records import Figures
from controller.record.texts import to_json


def insert_day_fairness(connection: sqlite3.Connection, local_day: date, revision: int, figures: Figures) -> None:
    """The figures of one revision of a day.

    Raises:
        StoreError: a figure is not finite, or its name is of a sensitive kind.
    """
    text = to_json(dict(figures), place="fairness figures of a day")
    connection.execute("INSERT INTO day_fairness VALUES (?, ?, ?)", (local_day.isoformat(), revision, text))


def read_day_fairness(select: Select, local_day: date, revision: int | None = None) -> dict[str, float | None] | None:
    """Figures of a revision of a day, the newest where none is named; ``None``: it has none."""
    rows = select(
        "SELECT figures FROM day_fairness WHERE day = ?1 AND revision ="
        " coalesce(?2, (SELECT max(revision) FROM day_settlements WHERE day = ?1))",
        (local_day.isoformat(), revision),
    )
    return dict(json.loads(rows[0]["figures"])) if rows else None


def read_renewable_wh(select: Select, since_utc: datetime, until_utc: datetime) -> dict[str, tuple[int, int]]:
    """Final use and the renewable part of it by member, over intervals in ``[since, until)`` [Wh]."""
    rows = select(
        "SELECT member, sum(use_wh) AS use_wh, sum(renewable_wh) AS renewable_wh FROM allocations"
        " JOIN (SELECT start_s, max(revision) AS revision FROM settled WHERE start_s >= ? AND start_s < ?"
        " GROUP BY start_s) USING (start_s, revision) GROUP BY member",
        (to_epoch_s(since_utc), to_epoch_s(until_utc)),
    )
    return {row["member"]: (row["use_wh"], row["renewable_wh"]) for row in rows}


def points_of_day_fairness(
    figures: Figures, revision: int, start_utc: datetime, context: PointContext
) -> Iterator[Point]:
    """The ``fairness`` point of a settled day, at its start; a later revision takes its place."""
    point = fairness_point(figures, "day", context, to_epoch_s(start_utc))
    if point is not None:
        yield Point(
            measurement=point.measurement,
            tags=point.tags,
            fields={**point.fields, "revision": revision},
            time_s=point.time_s,
        )
