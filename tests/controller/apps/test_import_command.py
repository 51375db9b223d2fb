"""``commonwatt import-meters`` as a user meets it: what it takes, what it refuses, what it says."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.errors import CommonWattError, SiteFileError
from controller.apps.cli import app
from controller.apps.import_command import name_flaws
from controller.record.operator_file import Flaw
from controller.record.records import SettledInterval
from models.domain.tariff import PriceBook
from tests.controller.apps.settled_store import NEXT, SITE_FILE, call, settle_day, two_days
from tests.controller.record.settled_days import DAY, SITE, intervals, newest, open_filled, settle, silence


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return two_days(tmp_path)


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
    assert any(sentence.startswith("m04: what it pays for the day goes from") for sentence in corrected["changes"])
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
    "row, column, found, accepted",
    [
        (
            "2026-07-01T10:00:00,m04,1,0",
            "interval_start_utc",
            "2026-07-01T10:00Z",
            "an interval that begins from 2026-06-11T22:00Z to 2026-06-12T21:45Z, which the store covers",
        ),
        (
            "2026-06-12T10:00:00,m03,,1",
            "-",
            "only the export of m03 at 2026-06-12T10:00Z",
            "its import as well: no meter value is on record that could stand for it",
        ),
        (
            "2026-06-12T10:00:00,m06,1,0",
            "member",
            "m06 at 2026-06-12T10:00Z",
            "a member that was in the community then: m01, m02, m03, m04, m05",
        ),
    ],
)
def test_a_value_without_its_place_in_the_record_takes_the_whole_file_back_and_is_named(
    tmp_path: Path, row: str, column: str, found: str, accepted: str
) -> None:
    path = tmp_path / "s.sqlite"
    names = [member.id for member in SITE.members][:5]
    open_filled(path, intervals(DAY, members=names, change=silence("m03", 48))).close()
    file = write(tmp_path / "v.csv", "2026-06-12T09:00:00,m04,1.13,0", row)
    result, words = call("import-meters", file, "--store", str(path), status=1)
    assert result["flaws"] == [{"row": 3, "column": column, "found": found, "accepted": accepted}]
    assert "nothing was written" in words
    assert revisions(path) == 0


OUTAGE = range(30, 38)


def after_outage(folder: Path, *, is_settled: bool) -> Path:
    """The gateway was away for two hours; the day before is there, so that estimates have something to go by."""
    path = folder / "s.sqlite"
    yesterday = intervals(DAY - timedelta(days=1))
    connection = open_filled(path, yesterday, intervals(DAY, change=lambda k, one: None if k in OUTAGE else one))
    connection.close()
    if is_settled:
        assert settle_day(path)["estimated_values"] == len(OUTAGE) * len(SITE.members)
    return path


def file_of(path: Path, *, with_export: bool = True, form: str = "obis") -> str:
    """The operator's values of the outage, as the meters would have counted them."""
    day = intervals(DAY)
    lines = []
    for k in OUTAGE:
        for row in day[k].metered:
            stamp = day[k].start_utc.isoformat()
            if form == "named":
                lines.append(f"{stamp},{row.member},{row.import_wh},{row.export_wh}")
            else:
                lines.append(f"{stamp};{row.member};1-1:1.9.0;{(row.import_wh or 0) / 1000:.3f};kWh".replace(".", ","))
                lines[-1] = lines[-1].replace("1-1:1,9,0", "1-1:1.9.0")
                if with_export:
                    export = f"{(row.export_wh or 0) / 1000:.3f}".replace(".", ",")
                    lines.append(f"{stamp};{row.member};1-1:2.9.0;{export};kWh")
    heading = "time,member,import_wh,export_wh" if form == "named" else "time;member;obis;value;unit"
    path.write_text("\n".join([heading, *lines]) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("form", ["obis", "named"])
def test_what_a_gateway_missed_is_made_from_the_operators_file_and_replaces_the_estimates(
    tmp_path: Path, form: str
) -> None:
    path = after_outage(tmp_path, is_settled=True)
    result, words = call("import-meters", file_of(tmp_path / "v.csv", form=form), "--store", str(path))
    assert (result["intervals_created"], result["intervals_corrected"]) == (len(OUTAGE), 0)
    assert result["settle_again"] == [str(DAY)]
    assert "made from the file, at the tariff's prices" in words
    again = settle_day(path, "--verify")
    assert (again["stage"], again["estimated_values"]) == ("corrected", 0)
    assert again["ledger"]["is_whole"] is True
    whole = tmp_path / "whole" / "s.sqlite"
    whole.parent.mkdir()
    open_filled(whole, intervals(DAY - timedelta(days=1)), intervals(DAY)).close()
    settle_day(whole)
    assert newest(path).bills.stand_alone_minor.tolist() == newest(whole).bills.stand_alone_minor.tolist()
    assert newest(path).energy.received_wh.tolist() == newest(whole).energy.received_wh.tolist()


def test_a_half_file_for_an_interval_that_is_not_on_record_is_refused_with_rows(tmp_path: Path) -> None:
    path = after_outage(tmp_path, is_settled=False)
    file = file_of(tmp_path / "v.csv", with_export=False)
    result, words = call("import-meters", file, "--store", str(path), status=1)
    assert [flaw["row"] for flaw in result["flaws"][:3]] == [2, 3, 4]
    assert result["flaws"][0]["accepted"].startswith("its export as well")
    assert len(result["flaws"]) == len({(flaw["row"], flaw["column"]) for flaw in result["flaws"]})
    assert words.count("its export as well") == 1
    assert "more rows" in words


def test_members_that_the_file_leaves_out_of_a_made_interval_stay_estimated(tmp_path: Path) -> None:
    path = after_outage(tmp_path, is_settled=True)
    day = intervals(DAY)
    rows = [f"{day[k].start_utc:%Y-%m-%dT%H:%M:%S},m04,0.2,0" for k in OUTAGE]
    call("import-meters", write(tmp_path / "v.csv", *rows), "--store", str(path))
    assert settle_day(path)["estimated_values"] == len(OUTAGE) * (len(SITE.members) - 1)


def test_weights_of_made_intervals_are_those_of_their_day(tmp_path: Path) -> None:
    def heavy(k: int, interval: SettledInterval) -> SettledInterval | None:
        rows = tuple(replace(row, weight=1.5) for row in interval.allocations)
        return None if k in OUTAGE else replace(interval, allocations=rows)

    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY, change=heavy)).close()
    call("import-meters", file_of(tmp_path / "v.csv"), "--store", str(path))
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT DISTINCT weight FROM allocations").fetchall()
    connection.close()
    assert found == [(1.5,)]


