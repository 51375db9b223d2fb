"""Invoices that months were trued up to: to rows inside the caller's transaction, back, and checked with the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from controller.record.day_digests import digest_true_up
from controller.record.day_posting import ENERGY, PEAK, TRUE_UP, booked_on
from controller.record.day_rows import Select
from controller.record.period_so_far import days_of_period
from models.settlement.booking import UTILITY, name_account
from models.settlement.ledger import Entry

INVOICE = "invoice"
"""Name of the digest in a true-up's ledger entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueUpPart:
    """One member's part of what an invoice differs from the bills."""

    member: str
    throughput_wh: int
    """Drawn and fed in, in the month."""
    amount_minor: int
    """Positive: the member pays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTrueUp:
    """One revision of a month's true-up."""

    month: date
    """Its first day."""
    revision: int
    invoice_minor: int
    booked_minor: int
    """Sum of the month's bills, peak charge included, when it was trued up."""
    parts: tuple[TrueUpPart, ...]
    """By member; they add up to invoice less bills."""


def insert_true_up(connection: sqlite3.Connection, one: StoredTrueUp) -> None:
    """One revision with its parts."""
    key = (f"{one.month:%Y-%m}", one.revision)
    connection.execute("INSERT INTO true_ups VALUES (?, ?, ?, ?)", (*key, one.invoice_minor, one.booked_minor))
    rows = ((*key, part.member, part.throughput_wh, part.amount_minor) for part in one.parts)
    connection.executemany("INSERT INTO true_up_parts VALUES (?, ?, ?, ?, ?)", rows)


def read_true_up(select: Select, month: date) -> StoredTrueUp | None:
    """The newest true-up of a month that has its invoice on record."""
    rows = select("SELECT * FROM true_ups WHERE month = ? ORDER BY revision DESC LIMIT 1", (f"{month:%Y-%m}",))
    if not rows:
        return None
    row = rows[0]
    parts = select(
        "SELECT * FROM true_up_parts WHERE month = ? AND revision = ? ORDER BY member", (row["month"], row["revision"])
    )
    return StoredTrueUp(
        month=month.replace(day=1),
        revision=row["revision"],
        invoice_minor=row["invoice_minor"],
        booked_minor=row["booked_minor"],
        parts=tuple(
            TrueUpPart(member=one["member"], throughput_wh=one["throughput_wh"], amount_minor=one["amount_minor"])
            for one in parts
        ),
    )


def sum_bills(select: Select, first: date) -> int:
    """What a month's bills add up to, peak charge included, as the ledger has it [minor units]."""
    until = first + timedelta(days=days_of_period(first))
    return -sum(booked_on(select, kind, first, until).get(UTILITY, 0) for kind in (ENERGY, PEAK))


def audit_true_ups(select: Select, entries: Sequence[Entry]) -> tuple[list[str], list[str]]:
    """Faults of true-ups, and remarks on those that cannot be checked or are out of date."""
    faults: list[str] = []
    for entry in entries:
        month = entry.day.replace(day=1)
        for name, digest in entry.digests:
            if name != INVOICE or digest_true_up(select, month, entry.revision) != digest:
                faults.append(f"true-up of {month:%Y-%m}, revision {entry.revision}: it is not the one that was booked")
    remarks = []
    for month in sorted({entry.day.replace(day=1) for entry in entries}):
        stored = read_true_up(select, month)
        if stored is None:
            remarks.append(
                f"The true-up of {month:%Y-%m} was booked by an earlier version, which did not keep the invoice: "
                "only its sum can be checked."
            )
            continue
        faults += _audit_newest(select, stored)
        billed = sum_bills(select, month)
        if billed != stored.booked_minor:
            remarks.append(
                f"Bills of {month:%Y-%m} were corrected after it was trued up: they add up to {billed} minor units, "
                f"then {stored.booked_minor}; true it up again with the same invoice."
            )
    return faults, remarks


def _audit_newest(select: Select, stored: StoredTrueUp) -> list[str]:
    place = f"true-up of {stored.month:%Y-%m}"
    difference = stored.invoice_minor - stored.booked_minor
    parts = sum(part.amount_minor for part in stored.parts)
    faults = []
    if parts != difference:
        faults.append(f"{place}: the parts add up to {parts} minor units, invoice less bills is {difference}")
    until = stored.month + timedelta(days=days_of_period(stored.month))
    booked = booked_on(select, TRUE_UP, until - timedelta(days=1), until)
    wanted = {name_account(part.member): part.amount_minor for part in stored.parts} | {UTILITY: -parts}
    if {account: amount for account, amount in booked.items() if amount} != {
        account: amount for account, amount in wanted.items() if amount
    }:
        faults.append(f"{place}: the ledger does not book what its parts say")
    return faults
