"""Recorded homes: CSV files of interval means, checked cell by cell, as arrays on a UTC grid.

``load_kw.csv`` and ``pv_kw.csv`` have a column ``interval_start_local`` (naive local stamps of interval starts),
perhaps ``season``, and a column of mean powers [kW] for each home; ``homes.csv`` may tell each home's ``kind``,
``pv_kwp`` and ``occupants``. A break of more than a day divides the recording into windows; shorter ones are gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from models.domain.errors import ProfileError
from models.profiles.csv_table import CsvTable, parse_power_kw, read_table
from models.profiles.gaps import Gap, RecordedReport, fill_gaps, find_gaps
from models.profiles.homes import RecordedHome, list_homes
from models.profiles.local_stamps import StampedRows, place_rows
from models.profiles.profiles import FloatArray
from models.profiles.windows import RecordedWindow, divide_windows, infer_step_s

TIME_COLUMN = "interval_start_local"
NOT_HOMES = {TIME_COLUMN, "season"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFiles:
    """The files' contents, as read (UTF-8; a byte order mark is tolerated)."""

    load_csv: bytes
    pv_csv: bytes | None = None
    homes_csv: bytes | None = None
    load_name: str = "load_kw.csv"
    """Names are for errors only."""
    pv_name: str = "pv_kw.csv"
    homes_name: str = "homes.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """H homes over T intervals, in windows one after the other."""

    homes: tuple[RecordedHome, ...]
    zone: ZoneInfo
    step_s: int
    """Length of an interval [s]."""
    windows: tuple[RecordedWindow, ...]
    load_kw: FloatArray
    """[H, T] mean load [kW]; gaps are filled, see ``is_filled``."""
    pv_kw: FloatArray
    """[H, T] mean PV generation [kW]; 0 for homes without."""
    is_filled: NDArray[np.bool_]
    """[H, T] true where the load or the PV is an estimate in place of a gap."""
    report: RecordedReport


def read_recording(files: RecordedFiles, zone: ZoneInfo) -> Recording:
    """Arrays from the files.

    Args:
        files: Contents.
        zone: Zone of the files' naive local stamps.

    Raises:
        ProfileError: A file, row, column or value that is not acceptable, with what was found and what is accepted.
    """
    load = read_table(files.load_csv, files.load_name)
    rows = place_rows(load, TIME_COLUMN, zone)
    step_s = infer_step_s(rows, load.file)
    windows = divide_windows(rows, step_s)
    headings = tuple(heading for heading in load.headings if heading not in NOT_HOMES)
    if not headings:
        raise ProfileError(f"{load.file}, row 1: found no column of a home, accepted is one column or more")
    load_kw, load_gaps = _arrange(load, rows, windows, headings, step_s, zone)
    pv_kw = np.zeros_like(load_kw)
    pv_gaps: tuple[Gap, ...] = ()
    is_filled = np.isnan(load_kw)
    if files.pv_csv is not None:
        pv = read_table(files.pv_csv, files.pv_name)
        _require_same_stamps(pv, load)
        owners = _list_owners(pv, headings, load.file)
        places = [headings.index(owner) for owner in owners]
        owners_kw, pv_gaps = _arrange(pv, rows, windows, owners, step_s, zone)
        is_filled[places] |= np.isnan(owners_kw)
        pv_kw[places] = _fill(owners_kw, windows, step_s, pv.file, owners)
    homes_table = None if files.homes_csv is None else read_table(files.homes_csv, files.homes_name)
    report = RecordedReport(
        intervals=load_kw.shape[1],
        missing_values=sum(gap.intervals for gap in (*load_gaps, *pv_gaps)),
        gaps=(*load_gaps, *pv_gaps),
        nonexistent_stamps=rows.nonexistent,
        repeated_stamps=rows.repeated,
    )
    load_kw = _fill(load_kw, windows, step_s, load.file, headings)
    for array in (load_kw, pv_kw, is_filled):
        array.flags.writeable = False
    return Recording(
        homes=list_homes(headings, pv_kw, homes_table),
        zone=zone,
        step_s=step_s,
        windows=windows,
        load_kw=load_kw,
        pv_kw=pv_kw,
        is_filled=is_filled,
        report=report,
    )


def default_start(recording: Recording, *, history_days: int, days: int) -> datetime:
    """First local midnight, in UTC, with so many days of recording before it and so many from it on.

    Raises:
        ProfileError: No window is that long; the message names the windows.
    """
    for window in recording.windows:
        first = window.start_utc.astimezone(recording.zone)
        midnight = first.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if midnight.astimezone(UTC) < window.start_utc:
            midnight += timedelta(days=1)
        start_utc = (midnight + timedelta(days=history_days)).astimezone(UTC)
        if (midnight + timedelta(days=history_days + days)).astimezone(UTC) <= window.end_utc:
            return start_utc
    raise ProfileError(
        f"days: found {history_days} days of history and {days} to play, accepted is what one window of the recording "
        f"holds: {describe_windows(recording)}"
    )


def find_window(recording: Recording, start_utc: datetime, end_utc: datetime) -> RecordedWindow:
    """The window that holds a stretch of time.

    Raises:
        ProfileError: None does; the message names the windows.
    """
    for window in recording.windows:
        if window.start_utc <= start_utc and end_utc <= window.end_utc:
            return window
    asked = f"{_format(start_utc, recording.zone)} to {_format(end_utc, recording.zone)}"
    raise ProfileError(
        f"start: found {asked}, accepted is a stretch within one window of the recording: {describe_windows(recording)}"
    )


def describe_windows(recording: Recording) -> str:
    """The windows in local time, for messages: ``2016-10-03 00:00 to 2016-10-31 00:00; ...``."""
    return "; ".join(
        f"{_format(window.start_utc, recording.zone)} to {_format(window.end_utc, recording.zone)}"
        for window in recording.windows
    )


def _format(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _require_same_stamps(table: CsvTable, other: CsvTable) -> None:
    mine, theirs = table.column(TIME_COLUMN), other.column(TIME_COLUMN)
    for line, found, wanted in zip(table.lines, mine, theirs, strict=False):
        if found != wanted:
            raise ProfileError(
                f"{table.file}, row {line}, column {TIME_COLUMN}: found {found!r}, accepted is {wanted!r} as in "
                f"{other.file}"
            )
    if len(mine) != len(theirs):
        raise ProfileError(f"{table.file}: found {len(mine)} rows, accepted are {len(theirs)} as in {other.file}")


def _list_owners(table: CsvTable, headings: tuple[str, ...], load_file: str) -> tuple[str, ...]:
    owners = tuple(heading for heading in table.headings if heading not in NOT_HOMES)
    for owner in owners:
        if owner not in headings:
            raise ProfileError(f"{table.file}, row 1: found the column {owner!r}, accepted are columns of {load_file}")
    return owners


def _arrange(
    table: CsvTable,
    rows: StampedRows,
    windows: tuple[RecordedWindow, ...],
    headings: tuple[str, ...],
    step_s: int,
    zone: ZoneInfo,
) -> tuple[FloatArray, tuple[Gap, ...]]:
    """[C, T] values on the windows' grid, NaN where there is none, and the gaps."""
    values = np.full((len(headings), windows[-1].first + windows[-1].count), np.nan)
    starts = np.concatenate(
        [int(window.start_utc.timestamp()) + step_s * np.arange(window.count) for window in windows]
    )
    place = np.searchsorted(starts, np.array(rows.start_s))
    for column, heading in enumerate(headings):
        cells = table.column(heading)
        values[column, place] = [parse_power_kw(cells[row], table, table.lines[row], heading) for row in rows.row]
    gaps: list[Gap] = []
    for window in windows:
        part = slice(window.first, window.first + window.count)
        gaps += find_gaps(values[:, part], starts[part], table.file, headings, zone)
    return values, tuple(gaps)


def _fill(
    values: FloatArray, windows: tuple[RecordedWindow, ...], step_s: int, file: str, headings: tuple[str, ...]
) -> FloatArray:
    filled = values.copy()
    for window in windows:
        part = slice(window.first, window.first + window.count)
        filled[:, part] = fill_gaps(values[:, part], step_s, file, headings)
    return filled