def test_a_price_series_that_does_not_reach_a_gap_is_said_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_site: object) -> PriceBook:
        message = "the price series ends too early"
        raise SiteFileError(message)

    monkeypatch.setattr("controller.apps.import_command.read_price_book", fail)
    path = after_outage(tmp_path, is_settled=False)
    with pytest.raises(CommonWattError, match="ends too early"):
        call("import-meters", file_of(tmp_path / "v.csv"), "--store", str(path))
    assert revisions(path) == 0


def test_whose_values_they_are_is_asked_for_once(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "v.csv"
    rows = "".join(f"2026-06-12T10:{minute}:00Z,1.0,0\n" for minute in ("00", "15", "30"))
    file.write_text("time,import_kwh,export_kwh\n" + rows, encoding="utf-8")
    result, words = call("import-meters", str(file), "--store", str(store), status=1)
    assert len(result["flaws"]) == 1
    assert "--member with one of m01" in words
    assert "found 'm99'; accepted: m01" in call("import-meters", str(file), "--member", "m99", status=2)[1]
    assert call("import-meters", str(file), "--store", str(store), "--member", "m04")[0]["intervals_corrected"] == 3


def test_the_same_flaw_in_many_rows_is_one_line() -> None:
    flaws = [Flaw(row=row, column="time", found=f"2026-06-12T{row}:00", accepted="an offset") for row in range(2, 9)]
    (line,) = name_flaws(flaws)
    assert line.endswith("accepted: an offset (and in 6 more rows, up to row 8)")


def test_help_shows_the_unit_in_brackets() -> None:
    assert '"1-1:1.9.0 [kWh]"' in CliRunner().invoke(app, ["import-meters", "--help"]).stdout


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
