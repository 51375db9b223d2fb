"""``commonwatt settle``: settles a day, or settles it again, and writes its files; or checks the ledger."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from config.currency import minor_per_unit
from config.load import load_site
from config.schema import Site
from controller.apps.settlement_files import format_money, write_files
from controller.apps.settlement_words import describe_changes
from controller.apps.wiring import read_price_book
from controller.record.anchor import note_anchor, read_anchors
from controller.record.day_posting import PostedDay
from controller.record.day_rows import read_day
from controller.record.ledger_audit import Audit, audit_ledger
from controller.record.parallel_batches import ParallelBatches, connect_cluster
from controller.record.quantities import MICRO_PER_EUR
from controller.record.reader import Reader, open_reader
from controller.record.second_writer import second_writer
from controller.record.settled_day import write_settlement
from controller.record.settlement_input import SettlementWish, build_job
from controller.record.settlement_job import ComputedDay, DayJob, compute_day
from controller.record.true_up import post_true_up
from devices.clock import SystemClock
from models.domain.errors import SettlementError, StoreError
from models.domain.interval import settlement_day
from models.settlement.ledger import Stage
from models.settlement.settle_day import GameKind

EXIT_FAILED = 1
BAD_USE = 2
SHOWN = {
    "stand_alone_minor": "alone",
    "wear_minor": "wear",
    "share_minor": "share",
    "solidarity_minor": "solidarity",
    "islanded_minor": "islanded",
    "bill_minor": "bill",
    "peak_minor": "peak charge",
}
"""Columns of the printed bills."""
ALWAYS_SHOWN = ("stand_alone_minor", "share_minor", "bill_minor")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleWish:
    """What is asked."""

    day: date | None
    game: GameKind | None = None
    """``None``: the site's final game."""
    output: Path | None = None
    """Folder for the day's files; unset: ``settlement`` beside the store."""
    store: Path | None = None
    """Store to use instead of the site's."""
    is_verified: bool = False
    anchors: tuple[str, ...] = ()
    """Published hashes that the ledger has to contain."""
    dask: str | None = None
    month: date | None = None
    """First day of a month whose invoice has come."""
    invoice: str | None = None
    """Its amount, as a decimal number."""


def settle(config: Path, wish: SettleWish, *, is_json: bool) -> int:
    """Settle or check; returns the exit status: 0 done and whole, 1 the ledger is broken, 2 bad use.

    Raises:
        CommonWattError: the site file or the store cannot be used, or the day cannot be settled.
    """
    site = load_site(config)
    store = wish.store or site.store.path
    if (complaint := _find_misuse(wish)) is not None:
        typer.secho(f"commonwatt: {complaint}", err=True, fg=typer.colors.RED)
        return BAD_USE
    console = Console(stderr=True)
    result: dict[str, Any] = {}
    if wish.day is not None:
        result = _settle_day(site, store, wish.day, wish, console)
    if wish.month is not None and wish.invoice is not None:
        result |= _true_up(site, store, wish.month, Decimal(wish.invoice), console)
    audit = _verify(site, store, wish) if wish.is_verified else None
    if audit is not None:
        result |= _describe_audit(audit)
        _print_audit(console, audit)
    if is_json:
        typer.echo(json.dumps(result, allow_nan=False, ensure_ascii=False))
    return EXIT_FAILED if audit is not None and audit.faults else 0


def _find_misuse(wish: SettleWish) -> str | None:
    if wish.day is None and wish.month is None and not wish.is_verified:
        return "found neither --day nor --verify; accepted: one of them, or both (or --month with --invoice)"
    if (wish.month is None) != (wish.invoice is None):
        return "found one of --month and --invoice; accepted: both together"
    if wish.invoice is not None and not re.fullmatch(r"-?\d{1,12}(\.\d{1,3})?", wish.invoice):
        return f"--invoice: found {wish.invoice!r}; accepted: an amount such as 1234.56"
    return None


