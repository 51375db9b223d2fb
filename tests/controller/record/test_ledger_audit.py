from __future__ import annotations

from pathlib import Path

import pytest

from controller.record.anchor import anchor_path, note_anchor, read_anchors
from controller.record.day_rows import read_last_entry, select_from
from controller.record.ledger_audit import Audit, audit_ledger
from models.domain.errors import StoreError
from models.domain.tariff import PriceBook
from tests.controller.record.settled_days import DAY, FINAL, SITE, intervals, open_filled, settle


def tampered(path: Path, *statements: str) -> tuple[str, ...]:
    """Faults found after someone with the file in hands has changed it."""
    connection = open_filled(path, intervals(DAY))
    settle(connection)
    settle(connection, wish=FINAL)
    last = read_last_entry(select_from(connection))
    assert last is not None
    triggers = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('ledger', 'day_bills')"
    ).fetchall()
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA foreign_keys = OFF")
    for statement in statements:
        connection.execute(statement)
    audit = audit_ledger(select_from(connection), [last.hash])
    connection.close()
    return audit.faults


def test_a_whole_ledger_has_no_faults(tmp_path: Path) -> None:
    assert tampered(tmp_path / "s.sqlite") == ()


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
    ],
)
def test_tampering_is_found_and_told_in_words(tmp_path: Path, statement: str, words: str) -> None:
    assert any(words in fault for fault in tampered(tmp_path / "s.sqlite", statement))


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
