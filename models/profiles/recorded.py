"""Recorded homes: CSV files of interval means, checked cell by cell, as arrays on a UTC grid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from models.profiles.gaps import RecordedReport
from models.profiles.profiles import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFiles:
    """The files' contents, as read (UTF-8, a byte order mark is tolerated)."""

    load_csv: bytes
    pv_csv: bytes | None = None
    homes_csv: bytes | None = None
    load_name: str = "load_kw.csv"
    """Names are for errors only."""
    pv_name: str = "pv_kw.csv"
    homes_name: str = "homes.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHome:
    """What is known of one recorded home."""

    home_id: str
    kind: str
    """``measured``, ``simulated``, or empty when the recording does not tell."""
    pv_kwp: float
    """Installed PV [kW]; 0: none; where the recording does not tell, its highest mean power."""
    persons: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedWindow:
    """A stretch of the recording without a break."""

    start_utc: datetime
    end_utc: datetime
    first: int
    """Index of its first interval in the recording's arrays."""
    count: int
    """Its intervals."""


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
    raise NotImplementedError


def default_start(recording: Recording, *, history_days: int, days: int) -> datetime:
    """First local midnight (UTC) with so many days of recording before it and so many from it on.

    Raises:
        ProfileError: No window is that long; the message names the windows.
    """
    raise NotImplementedError


def describe_windows(recording: Recording) -> str:
    """The windows in local time, for messages: ``2016-10-03 00:00 to 2016-10-31 00:00, ...``."""
    raise NotImplementedError
