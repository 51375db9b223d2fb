from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.record.operator_columns import Direction, read_code
from controller.record.operator_file import MOST_TOLD, FileForm, Flaw, OperatorValues, Values, read_operator_file

FORM = FileForm(zone=ZoneInfo("Europe/Berlin"), interval_min=15, limits_kw={"m01": (17.0, 17.0), "m02": (17.0, 17.0)})
NOON = datetime(2026, 6, 12, 12, 0, tzinfo=UTC)
BOTH = {Direction.IMPORT: 250, Direction.EXPORT: 0}


def values(text: str, form: FileForm = FORM) -> Values:
    found = read_operator_file(text, form)
    assert isinstance(found, OperatorValues), found
    return found.values


def flaw(text: str, form: FileForm = FORM) -> Flaw:
    found = read_operator_file(text, form)
    assert isinstance(found, tuple)
    return found[0]


@pytest.mark.parametrize(
    "text",
    [
        "interval_start_utc,member,import_kwh,export_kwh\n2026-06-12T12:00:00,m01,0.25,0\n",
        "interval_start_utc,member,import_wh,export_wh\r\n2026-06-12T12:00Z,m01,250,0\r\n",
        "interval_start_local,member,import_kw,export_kw\n2026-06-12T14:00,m01,1.0,0\n",
        "time,member,import_w,export_w\n2026-06-12T14:00+02:00,m01,1000,0\n",
        "time;member;1-1:1.9.0 [kWh];1-1:2.9.0 [kWh]\n2026-06-12T12:00Z;m01;0,25;0,0\n",
        "time,member,1-0:1.29.0 [Wh],1-0:2.29.0 [Wh]\n2026-06-12T12:00Z,m01,250,0\n",
        "time,member,obis,value,unit\n2026-06-12T12:00Z,m01,1-1:1.9.0,0.25,kWh\n2026-06-12T12:00Z,m01,1-1:2.9.0,0,kWh\n",
        "time,member,1-0:1.8.0 [kWh],1-0:2.8.0 [kWh]\n2026-06-12T12:00Z,m01,100,7\n2026-06-12T12:15Z,m01,100.25,7\n",
    ],
)
def test_every_accepted_form_says_the_same(text: str) -> None:
    assert values(text) == {(NOON, "m01"): BOTH}


def test_options_say_what_the_file_leaves_open() -> None:
    text = "timestamp,1-1:1.9.0,1-1:2.9.0\n2026-06-12 14:15,0.25,0\n"
    form = replace(FORM, unit="kwh", stamps="local", marks="end", member="m01")
    assert values(text, form) == {(NOON, "m01"): BOTH}


def test_meter_readings_at_interval_ends_are_differences_too() -> None:
    text = "time,member,1-0:1.8.0 [kWh]\n2026-06-12T12:00Z,m01,100\n2026-06-12T12:15Z,m01,100.25\n"
    assert values(text, replace(FORM, marks="end")) == {(NOON, "m01"): {Direction.IMPORT: 250}}


def test_the_hour_that_clocks_show_twice_is_read_in_order() -> None:
    text = "interval_start_local,member,import_wh,export_wh\n" + "".join(
        f"2026-10-25T02:{minute:02d},m01,{wh},0\n" for wh in (100, 200) for minute in (0, 15, 30, 45)
    )
    found = values(text)
    assert len(found) == 8
    assert found[datetime(2026, 10, 25, 0, 0, tzinfo=UTC), "m01"][Direction.IMPORT] == 100
    assert found[datetime(2026, 10, 25, 1, 45, tzinfo=UTC), "m01"][Direction.IMPORT] == 200


HEAD = "time,member,import_kwh,export_kwh\n"