def _true_up(site: Site, store: Path, month: date, invoice: Decimal, console: Console) -> dict[str, Any]:
    unit, currency = minor_per_unit(site.community.currency), site.community.currency
    amount = invoice * unit
    if amount != int(amount):
        raise SettlementError(f"--invoice: found {invoice}, accepted is a whole number of 1/{unit} {currency}")
    with second_writer(store, site, SystemClock().now_utc()) as (connection, _):
        done = post_true_up(connection, month, int(amount))
    note_anchor(store, done.anchor)
    difference = format_money(done.invoice_minor - done.booked_minor, unit)
    console.print(
        f"{month:%Y-%m}: the bills add up to {format_money(done.booked_minor, unit)} {currency}, the invoice is "
        f"{format_money(done.invoice_minor, unit)} {currency}; the difference of {difference} {currency} is split by "
        "what each member drew and fed in."
    )
    return {
        "month": f"{month:%Y-%m}",
        "booked": done.booked_minor / unit,
        "invoice": done.invoice_minor / unit,
        "true_up": {member: amount / unit for member, amount in done.amounts},
        "is_new": done.is_new,
        "anchor": done.anchor,
    }


def _settle_day(site: Site, store: Path, local_day: date, wish: SettleWish, console: Console) -> dict[str, Any]:
    final = GameKind(site.settlement.final_game)
    game = wish.game or final
    how = SettlementWish(game=game, is_final=game is final)
    with open_reader(store) as reader:
        _require_site(reader, site, store)
        _require_ended(reader, site, local_day)
        before = read_day(reader.select, local_day)
        if before is not None and before.stage is not Stage.PROVISIONAL and not how.is_final:
            raise SettlementError(
                f"{local_day} is {before.stage.value}: found --game {game.value}, accepted is --game {final.value}"
            )
        job = build_job(reader, site, local_day, how, lambda: read_price_book(site))
    if before is not None and before.input_digest == job.digest:
        anchors = read_anchors(store)
        posted = PostedDay(day=before, is_new=False, anchor=anchors[-1] if anchors else None)
    else:
        posted = _write(site, store, job, _compute(job, wish, console))
        if posted.anchor is not None:
            note_anchor(store, posted.anchor)
    folder = wish.output or store.parent / "settlement"
    paths = write_files(folder, posted.day, currency=site.community.currency, zone=site.zone)
    changes = (
        [] if before is None or not posted.is_new else describe_changes(before, posted.day, site.community.currency)
    )
    _print_day(console, site, posted, changes, folder)
    return _describe_day(site, posted, changes, paths)


def _require_site(reader: Reader, site: Site, store: Path) -> None:
    rows = reader.select("SELECT value FROM meta WHERE key = 'site'", ())
    if rows and rows[0]["value"] != site.community.id:
        raise StoreError(f"store {store} belongs to site {rows[0]['value']!r}, not {site.community.id!r}")


def _require_ended(reader: Reader, site: Site, local_day: date) -> None:
    end_utc = settlement_day(local_day, site.zone).end_utc
    last = reader.select("SELECT max(start_s) AS start_s FROM settled", ())[0]["start_s"]
    # A store whose readings reach to the day's end has its own time, as a demo's has.
    is_complete = last is not None and last + site.interval_min * 60 >= int(end_utc.timestamp())
    if not is_complete and SystemClock().now_utc() < end_utc:
        raise SettlementError(f"{local_day} has not ended; accepted is a day before today")


def _compute(job: DayJob, wish: SettleWish, console: Console) -> ComputedDay:
    with console.status(f"Settling {job.local_day} by the {job.game.value} game ...") as status:
        solved = 0

        def report(coalitions: int) -> None:
            nonlocal solved
            solved += coalitions
            status.update(f"Settling {job.local_day} by the {job.game.value} game: {solved} coalitions ...")

        with nullcontext() if wish.dask is None else connect_cluster(wish.dask):
            return compute_day(job, ParallelBatches(is_on_cluster=wish.dask is not None, report=report))


