from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.booking import post_difference
from models.settlement.ledger import (
    GENESIS_HASH,
    Entry,
    Posting,
    Stage,
    append_entry,
    balance_accounts,
    verify_chain,
)

DIGEST = "ab" * 32


def write_chain(days: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(days):
        entries.append(
            append_entry(
                entries[-1] if entries else None,
                day=date(2026, 6, 1 + number),
                revision=0,
                stage=Stage.FINAL,
                kind="energy",
                input_digest=DIGEST,
                postings=[
                    Posting("utility", -30 - number),
                    Posting("member:m01", 10 + number),
                    Posting("member:m02", 20),
                    Posting("member:m03", 0),
                ],
            )
        )
    return entries


def hashes(entries: list[Entry]) -> list[str]:
    return [entry.hash for entry in entries]


def test_a_chain_as_written_is_whole() -> None:
    entries = write_chain(5)
    assert verify_chain(entries, hashes(entries), entries[-1].hash) == []
    assert entries[0].previous_hash == GENESIS_HASH
    assert verify_chain([], []) == []


def test_the_same_entry_has_the_same_bytes_for_ever() -> None:
    entry = write_chain(1)[0]
    assert entry.content == (
        b'{"day":"2026-06-01","input_digest":"' + DIGEST.encode() + b'","kind":"energy","postings":'
        b'[["member:m01",10],["member:m02",20],["utility",-30]],"revision":0,"sequence":0,"stage":"final"}'
    )
    assert entry.hash == hashlib.sha256(bytes(32) + entry.content).hexdigest()


@pytest.mark.parametrize("place", range(4))
def test_a_changed_amount_is_found(place: int) -> None:
    entries = write_chain(4)
    stored = hashes(entries)
    forged = tuple(Posting(p.account, p.amount_minor * 2) for p in entries[place].postings)
    entries[place] = replace(entries[place], postings=forged)
    assert verify_chain(entries, stored) == [f"entry {place}: its content does not have the stored hash"]


@pytest.mark.parametrize("place", range(3))
def test_a_deleted_entry_is_found(place: int) -> None:
    entries = write_chain(4)
    stored = hashes(entries)
    del entries[place], stored[place]
    assert any("not chained" in fault for fault in verify_chain(entries, stored))


def test_swapped_entries_are_found() -> None:
    entries = write_chain(4)
    entries[1], entries[2] = entries[2], entries[1]
    assert any("not chained" in fault for fault in verify_chain(entries, hashes(entries)))


def test_only_the_anchor_finds_a_cut_tail_and_a_chain_hashed_anew() -> None:
    entries = write_chain(4)
    anchor = entries[-1].hash
    assert verify_chain(entries[:3], hashes(entries[:3])) == []
    assert any("anchor" in fault for fault in verify_chain(entries[:3], hashes(entries[:3]), anchor))
    forged = replace(entries[0], input_digest="cd" * 32)
    anew = [forged]
    for entry in entries[1:]:
        anew.append(replace(entry, previous_hash=anew[-1].hash))
    assert verify_chain(anew, hashes(anew)) == []
    assert any("anchor" in fault for fault in verify_chain(anew, hashes(anew), anchor))


def test_an_entry_that_does_not_balance_is_refused_and_found() -> None:
    with pytest.raises(SettlementError, match="off balance by 1"):
        append_entry(
            None,
            day=date(2026, 6, 1),
            revision=0,
            stage=Stage.FINAL,
            kind="energy",
            input_digest=DIGEST,
            postings=[Posting("utility", -1), Posting("member:m01", 2)],
        )
    entry = replace(write_chain(1)[0], postings=(Posting("utility", -1),))
    assert verify_chain([entry], [entry.hash]) == ["entry 0: its postings do not balance"]


def test_an_account_occurs_once_in_an_entry() -> None:
    with pytest.raises(SettlementError, match="twice"):
        append_entry(
            None,
            day=date(2026, 6, 1),
            revision=0,
            stage=Stage.FINAL,
            kind="energy",
            input_digest=DIGEST,
            postings=[Posting("member:m01", -1), Posting("member:m01", -1), Posting("utility", 2)],
        )


amounts = st.dictionaries(st.sampled_from(["m1", "m2", "m3", "m4"]), st.integers(-500, 500), max_size=4)


@given(first=amounts, second=amounts)
def test_booking_a_difference_takes_every_account_to_its_new_revision(
    first: dict[str, int], second: dict[str, int]
) -> None:
    old = {**first, "utility": -sum(first.values())}
    new = [Posting(account, amount) for account, amount in {**second, "utility": -sum(second.values())}.items()]
    difference = post_difference(new, old)
    assert sum(posting.amount_minor for posting in difference) == 0
    reached = dict(old)
    for posting in difference:
        reached[posting.account] = reached.get(posting.account, 0) + posting.amount_minor
    for posting in new:
        assert reached.pop(posting.account, 0) == posting.amount_minor
    assert not any(reached.values())


def test_balances_of_all_accounts_add_up_to_nothing() -> None:
    balances = balance_accounts(write_chain(3))
    assert balances == {"member:m01": 33, "member:m02": 60, "utility": -93}
    assert sum(balances.values()) == 0


def test_digests_are_part_of_an_entrys_hash_and_an_entry_without_keeps_the_one_it_had() -> None:
    def entry(digests: dict[str, str] | None) -> Entry:
        return append_entry(
            None,
            day=date(2026, 6, 12),
            revision=0,
            stage=Stage.FINAL,
            kind="energy",
            input_digest="0" * 64,
            postings=[Posting("member:m01", 100), Posting("utility", -100)],
            digests=digests,
        )

    plain, sealed = entry(None), entry({"bills": "b" * 64, "a": "a" * 64})
    assert b"digests" not in plain.content
    assert sealed.digests == (("a", "a" * 64), ("bills", "b" * 64))
    assert len({plain.hash, sealed.hash, entry({"bills": "c" * 64}).hash}) == 3
