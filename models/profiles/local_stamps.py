"""Naive local stamps of a recording as moments in UTC, across the hours that clocks skip or show twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from models.domain.errors import ProfileError
from models.profiles.csv_table import CsvTable


@dataclass(frozen=True, slots=True, kw_only=True)
class StampedRows:
    """The rows of a table, placed in time."""

    start_s: tuple[int, ...]
    """Start of each kept row [s since 1970-01-01 UTC], strictly rising."""
    row: tuple[int, ...]
    """Index of each kept row in the table."""
    nonexistent: tuple[str, ...]
    """Stamps of rows left out: clocks skipped them."""
    repeated: tuple[str, ...]
    """Stamps that stand twice: clocks showed them twice."""


def place_rows(table: CsvTable, heading: str, zone: ZoneInfo) -> StampedRows:
    """Moments from a column of naive local stamps.

    A stamp that clocks skip in spring is left out and reported. One that they show twice in autumn means the first of
    the two hours where it stands first, and the second where it stands again.

    Args:
        table: The file.
        heading: Column of the stamps.
        zone: Zone of the clock.

    Raises:
        ProfileError: A stamp that is none, has an offset, has seconds, or is not later than the one before.
    """
    start_s: list[int] = []
    kept: list[int] = []
    nonexistent: list[str] = []
    repeated: list[str] = []
    seen: set[datetime] = set()
    for index, cell in enumerate(table.column(heading)):
        place = f"{table.file}, row {table.lines[index]}, column {heading}"
        naive = _parse(cell, place)
        if not exists(naive, zone):
            nonexistent.append(cell)
            continue
        is_second = naive in seen and is_shown_twice(naive, zone)
        if is_second:
            repeated.append(cell)
        moment = naive.replace(tzinfo=zone, fold=int(is_second))
        moment_s = int(moment.timestamp())
        if start_s and moment_s <= start_s[-1]:
            before = table.column(heading)[kept[-1]]
            raise ProfileError(f"{place}: found {cell} after {before}, accepted are stamps in rising order, each once")
        seen.add(naive)
        start_s.append(moment_s)
        kept.append(index)
    return StampedRows(
        start_s=tuple(start_s), row=tuple(kept), nonexistent=tuple(nonexistent), repeated=tuple(repeated)
    )


def exists(naive: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks in a zone ever show a time; they skip some when they go forward."""
    moment = naive.replace(tzinfo=zone)
    return moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive


def is_shown_twice(naive: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks in a zone show a time twice; they do when they go back."""
    first, second = naive.replace(tzinfo=zone), naive.replace(tzinfo=zone, fold=1)
    return exists(naive, zone) and second.astimezone(UTC) - first.astimezone(UTC) > timedelta(0)


def _parse(cell: str, place: str) -> datetime:
    try:
        stamp = datetime.fromisoformat(cell)
    except ValueError as error:
        raise ProfileError(f"{place}: found {cell!r}, accepted are local times such as 2017-06-12T14:00") from error
    if stamp.tzinfo is not None:
        raise ProfileError(f"{place}: found {cell!r}, accepted are local times without an offset or Z")
    if stamp.second or stamp.microsecond:
        raise ProfileError(f"{place}: found {cell!r}, accepted are whole minutes")
    return stamp
