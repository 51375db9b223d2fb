"""Settled days, true-ups and the state of the ledger for a reader at a terminal, or of a file they are sent to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.apps.settlement_files import LINE_COLUMNS, format_money, list_lines
from controller.apps.settlement_words import describe_outcome
from controller.record.day_posting import PostedDay
from controller.record.day_records import DaySettlement
from controller.record.ledger_audit import Audit
from controller.record.true_up import TrueUp

FILE_WIDTH = 160
"""Columns of a table that does not go to a terminal."""
HEADINGS = dict(
    zip(
        LINE_COLUMNS,
        ("cost alone", "battery wear", "share of gain", "solidarity", "islanded", "peak charge"),
        strict=True,
    )
)
ALWAYS_SHOWN = ("cost_alone", "share_of_gain")


def open_console(*, is_beside: bool) -> Console:
    """Where results go: stdout, or stderr where stdout holds a JSON object."""
    console = Console(stderr=is_beside)
    return console if console.is_terminal else Console(stderr=is_beside, width=FILE_WIDTH)


def print_day(console: Console, posted: PostedDay, changes: Sequence[str], folder: Path, currency: str) -> None:
    """A day's bills, what it brought, what changed, and where its files are."""
    day, unit = posted.day, posted.day.minor_per_unit
    new = "" if posted.is_new else ", as it was: the same data"
    title = f"{day.local_day}, revision {day.revision} ({day.stage.value}{new}): what each member pays [{currency}]"
    # As a title rich would break it at the table's width.
    _say(console, title)
    table = Table()
    lines = {one.member: dict(zip(LINE_COLUMNS, list_lines(one), strict=True)) for one in day.members}
    shown = [name for name in LINE_COLUMNS if name in ALWAYS_SHOWN or any(row[name] for row in lines.values())]
    table.add_column("member")
    for name in shown:
        table.add_column(HEADINGS[name], justify="right", overflow="fold")
    table.add_column("total", justify="right", overflow="fold")
    for member, row in lines.items():
        amounts = [*(row[name] for name in shown), sum(row.values())]
        table.add_row(member, *(format_money(amount, unit) for amount in amounts))
    console.print(table)
    _say(console, " ".join(_describe_totals(day, currency)))
    for sentence in (*describe_outcome(day, currency), *day.notes, *changes):
        _say(console, sentence)
    _say(console, f"Ledger anchor: {posted.anchor}")
    _say(console, f"Files: {folder.resolve()}")


def _describe_totals(day: DaySettlement, currency: str) -> list[str]:
    utility = f"{format_money(day.utility_minor, day.minor_per_unit)} {currency}"
    sentences = ["The lines of a member add up to its total; what is negative is taken off."]
    if any(one.wear_minor for one in day.members):
        sentences.append("Battery wear is taken off because its owner bears it in kind.")
    tariff = f"the totals add up to {utility}, the utility's tariff on what the community drew and fed in."
    if not any(one.peak_minor for one in day.members):
        return [*sentences, f"T{tariff[1:]}"]
    peak = f"{format_money(day.peak_minor, day.minor_per_unit)} {currency}"
    return [
        *sentences,
        f"Without the peak charge {tariff}",
        f"The day books {peak} of the month's peak charge so far; what each bears of it is final with the month's end.",
    ]


def print_true_up(console: Console, done: TrueUp, path: Path, currency: str, unit: int) -> None:
    """What the invoice asks for beyond the bills, and each member's part."""
    booked = done.booked
    month = f"{booked.month:%Y-%m}"
    if not done.is_new:
        _say(console, f"{month}: this invoice was booked before (revision {booked.revision}); nothing was booked anew.")
    difference = format_money(booked.invoice_minor - booked.booked_minor, unit)
    _say(
        console,
        f"{month}: the bills add up to {format_money(booked.booked_minor, unit)} {currency}, the invoice is "
        f"{format_money(booked.invoice_minor, unit)} {currency}; the difference of {difference} {currency} is split by "
        "what each member drew and fed in.",
    )
    _say(console, f"{month}: true-up [{currency}], positive = the member pays")
    table = Table()
    table.add_column("member")
    table.add_column(escape("drawn and fed in [kWh]"), justify="right")
    table.add_column("true-up", justify="right")
    for one in booked.parts:
        table.add_row(one.member, f"{one.throughput_wh / 1000:.3f}", format_money(one.amount_minor, unit))
    console.print(table)
    _say(console, f"Ledger anchor: {done.anchor}")
    _say(console, f"File: {path.resolve()}")


def print_audit(console: Console, audit: Audit) -> None:
    """What is wrong with the ledger, or that nothing is."""
    for fault in audit.faults:
        console.print(escape(fault), style="red", highlight=False, soft_wrap=True)
    if audit.faults:
        _say(console, f"The ledger is NOT whole: {_count(len(audit.faults), 'fault')}.")
    else:
        _say(
            console,
            f"The ledger is whole: {_count(audit.entries, 'entry')}, {_count(audit.days, 'settled day')}; chained and "
            f"balanced, every bill booked, {_count(audit.anchors, 'anchor')} found. Bills, readings and "
            f"explanations of {audit.digested} of {_count(audit.revisions, 'revision')} are what was booked.",
        )
    for remark in audit.remarks:
        _say(console, remark)


def name_days(days: Sequence[date]) -> str:
    """Days in words, neighbours as one range: ``2026-06-01 to 2026-06-11 and 2026-06-14``."""
    ranges: list[list[date]] = []
    for day in days:
        if ranges and day - ranges[-1][-1] == timedelta(days=1):
            ranges[-1].append(day)
        else:
            ranges.append([day])
    named = [f"{one[0]}" if len(one) == 1 else f"{one[0]} to {one[-1]}" for one in ranges]
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _say(console: Console, sentence: str) -> None:
    console.print(escape(sentence), highlight=False, soft_wrap=True)
