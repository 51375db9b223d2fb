"""What was missing or impossible in a recording, and how missing values were estimated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from models.domain.errors import ProfileError
from models.profiles.profiles import FloatArray

_DAY_S = 86_400
MISSING_LIMIT_FRAC = 0.1
"""A column with a larger share of missing values in a window is refused: its estimates would be the recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Missing values of one column in consecutive intervals."""

    file: str
    column: str
    start_local: str
    """First missing interval, local ISO 8601 with its offset."""
    intervals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReport:
    """Counts and places, for a person to read."""

    intervals: int
    """Intervals on the UTC grid."""
    missing_values: int
    """Values that were missing, over all columns; each was filled by an estimate."""
    gaps: tuple[Gap, ...]
    nonexistent_stamps: tuple[str, ...]
    """Rows left out because their local time does not exist (clocks went forward)."""
    repeated_stamps: tuple[str, ...]
    """Local times that stand twice because clocks went back; read as two intervals."""

    def describe(self) -> str:
        """One sentence or a few, for a message."""
        if not (self.missing_values or self.nonexistent_stamps or self.repeated_stamps):
            return f"{self.intervals} intervals, no gaps"
        parts = [f"{self.intervals} intervals"]
        if self.gaps:
            first = self.gaps[0]
            parts.append(
                f"{self.missing_values} missing values in {len(self.gaps)} gaps, estimated from the same time on days "
                f"nearby (first: {first.file}, column {first.column}, {first.start_local})"
            )
        if self.nonexistent_stamps:
            parts.append(
                f"{len(self.nonexistent_stamps)} rows left out whose local time does not exist "
                f"(first: {self.nonexistent_stamps[0]})"
            )
        if self.repeated_stamps:
            parts.append(f"{len(self.repeated_stamps)} local times stand twice (first: {self.repeated_stamps[0]})")
        return "; ".join(parts)


def find_gaps(
    values: FloatArray, start_s: NDArray[np.int64], file: str, columns: tuple[str, ...], zone: ZoneInfo
) -> tuple[Gap, ...]:
    """Runs of missing values.

    Args:
        values: [C, T] values of one window; NaN: missing.
        start_s: [T] interval starts [s since 1970-01-01 UTC].
        file: For the report.
        columns: [C] headings.
        zone: Zone of the report's stamps.
    """
    gaps: list[Gap] = []
    for heading, column in zip(columns, values, strict=True):
        edges = np.diff(np.concatenate([[0], np.isnan(column).astype(np.int64), [0]]))
        for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            local = datetime.fromtimestamp(int(start_s[first]), tz=UTC).astimezone(zone)
            gaps.append(
                Gap(
                    file=file,
                    column=heading,
                    start_local=local.isoformat(timespec="minutes"),
                    intervals=int(end - first),
                )
            )
    return tuple(gaps)


def fill_gaps(values: FloatArray, step_s: int, file: str, columns: tuple[str, ...]) -> FloatArray:
    """Estimates in place of missing values: the same time on the nearest days of the window that have one.

    Args:
        values: [C, T] values of one window; NaN: missing.
        step_s: Interval [s].
        file: For errors.
        columns: [C] headings.

    Returns:
        [C, T] the same values without gaps; the mean of the nearest day before and the nearest after where both exist.

    Raises:
        ProfileError: Too much of a column is missing, or no day has a value at that time.
    """
    missing_frac = np.isnan(values).mean(axis=1)
    for heading, frac in zip(columns, missing_frac, strict=True):
        if frac > MISSING_LIMIT_FRAC:
            raise ProfileError(
                f"{file}, column {heading}: found {frac:.0%} of the values missing, accepted are at most "
                f"{MISSING_LIMIT_FRAC:.0%} of a window"
            )
    filled = values.copy()
    day = _DAY_S // step_s
    for row, place in np.argwhere(np.isnan(values)):
        same_time = values[row, place % day :: day]
        known = np.flatnonzero(np.isfinite(same_time))
        before, after = known[known < place // day], known[known > place // day]
        nearest = [*before[-1:], *after[:1]]
        if not nearest:
            raise ProfileError(f"{file}, column {columns[row]}: found a gap that no other day of its window can fill")
        filled[row, place] = float(np.mean(same_time[nearest]))
    return filled
