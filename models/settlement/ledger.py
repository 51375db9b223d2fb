"""The ledger as pure values: double entry, append-only, chained by hashes. The store persists what is made here.

An entry's hash is SHA-256(previous hash || canonical bytes); the hash of the last entry, published elsewhere, is the
anchor: without it a cut tail, or a chain hashed anew, would not be noticed. Amounts are integers of minor units, so the
same entry always has the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from models.domain.errors import SettlementError

GENESIS_HASH = "0" * 64
"""What the first entry is chained to."""


class Stage(StrEnum):
    """How final an entry is."""

    PROVISIONAL = "provisional"
    FINAL = "final"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True, order=True)
class Posting:
    """An amount on an account; positive is a debit (the account owes), negative a credit."""

    account: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One balanced transaction: its postings add up to 0."""

    sequence: int
    """Position in the chain, from 0 on, without gaps."""
    day: date
    """Local day that it settles."""
    revision: int
    """0 for a day's first entry; a later one posts only the difference to those before."""
    stage: Stage
    kind: str
    """What it books, such as ``energy``, ``peak`` or ``true_up``."""
    input_digest: str
    """SHA-256 of the data it was computed from."""
    postings: tuple[Posting, ...]
    previous_hash: str
    digests: tuple[tuple[str, str], ...] = ()
    """SHA-256 by name, sorted, of rows beside the ledger that belong to it, such as bills; none in earlier versions."""

    @property
    def content(self) -> bytes:
        """Canonical bytes: JSON of sorted keys, without spaces, integers only, in ASCII."""
        fields: dict[str, object] = {
            "sequence": self.sequence,
            "day": self.day.isoformat(),
            "revision": self.revision,
            "stage": self.stage.value,
            "kind": self.kind,
            "input_digest": self.input_digest,
            "postings": [[posting.account, posting.amount_minor] for posting in self.postings],
        }
        if self.digests:
            fields["digests"] = dict(self.digests)
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")

    @property
    def hash(self) -> str:
        """SHA-256 of the previous hash and the content, in hexadecimal."""
        return hashlib.sha256(bytes.fromhex(self.previous_hash) + self.content).hexdigest()


def append_entry(
    last: Entry | None,
    *,
    day: date,
    revision: int,
    stage: Stage,
    kind: str,
    input_digest: str,
    postings: Iterable[Posting],
    digests: Mapping[str, str] | None = None,
) -> Entry:
    """The entry that follows the last one of a chain; postings are sorted and those of 0 left out.

    Raises:
        SettlementError: The postings do not balance, or an account occurs twice.
    """
    booked = tuple(sorted(posting for posting in postings if posting.amount_minor))
    imbalance = sum(posting.amount_minor for posting in booked)
    if imbalance:
        raise SettlementError(f"ledger entry of {day}: postings are off balance by {imbalance} minor units")
    accounts = [posting.account for posting in booked]
    if len(dict.fromkeys(accounts)) != len(accounts):
        raise SettlementError(f"ledger entry of {day}: an account occurs twice")
    return Entry(
        sequence=0 if last is None else last.sequence + 1,
        day=day,
        revision=revision,
        stage=stage,
        kind=kind,
        input_digest=input_digest,
        postings=booked,
        previous_hash=GENESIS_HASH if last is None else last.hash,
        digests=tuple(sorted((digests or {}).items())),
    )


def verify_chain(entries: Sequence[Entry], stored_hashes: Sequence[str], anchor: str | None = None) -> list[str]:
    """Faults of a ledger read back from a store; none where it is whole.

    Args:
        entries: all entries, in order.
        stored_hashes: the hash that was stored with each.
        anchor: published hash that the chain has to contain; ``None``: not checked.

    Returns:
        One sentence for each fault, with the entry's place.
    """
    faults: list[str] = []
    previous = GENESIS_HASH
    for place, (entry, stored) in enumerate(zip(entries, stored_hashes, strict=True)):
        if entry.sequence != place:
            faults.append(f"entry {place}: has the sequence number {entry.sequence}")
        if entry.previous_hash != previous:
            faults.append(f"entry {place}: is not chained to the entry before it")
        if entry.hash != stored:
            faults.append(f"entry {place}: its content does not have the stored hash")
        if sum(posting.amount_minor for posting in entry.postings):
            faults.append(f"entry {place}: its postings do not balance")
        previous = stored
    if anchor is not None and anchor not in (GENESIS_HASH, *stored_hashes):
        faults.append("the published anchor is not in the chain: entries are missing or were written anew")
    return faults


def balance_accounts(entries: Iterable[Entry]) -> dict[str, int]:
    """Balance of every account [minor units], by name in order; they add up to 0."""
    balances: dict[str, int] = {}
    for entry in entries:
        for posting in entry.postings:
            balances[posting.account] = balances.get(posting.account, 0) + posting.amount_minor
    return dict(sorted(balances.items()))