def _write(site: Site, store: Path, job: DayJob, computed: ComputedDay) -> PostedDay:
    now_utc = SystemClock().now_utc()
    with second_writer(store, site, now_utc) as (connection, queue):
        return write_settlement(connection, job, computed, now_utc, queue)


def _verify(site: Site, store: Path, wish: SettleWish) -> Audit:
    with open_reader(store) as reader:
        _require_site(reader, site, store)
        return audit_ledger(reader.select, (*read_anchors(store), *wish.anchors))


def _describe_day(site: Site, posted: PostedDay, changes: list[str], paths: tuple[Path, ...]) -> dict[str, Any]:
    day = posted.day
    unit = day.minor_per_unit
    bills = sum(one.bill_minor for one in day.members)
    gain = day.gain_micro / MICRO_PER_EUR
    excess = day.core_excess_micro / MICRO_PER_EUR
    return {
        "day": day.local_day.isoformat(),
        "revision": day.revision,
        "stage": day.stage.value,
        "is_new": posted.is_new,
        "game": day.game.value,
        "method": day.method,
        "outcome": day.outcome,
        "currency": site.community.currency,
        "members": len(day.members),
        "intervals": len(day.starts_utc),
        "estimated_values": day.estimated,
        "players": day.players,
        "coalitions_evaluated": day.coalitions,
        "gain": gain,
        "sum_of_shares": sum(one.share_minor + one.solidarity_minor for one in day.members) / unit,
        "sum_of_bills": bills / unit,
        "utility": day.utility_minor / unit,
        "sum_equals_tariff": bills == day.utility_minor,
        "peak_charge": day.peak_minor / unit,
        "max_standard_error": day.max_error_micro / MICRO_PER_EUR,
        "core_excess": excess,
        "core_excess_frac": excess / gain if gain > 0.0 else None,
        "notes": list(day.notes),
        "changes": changes,
        "anchor": posted.anchor,
        "files": [str(path) for path in paths],
    }


def _describe_audit(audit: Audit) -> dict[str, Any]:
    return {
        "ledger": {
            "is_whole": not audit.faults,
            "entries": audit.entries,
            "days": audit.days,
            "anchors": audit.anchors,
            "head": audit.head,
            "faults": list(audit.faults),
        }
    }


def _print_day(console: Console, site: Site, posted: PostedDay, changes: list[str], folder: Path) -> None:
    day, currency = posted.day, site.community.currency
    unit = day.minor_per_unit
    new = "" if posted.is_new else ", as it was: the same data"
    table = Table(
        title=f"{day.local_day} [{currency}], revision {day.revision} ({day.stage.value}{new})", title_justify="left"
    )
    shown = [line for line in SHOWN if line in ALWAYS_SHOWN or any(getattr(one, line) for one in day.members)]
    table.add_column("member")
    for line in shown:
        table.add_column(SHOWN[line], justify="right", overflow="fold")
    for one in day.members:
        table.add_row(one.member, *(format_money(getattr(one, line), unit) for line in shown))
    console.print(table)
    console.print("bill = alone - wear (borne in kind) - share of the gain - solidarity + islanded", style="dim")
    console.print(
        f"The bills add up to {format_money(day.utility_minor, unit)} {currency}, the utility's tariff on the "
        f"community's flows. Gain {day.gain_micro / MICRO_PER_EUR:.2f} {currency} ({day.game.value} game, "
        f"{day.method}, {day.coalitions} coalitions)."
    )
    for sentence in (*day.notes, *changes):
        console.print(sentence, highlight=False)
    console.print(f"Ledger anchor: {posted.anchor}", soft_wrap=True, highlight=False)
    console.print(f"Files: {folder.resolve()}", soft_wrap=True, highlight=False)


def _print_audit(console: Console, audit: Audit) -> None:
    for fault in audit.faults:
        console.print(fault, style="red", highlight=False)
    if not audit.faults:
        console.print(
            f"The ledger is whole: {audit.entries} entries, settled days: {audit.days}; chained and balanced, "
            f"every bill booked, {audit.anchors} anchors found."
        )