@pytest.mark.parametrize(
    "text, row, column, words",
    [
        ("", 1, "-", "a heading"),
        ("a,b\n1,2\n", 1, "-", "accepted is one called"),
        ("time,member,consumption\n", 1, "-", "import_kwh and export_kwh"),
        (HEAD, 2, "-", "at least one value"),
        (HEAD + "2026-06-12T12:00Z,m09,1,0\n", 2, "member", "m01, m02"),
        (HEAD + "2026-06-12T12:00Z,m01,1\n", 2, "-", "as many as headings"),
        (HEAD + "2026-06-12T12:00,m01,1,0\n", 2, "time", "--stamps utc or local"),
        (HEAD + "12.06.2026,m01,1,0\n", 2, "time", "2026-06-12T14:15"),
        (HEAD + "2026-06-12T12:07Z,m01,1,0\n", 2, "time", "interval of 15 minutes"),
        (HEAD + "2026-06-12T12:00Z,m01,much,0\n", 2, "import_kwh", "a number >= 0"),
        (HEAD + "2026-06-12T12:00Z,m01,-1,0\n", 2, "import_kwh", "a number >= 0"),
        (HEAD + "2026-06-12T12:00Z,m01,nan,0\n", 2, "import_kwh", "a number >= 0"),
        (HEAD + "2026-06-12T12:00Z,m01,5,0\n", 2, "import_kwh", "17 kW carries"),
        (HEAD + "2026-06-12T12:00Z,m01,1,0\n2026-06-12T14:00+02:00,m01,1,0\n", 3, "import_kwh", "as in row 2"),
        ("time,member,1-1:1.9.0\n2026-06-12T12:00Z,m01,1\n", 2, "1-1:1.9.0", "--unit"),
        ("time,member,1-0:1.8.0 [kW]\n2026-06-12T12:00Z,m01,1\n", 2, "1-0:1.8.0 [kW]", "--unit"),
        ("time,member,obis,value,unit\n2026-06-12T12:00Z,m01,1-1:5.9.0,1,kWh\n", 2, "obis", "1-1:1.9.0 and 1-1:2.9.0"),
        (
            "time,member,1-0:1.8.0 [kWh]\n2026-06-12T12:00Z,m01,2\n2026-06-12T12:15Z,m01,1\n",
            3,
            "import_wh",
            "do not run backwards",
        ),
        (
            "time,member,1-0:1.8.0 [kWh]\n2026-06-12T12:00Z,m01,1\n2026-06-12T12:45Z,m01,2\n",
            3,
            "import_wh",
            "a reading every 15 min",
        ),
        ("interval_start_local,member,import_kwh\n2026-03-29T02:15,m01,1\n", 2, "interval_start_local", "clocks in"),
    ],
)
def test_what_does_not_fit_is_refused_with_row_column_and_what_is_accepted(
    text: str, row: int, column: str, words: str
) -> None:
    found = flaw(text)
    assert (found.row, found.column) == (row, column)
    assert words in found.accepted
    assert f"row {row}, column {column}" in str(found)


@pytest.mark.parametrize("rows", [1, 40])
def test_a_file_that_does_not_say_whose_values_it_has_is_one_flaw_with_the_way_out(rows: int) -> None:
    text = "time,import_kwh,export_kwh\n" + "".join(
        f"2026-06-12T{k // 4:02d}:{k % 4 * 15:02d}Z,1,0\n" for k in range(rows)
    )
    found = read_operator_file(text, FORM)
    assert isinstance(found, tuple)
    assert len(found) == 1
    assert found[0].row == 1
    assert found[0].accepted == "a column called member or member_id, or --member with one of m01, m02"


def test_values_come_with_the_line_where_each_stands_first() -> None:
    text = "time,member,obis,value,unit\n" + "".join(
        f"2026-06-12T12:{minute}Z,m01,1-1:{code}.9.0,0.25,kWh\n" for minute in ("00", "15") for code in (1, 2)
    )
    found = read_operator_file(text, FORM)
    assert isinstance(found, OperatorValues)
    assert list(found.rows.values()) == [4, 2]
    assert found.rows[NOON, "m01"] == 2
    assert (found.time_column, found.member_column) == ("time", "member")


def test_no_more_than_twenty_flaws_are_told() -> None:
    found = read_operator_file(HEAD + "2026-06-12T12:00Z,m01,x,y\n" * 500, FORM)
    assert isinstance(found, tuple)
    assert MOST_TOLD <= len(found) <= MOST_TOLD + 1


@given(st.text())
def test_any_text_is_read_or_refused_and_never_a_crash(text: str) -> None:
    found = read_operator_file(text, FORM)
    assert isinstance(found, OperatorValues) or found


@given(st.integers(0, 4_000), st.sampled_from(["wh", "kwh", "w", "kw"]))
def test_units_are_converted_to_whole_watt_hours(energy_wh: int, unit: str) -> None:
    number = {"wh": energy_wh, "kwh": energy_wh / 1000, "w": 4 * energy_wh, "kw": 4 * energy_wh / 1000}[unit]
    found = values(f"time,member,import_{unit}\n2026-06-12T12:00Z,m01,{number}\n")
    assert found[NOON, "m01"][Direction.IMPORT] == energy_wh


@pytest.mark.parametrize("code", ["1-1:1.9.0", "1.9.0", "1-0:1.9.0*255", "1-65:1.29.0"])
def test_codes_with_and_without_their_medium_are_read(code: str) -> None:
    found = read_code(code, "kWh")
    assert found is not None
    assert (found.direction, found.is_register, found.unit) == (Direction.IMPORT, False, "kwh")
