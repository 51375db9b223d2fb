"""Checks a store's ledger: chain, anchors, double entry, and that what lies beside it is what was booked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from controller.record.day_digests import BILLS, EXPLANATIONS, FAIRNESS, READINGS, digest_day
from controller.record.day_posting import ENERGY, PEAK, TRUE_UP, booked_on
from controller.record.day_records import DaySettlement
from controller.record.day_rows import Select, read_day, read_settled_days, to_entry
from controller.record.true_up_rows import audit_true_ups
from models.domain.errors import CommonWattError
from models.settlement.booking import UTILITY, name_account
from models.settlement.ledger import Entry, balance_accounts, verify_chain
from models.settlement.utility import charge_community, to_minor

_ALTERED = {
    BILLS: "the bills on record are not the ones that were booked",
    EXPLANATIONS: "the explanations on record are not the ones that were written when it was settled",
    FAIRNESS: "the fairness figures on record are not the ones that were written when it was settled",
    READINGS: "the meter readings, prices or weights on record are not the ones that it was settled from",
}


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
    revisions: int = 0
    """Revisions of settled days that were booked."""
    digested: int = 0
    """Those of them whose rows were compared with the digests in the ledger."""
    remarks: tuple[str, ...] = ()
    """What could not be checked, or is still to be done: no faults."""


def audit_ledger(select: Select, anchors: Sequence[str], report: Callable[[date], None] | None = None) -> Audit:
    """Check everything.

    Args:
        select: queries over the store.
        anchors: published hashes that the chain has to contain.
        report: told of each day before it is checked.
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
    settled = [one for one in entries if one.kind == ENERGY]
    faults += _audit_revisions(select, settled)
    for day in days:
        if report is not None:
            report(day)
        faults += _audit_day(select, day)
    trued_up, remarks = audit_true_ups(select, [one for one in entries if one.kind == TRUE_UP])
    return Audit(
        entries=len(rows),
        days=len(days),
        anchors=len(anchors),
        head=hashes[-1] if hashes else None,
        faults=(*faults, *trued_up),
        revisions=len(settled),
        digested=sum(bool(one.digests) for one in settled),
        remarks=(*_find_undigested(settled), *remarks),
    )


def _audit_revisions(select: Select, entries: Sequence[Entry]) -> list[str]:
    """Every revision was booked once, and its rows are the ones that were booked."""
    rows = select("SELECT day, revision FROM day_settlements ORDER BY day, revision", ())
    stored = [(date.fromisoformat(row["day"]), int(row["revision"])) for row in rows]
    booked = frozenset((entry.day, entry.revision) for entry in entries)
    known = frozenset(stored)
    faults = [f"{day}, revision {number}: it was never booked" for day, number in stored if (day, number) not in booked]
    for entry in entries:
        place = f"{entry.day}, revision {entry.revision}"
        if (entry.day, entry.revision) not in known:
            faults.append(f"{place}: it is booked, and its bills are missing")
            continue
        found = digest_day(select, entry.day, entry.revision) if entry.digests else {}
        faults += [
            f"{place}: {_ALTERED.get(name, f'{name} are not known to this version')}"
            for name, digest in entry.digests
            if found.get(name) != digest
        ]
    return faults


def _find_undigested(entries: Iterable[Entry]) -> list[str]:
    days = sorted({entry.day for entry in entries if not entry.digests})
    if not days:
        return []
    when = f"{days[0]}" if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
    return [f"Revisions of {when} were settled by an earlier version: of those, only the sums can be checked."]


def _audit_day(select: Select, local_day: date) -> list[str]:
    try:
        day = read_day(select, local_day)
        if day is None:
            return []
        tariff = to_minor(charge_community(day.energy, day.prices), day.minor_per_unit)
    except CommonWattError as error:
        return [str(error)]
    faults = []
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
