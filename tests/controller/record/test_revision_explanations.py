from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from controller.record.day_rows import read_day, select_from
from controller.record.reader import Reader
from controller.record.records import ExplanationRow, SettledInterval
from controller.record.revision_explanations import explain_revision
from controller.record.writer import insert_settled
from models.explanation.correction import CorrectionCause
from models.explanation.language import LANGUAGES
from tests.controller.record.settled_days import DAY, FINAL, SITE, intervals, open_filled, settle, silence

MEMBER, OTHER = SITE.members[3].id, SITE.members[1].id
LINES = ("alone", "wear", "share", "solidarity", "islanded")


def correct(connection: sqlite3.Connection, step: int = 40, more_wh: int = 5_000) -> None:
    """A validated value of the fourth member replaces the metered one."""
    one: SettledInterval = intervals(DAY)[step]
    row = replace(one.metered[3], import_wh=(one.metered[3].import_wh or 0) + more_wh)
    metered = (*one.metered[:3], row, *one.metered[4:])
    insert_settled(connection, replace(one, revision=1, metered=metered, allocations=()))


def rows_of(connection: sqlite3.Connection, member: str) -> dict[str, ExplanationRow]:
    """The newest revision's rows by topic."""
    found = Reader(connection).day_explanations(member, DAY)
    assert found is not None
    return {row.topic: row for row in found[1]}


def cents(numbers: Mapping[str, float | None], name: str) -> int:
    return round(100 * (numbers.get(f"correction_{name}_eur") or 0.0))


def test_the_first_settlement_of_a_day_with_all_values_has_nothing_to_tell(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection)
    assert set(rows_of(connection, MEMBER)) == {"benefit", "peak"}
    connection.close()


def test_a_correction_is_stored_with_its_revision_for_every_member_and_adds_up(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    before = settle(connection, wish=FINAL)
    correct(connection)
    after = settle(connection, wish=FINAL)
    for old, new in zip(before.members, after.members, strict=True):
        row = rows_of(connection, new.member)["correction"]
        numbers = row.numbers
        assert cents(numbers, "bill_before") == old.bill_minor
        assert cents(numbers, "bill_after") == new.bill_minor
        lines = sum(cents(numbers, line) for line in LINES)
        assert cents(numbers, "bill_before") + lines == cents(numbers, "bill_after")
        if old.peak_minor != new.peak_minor:
            assert (cents(numbers, "peak_before"), cents(numbers, "peak_after")) == (old.peak_minor, new.peak_minor)
        own = new.member == MEMBER
        assert row.reason == (CorrectionCause.OWN_METER if own else CorrectionCause.OTHER_METERS).value
        assert numbers["revision"] == after.revision == 1
        assert set(row.texts) == set(LANGUAGES)
        assert not [member.id for member in SITE.members for text in row.texts.values() if member.id in text]
    assert any(old.peak_minor != new.peak_minor for old, new in zip(before.members, after.members, strict=True))
    own_row = rows_of(connection, MEMBER)["correction"].numbers
    changed = (own_row["correction_import_wh_after"] or 0.0) - (own_row["correction_import_wh_before"] or 0.0)
    assert changed == 5_000
    connection.close()


def test_settling_the_same_data_again_leaves_the_stored_difference_as_it_is(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection, wish=FINAL)
    correct(connection)
    settle(connection, wish=FINAL)
    told = rows_of(connection, MEMBER)
    settle(connection, wish=FINAL)
    assert rows_of(connection, MEMBER) == told
    connection.close()


def test_final_figures_tell_what_they_changed_of_the_provisional_ones(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    first, second = settle(connection), settle(connection, wish=FINAL)
    for old, new in zip(first.members, second.members, strict=True):
        row = rows_of(connection, new.member).get("correction")
        assert (row is not None) == ((old.bill_minor, old.peak_minor) != (new.bill_minor, new.peak_minor))
        if row is not None:
            assert row.reason == CorrectionCause.FINAL_GAME.value
            assert "alone and together" in row.texts["en"]
    connection.close()


def test_estimated_values_are_told_to_their_member_by_number_and_to_others_without(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=silence(MEMBER, *range(20, 28))))
    settle(connection, wish=FINAL)
    own, other = (rows_of(connection, member)["estimate"] for member in (MEMBER, OTHER))
    assert own.numbers["estimated_values"] == 8
    assert own.numbers["values"] == 96
    assert own.texts["en"].startswith("8 of your 96 meter values of this day were missing.")
    assert other.numbers["estimated_values"] == 0
    assert other.texts["en"].startswith("Some meter values of the community were missing")
    assert MEMBER not in other.texts["en"]
    connection.close()


def test_estimates_that_were_replaced_are_told_in_the_correction_and_no_more_as_estimates(tmp_path: Path) -> None:
    silent = intervals(DAY, change=silence(MEMBER, 20))
    connection = open_filled(tmp_path / "s.sqlite", silent)
    settle(connection, wish=FINAL)
    insert_settled(connection, replace(intervals(DAY)[20], revision=1))
    settle(connection, wish=FINAL)
    rows = rows_of(connection, MEMBER)
    assert "estimate" not in rows
    assert "0 are estimated now instead of 1" in rows["correction"].texts["en"]
    connection.close()


@pytest.mark.parametrize("members", [2, 3])
def test_between_two_homes_only_the_own_estimates_are_told(tmp_path: Path, members: int) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection, wish=FINAL)
    day = read_day(select_from(connection), DAY)
    assert day is not None
    first = replace(day.members[0], is_estimated=~day.members[0].is_estimated)
    few = replace(day, members=(first, *day.members[1:members]))
    rows = explain_revision(None, few, "EUR", is_final=True)
    assert len(rows) == (1 if members == 2 else 3)
    connection.close()


def test_a_member_that_an_earlier_revision_did_not_have_began_with_nothing(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    after = settle(connection, wish=FINAL)
    before = replace(after, members=after.members[1:])
    rows = explain_revision(before, after, "EUR", is_final=True)
    assert rows[0].member == after.members[0].member
    assert cents(rows[0].numbers, "bill_before") == 0
    assert cents(rows[0].numbers, "bill_after") == after.members[0].bill_minor
    assert {row.reason for row in rows[1:]} == {CorrectionCause.OTHER_METERS.value}
    connection.close()
