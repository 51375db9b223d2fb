from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from controller.record.day_posting import ENERGY, PEAK, booked_on
from controller.record.day_rows import read_day, read_entries, select_from
from controller.record.ledger_schema import LEDGER_TABLES
from controller.record.records import SettledInterval
from controller.record.settled_day import describe_settlement
from controller.record.settlement_job import compute_day
from controller.record.writer import insert_settled
from models.domain.errors import StoreError
from models.settlement.booking import UTILITY, name_account
from models.settlement.ledger import Stage
from tests.controller.record.settled_days import (
    DAY,
    FINAL,
    SITE,
    battery_row,
    bills_of,
    intervals,
    job_of,
    open_filled,
    post,
    settle,
)

NEXT = DAY.replace(day=DAY.day + 1)


def correct(connection: sqlite3.Connection, step: int = 40) -> None:
    """A validated value of the first member replaces the metered one."""
    one: SettledInterval = intervals(DAY)[step]
    row = replace(one.metered[3], import_wh=(one.metered[3].import_wh or 0) + 5_000)
    metered = (*one.metered[:3], row, *one.metered[4:])
    insert_settled(connection, replace(one, revision=1, metered=metered, allocations=()))


def test_provisional_then_final_then_corrected_post_only_differences(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    select = select_from(connection)
    first, second = settle(connection), settle(connection, wish=FINAL)
    correct(connection)
    third = settle(connection, wish=FINAL)
    assert [day.stage for day in (first, second, third)] == [Stage.PROVISIONAL, Stage.FINAL, Stage.CORRECTED]
    assert [day.revision for day in (first, second, third)] == [0, 1, 2]
    booked = booked_on(select, ENERGY, DAY, NEXT)
    wanted = {name_account(member): amount for member, amount in bills_of(third).items()}
    assert {account: amount for account, amount in booked.items() if account != UTILITY} == wanted
    assert booked[UTILITY] == -third.utility_minor
    entries = read_entries(select, ENERGY, DAY, NEXT)
    assert [entry.revision for entry in entries] == [0, 1, 2]
    assert third.utility_minor != second.utility_minor
    connection.close()


def test_the_same_data_are_not_posted_twice(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    job = job_of(connection)
    assert post(connection, job).is_new
    again = post(connection, job_of(connection))
    assert not again.is_new
    assert again.day.revision == 0
    assert connection.execute("SELECT count(*) FROM day_settlements").fetchone() == (1,)
    connection.close()


def test_the_same_days_in_another_store_give_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        connection = open_filled(tmp_path / f"{name}.sqlite", intervals(DAY))
        settle(connection)
        settle(connection, wish=FINAL)
        contents.append(
            [
                *connection.execute("SELECT content, hash FROM ledger ORDER BY sequence"),
                *connection.execute("SELECT * FROM day_bills ORDER BY day, revision, place"),
                *connection.execute("SELECT * FROM day_explanations ORDER BY day, revision, member, topic"),
            ]
        )
        connection.close()
    assert contents[0] == contents[1]
    assert len(contents[0]) > 4


def test_a_final_day_is_not_made_provisional_again(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection, wish=FINAL)
    with pytest.raises(StoreError, match="step back"):
        settle(connection)
    connection.close()


def test_a_settlement_that_another_program_overtook_is_refused(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    slow = job_of(connection)
    settle(connection, wish=FINAL)
    with pytest.raises(StoreError, match="settled by another program meanwhile"):
        post(connection, slow)
    connection.close()


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    job = job_of(connection, wish=FINAL)
    computed = compute_day(job)
    posted = post(connection, job).day
    found = read_day(select_from(connection), DAY)
    assert found is not None
    wanted = replace(
        describe_settlement(job, computed, job.starts_utc[-1]), revision=posted.revision, stage=posted.stage
    )
    assert found.bills.bill_minor.tolist() == wanted.bills.bill_minor.tolist()
    for name in ("import_wh", "export_wh", "received_wh", "supplied_wh"):
        assert (getattr(found.energy, name) == getattr(wanted.energy, name)).all()
    assert replace(found, members=()) == replace(wanted, members=())
    assert found.prices.import_eur_per_kwh.tolist() == job.day.prices.import_eur_per_kwh.tolist()
    assert read_day(select_from(connection), DAY, revision=7) is None
    connection.close()


def test_every_member_is_told_why_in_the_same_transaction(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settle(connection, wish=FINAL)
    topics = connection.execute("SELECT member, topic FROM day_explanations ORDER BY member, topic").fetchall()
    assert topics == [(member.id, topic) for member in SITE.members for topic in ("benefit", "peak")]
    connection.close()


def test_the_peak_charge_is_an_entry_of_its_own(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    settled = settle(connection)
    booked = booked_on(select_from(connection), PEAK, DAY, NEXT)
    assert booked[UTILITY] == -settled.peak_minor
    assert sum(booked.values()) == 0
    connection.close()


@pytest.fixture
def filled(tmp_path: Path) -> sqlite3.Connection:
    def with_battery(_k: int, interval: SettledInterval) -> SettledInterval:
        return replace(interval, devices=(battery_row("m01", soc_wh=4_000),))

    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY, change=with_battery))
    settle(connection)
    return connection


@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_rows_of_a_settled_day_cannot_be_deleted(filled: sqlite3.Connection, table: str) -> None:
    assert filled.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0  # noqa: S608
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        filled.execute(f"DELETE FROM {table}")  # noqa: S608
    filled.close()


@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_rows_of_a_settled_day_cannot_be_changed(filled: sqlite3.Connection, table: str) -> None:
    column = filled.execute(f"SELECT * FROM {table}").description[0][0]  # noqa: S608
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        filled.execute(f"UPDATE {table} SET {column} = {column}")  # noqa: S608
    filled.close()


def test_an_entry_that_skips_a_number_is_refused(filled: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="follows the last one"):
        filled.execute(
            "INSERT INTO ledger VALUES (9, '2026-06-13', 0, 'final', 'energy', x'00', ?, ?)", ("a" * 64, "b" * 64)
        )
    filled.close()
