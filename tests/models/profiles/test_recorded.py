from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from models.domain.errors import ProfileError
from models.profiles.recorded import RecordedFiles, Recording, default_start, describe_windows, read_recording

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def stamps(start: str, count: int, step: timedelta = HOUR) -> list[str]:
    first = datetime.fromisoformat(start)
    return [(first + n * step).isoformat(timespec="minutes") for n in range(count)]


def text(times: list[str], *columns: list[str], names: str = "H1") -> bytes:
    rows = [f"interval_start_local,season,{names}"]
    rows += [f"{time},autumn,{','.join(cells)}" for time, *cells in zip(times, *columns, strict=True)]
    return "\n".join(rows).encode()


def read(load: bytes, pv: bytes | None = None, homes: bytes | None = None, zone: ZoneInfo = BERLIN) -> Recording:
    return read_recording(RecordedFiles(load_csv=load, pv_csv=pv, homes_csv=homes), zone)


def test_values_land_at_their_local_time_in_utc() -> None:
    times = stamps("2026-06-01T00:00", 48)
    recording = read(
        text(times, [str(n / 10) for n in range(48)], ["0.5"] * 48, names="H1,H2"),
        text(times, ["1.5"] * 48, names="H2"),
        b"home,kind,pv_kwp,occupants\nH2,measured,4.0,\nH1,simulated,0,3\n",
    )
    assert recording.step_s == 3600
    assert recording.windows[0].start_utc == datetime(2026, 5, 31, 22, tzinfo=UTC)
    assert recording.load_kw[0, 7] == pytest.approx(0.7)
    assert recording.pv_kw[:, 3].tolist() == [0.0, 1.5]
    assert [(h.home_id, h.kind, h.pv_kwp, h.persons) for h in recording.homes] == [
        ("H1", "simulated", 0.0, 3),
        ("H2", "measured", 4.0, None),
    ]
    assert recording.report.describe() == "48 intervals, no gaps"
    assert not recording.is_filled.any()


