"""``commonwatt import-meters``: the network operator's validated values become new revisions of intervals."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import typer

from config.load import load_site
from config.schema import Site
from controller.record.corrections import MeterValue, correct_interval
from controller.record.day_rows import read_settled_days, select_from
from controller.record.operator_columns import Direction
from controller.record.operator_file import FileForm, Values, read_operator_file
from controller.record.points import points_of_settled
from controller.record.reader import Reader
from controller.record.records import SettledInterval
from controller.record.second_writer import second_writer
from controller.record.settled_day import Queue
from controller.record.writer import insert_settled
from devices.clock import SystemClock
from models.domain.errors import SettlementError
from models.domain.interval import local_day_of

EXIT_FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWish:
    """What is asked."""

    file: Path
    store: Path | None = None
    unit: str | None = None
    stamps: Literal["utc", "local"] | None = None
    marks: Literal["start", "end"] = "start"
    member: str | None = None


def import_meters(config: Path, wish: ImportWish, *, is_json: bool) -> int:
    """Import a file whole or not at all; returns the exit status: 0 done, 1 refused.

    Raises:
        CommonWattError: the site file, the store or the file cannot be used.
    """
    site = load_site(config)
    store = wish.store or site.store.path
    values = read_operator_file(_read(wish.file), _form(site, wish))
    if isinstance(values, tuple):
        for flaw in values:
            typer.secho(f"{wish.file.name}: {flaw}", err=True, fg=typer.colors.RED)
        typer.secho(f"{wish.file.name} was not imported; nothing was written", err=True)
        if is_json:
            flaws = [{"row": f.row, "column": f.column, "found": f.found, "accepted": f.accepted} for f in values]
            typer.echo(json.dumps({"is_imported": False, "flaws": flaws}))
        return EXIT_FAILED
    now_utc = SystemClock().now_utc()
    with second_writer(store, site, now_utc) as (connection, queue):
        _require_site(connection, site, store)
        corrected = _write(connection, site, values, queue)
        days = _open_days(connection, site, corrected)
    _tell(wish, values, corrected, days, config, is_json=is_json)
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettlementError(f"{file} cannot be read: {error}") from error


def _form(site: Site, wish: ImportWish) -> FileForm:
    return FileForm(
        zone=site.zone,
        interval_min=site.interval_min,
        limits_kw={member.id: (member.import_limit_kw, member.export_limit_kw) for member in site.members},
        unit=None if wish.unit is None else wish.unit.lower(),
        stamps=wish.stamps,
        marks=wish.marks,
        member=wish.member,
    )


def _require_site(connection: sqlite3.Connection, site: Site, store: Path) -> None:
    found = connection.execute("SELECT value FROM meta WHERE key = 'site'").fetchone()
    if found is not None and found[0] != site.community.id:
        raise SettlementError(f"store {store} belongs to site {found[0]!r}, not {site.community.id!r}")


def _write(connection: sqlite3.Connection, site: Site, values: Values, queue: Queue | None) -> list[SettledInterval]:
    """New revisions of all intervals that the values change."""
    by_start: dict[datetime, dict[str, dict[Direction, int]]] = {}
    for (start, member), pair in values.items():
        by_start.setdefault(start, {})[member] = pair
    reader = Reader(connection)
    last = reader.last_decision()
    weights: Mapping[str, float] = {} if last is None else last.weights
    written = []
    for start in sorted(by_start):
        stored = reader.settled(start, start + timedelta(seconds=1))
        if not stored:
            raise SettlementError(
                f"{start.isoformat()}: the store has no such interval, so there is nothing to correct; "
                "leave it out of the file (nothing was imported)"
            )
        corrected = correct_interval(site, stored[0], _complete(stored[0], by_start[start]), weights)
        if corrected is not None:
            insert_settled(connection, corrected)
            written.append(corrected)
            if queue is not None:
                queue(lambda context, one=corrected: points_of_settled(one, context))  # type: ignore[misc]
    return written


def _complete(stored: SettledInterval, given: Mapping[str, Mapping[Direction, int]]) -> dict[str, MeterValue]:
    """Both directions of each member; one that the file leaves out stays as metered."""
    known = {row.member: row for row in stored.metered}
    values = {}
    for member, pair in given.items():
        row = known.get(member)
        if row is None:
            raise SettlementError(
                f"{stored.start_utc.isoformat()}: {member} was not in the community then (nothing was imported)"
            )
        drawn = pair.get(Direction.IMPORT, row.import_wh)
        fed_in = pair.get(Direction.EXPORT, row.export_wh)
        if drawn is None or fed_in is None:
            missing = "import" if drawn is None else "export"
            raise SettlementError(
                f"{stored.start_utc.isoformat()}, {member}: the file has no {missing}, and the meter was silent; "
                "accepted are both (nothing was imported)"
            )
        values[member] = MeterValue(import_wh=drawn, export_wh=fed_in)
    return values


def _open_days(connection: sqlite3.Connection, site: Site, corrected: list[SettledInterval]) -> list[date]:
    """Settled days whose bills rest on what was corrected: the days themselves, and later ones of their month."""
    touched = sorted({local_day_of(interval.start_utc, site.zone) for interval in corrected})
    settled = read_settled_days(select_from(connection), date.min, date.max)
    return [
        day for day in settled if any(day >= one and (day.year, day.month) == (one.year, one.month) for one in touched)
    ]


def _tell(
    wish: ImportWish,
    values: Values,
    corrected: list[SettledInterval],
    days: list[date],
    config: Path,
    *,
    is_json: bool,
) -> None:
    if is_json:
        result: dict[str, Any] = {
            "is_imported": True,
            "values": len(values),
            "members": sorted({member for _, member in values}),
            "intervals_corrected": len(corrected),
            "settle_again": [day.isoformat() for day in days],
        }
        typer.echo(json.dumps(result))
    typer.echo(f"{wish.file.name}: {len(values)} values read, {len(corrected)} intervals have a new revision", err=True)
    if days:
        typer.echo("Bills rest on them; settle again, in this order:", err=True)
        for day in days:
            typer.echo(f"  commonwatt settle --config {config} --day {day}", err=True)
