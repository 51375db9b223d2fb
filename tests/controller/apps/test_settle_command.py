"""``commonwatt settle`` as a user meets it: files, words, exit statuses."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.errors import CommonWattError
from controller.apps.cli import app
from controller.apps.settlement_files import LINE_COLUMNS
from controller.record.connection import open_writable, transaction
from controller.record.lock import StoreLock
from controller.record.migrations import migrate
from controller.record.schema import MIGRATIONS
from controller.record.writer import insert_settled
from tests.controller.apps.settled_store import SITE_FILE, call, settle_day, two_days
from tests.controller.record.settled_days import DAY, SITE, intervals


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return two_days(tmp_path)


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
    assert sum(Decimal(row["of_which_energy_bill"]) for row in bills) == Decimal(str(result["utility"]))
    for row in bills:
        assert sum(Decimal(row[name]) for name in LINE_COLUMNS) == Decimal(row["total"])
        energy = Decimal(row["of_which_energy_bill"])
        assert Decimal(row["total"]) == energy + Decimal(row["peak_charge"])
        assert Decimal(row["energy_bill_less_own_supplier"]) == energy - Decimal(row["own_supplier_charges"])
    assert any(Decimal(row["share_of_gain"]) < 0 for row in bills)
    first = bills[0]
    assert (first["day"], first["currency"]) == (str(DAY), "EUR")
    assert (first["day_start_utc"], first["day_end_utc"]) == ("2026-06-11T22:00:00Z", "2026-06-12T22:00:00Z")
    assert first["day_end_local"] == "2026-06-13T00:00:00+02:00"


def test_coefficients_of_every_interval_sum_to_exactly_one_and_say_what_they_follow(store: Path) -> None:
    settle_day(store)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in table(store, "coefficients"):
        sums[row["interval_start_utc"]] += Decimal(row["coefficient"])
    assert len(sums) == 96
    assert set(sums.values()) == {Decimal(1)}
    assert {row["basis"] for row in table(store, "coefficients")} == {"shared_energy", "drawn_energy"}


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
        assert sum(parts) == int(row["received_wh"]) == received[row["receiver"]]
    for member, energy in supplied.items():
        column = f"from_{member}_wh"
        assert sum(int(row[column]) for row in matrix[:-1]) == energy == int(matrix[-1][column])
    assert sum(received.values()) > 0
    pairs: dict[tuple[str, str], int] = defaultdict(int)
    for row in table(store, "peer-to-peer"):
        pairs[row["receiver"], row["supplier"]] += int(row["energy_wh"])
    for row in matrix[:-1]:
        for supplier in supplied:
            assert pairs[row["receiver"], supplier] == int(row[f"from_{supplier}_wh"])


def test_results_go_to_stdout_and_with_json_stdout_has_one_line(store: Path) -> None:
    options = ["settle", "--store", str(store), "--day", str(DAY), "--verify", "--config", SITE_FILE]
    plain = CliRunner().invoke(app, options)
    assert plain.exit_code == 0
    for words in (
        "what each member pays [EUR]",
        "add up to its total",
        "The ledger is whole: 2 entries, 1 settled day",
    ):
        assert words in plain.stdout
    assert "pays" not in plain.stderr
    answer = CliRunner().invoke(app, [*options, "--json"])
    assert len(answer.stdout.splitlines()) == 1
    assert json.loads(answer.stdout)["ledger"]["remarks"] == []


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


def test_a_store_of_an_earlier_version_is_brought_up_to_date_unless_a_controller_runs_on_it(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    connection = open_writable(path)
    migrate(connection, MIGRATIONS[:3])
    connection.execute("INSERT INTO meta VALUES ('site', ?)", (SITE.community.id,))
    with transaction(connection):
        for interval in intervals(DAY):
            insert_settled(connection, interval)
    connection.close()
    lock = StoreLock(path)
    lock.take()
    with pytest.raises(CommonWattError, match="another controller"):
        settle_day(path)
    lock.release()
    result, words = call("settle", "--store", str(path), "--day", str(DAY), "--verify")
    assert "earlier version (schema 3)" in words
    assert result["ledger"]["is_whole"] is True
    assert "schema" not in call("settle", "--store", str(path), "--verify")[1]
