"""A network operator's validated values from CSV: each value placed in time, or refused with row, column and reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from controller.record.operator_columns import (
    ACCEPTED_CODES,
    MEMBER_NAMES,
    W_OF,
    WH_OF,
    Columns,
    Direction,
    Quantity,
    find_columns,
    read_code,
)
from models.domain.interval import floor_to_interval

MOST_TOLD = 20
"""Flaws after which reading ends: a file that is wrong in one row is often wrong in all."""
MOST_READ = 10**12
"""No meter's reading is larger, in whatever unit."""
LIMIT_MARGIN = 1.1
"""A meter may count this much more than the connection is said to carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What does not fit."""

    row: int
    """Line of the file, its heading being 1."""
    column: str
    found: str
    accepted: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}: found {self.found!r}, accepted: {self.accepted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileForm:
    """What the file itself may leave open."""

    zone: ZoneInfo
    interval_min: int
    limits_kw: Mapping[str, tuple[float, float]]
    """Connection limits of drawing and feeding in, by member."""
    unit: str | None = None
    """wh, kwh, w or kw where the file does not say."""
    stamps: Literal["utc", "local"] | None = None
    marks: Literal["start", "end"] = "start"
    """Which end of the interval a stamp names."""
    member: str | None = None
    """Whose values they are where no column says."""

    @property
    def interval(self) -> timedelta:
        """Length of an interval."""
        return timedelta(minutes=self.interval_min)


Values = dict[tuple[datetime, str], dict[Direction, int]]
"""Whole watt-hours by start of the interval and member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorValues:
    """All values of a file, and where they stand in it."""

    values: Values
    rows: Mapping[tuple[datetime, str], int]
    """First line of each, by start of the interval and member."""
    time_column: str
    member_column: str


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    values: Values = field(default_factory=dict)
    rows: dict[tuple[datetime, str, Direction], int] = field(default_factory=dict)
    registers: dict[tuple[str, Direction], list[tuple[datetime, Decimal, int]]] = field(default_factory=dict)
    naive_seen: set[tuple[datetime, str, Direction]] = field(default_factory=set)
    flaws: list[Flaw] = field(default_factory=list)


def read_operator_file(text: str, form: FileForm) -> OperatorValues | tuple[Flaw, ...]:
    """All values of a file, or all that is wrong with it (the first twenty); never a part."""
    delimiter = ";" if text.split("\n", 1)[0].count(";") > 0 else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        return (Flaw(row=1, column="-", found=str(error), accepted="comma-separated values (RFC 4180)"),)
    if not rows:
        return (Flaw(row=1, column="-", found="an empty file", accepted="a heading and values"),)
    headings = rows[0]
    columns = find_columns(headings)
    if isinstance(columns, str):
        return (Flaw(row=1, column="-", found=delimiter.join(headings), accepted=columns),)
    if columns.member is None and form.member is None:
        return (_ask_for_member(headings, delimiter, form),)
    reading = _Reading()
    for line, row in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in row):
            _read_row(reading, form, columns, headings, line, row, has_comma=delimiter == ";")
        if len(reading.flaws) >= MOST_TOLD:
            break
    _take_differences(reading, form)
    if not reading.values and not reading.flaws:
        reading.flaws.append(Flaw(row=2, column="-", found="no value", accepted="at least one value"))
    if reading.flaws:
        return tuple(reading.flaws)
    return OperatorValues(
        values=reading.values,
        rows={(start, member): line for (start, member, _), line in reversed(reading.rows.items())},
        time_column=headings[columns.time].strip(),
        member_column="-" if columns.member is None else headings[columns.member].strip(),
    )


def _ask_for_member(headings: list[str], delimiter: str, form: FileForm) -> Flaw:
    return Flaw(
        row=1,
        column="-",
        found=delimiter.join(headings),
        accepted=f"a column called {' or '.join(MEMBER_NAMES)}, or --member with one of {', '.join(form.limits_kw)}",
    )


def _read_row(
    reading: _Reading,
    form: FileForm,
    columns: Columns,
    headings: list[str],
    line: int,
    row: list[str],
    *,
    has_comma: bool,
) -> None:
    def refuse(index: int | None, found: str, accepted: str) -> None:
        name = "-" if index is None else headings[index].strip()
        reading.flaws.append(Flaw(row=line, column=name, found=found, accepted=accepted))

    if len(row) != len(headings):
        return refuse(None, f"{len(row)} values", f"{len(headings)}, as many as headings")
    member = form.member if columns.member is None else row[columns.member].strip()
    if member is None or member not in form.limits_kw:
        return refuse(columns.member, member or "", "a member of the site: " + ", ".join(form.limits_kw))
    for index, quantity in _quantities(columns, row):
        cell = row[index].strip()
        if quantity is None:
            refuse(columns.code, row[columns.code or 0].strip(), ACCEPTED_CODES)
            continue
        if not cell:
            continue
        start = _place(reading, form, columns, row[columns.time].strip(), (member, quantity.direction))
        if isinstance(start, str):
            refuse(columns.time, row[columns.time].strip(), start)
            continue
        unit = quantity.unit or form.unit
        number = _parse_number(cell, has_comma=has_comma)
        if number is None:
            refuse(
                index, cell, "a number >= 0, with a point" + (" or a comma" if has_comma else "") + " before decimals"
            )
        elif unit not in WH_OF and (unit not in W_OF or quantity.is_register):
            refuse(index, unit or "no unit", "a unit in the heading, such as [kWh], or --unit")
        elif quantity.is_register:
            kept = reading.registers.setdefault((member, quantity.direction), [])
            kept.append((start, number * Decimal(WH_OF[unit or ""]), line))
        else:
            hours = Decimal(form.interval_min) / 60 if unit in W_OF else Decimal(1)
            energy = number * Decimal((WH_OF | W_OF)[unit or ""]) * hours
            _keep(reading, form, (start, member, quantity.direction), energy, line, headings[index].strip())
    return None


def _quantities(columns: Columns, row: list[str]) -> Iterator[tuple[int, Quantity | None]]:
    if columns.code is None or columns.value is None:
        yield from columns.quantities
    else:
        yield columns.value, read_code(row[columns.code], None if columns.unit is None else row[columns.unit] or None)


def _place(
    reading: _Reading, form: FileForm, columns: Columns, cell: str, series: tuple[str, Direction]
) -> datetime | str:
    """Start of the interval (for a meter reading: its own moment), or what is accepted."""
    try:
        stamp = datetime.fromisoformat(cell)
    except ValueError:
        return "a time such as 2026-06-12T14:15 or 2026-06-12T12:15:00Z"
    if stamp.tzinfo is None:
        is_utc = (
            columns.is_utc if columns.is_utc is not None else {"utc": True, "local": False, None: None}[form.stamps]
        )
        if is_utc is None:
            return "a time with its offset or Z, or --stamps utc or local"
        if is_utc:
            stamp = stamp.replace(tzinfo=UTC)
        else:
            # An hour that clocks show twice: where a stamp stands first it means the first round.
            key = (stamp, *series)
            stamp = stamp.replace(tzinfo=form.zone, fold=int(key in reading.naive_seen))
            reading.naive_seen.add(key)
            if stamp.astimezone(UTC).astimezone(form.zone).replace(tzinfo=None) != key[0]:
                return f"a time that clocks in {form.zone} show"
    try:
        moment = stamp.astimezone(UTC)
    except OverflowError:
        return "a time of this century"
    if floor_to_interval(moment, form.interval_min) != moment:
        return f"the {form.marks} of an interval of {form.interval_min} minutes"
    return moment


def _parse_number(cell: str, *, has_comma: bool) -> Decimal | None:
    try:
        number = Decimal(cell.replace(",", ".") if has_comma and cell.count(",") == 1 and "." not in cell else cell)
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number < MOST_READ and "_" not in cell else None


def _take_differences(reading: _Reading, form: FileForm) -> None:
    """Meter readings to energies: each pair of neighbours is an interval."""
    for (member, direction), kept in reading.registers.items():
        ordered = sorted(kept, key=lambda one: one[0])
        for (start, before, _), (end, after, line) in pairwise(ordered):
            if end - start != form.interval:
                found = f"{(end - start) // timedelta(minutes=1)} min after the reading before"
                accepted = f"a reading every {form.interval_min} min"
                reading.flaws.append(Flaw(row=line, column=direction.value, found=found, accepted=accepted))
            elif after < before:
                accepted = f"a reading of {before} Wh or more: meters do not run backwards"
                reading.flaws.append(Flaw(row=line, column=direction.value, found=f"{after} Wh", accepted=accepted))
            else:
                shift = form.interval if form.marks == "end" else timedelta(0)
                key = (start + shift, member, direction)
                _keep(reading, form, key, after - before, line, direction.value)


def _keep(
    reading: _Reading,
    form: FileForm,
    key: tuple[datetime, str, Direction],
    energy_wh: Decimal,
    line: int,
    column: str,
) -> None:
    moment, member, direction = key
    start = moment - form.interval if form.marks == "end" else moment
    limit_kw = form.limits_kw[member][0 if direction is Direction.IMPORT else 1]
    most_wh = LIMIT_MARGIN * limit_kw * 1000.0 * form.interval_min / 60.0
    first = reading.rows.setdefault((start, member, direction), line)
    if first != line:
        found = f"a second value for {start:%Y-%m-%dT%H:%MZ}"
        reading.flaws.append(Flaw(row=line, column=column, found=found, accepted=f"one, as in row {first}"))
    elif float(energy_wh) > most_wh:
        accepted = f"at most {most_wh:.0f} Wh, what a connection of {limit_kw:g} kW carries"
        reading.flaws.append(Flaw(row=line, column=column, found=f"{float(energy_wh):.0f} Wh", accepted=accepted))
    else:
        reading.values.setdefault((start, member), {})[direction] = round(energy_wh)
