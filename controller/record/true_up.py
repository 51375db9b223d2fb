"""The end of a billing period: what the utility's real invoice differs from the bills is split and booked."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from controller.record.day_digests import digest_true_up
from controller.record.day_posting import TRUE_UP, booked_on
from controller.record.day_rows import (
    Select,
    insert_entry,
    read_day,
    read_entries,
    read_last_entry,
    read_settled_days,
    select_from,
)
from controller.record.period_so_far import days_of_period
from controller.record.quantities import from_epoch_s
from controller.record.true_up_rows import INVOICE, StoredTrueUp, TrueUpPart, insert_true_up, read_true_up, sum_bills
from models.domain.errors import SettlementError
from models.domain.interval import local_day_of, settlement_day
from models.settlement.booking import UTILITY, name_account, post_difference
from models.settlement.ledger import Posting, Stage, append_entry
from models.settlement.peak_bills import true_up

MOST_NAMED = 6
"""Days that an error names; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueUp:
    """What the invoice asked for beyond the bills."""

    booked: StoredTrueUp
    is_new: bool
    """False: the same invoice was booked before, and nothing has changed since."""
    days_without_data: tuple[date, ...]
    """Days of the month on which nothing was metered: the invoice has their energy, no bill has."""
    anchor: str


def post_true_up(
    connection: sqlite3.Connection, first: date, invoice_minor: int, *, zone: ZoneInfo, now_utc: datetime
) -> TrueUp:
    """Book an invoice of a month, inside the caller's transaction; a later one for the same month books the difference.

    Args:
        connection: inside a writing transaction.
        first: first day of the month.
        invoice_minor: what the utility asks for [minor units]; negative: it pays.
        zone: the site's.
        now_utc: the time; a store whose intervals reach beyond the month has its own, as a demo's has.

    Raises:
        SettlementError: the month is not over, or a day of it is not settled for good.
    """
    select = select_from(connection)
    until = first + timedelta(days=days_of_period(first))
    _require_over(select, first, zone, now_utc)
    idle = _require_settled(select, first, until, zone)
    booked_minor = sum_bills(select, first)
    parts = _split(select, first, until, invoice_minor, booked_minor)
    before = read_true_up(select, first)
    earlier = read_entries(select, TRUE_UP, first, until)
    last = read_last_entry(select)
    wanted = StoredTrueUp(
        month=first, revision=len(earlier), invoice_minor=invoice_minor, booked_minor=booked_minor, parts=parts
    )
    if before is not None and last is not None and _is_same(before, wanted):
        return TrueUp(booked=before, is_new=False, days_without_data=idle, anchor=last.hash)
    insert_true_up(connection, wanted)
    postings = [Posting(name_account(part.member), part.amount_minor) for part in parts]
    postings.append(Posting(UTILITY, booked_minor - invoice_minor))
    entry = append_entry(
        last,
        day=until - timedelta(days=1),
        revision=wanted.revision,
        stage=Stage.CORRECTED if earlier else Stage.FINAL,
        kind=TRUE_UP,
        input_digest=(digest := digest_true_up(select, first, wanted.revision)),
        postings=post_difference(postings, booked_on(select, TRUE_UP, first, until)),
        digests={INVOICE: digest},
    )
    insert_entry(connection, entry)
    return TrueUp(booked=wanted, is_new=True, days_without_data=idle, anchor=entry.hash)


def _require_over(select: Select, first: date, zone: ZoneInfo, now_utc: datetime) -> None:
    last_day = first + timedelta(days=days_of_period(first) - 1)
    end_utc = settlement_day(last_day, zone).end_utc
    (row,) = select("SELECT max(start_s + duration_s) AS end_s FROM settled JOIN intervals USING (start_s)", ())
    known_utc = datetime.min.replace(tzinfo=UTC) if row["end_s"] is None else from_epoch_s(row["end_s"])
    if max(known_utc, now_utc) < end_utc:
        raise SettlementError(
            f"{first:%Y-%m} cannot be trued up: it is not over before {end_utc.astimezone(zone):%Y-%m-%d %H:%M} "
            f"({zone}); accepted is a month that is over, with all its days settled for good"
        )


def _require_settled(select: Select, first: date, until: date, zone: ZoneInfo) -> tuple[date, ...]:
    """Check that every day with metered energy is settled for good; returns the days without."""
    stages = read_settled_days(select, first, until)
    span = (settlement_day(first, zone).start_utc.timestamp(), settlement_day(until, zone).start_utc.timestamp())
    rows = select("SELECT DISTINCT start_s FROM allocations WHERE start_s >= ? AND start_s < ?", span)
    metered = frozenset(local_day_of(from_epoch_s(row["start_s"]), zone) for row in rows)
    days = [first + timedelta(days=number) for number in range((until - first).days)]
    open_days = [
        f"{day} is {'not settled' if day not in stages else 'provisional'}"
        for day in days
        if (day in metered and day not in stages) or stages.get(day) is Stage.PROVISIONAL
    ]
    if open_days or not stages:
        named = ", ".join(open_days[:MOST_NAMED]) + (
            f" and {len(open_days) - MOST_NAMED} more days" if len(open_days) > MOST_NAMED else ""
        )
        raise SettlementError(
            f"{first:%Y-%m} cannot be trued up: {named or 'no day of it is settled'}; accepted is a month whose days "
            "are all settled for good (commonwatt settle --day DAY)"
        )
    return tuple(day for day in days if day not in stages)


def _split(select: Select, first: date, until: date, invoice_minor: int, booked_minor: int) -> tuple[TrueUpPart, ...]:
    """What each member bears of the difference, in proportion to what it drew and fed in."""
    throughput: dict[str, int] = {}
    for local_day in read_settled_days(select, first, until):
        day = read_day(select, local_day)
        for one in day.members if day is not None else ():
            throughput[one.member] = throughput.get(one.member, 0) + int(one.import_wh.sum() + one.export_wh.sum())
    members = sorted(throughput)
    amounts = true_up(invoice_minor, booked_minor, np.array([float(throughput[member]) for member in members]))
    return tuple(
        TrueUpPart(member=member, throughput_wh=throughput[member], amount_minor=amount)
        for member, amount in zip(members, amounts.tolist(), strict=True)
    )


def _is_same(before: StoredTrueUp, wanted: StoredTrueUp) -> bool:
    return (before.invoice_minor, before.booked_minor, before.parts) == (
        wanted.invoice_minor,
        wanted.booked_minor,
        wanted.parts,
    )
