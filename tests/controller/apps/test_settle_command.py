"""``commonwatt settle`` and ``import-meters`` as a user meets them: files, words, exit statuses."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.errors import CommonWattError
from controller.apps.cli import app
from tests.controller.record.settled_days import (
    DAY,
    ROOT,
    SITE,
    intervals,
    newest,
    open_filled,
    settle,
    silence,
)

SITE_FILE = str(ROOT / "config" / "sites" / "six.yaml")
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY), intervals(NEXT)).close()
    return path


def call(*arguments: str, status: int = 0) -> tuple[dict[str, Any], str]:
    """The JSON object and what was said beside it."""
    done = CliRunner().invoke(app, [*arguments, "--config", SITE_FILE, "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.stderr
    lines = done.stdout.splitlines()
    return (json.loads(lines[0]) if lines else {}), done.stderr


def settle_day(store: Path, *more: str, day: str = str(DAY)) -> dict[str, Any]:
    return call("settle", "--store", str(store), "--day", day, "--output", str(store.parent / "out"), *more)[0]


def table(store: Path, name: str) -> list[dict[str, str]]:
    with (store.parent / "out" / f"{name}-{DAY}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_settled_days_bills_add_up_to_the_tariff_in_the_answer_and_in_the_file(store: Path) -> None:
    result = settle_day(store, "--verify")
    assert result["stage"] == "final"
    assert result["game"] == "reoptimised"
    assert result["sum_equals_tariff"] is True
    assert result["ledger"]["is_whole"] is True
    bills = table(store, "bills")
    assert [row["member"] for row in bills] == [member.id for member in SITE.members]
    assert sum(Decimal(row["bill"]) for row in bills) == Decimal(str(result["utility"]))
    for row in bills:
        parts = [Decimal(row[name]) for name in ("stand_alone", "battery_wear", "share_of_gain", "solidarity")]
        assert Decimal(row["bill"]) == parts[0] - parts[1] - parts[2] - parts[3] + Decimal(row["islanded"])
        assert Decimal(row["total"]) == Decimal(row["bill"]) + Decimal(row["peak_charge"])
        assert Decimal(row["net_transfer"]) == Decimal(row["bill"]) - Decimal(row["own_supplier_charges"])


def test_coefficients_of_every_interval_sum_to_exactly_one_or_none(store: Path) -> None:
    settle_day(store)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in table(store, "coefficients"):
        sums[row["interval_start_utc"]] += Decimal(row["coefficient"])
    assert len(sums) == 96
    assert set(sums.values()) == {Decimal(0), Decimal(1)}


def test_who_supplied_whom_sums_exactly_both_ways(store: Path) -> None:
    settle_day(store)
    allocation = table(store, "allocation")
    received: dict[str, int] = defaultdict(int)
    supplied: dict[str, int] = defaultdict(int)
    for row in allocation:
        received[row["member"]] += int(row["from_community_wh"])
        supplied[row["member"]] += int(row["to_community_wh"])
        assert int(row["from_community_wh"]) + int(row["from_grid_wh"]) == int(row["import_wh"])
    matrix = table(store, "who-supplied-whom")
    for row in matrix[:-1]:
        parts = [int(value) for name, value in row.items() if name.startswith("from_")]
        assert sum(parts) == int(row["received"]) == received[row["received_by_wh"]]
    for member, energy in supplied.items():
        assert sum(int(row[f"from_{member}"]) for row in matrix[:-1]) == energy == int(matrix[-1][f"from_{member}"])
    assert sum(received.values()) > 0


def test_files_follow_rfc_4180_and_carry_both_stamps(store: Path) -> None:
    settle_day(store)
    text = (store.parent / "out" / f"allocation-{DAY}.csv").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") == 1 + 96 * len(SITE.members)
    first = table(store, "allocation")[0]
    assert first["interval_start_utc"] == "2026-06-11T22:00:00Z"
    assert first["interval_start_local"] == "2026-06-12T00:00:00+02:00"


def test_the_same_data_give_the_same_bytes_and_no_new_revision(store: Path) -> None:
    first = settle_day(store)
    before = {path: path.read_bytes() for path in (store.parent / "out").iterdir()}
    again = settle_day(store)
    assert (first["is_new"], again["is_new"]) == (True, False)
    assert again["revision"] == first["revision"]
    assert {path: path.read_bytes() for path in (store.parent / "out").iterdir()} == before


def test_a_broken_ledger_is_told_and_ends_with_status_one(store: Path) -> None:
    settle_day(store)
    with sqlite3.connect(store) as connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute("UPDATE ledger SET hash = ? WHERE sequence = 0", ("a" * 64,))
    connection.close()
    result, words = call("settle", "--store", str(store), "--verify", status=1)
    assert result["ledger"]["is_whole"] is False
    assert "does not have the stored hash" in words


def test_an_anchor_kept_elsewhere_is_looked_for(store: Path) -> None:
    head = settle_day(store)["anchor"]
    assert call("settle", "--store", str(store), "--verify", "--anchor", head)[0]["ledger"]["is_whole"]
    call("settle", "--store", str(store), "--verify", "--anchor", "f" * 64, status=1)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--day", "2031-01-01"), "has not ended"),
        (("--day", "2026-06-01"), "nothing was metered"),
        (("--day", str(DAY), "--dask", "tcp://127.0.0.1:1"), "--dask"),
    ],
)
def test_what_cannot_be_settled_is_said_in_words(store: Path, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommonWattError, match=words):
        call("settle", "--store", str(store), *arguments)


def test_settle_without_a_day_or_verify_is_bad_use(store: Path) -> None:
    assert "--day" in call("settle", "--store", str(store), status=2)[1]


def test_a_final_day_is_not_settled_provisionally_again(store: Path) -> None:
    settle_day(store)
    with pytest.raises(CommonWattError, match="found --game metered, accepted is --game reoptimised"):
        settle_day(store, "--game", "metered")


def test_a_store_of_another_site_is_refused(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE meta SET value = 'elsewhere'")
    connection.close()
    with pytest.raises(CommonWattError, match="belongs to site 'elsewhere'"):
        settle_day(store)


def write(path: Path, *rows: str) -> str:
    path.write_text("interval_start_utc,member,import_kwh,export_kwh\n" + "".join(row + "\n" for row in rows))
    return str(path)


def test_validated_values_make_a_new_revision_that_explains_the_difference(store: Path, tmp_path: Path) -> None:
    settle_day(store)
    settle_day(store, day=str(NEXT))
    file = write(tmp_path / "v.csv", "2026-06-12T10:00:00,m04,1.13,0", "2026-06-12T10:15:00,m04,0.13,0")
    result, words = call("import-meters", file, "--store", str(store))
    assert result["intervals_corrected"] == 1
    assert result["settle_again"] == [str(DAY), str(NEXT)]
    assert f"commonwatt settle --config {SITE_FILE} --day {DAY}" in words
    corrected = settle_day(store, "--verify")
    assert (corrected["stage"], corrected["revision"]) == ("corrected", 1)
    assert any(sentence.startswith("m04: the bill goes from") for sentence in corrected["changes"])
    assert any("drawn 12.480 to 13.480 kWh" in sentence for sentence in corrected["changes"])
    assert corrected["ledger"]["is_whole"] is True


def test_an_estimate_is_replaced_by_the_operators_value(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_filled(path, intervals(DAY - timedelta(days=1)), intervals(DAY, change=silence("m04", 40)))
    settle(connection)
    connection.close()
    assert newest(path).estimated == 1
    file = write(tmp_path / "v.csv", "2026-06-12T08:00:00,m04,0.5,0")
    assert call("import-meters", file, "--store", str(path))[0]["intervals_corrected"] == 1
    result = settle_day(path)
    assert result["estimated_values"] == 0
    assert "Estimated meter values went from 1 to 0." in result["changes"]


def test_values_that_say_nothing_new_change_nothing(store: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "v.csv", "2026-06-12T10:00:00,m04,0.13,0")
    result, _ = call("import-meters", file, "--store", str(store))
    assert (result["intervals_corrected"], result["settle_again"]) == (0, [])


def test_a_refused_file_writes_nothing_and_names_row_and_column(store: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "v.csv", "2026-06-12T10:00:00,m04,1.13,0", "2026-06-12T10:15:00,m04,99,0")
    result, words = call("import-meters", file, "--store", str(store), status=1)
    assert result["is_imported"] is False
    assert result["flaws"][0]["row"] == 3
    assert "row 3, column import_kwh" in words
    assert revisions(store) == 0


@pytest.mark.parametrize(
    "row, words",
    [("2026-07-01T10:00:00,m04,1,0", "no such interval"), ("2026-06-12T10:00:00,m03,,1", "has no import")],
)
def test_a_value_without_its_interval_or_its_other_half_takes_the_whole_file_back(
    tmp_path: Path, row: str, words: str
) -> None:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY, change=silence("m03", 48))).close()
    file = write(tmp_path / "v.csv", "2026-06-12T09:00:00,m04,1.13,0", row)
    with pytest.raises(CommonWattError, match=words):
        call("import-meters", file, "--store", str(path))
    assert revisions(path) == 0


def revisions(store: Path) -> int:
    connection = sqlite3.connect(store)
    (newest_revision,) = connection.execute("SELECT max(revision) FROM settled").fetchone()
    connection.close()
    return int(newest_revision)


def test_corrected_intervals_keep_their_energy_in_balance(store: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "v.csv", "2026-06-12T10:00:00,m01,0,2.5", "2026-06-12T10:00:00,m04,3.0,0")
    call("import-meters", file, "--store", str(store))
    connection = sqlite3.connect(store)
    rows = connection.execute(
        "SELECT import_wh, export_wh, shared_wh, sold_wh, grid_wh, community_wh FROM allocations"
        " JOIN metered USING (start_s, member, revision) WHERE revision = 1"
    ).fetchall()
    connection.close()
    assert len(rows) == len(SITE.members)
    assert sum(row[2] for row in rows) == sum(row[3] for row in rows) == min(
        sum(row[0] for row in rows), sum(row[1] for row in rows)
    )  # fmt: skip
    assert all(row[4] + row[5] == row[0] for row in rows)


def test_the_months_invoice_is_trued_up_and_a_second_one_books_the_difference(store: Path) -> None:
    settle_day(store)
    settle_day(store, day=str(NEXT))
    true_up = ("settle", "--store", str(store), "--month", "2026-06", "--verify", "--invoice")
    first, words = call(*true_up, "100.00")
    assert sum(Decimal(str(amount)) for amount in first["true_up"].values()) == Decimal(100) - Decimal(
        str(first["booked"])
    )
    assert "split by what each member drew" in words
    again, _ = call(*true_up, "100.00")
    assert (first["is_new"], again["is_new"]) == (True, False)
    later, _ = call(*true_up, "90.01")
    assert later["ledger"]["is_whole"] is True
    assert sum(Decimal(str(amount)) for amount in later["true_up"].values()) == Decimal("90.01") - Decimal(
        str(first["booked"])
    )


def test_a_month_that_is_not_settled_for_good_is_not_trued_up(store: Path) -> None:
    with pytest.raises(CommonWattError, match="no day of it is settled"):
        call("settle", "--store", str(store), "--month", "2026-06", "--invoice", "1")
    settle_day(store, "--game", "metered")
    with pytest.raises(CommonWattError, match="2026-06-12 is provisional"):
        call("settle", "--store", str(store), "--month", "2026-06", "--invoice", "1")


@pytest.mark.parametrize("options", [("--month", "2026-06"), ("--month", "2026-06", "--invoice", "much")])
def test_an_invoice_without_month_or_amount_is_bad_use(store: Path, options: tuple[str, ...]) -> None:
    assert "accepted" in call("settle", "--store", str(store), *options, status=2)[1]
