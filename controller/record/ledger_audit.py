"""Checks a store's ledger: chain, anchors, double entry, and that it books exactly what the bills say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from controller.record.day_posting import ENERGY, PEAK, booked_on
from controller.record.day_records import DaySettlement
from controller.record.day_rows import Select, read_day, read_settled_days, to_entry
from models.domain.errors import CommonWattError
from models.settlement.booking import UTILITY, name_account
from models.settlement.ledger import Entry, balance_accounts, verify_chain
from models.settlement.utility import charge_community, to_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was looked at, and what was found."""

    entries: int
    days: int
    anchors: int
    head: str | None
    """Hash of the last entry."""
    faults: tuple[str, ...]
    """One sentence each; none where the ledger is whole."""


def audit_ledger(select: Select, anchors: Sequence[str]) -> Audit:
    """Check everything.

    Args:
        select: queries over the store.
        anchors: published hashes that the chain has to contain.
    """
    rows = select("SELECT * FROM ledger ORDER BY sequence", ())
    entries: list[Entry] = []
    faults: list[str] = []
    for place, row in enumerate(rows):
        try:
            entry = to_entry(row)
        except CommonWattError as error:
            faults.append(f"entry {place}: {error}")
            return Audit(entries=len(rows), days=0, anchors=len(anchors), head=None, faults=tuple(faults))
        entries.append(entry)
        told = (row["day"], row["revision"], row["stage"], row["kind"], bytes(row["content"]))
        if told != (entry.day.isoformat(), entry.revision, entry.stage.value, entry.kind, entry.content):
            faults.append(f"entry {place}: its columns say something else than its content")
    hashes = [row["hash"] for row in rows]
    faults += verify_chain(entries, hashes)
    faults += [
        f"the published anchor {anchor[:12]}... is not in the chain: entries are missing or were written anew"
        for anchor in dict.fromkeys(anchors)
        if anchor not in hashes
    ]
    if sum(balance_accounts(entries).values()):
        faults.append("the accounts do not balance")
    days = read_settled_days(select, date.min, date.max)
    for day in days:
        faults += _audit_day(select, day)
    return Audit(
        entries=len(rows),
        days=len(days),
        anchors=len(anchors),
        head=hashes[-1] if hashes else None,
        faults=tuple(faults),
    )


def _audit_day(select: Select, local_day: date) -> list[str]:
    day = read_day(select, local_day)
    if day is None:
        return []
    faults = []
    tariff = to_minor(charge_community(day.energy, day.prices), day.minor_per_unit)
    billed = sum(one.bill_minor for one in day.members)
    if not billed == day.utility_minor == tariff:
        faults.append(
            f"{local_day}: the bills add up to {billed} minor units, "
            f"the tariff on the community's flows is {tariff}, {day.utility_minor} is on record"
        )
    for kind, wanted in ((ENERGY, _owed(day, "bill_minor")), (PEAK, _owed(day, "peak_minor"))):
        booked = booked_on(select, kind, local_day, local_day + timedelta(days=1))
        if {account: amount for account, amount in booked.items() if amount} != wanted:
            faults.append(
                f"{local_day}: the ledger does not book what the bills of revision {day.revision} say ({kind})"
            )
    return faults


def _owed(day: DaySettlement, line: str) -> dict[str, int]:
    owed = {name_account(one.member): getattr(one, line) for one in day.members}
    owed[UTILITY] = -sum(owed.values())
    return {account: amount for account, amount in owed.items() if amount}
