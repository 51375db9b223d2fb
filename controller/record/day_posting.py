"""Posts a settled day in the caller's transaction: bills, and in the ledger the difference to what is booked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from controller.record.day_digests import digest_day, insert_inputs
from controller.record.day_records import DaySettlement
from controller.record.day_rows import (
    Select,
    insert_day,
    insert_entry,
    read_day,
    read_entries,
    read_last_entry,
    select_from,
)
from models.domain.errors import StoreError
from models.settlement.booking import UTILITY, name_account, post_bills, post_difference
from models.settlement.ledger import Entry, Posting, Stage, append_entry, balance_accounts

ENERGY = "energy"
PEAK = "peak"
TRUE_UP = "true_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedDay:
    """What became of a settlement."""

    day: DaySettlement
    """With its revision and stage."""
    is_new: bool
    """False: the newest revision was computed from the same data, and nothing was written."""
    anchor: str | None
    """Hash of the ledger's last entry."""


def write_day(
    connection: sqlite3.Connection,
    day: DaySettlement,
    *,
    follows: int | None,
    is_final: bool,
    inputs: Iterable[tuple[datetime, int]] = (),
) -> PostedDay:
    """Write a settlement as the day's next revision; whatever else belongs to it is written before ``book_day``.

    Args:
        connection: inside a writing transaction.
        day: the settlement; its revision and stage are set here.
        follows: newest revision that it was computed beside; ``None``: there was none.
        is_final: made from the site's final game.
        inputs: revision of each interval that it was computed from.

    Raises:
        StoreError: another revision was written meanwhile, or the day is final and this one is not.
    """
    select = select_from(connection)
    last = read_last_entry(select)
    anchor = None if last is None else last.hash
    newest = read_day(select, day.local_day)
    if newest is not None and newest.input_digest == day.input_digest:
        return PostedDay(day=newest, is_new=False, anchor=anchor)
    found = None if newest is None else newest.revision
    if found != follows:
        message = f"{day.local_day} was settled by another program meanwhile (revision {found}); settle it again"
        raise StoreError(message)
    written = replace(day, revision=0 if found is None else found + 1, stage=_choose_stage(newest, is_final=is_final))
    insert_day(connection, written)
    insert_inputs(connection, written.local_day, written.revision, inputs)
    return PostedDay(day=written, is_new=True, anchor=anchor)


def book_day(connection: sqlite3.Connection, written: PostedDay) -> PostedDay:
    """Book a new revision in the ledger, with digests of its rows as they are now; nothing where it is not new."""
    if not written.is_new:
        return written
    day, select = written.day, select_from(connection)
    digests = digest_day(select, day.local_day, day.revision)
    last_entry = _post(connection, day, ENERGY, post_bills([one.member for one in day.members], day.bills), digests)
    if any(one.peak_minor for one in day.members) or booked_on(select, PEAK, *_only(day.local_day)):
        last_entry = _post(connection, day, PEAK, _peak_postings(day))
    return replace(written, anchor=last_entry.hash)


def booked_on(select: Select, kind: str, since: date, until: date) -> dict[str, int]:
    """What entries of a kind booked for days in ``[since, until)``, by account [minor units]."""
    return balance_accounts(read_entries(select, kind, since, until))


def _choose_stage(newest: DaySettlement | None, *, is_final: bool) -> Stage:
    if newest is None or newest.stage is Stage.PROVISIONAL:
        return Stage.FINAL if is_final else Stage.PROVISIONAL
    if not is_final:
        message = f"{newest.local_day} is {newest.stage.value}: a provisional settlement would be a step back"
        raise StoreError(message)
    return Stage.CORRECTED


def _only(local_day: date) -> tuple[date, date]:
    return local_day, local_day + timedelta(days=1)


def _peak_postings(day: DaySettlement) -> list[Posting]:
    return [
        *(Posting(name_account(one.member), one.peak_minor) for one in day.members),
        Posting(UTILITY, -day.peak_minor),
    ]


def _post(
    connection: sqlite3.Connection,
    day: DaySettlement,
    kind: str,
    postings: Iterable[Posting],
    digests: Mapping[str, str] | None = None,
) -> Entry:
    select = select_from(connection)
    booked = booked_on(select, kind, *_only(day.local_day))
    entry = append_entry(
        read_last_entry(select),
        day=day.local_day,
        revision=day.revision,
        stage=day.stage,
        kind=kind,
        input_digest=day.input_digest,
        postings=post_difference(postings, booked),
        digests=digests,
    )
    insert_entry(connection, entry)
    return entry
