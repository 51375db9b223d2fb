from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from controller.record.anchor import anchor_path, note_anchor, read_anchors
from controller.record.connection import open_writable, transaction
from controller.record.day_rows import insert_entry, read_day, read_last_entry, select_from, to_entry
from controller.record.ledger_audit import Audit, audit_ledger
from controller.record.migrations import migrate
from controller.record.schema import MIGRATIONS
from controller.record.writer import insert_settled
from models.domain.errors import StoreError
from models.domain.tariff import PriceBook
from models.settlement.ledger import GENESIS_HASH, Entry
from tests.controller.record.settled_days import DAY, FINAL, SITE, intervals, open_filled, settle


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day settled for now, then for good."""
    path = tmp_path_factory.mktemp("ledger") / "s.sqlite"
    connection = open_filled(path, intervals(DAY))
    settle(connection)
    settle(connection, wish=FINAL)
    connection.close()
    return path


def tampered(settled: Path, path: Path, *statements: str) -> tuple[str, ...]:
    """Faults found after someone with the file in hands has changed it."""
    shutil.copy(settled, path)
    connection = open_writable(path)
    last = read_last_entry(select_from(connection))
    assert last is not None
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.executescript("; ".join(statements))
    audit = audit_ledger(select_from(connection), [last.hash])
    connection.close()
    return audit.faults


def test_a_whole_ledger_has_no_faults(settled: Path, tmp_path: Path) -> None:
    assert tampered(settled, tmp_path / "s.sqlite") == ()


def test_a_revision_that_was_never_booked_is_found(settled: Path, tmp_path: Path) -> None:
    copied = ", ".join(
        "9" if name == "revision" else name for name in column_names(tmp_path / "names.sqlite", "day_settlements")
    )
    faults = tampered(
        settled,
        tmp_path / "s.sqlite",
        f"INSERT INTO day_settlements SELECT {copied} FROM day_settlements WHERE revision = 1",  # noqa: S608
    )
    assert "2026-06-12, revision 9: it was never booked" in faults


def column_names(path: Path, table: str) -> list[str]:
    connection = open_filled(path)
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return names


def test_values_imported_after_a_day_was_settled_are_no_fault(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection, wish=FINAL)
    one = intervals(DAY)[40]
    row = replace(one.metered[3], import_wh=5_000)
    metered = (*one.metered[:3], row, *one.metered[4:])
    insert_settled(connection, replace(one, revision=1, metered=metered, allocations=()))
    assert audit_ledger(select_from(connection), []).faults == ()
    settle(connection, wish=FINAL)
    assert audit_ledger(select_from(connection), []).faults == ()
    connection.close()


def test_days_settled_before_there_were_digests_are_read_and_told_as_unchecked(tmp_path: Path) -> None:
    """A store as version 3 of the schema wrote it, brought to the newest: its entries keep their hashes."""
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection)
    digested = read_last_entry(select_from(connection))
    assert digested is not None
    last = None
    old = []
    for entry in [to_entry(row) for row in select_from(connection)("SELECT * FROM ledger ORDER BY sequence", ())]:
        last = replace(entry, digests=(), previous_hash=GENESIS_HASH if last is None else last.hash)
        old.append(last)
    path = tmp_path / "old.sqlite"
    written = open_writable(path)
    migrate(written, MIGRATIONS[:3])
    copy_settlement(connection, written, old)
    assert migrate(written) == 3
    audit = audit_ledger(select_from(written), [old[-1].hash])
    assert audit.faults == ()
    assert audit.remarks == (
        "Revisions of 2026-06-12 were settled by an earlier version: of those, only the sums can be checked.",
    )
    found = read_day(select_from(written), DAY)
    assert found is not None
    assert found.bills.utility_minor > 0
    for start in intervals(DAY):
        insert_settled(written, start)
    settle(written, wish=FINAL)
    again = audit_ledger(select_from(written), [old[-1].hash])
    assert (again.faults, again.entries) == ((), len(old) + 2)
    for opened in (connection, written):
        opened.close()


def copy_settlement(source: sqlite3.Connection, target: sqlite3.Connection, entries: list[Entry]) -> None:
    with transaction(target):
        for table in ("day_settlements", "day_bills"):
            for row in source.execute(f"SELECT * FROM {table}"):  # noqa: S608
                target.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
        for entry in entries:
            insert_entry(target, entry)


def test_an_empty_ledger_is_whole(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite")
    assert audit_ledger(select_from(connection), []) == Audit(entries=0, days=0, anchors=0, head=None, faults=())
    connection.close()


@pytest.mark.parametrize(
    "statement, words",
    [
        (
            "UPDATE ledger SET content = CAST(replace(content, 'utility\",-', 'utility\",-1') AS BLOB)",
            "its content does not have the stored hash",
        ),
        ("DELETE FROM ledger WHERE sequence = (SELECT max(sequence) FROM ledger)", "published anchor"),
        ("DELETE FROM ledger WHERE sequence = 1", "has the sequence number"),
        ("UPDATE ledger SET day = '2026-06-11' WHERE sequence = 0", "columns say something else"),
        ("UPDATE ledger SET content = x'7b' WHERE sequence = 0", "cannot be read"),
        ("UPDATE day_bills SET share_minor = share_minor + 1 WHERE place = 0", "the tariff on the community's flows"),
        (
            "UPDATE day_bills SET share_minor = share_minor + CASE place WHEN 0 THEN 1 WHEN 1 THEN -1 ELSE 0 END",
            "does not book what the bills",
        ),
        ("UPDATE day_bills SET import_wh = zeroblob(768)", "the tariff on the community's flows"),
        (
            "UPDATE day_bills SET share_minor = share_minor + 10, solidarity_minor = solidarity_minor - 10",
            "2026-06-12, revision 1: the bills on record are not the ones that were booked",
        ),
        (
            "UPDATE day_explanations SET texts = '{}', numbers = '{}'",
            "revision 0: the explanations on record are not the ones that were written when it was settled",
        ),
        ("DELETE FROM day_explanations WHERE member = 'm02'", "the explanations on record"),
        ("UPDATE metered SET import_wh = import_wh + 500 WHERE import_wh > 0", "the meter readings, prices or weights"),
        ("UPDATE settled SET import_price_micro_per_kwh = 1", "the meter readings, prices or weights"),
        ("UPDATE allocations SET weight = 2.0", "the meter readings, prices or weights"),
        ("DELETE FROM day_inputs", "the meter readings, prices or weights"),
        ("UPDATE day_inputs SET interval_revision = 1", "the meter readings, prices or weights"),
        (
            "UPDATE day_bills SET loss_after_micro = loss_after_micro + 5000000 WHERE place = 0 AND revision = 1",
            "the bills on record are not the ones that were booked",
        ),
        (
            "UPDATE day_bills SET share_minor = share_minor + 1 WHERE revision = 0 AND place = 0",
            "2026-06-12, revision 0: the bills on record are not the ones that were booked",
        ),
        ("UPDATE day_settlements SET gain_micro = gain_micro + 1", "the bills on record"),
        ("UPDATE day_fairness SET figures = '{}'", "the fairness figures on record"),
        ("UPDATE day_bills SET export_wh = x'0102' WHERE revision = 1", "the settlement on record is damaged"),
        ("UPDATE day_bills SET is_estimated = x'00' WHERE revision = 1", "is_estimated of m01 has 1 values for 96"),
        ("UPDATE day_settlements SET prices = '{}'", "the settlement on record is damaged"),
        ("DELETE FROM day_settlements WHERE revision = 0", "revision 0: it is booked, and its bills are missing"),
        (
            "DELETE FROM ledger WHERE sequence = 3; UPDATE ledger SET revision = 7 WHERE sequence = 2",
            "columns say something else",
        ),
    ],
)
def test_tampering_is_found_and_told_in_words(settled: Path, tmp_path: Path, statement: str, words: str) -> None:
    assert any(words in fault for fault in tampered(settled, tmp_path / "s.sqlite", statement))


def test_a_ledger_hashed_anew_is_found_by_its_anchor(tmp_path: Path) -> None:
    """The same days settled with other data: a chain whole in itself, but not the published one."""
    honest = open_filled(tmp_path / "a.sqlite", intervals(DAY))
    settle(honest)
    published = read_last_entry(select_from(honest))
    honest.close()
    assert published is not None
    forged = open_filled(tmp_path / "b.sqlite", intervals(DAY, change=lambda k, one: None if k == 95 else one))
    with pytest.raises(AssertionError, match="asked for prices"):
        settle(forged)
    settle(forged, day=DAY, prices=prices)
    assert audit_ledger(select_from(forged), []).faults == ()
    assert audit_ledger(select_from(forged), [published.hash]).faults[0].startswith("the published anchor")
    forged.close()


def prices() -> PriceBook:
    return PriceBook(tariff=SITE.tariff, zone=SITE.zone)


def test_anchors_are_noted_once_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    for anchor in ("a" * 64, "a" * 64, "b" * 64):
        note_anchor(store, anchor)
    with anchor_path(store).open("a", encoding="ascii") as file:
        file.write("c" * 20)
    assert read_anchors(store) == ["a" * 64, "b" * 64]


def test_an_anchor_that_cannot_be_noted_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    anchor_path(tmp_path / "s.sqlite").mkdir()
    with pytest.raises(StoreError, match=r"s\.sqlite\.anchors"):
        note_anchor(tmp_path / "s.sqlite", "a" * 64)


def test_an_anchor_is_the_hash_of_the_last_entry(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection)
    (head,) = connection.execute("SELECT hash FROM ledger ORDER BY sequence DESC LIMIT 1").fetchone()
    assert audit_ledger(select_from(connection), []).head == head
    connection.close()
