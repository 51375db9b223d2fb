"""A month's invoice, booked by ``commonwatt settle --month --invoice`` as a user meets it."""

from __future__ import annotations

import csv
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.errors import CommonWattError
from controller.apps.cli import app
from controller.apps.settlement_page import name_days
from controller.record.connection import open_writable, transaction
from controller.record.true_up import post_true_up
from controller.record.true_up_rows import read_true_up
from models.domain.errors import SettlementError
from tests.controller.apps.settled_store import NEXT, SITE_FILE, call, settle_day, two_days
from tests.controller.record.settled_days import DAY, SITE

JUNE = DAY.replace(day=1)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return two_days(tmp_path)


@pytest.fixture
def settled(store: Path) -> Path:
    for day in (DAY, NEXT):
        settle_day(store, day=str(day))
    return store


def options(store: Path, invoice: str) -> tuple[str, ...]:
    out = str(store.parent / "out")
    return ("settle", "--store", str(store), "--output", out, "--month", "2026-06", "--verify", "--invoice", invoice)


def test_the_months_invoice_is_trued_up_and_a_second_one_books_the_difference(settled: Path) -> None:
    first, words = call(*options(settled, "100.00"))
    booked = Decimal(str(first["booked"]))
    assert sum(Decimal(str(amount)) for amount in first["true_up"].values()) == Decimal(100) - booked
    assert "split by what each member drew" in words
    assert first["ledger"]["is_whole"] is True
    again, words = call(*options(settled, "100.00"))
    assert (first["is_new"], again["is_new"]) == (True, False)
    assert "this invoice was booked before (revision 0); nothing was booked anew" in words
    assert again["true_up"] == first["true_up"]
    later, _ = call(*options(settled, "90.01"))
    assert later["ledger"]["is_whole"] is True
    assert later["true_up_revision"] == 1
    assert sum(Decimal(str(amount)) for amount in later["true_up"].values()) == Decimal("90.01") - booked


def test_members_parts_are_a_file_and_a_table_whose_amounts_add_up(settled: Path) -> None:
    answer = CliRunner().invoke(app, [*options(settled, "100.00"), "--config", SITE_FILE])
    assert answer.exit_code == 0
    assert "true-up [EUR], positive = the member pays" in answer.stdout
    assert "drawn and fed in [kWh]" in answer.stdout
    with (settled.parent / "out" / "true-up-2026-06.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["member"] for row in rows] == [member.id for member in SITE.members]
    found = call(*options(settled, "100.00"))[0]
    assert sum(Decimal(row["true_up"]) for row in rows) == Decimal(100) - Decimal(str(found["booked"]))
    assert {row["currency"] for row in rows} == {"EUR"}


def test_days_without_any_reading_are_told_because_no_bill_has_them(settled: Path) -> None:
    found, words = call(*options(settled, "100.00"))
    assert len(found["days_without_data"]) == 28
    wanted = "No energy is on record for 2026-06-01 to 2026-06-11 and 2026-06-14 to 2026-06-30: the invoice has it"
    assert wanted in words


def test_days_are_named_as_ranges() -> None:
    days = [DAY.replace(day=number) for number in (3, 5, 6, 9)]
    assert name_days(days) == "2026-06-03, 2026-06-05 to 2026-06-06 and 2026-06-09"
    assert name_days(days[:1]) == "2026-06-03"


def test_a_month_with_a_day_that_is_not_settled_for_good_is_refused_by_name(store: Path) -> None:
    with pytest.raises(CommonWattError, match="2026-06-12 is not settled, 2026-06-13 is not settled"):
        call(*options(store, "1"))
    settle_day(store, "--game", "metered")
    with pytest.raises(CommonWattError, match="2026-06-12 is provisional, 2026-06-13 is not settled"):
        call(*options(store, "1"))
    settle_day(store)
    with pytest.raises(CommonWattError, match="trued up: 2026-06-13 is not settled; accepted"):
        call(*options(store, "1"))


def test_a_month_without_any_day_is_refused(store: Path) -> None:
    with pytest.raises(CommonWattError, match="no day of it is settled"):
        call("settle", "--store", str(store), "--month", "2026-05", "--invoice", "1")


def test_a_month_is_over_with_the_last_of_its_local_days(settled: Path) -> None:
    """Local midnight in Berlin is 22:00 UTC in June."""
    connection = open_writable(settled)
    early, due = (datetime(2026, 6, 30, hour, 59, tzinfo=UTC) for hour in (21, 22))
    with pytest.raises(SettlementError, match=r"not over before 2026-07-01 00:00 \(Europe/Berlin\)"):
        post_true_up(connection, JUNE, 10_000, zone=SITE.zone, now_utc=early)
    with transaction(connection):
        assert post_true_up(connection, JUNE, 10_000, zone=SITE.zone, now_utc=due).is_new
    connection.close()


def test_a_correction_after_the_true_up_is_remarked_and_booked_with_the_same_invoice(
    settled: Path, tmp_path: Path
) -> None:
    call(*options(settled, "100.00"))
    file = tmp_path / "v.csv"
    file.write_text("time,member,import_kwh,export_kwh\n2026-06-13T10:00:00Z,m04,3.0,0\n", encoding="utf-8")
    call("import-meters", str(file), "--store", str(settled))
    remarks = settle_day(settled, "--verify", day=str(NEXT))["ledger"]["remarks"]
    assert "true it up again with the same invoice" in remarks[0]
    again, _ = call(*options(settled, "100.00"))
    assert (again["is_new"], again["ledger"]["is_whole"], again["ledger"]["remarks"]) == (True, True, [])


@pytest.mark.parametrize(
    "statement, words",
    [
        ("UPDATE true_ups SET invoice_minor = invoice_minor + 100", "invoice less bills is"),
        ("UPDATE true_up_parts SET throughput_wh = throughput_wh + 1 WHERE member = 'm01'", "not the one that was"),
        (
            "UPDATE true_up_parts SET amount_minor = amount_minor + iif(member = 'm01', 5, iif(member = 'm02', -5, 0))",
            "does not book what its parts say",
        ),
    ],
)
def test_a_changed_true_up_is_found(settled: Path, statement: str, words: str) -> None:
    call(*options(settled, "100.00"))
    connection = sqlite3.connect(settled)
    for table in ("true_ups", "true_up_parts"):
        connection.execute(f"DROP TRIGGER {table}_no_update")
    connection.execute(statement)
    connection.commit()
    connection.close()
    result, _ = call("settle", "--store", str(settled), "--verify", status=1)
    assert any(words in fault for fault in result["ledger"]["faults"])


def test_a_true_up_is_read_back_as_it_was_booked(settled: Path) -> None:
    connection = open_writable(settled)
    with transaction(connection):
        done = post_true_up(connection, JUNE, -1_234, zone=SITE.zone, now_utc=datetime(2026, 7, 2, tzinfo=UTC))
        rows = connection.cursor()
        rows.row_factory = sqlite3.Row
        assert read_true_up(lambda query, values: rows.execute(query, values).fetchall(), JUNE) == done.booked
    connection.close()


@pytest.mark.parametrize("more", [("--month", "2026-06"), ("--month", "2026-06", "--invoice", "much")])
def test_an_invoice_without_month_or_amount_is_bad_use(store: Path, more: tuple[str, ...]) -> None:
    assert "accepted" in call("settle", "--store", str(store), *more, status=2)[1]
