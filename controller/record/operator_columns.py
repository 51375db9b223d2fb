"""Which column of a network operator's file says what: OBIS codes, or names that end in their unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

TIME_NAMES = ("interval_start_utc", "interval_start_local", "interval_start", "timestamp", "time")
MEMBER_NAMES = ("member", "member_id")
CODE_NAME, VALUE_NAME, UNIT_NAME = "obis", "value", "unit"
ACCEPTED_CODES = "1-1:1.9.0 and 1-1:2.9.0 (energy of the interval), 1-0:1.8.0 and 1-0:2.8.0 (meter reading)"
WH_OF = {"wh": 1.0, "kwh": 1000.0}
W_OF = {"w": 1.0, "kw": 1000.0}

_CODE = re.compile(r"^(?:\d-\d{1,3}:)?(?P<direction>[12])\.(?P<kind>8|9|29)\.0(?:\*\d+)?$")
_HEADING = re.compile(r"^(?P<name>[^\[\]]+?)\s*(?:\[(?P<unit>[A-Za-z]+)\])?$")
_NAMED = re.compile(r"^(?P<direction>import|export)_(?P<unit>kwh|wh|kw|w)$")


class Direction(StrEnum):
    """Which way the energy went, as the meter sees it."""

    IMPORT = "import_wh"
    EXPORT = "export_wh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What numbers of a column, or of a code, mean."""

    direction: Direction
    is_register: bool
    """A meter reading, of which differences are energy."""
    unit: str | None
    """wh, kwh, w or kw; ``None``: not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Indices of a file's columns."""

    time: int
    is_utc: bool | None
    """Whether naive stamps are UTC; ``None``: the heading does not say."""
    member: int | None
    quantities: tuple[tuple[int, Quantity], ...]
    """A column for each quantity; empty where each row names its code."""
    code: int | None = None
    value: int | None = None
    unit: int | None = None


def read_code(text: str, unit: str | None) -> Quantity | None:
    """Meaning of an OBIS code; ``None``: not one of ours."""
    found = _CODE.match(text.strip())
    if found is None:
        return None
    return Quantity(
        direction=Direction.IMPORT if found["direction"] == "1" else Direction.EXPORT,
        is_register=found["kind"] == "8",
        unit=None if unit is None else unit.strip().lower(),
    )


def find_columns(headings: Sequence[str]) -> Columns | str:
    """Columns of a file, or what is missing, in words."""
    names = [heading.strip().lower() for heading in headings]
    time = _first(names, TIME_NAMES)
    if time is None:
        return f"found no column of times; accepted is one called {', '.join(TIME_NAMES)}"
    is_utc = {"interval_start_utc": True, "interval_start_local": False}.get(names[time])
    member = _first(names, MEMBER_NAMES)
    if CODE_NAME in names and VALUE_NAME in names:
        return Columns(
            time=time,
            is_utc=is_utc,
            member=member,
            quantities=(),
            code=names.index(CODE_NAME),
            value=names.index(VALUE_NAME),
            unit=names.index(UNIT_NAME) if UNIT_NAME in names else None,
        )
    quantities = tuple(
        (index, quantity) for index, heading in enumerate(headings) if (quantity := _read_heading(heading)) is not None
    )
    if not quantities:
        return (
            f"found no column of energies; accepted are import_kwh and export_kwh (or _wh, _kw, _w), the codes "
            f"{ACCEPTED_CODES} as headings such as '1-1:1.9.0 [kWh]', or columns obis and value"
        )
    return Columns(time=time, is_utc=is_utc, member=member, quantities=quantities)


def _read_heading(heading: str) -> Quantity | None:
    text = heading.strip()
    if named := _NAMED.match(text.lower()):
        return Quantity(
            direction=Direction.IMPORT if named["direction"] == "import" else Direction.EXPORT,
            is_register=False,
            unit=named["unit"],
        )
    found = _HEADING.match(text)
    return None if found is None else read_code(found["name"], found["unit"])


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
