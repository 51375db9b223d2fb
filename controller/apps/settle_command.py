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

from config.currency import minor_per_unit
from config.load import load_site
from config.schema import Site
from controller.apps.fairness_words import print_fairness, read_fairness
from controller.apps.settlement_files import write_files, write_true_up
from controller.apps.settlement_page import name_days, open_console, print_audit, print_day, print_true_up
from controller.apps.settlement_words import describe_changes
from controller.apps.wiring import read_price_book
from controller.record.anchor import note_anchor, read_anchors
from controller.record.day_posting import PostedDay
from controller.record.day_rows import Select, read_day, select_from
from controller.record.ledger_audit import Audit, audit_ledger
from controller.record.parallel_batches import ParallelBatches, connect_cluster
from controller.record.quantities import MICRO_PER_EUR
from controller.record.reader import Reader, open_reader
from controller.record.second_writer import bring_up_to_date, second_writer
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
    console = open_console(is_beside=is_json)
    result: dict[str, Any] = {}
    if (before := bring_up_to_date(store)) is not None:
        typer.echo(
            f"The store was written by an earlier version (schema {before}) and was brought up to date.", err=True
        )
    if wish.day is not None:
        result = _settle_day(site, store, wish.day, wish, console)
    if wish.month is not None and wish.invoice is not None:
        result |= _true_up(site, store, wish.month, wish, console)
    audit = _verify(site, store, wish) if wish.is_verified else None
    if audit is not None:
        result |= _describe_audit(audit)
        print_audit(console, audit)
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


def _true_up(site: Site, store: Path, month: date, wish: SettleWish, console: Console) -> dict[str, Any]:
    unit, currency = minor_per_unit(site.community.currency), site.community.currency
    invoice = Decimal(wish.invoice or "0")
    amount = invoice * unit
    if amount != int(amount):
        raise SettlementError(f"--invoice: found {invoice}, accepted is a whole number of 1/{unit} {currency}")
    now_utc = SystemClock().now_utc()
    with second_writer(store, site, now_utc) as (connection, _):
        require_site(select_from(connection), site, store)
        done = post_true_up(connection, month, int(amount), zone=site.zone, now_utc=now_utc)
    note_anchor(store, done.anchor)
    path = write_true_up(_folder(wish, store), done.booked, currency=currency, minor_per_unit=unit)
    print_true_up(console, done, path, currency, unit)
    if done.days_without_data:
        named = name_days(done.days_without_data)
        typer.echo(f"No energy is on record for {named}: the invoice has it, no bill has.", err=True)
    return {
        "month": f"{month:%Y-%m}",
        "booked": done.booked.booked_minor / unit,
        "invoice": done.booked.invoice_minor / unit,
        "true_up": {one.member: one.amount_minor / unit for one in done.booked.parts},
        "true_up_revision": done.booked.revision,
        "true_up_file": str(path),
        "days_without_data": [day.isoformat() for day in done.days_without_data],
        "is_new": done.is_new,
        "anchor": done.anchor,
    }


def _folder(wish: SettleWish, store: Path) -> Path:
    return wish.output or store.parent / "settlement"


def _settle_day(site: Site, store: Path, local_day: date, wish: SettleWish, console: Console) -> dict[str, Any]:
    final = GameKind(site.settlement.final_game)
    game = wish.game or final
    how = SettlementWish(game=game, is_final=game is final)
    with open_reader(store) as reader:
        require_site(reader.select, site, store)
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
        posted = _write(site, store, job, _compute(job, wish))
        if posted.anchor is not None:
            note_anchor(store, posted.anchor)
    currency, folder = site.community.currency, _folder(wish, store)
    paths = write_files(folder, posted.day, currency=currency, zone=site.zone)
    with open_reader(store) as reader:
        replaced = read_day(reader.select, local_day, posted.day.revision - 1)
    changes = [] if replaced is None else describe_changes(replaced, posted.day, currency)
    fairness = read_fairness(store, posted.day)
    print_day(console, posted, changes, folder, currency)
    print_fairness(console, fairness)
    return _describe_day(site, posted, changes, paths) | {"fairness": fairness}


def require_site(select: Select, site: Site, store: Path) -> None:
    """Check that a store is this site's.

    Raises:
        StoreError: it belongs to another one.
    """
    rows = select("SELECT value FROM meta WHERE key = 'site'", ())
    if rows and rows[0]["value"] != site.community.id:
        raise StoreError(f"store {store} belongs to site {rows[0]['value']!r}, not {site.community.id!r}")


def _require_ended(reader: Reader, site: Site, local_day: date) -> None:
    end_utc = settlement_day(local_day, site.zone).end_utc
    last = reader.select("SELECT max(start_s) AS start_s FROM settled", ())[0]["start_s"]
    # A store whose readings reach to the day's end has its own time, as a demo's has.
    is_complete = last is not None and last + site.interval_min * 60 >= int(end_utc.timestamp())
    if not is_complete and SystemClock().now_utc() < end_utc:
        raise SettlementError(f"{local_day} has not ended; accepted is a day before today")


def _compute(job: DayJob, wish: SettleWish) -> ComputedDay:
    with Console(stderr=True).status(f"Settling {job.local_day} by the {job.game.value} game ...") as status:
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
    with open_reader(store) as reader, Console(stderr=True).status("Checking the ledger ...") as status:
        require_site(reader.select, site, store)
        anchors = (*read_anchors(store), *wish.anchors)
        return audit_ledger(reader.select, anchors, lambda day: status.update(f"Checking the ledger: {day} ..."))


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
        "loss_carried": sum(one.loss_after_micro for one in day.members) / MICRO_PER_EUR,
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
            "revisions": audit.revisions,
            "revisions_with_digests": audit.digested,
            "anchors": audit.anchors,
            "head": audit.head,
            "faults": list(audit.faults),
            "remarks": list(audit.remarks),
        }
    }
