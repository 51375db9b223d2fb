"""Cells of a CSV file with their place, so that every error can name file, row, column, found and accepted."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

from models.domain.errors import ProfileError

_WATT_HINT_KW = 100.0
"""No home draws or generates this much; a value above is most likely in W [kW]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """A CSV file with a heading row."""

    file: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Cells, stripped; each row as long as the headings."""
    lines: tuple[int, ...]
    """Line in the file of each row, from 1."""

    def column(self, heading: str) -> tuple[str, ...]:
        """All cells under a heading.

        Raises:
            ProfileError: There is no such heading.
        """
        if heading not in self.headings:
            raise ProfileError(
                f"{self.file}, row 1: found the columns {', '.join(self.headings)}, accepted is a file with {heading!r}"
            )
        place = self.headings.index(heading)
        return tuple(row[place] for row in self.rows)


def read_table(content: bytes, file: str) -> CsvTable:
    """A table from a file's content.

    Raises:
        ProfileError: It is not UTF-8, has no rows, a heading occurs twice, or a row is longer or shorter than the
            headings.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProfileError(
            f"{file}: found bytes that are not UTF-8 at {error.start}, accepted is UTF-8 text"
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        numbered = [(reader.line_num, tuple(cell.strip() for cell in row)) for row in reader if any(row)]
    except csv.Error as error:
        raise ProfileError(f"{file}, row {reader.line_num}: {error}; accepted is comma-separated text") from error
    if len(numbered) < 2:
        raise ProfileError(
            f"{file}: found {len(numbered)} rows, accepted are a heading row and one row or more below it"
        )
    headings = numbered[0][1]
    if len(headings) == 1 and ";" in headings[0]:
        raise ProfileError(f"{file}, row 1: found cells separated by ';', accepted are commas (and decimal points)")
    for heading in headings:
        if headings.count(heading) > 1:
            raise ProfileError(f"{file}, row 1: found the column {heading!r} twice, accepted is each heading once")
    for line, row in numbered[1:]:
        if len(row) != len(headings):
            raise ProfileError(f"{file}, row {line}: found {len(row)} cells, accepted are {len(headings)} as in row 1")
    lines, rows = zip(*numbered[1:], strict=True)
    return CsvTable(file=file, headings=headings, rows=tuple(rows), lines=tuple(lines))


def parse_power_kw(cell: str, table: CsvTable, line: int, heading: str) -> float:
    """A mean power [kW]; NaN for an empty cell, which is a gap.

    Raises:
        ProfileError: Anything else than a plausible, finite number that is not negative.
    """
    if not cell:
        return math.nan
    place = f"{table.file}, row {line}, column {heading}: found {cell!r}, accepted are 0 to {_WATT_HINT_KW:g} [kW]"
    try:
        power_kw = float(cell)
    except ValueError as error:
        raise ProfileError(f"{place} with a decimal point, or an empty cell for a gap") from error
    if not math.isfinite(power_kw):
        raise ProfileError(f"{place}, or an empty cell for a gap")
    if power_kw < 0.0:
        raise ProfileError(f"{place}; load and PV are both counted positive, in columns of their own")
    if power_kw > _WATT_HINT_KW:
        raise ProfileError(f"{place}; is the file in W? divide by 1000")
    return power_kw


def parse_number(cell: str, table: CsvTable, line: int, heading: str) -> float | None:
    """A number >= 0 that describes a home, or ``None`` for an empty cell.

    Raises:
        ProfileError: Anything else.
    """
    if not cell:
        return None
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0.0):
        raise ProfileError(
            f"{table.file}, row {line}, column {heading}: found {cell!r}, accepted is a number >= 0, or nothing"
        )
    return number