def test_a_byte_order_mark_and_empty_lines_are_tolerated() -> None:
    content = text(stamps("2026-06-01T00:00", 24), ["1.0"] * 24)
    recording = read(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert recording.load_kw.shape == (1, 24)


def test_quarter_hours_are_recognised() -> None:
    times = stamps("2026-06-01T00:00", 96, timedelta(minutes=15))
    assert read(text(times, ["1.0"] * 96)).step_s == 900


def test_a_spring_day_has_23_hours_and_the_skipped_one_is_left_out_and_reported() -> None:
    times = stamps("2026-03-28T00:00", 72)
    recording = read(text(times, [f"{n % 24}" for n in range(72)]))
    assert recording.load_kw.shape == (1, 71)
    assert recording.report.nonexistent_stamps == ("2026-03-29T02:00",)
    assert recording.report.missing_values == 0
    assert recording.load_kw[0, 24:48].tolist() == [0, 1, *range(3, 24), 0]


def test_an_autumn_day_with_its_hour_twice_has_25_hours() -> None:
    times = stamps("2026-10-25T00:00", 3) + stamps("2026-10-25T02:00", 46)
    recording = read(text(times, [f"{n}" for n in range(49)]))
    assert recording.load_kw[0].tolist() == list(range(49))
    assert recording.report.repeated_stamps == ("2026-10-25T02:00",)
    assert recording.windows[0].end_utc - recording.windows[0].start_utc == 49 * HOUR


def test_an_autumn_day_with_its_hour_once_has_a_gap_of_one_hour() -> None:
    times = stamps("2026-10-24T00:00", 96)
    recording = read(text(times, ["2.0"] * 96))
    assert recording.load_kw.shape == (1, 97)
    assert [(gap.start_local, gap.intervals) for gap in recording.report.gaps] == [("2026-10-25T02:00+01:00", 1)]
    assert recording.load_kw.min() == 2.0


def test_missing_rows_and_cells_are_filled_from_neighbouring_days_flagged_and_reported() -> None:
    times = stamps("2026-06-01T00:00", 72)
    cells = [str(10 * (n // 24) + n % 24) for n in range(72)]
    cells[30] = ""
    del times[40:42], cells[40:42]
    recording = read(text(times, cells))
    assert recording.load_kw[0, 30] == pytest.approx((6 + 26) / 2)
    assert recording.load_kw[0, 40] == pytest.approx((16 + 36) / 2)
    assert np.flatnonzero(recording.is_filled[0]).tolist() == [30, 40, 41]
    assert recording.report.missing_values == 3
    assert [(gap.start_local, gap.intervals) for gap in recording.report.gaps] == [
        ("2026-06-02T06:00+02:00", 1),
        ("2026-06-02T16:00+02:00", 2),
    ]
    assert "3 missing values in 2 gaps" in recording.report.describe()


def test_a_break_of_more_than_a_day_divides_windows() -> None:
    times = stamps("2026-06-01T00:00", 48) + stamps("2026-07-01T00:00", 72)
    recording = read(text(times, ["1.0"] * 120))
    assert describe_windows(recording) == "2026-06-01 00:00 to 2026-06-03 00:00; 2026-07-01 00:00 to 2026-07-04 00:00"
    assert default_start(recording, history_days=2, days=1) == datetime(2026, 7, 2, 22, tzinfo=UTC)
    assert default_start(recording, history_days=1, days=1) == datetime(2026, 6, 1, 22, tzinfo=UTC)
    with pytest.raises(ProfileError, match=r"found 14 days of history and 1 to play.*2026-07-01 00:00"):
        default_start(recording, history_days=14, days=1)


def test_the_default_start_is_a_local_midnight_even_when_the_recording_begins_at_noon() -> None:
    recording = read(text(stamps("2026-03-20T12:00", 24 * 15), ["1.0"] * 360))
    start = default_start(recording, history_days=10, days=1)
    assert start.astimezone(BERLIN).replace(tzinfo=None) == datetime(2026, 3, 31)  # noqa: DTZ001


GOOD = stamps("2026-06-01T00:00", 3)


@pytest.mark.parametrize(
    "load, message",
    [
        (b"\xff\xfe\x00", r"load_kw\.csv: found bytes that are not UTF-8 at 0, accepted is UTF-8 text"),
        (b"", r"load_kw\.csv: found 0 rows, accepted are a heading row"),
        (b"interval_start_local;H1\n2026-06-01T00:00;1\n", r"row 1: found cells separated by ';', accepted are commas"),
        (b"time,H1\n2026-06-01T00:00,1\n", r"row 1: found the columns time, H1, accepted .* 'interval_start_local'"),
        (text(GOOD, ["1"] * 3, ["1"] * 3, names="H1,H1"), r"row 1: found the column 'H1' twice"),
        (b"interval_start_local,season\n2026-06-01T00:00,x\n2026-06-01T01:00,x\n", r"row 1: found no column of a home"),
        (text(GOOD, ["1"] * 3) + b",7", r"row 4: found 4 cells, accepted are 3"),
        (text(GOOD, ["1", "x", "1"]), r"load_kw\.csv, row 3, column H1: found 'x', accepted are 0 to 100 \[kW\]"),
        (text(GOOD, ["1", '"1,5"', "1"]), r"row 3, column H1: found '1,5'.*with a decimal point"),
        (text(GOOD, ["1", "nan", "1"]), r"row 3, column H1: found 'nan'"),
        (text(GOOD, ["1", "inf", "1"]), r"row 3, column H1: found 'inf'"),
        (text(GOOD, ["1", "-0.2", "1"]), r"row 3, column H1: found '-0\.2'.*counted positive"),
        (text(GOOD, ["1", "350", "1"]), r"row 3, column H1: found '350'.*is the file in W\? divide by 1000"),
        (text(["2026-06-01", "then", "x"], ["1"] * 3), r"row 3, column interval_start_local: found 'then'"),
        (text(["2026-06-01T00:00Z", *GOOD[1:]], ["1"] * 3), r"row 2, .*without an offset or Z"),
        (text(["2026-06-01T00:00:30", *GOOD[1:]], ["1"] * 3), r"row 2, .*accepted are whole minutes"),
        (text([GOOD[1], GOOD[0], GOOD[2]], ["1"] * 3), r"row 3, .*found 2026-06-01T00:00 after 2026-06-01T01:00"),
        (text([GOOD[0], GOOD[0], GOOD[2]], ["1"] * 3), r"row 3, .*accepted are stamps in rising order, each once"),
        (text([*GOOD[:2], "2026-06-01T01:25"], ["1"] * 3), r"found distances of 1500 s, 3600 s between stamps"),
        (text(GOOD[:1], ["1"]), r"found 1 usable rows, accepted are two or more"),
        (text(GOOD, ["1", "", "1"]), r"column H1: found 33% of the values missing, accepted are at most 10%"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_acceptable_is_refused_with_its_place(load: bytes, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        read(load)


@pytest.mark.parametrize(
    "pv, homes, message",
    [
        (text(GOOD, ["1"] * 3, names="H9"), None, r"pv_kw\.csv, row 1: found the column 'H9', accepted .* load_kw"),
        (text(GOOD[:2], ["1"] * 2), None, r"pv_kw\.csv: found 2 rows, accepted are 3 as in load_kw\.csv"),
        (text([*GOOD[:2], "2026-06-01T05:00"], ["1"] * 3), None, r"pv_kw\.csv, row 4.*accepted is '2026-06-01T02:00'"),
        (text(GOOD, ["1", "-1", "1"]), None, r"pv_kw\.csv, row 3, column H1: found '-1'"),
        (None, b"home,kind\nH2,measured\n", r"homes\.csv, column home: found 'H1' 0 times, accepted is once"),
        (None, b"home,pv_kwp\nH1,big\n", r"homes\.csv, row 2, column pv_kwp: found 'big'"),
    ],
)  # fmt: skip
def test_companion_files_have_to_fit_the_load(pv: bytes | None, homes: bytes | None, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        read(text(GOOD, ["1"] * 3), pv, homes)


def test_a_gap_at_a_time_of_day_that_no_other_day_has_is_refused() -> None:
    cells = ["1.0"] * 24
    cells[5] = ""
    with pytest.raises(ProfileError, match="no other day of its window can fill"):
        read(text(stamps("2026-06-01T00:00", 24), cells))
