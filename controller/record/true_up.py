"""The end of a billing period: what the utility's real invoice differs from the bills is split and booked."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from controller.record.day_posting import ENERGY, PEAK, TRUE_UP, booked_on
from controller.record.day_rows import (
    insert_entry,
    read_day,
    read_entries,
    read_last_entry,
    read_settled_days,
    select_from,
)
from controller.record.period_so_far import days_of_period
from models.domain.errors import SettlementError
from models.settlement.booking import UTILITY, name_account, post_difference
from models.settlement.ledger import Posting, Stage, append_entry
from models.settlement.peak_bills import true_up


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueUp:
    """What the invoice asked for beyond the bills [minor units]."""

    booked_minor: int
    """Sum of the period's bills, peak charge included."""
    invoice_minor: int
    amounts: tuple[tuple[str, int], ...]
    """By member, positive = pays; they add up to the difference."""
    is_new: bool
    """False: the same invoice was booked before."""
    anchor: str


def post_true_up(connection: sqlite3.Connection, first: date, invoice_minor: int) -> TrueUp:
    """Book an invoice of a month, inside the caller's transaction; a later one for the same month books the difference.

    Args:
        connection: inside a writing transaction.
        first: first day of the month.
        invoice_minor: what the utility asks for [minor units]; negative: it pays.

    Raises:
        SettlementError: a day of the month is missing or not settled for good.
    """
    select = select_from(connection)
    until = first + timedelta(days=days_of_period(first))
    stages = read_settled_days(select, first, until)
    open_days = [day for day, stage in stages.items() if stage is Stage.PROVISIONAL]
    if open_days or not stages:
        found = f"{open_days[0]} is provisional" if open_days else "no day of it is settled"
        raise SettlementError(f"{first:%Y-%m} cannot be trued up: {found}; accepted is a month of settled days")
    throughput: dict[str, int] = {}
    for local_day in stages:
        day = read_day(select, local_day)
        for one in day.members if day is not None else ():
            throughput[one.member] = throughput.get(one.member, 0) + int(one.import_wh.sum() + one.export_wh.sum())
    booked = -sum(booked_on(select, kind, first, until).get(UTILITY, 0) for kind in (ENERGY, PEAK))
    members = sorted(throughput)
    amounts = true_up(invoice_minor, booked, np.array([float(throughput[member]) for member in members])).tolist()
    last_day = until - timedelta(days=1)
    earlier = read_entries(select, TRUE_UP, first, until)
    postings = [Posting(name_account(member), amount) for member, amount in zip(members, amounts, strict=True)]
    difference = post_difference([*postings, Posting(UTILITY, -sum(amounts))], booked_on(select, TRUE_UP, first, until))
    last = read_last_entry(select)
    is_new = bool(difference) or not earlier
    if is_new:
        last = append_entry(
            last,
            day=last_day,
            revision=len(earlier),
            stage=Stage.CORRECTED if earlier else Stage.FINAL,
            kind=TRUE_UP,
            input_digest=hashlib.sha256(f"{first:%Y-%m} {invoice_minor} {booked}".encode()).hexdigest(),
            postings=difference,
        )
        insert_entry(connection, last)
    return TrueUp(
        booked_minor=booked,
        invoice_minor=invoice_minor,
        amounts=tuple(zip(members, amounts, strict=True)),
        is_new=is_new,
        anchor="" if last is None else last.hash,
    )
