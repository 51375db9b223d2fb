"""``commonwatt import-meters``: the network operator's validated values become new revisions of intervals."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import typer

from config.load import load_site
from config.schema import Site
from controller.apps.settle_command import require_site
from controller.apps.wiring import read_price_book
from controller.record.day_rows import read_settled_days, select_from
from controller.record.meter_import import ImportPlan, plan_import
from controller.record.operator_file import MOST_TOLD, FileForm, Flaw, OperatorValues, read_operator_file
from controller.record.points import points_of_settled
from controller.record.reader import open_reader
from controller.record.second_writer import bring_up_to_date, second_writer
from controller.record.settled_day import Queue
from controller.record.writer import insert_settled
from devices.clock import SystemClock
from models.domain.errors import SettlementError
from models.domain.interval import local_day_of

EXIT_FAILED = 1
BAD_USE = 2


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
    """Import a file whole or not at all; returns the exit status: 0 done, 1 refused, 2 bad use.

    Raises:
        CommonWattError: the site file, the store or the file cannot be used.
    """
    site = load_site(config)
    store = wish.store or site.store.path
    known = [member.id for member in site.members]
    if wish.member is not None and wish.member not in known:
        typer.secho(f"commonwatt: --member: found {wish.member!r}; accepted: {', '.join(known)}", err=True, fg="red")
        return BAD_USE
    file = read_operator_file(_read(wish.file), _form(site, wish))
    if isinstance(file, tuple):
        return _refuse(wish, file, is_json=is_json)
    if (before := bring_up_to_date(store)) is not None:
        typer.echo(
            f"The store was written by an earlier version (schema {before}) and was brought up to date.", err=True
        )
    # Planned before anything is locked: a month takes seconds, for which a controller's commit would not wait.
    with open_reader(store) as reader:
        require_site(reader.select, site, store)
        plan = plan_import(reader, site, file, lambda: read_price_book(site))
    if isinstance(plan, tuple):
        return _refuse(wish, plan, is_json=is_json)
    with second_writer(store, site, SystemClock().now_utc()) as (connection, queue):
        _write(connection, plan, queue)
        days = _open_days(connection, site, plan)
    _tell(wish, file, plan, days, config, is_json=is_json)
    return 0


def _refuse(wish: ImportWish, flaws: tuple[Flaw, ...], *, is_json: bool) -> int:
    for sentence in name_flaws(flaws):
        typer.secho(f"{wish.file.name}: {sentence}", err=True, fg=typer.colors.RED)
    typer.secho(f"{wish.file.name} was not imported; nothing was written", err=True)
    if is_json:
        told = [
            {"row": f.row, "column": f.column, "found": f.found, "accepted": f.accepted} for f in dict.fromkeys(flaws)
        ]
        typer.echo(json.dumps({"is_imported": False, "flaws": told}))
    return EXIT_FAILED


def name_flaws(flaws: Sequence[Flaw]) -> list[str]:
    """A sentence for each flaw; what is wrong in the same way in many rows is told once."""
    alike: dict[tuple[str, str], list[Flaw]] = {}
    for flaw in flaws:
        alike.setdefault((flaw.column, flaw.accepted), []).append(flaw)
    sentences = []
    for same in alike.values():
        rows = list(dict.fromkeys(flaw.row for flaw in same))
        more = f" (and in {_count(len(rows) - 1, 'more row')}, up to row {rows[-1]})" if len(rows) > 1 else ""
        sentences.append(f"{same[0]}{more}")
    if len(flaws) >= MOST_TOLD:
        sentences.append(f"after {len(flaws)} flaws, the rest was not looked at")
    return sentences


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


def _write(connection: sqlite3.Connection, plan: ImportPlan, queue: Queue | None) -> None:
    for interval in (*plan.created, *plan.corrected):
        insert_settled(connection, interval)
        if queue is not None:
            queue(lambda context, one=interval: points_of_settled(one, context))  # type: ignore[misc]


def _open_days(connection: sqlite3.Connection, site: Site, plan: ImportPlan) -> list[date]:
    """Settled days whose bills rest on what was imported: the days themselves, and later ones of their month."""
    changed = (*plan.created, *plan.corrected)
    touched = sorted({local_day_of(interval.start_utc, site.zone) for interval in changed})
    settled = read_settled_days(select_from(connection), date.min, date.max)
    return [
        day for day in settled if any(day >= one and (day.year, day.month) == (one.year, one.month) for one in touched)
    ]


def _tell(
    wish: ImportWish, file: OperatorValues, plan: ImportPlan, days: list[date], config: Path, *, is_json: bool
) -> None:
    """The result: on stdout, or beside the JSON object on stderr."""
    if is_json:
        result: dict[str, Any] = {
            "is_imported": True,
            "values": len(file.values),
            "members": sorted({member for _, member in file.values}),
            "intervals_corrected": len(plan.corrected),
            "intervals_created": len(plan.created),
            "settle_again": [day.isoformat() for day in days],
        }
        typer.echo(json.dumps(result))

    def say(sentence: str) -> None:
        typer.echo(sentence, err=is_json)

    members = len({member for _, member in file.values})
    say(
        f"{wish.file.name}: {_count(len(file.values), 'interval value')} of {_count(members, 'member')} read; "
        f"{_count(len(plan.corrected), 'interval')} corrected."
    )
    if plan.created:
        first, last = (f"{plan.created[k].start_utc:%Y-%m-%dT%H:%MZ}" for k in (0, -1))
        say(
            f"{_count(len(plan.created), 'interval')}, beginning from {first} to {last}, had not been recorded when "
            "they ended: made from the file, at the tariff's prices."
        )
    if not plan.created and not plan.corrected:
        say("The file says nothing new: the store has these values already.")
    if days:
        say("Bills rest on them; settle again, in this order:")
        for day in days:
            say(f"  commonwatt settle --config {config} --day {day}{_store_option(wish)}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _store_option(wish: ImportWish) -> str:
    return "" if wish.store is None else f" --store {wish.store}"
