"""What was missing or impossible in a recording, and how missing values were estimated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Missing values of one column in a row of consecutive intervals."""

    file: str
    column: str
    start_local: str
    """First missing interval, local ISO 8601 with offset."""
    intervals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReport:
    """Counts and places, for a person to read."""

    intervals: int
    """Rows of the UTC grid."""
    missing_values: int
    """Values that were missing, over all columns; each was filled by an estimate."""
    gaps: tuple[Gap, ...]
    nonexistent_stamps: tuple[str, ...]
    """Rows dropped because their local time does not exist (clocks went forward)."""
    repeated_stamps: tuple[str, ...]
    """Local times that stand twice because clocks went back; read as two intervals."""
