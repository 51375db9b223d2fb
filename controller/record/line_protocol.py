"""InfluxDB's line protocol: points to lines and back, exact in both directions.

Source: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/ . What the protocol cannot carry
(a backslash in a tag, a line break, NaN) is refused here rather than changed on the way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from models.domain.errors import StoreError

FieldValue = bool | int | float | str

_KEY_SPECIAL = re.compile(r"([,= ])")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_FIRST_PRINTABLE = " "
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement of one series at one time."""

    measurement: str
    tags: Mapping[str, str]
    fields: Mapping[str, FieldValue]
    """At least one."""
    time_s: int
    """Seconds since 1970 in UTC [s]."""


def encode(point: Point) -> str:
    """The point as one line, tags and fields sorted, time in seconds.

    Raises:
        StoreError: something in it has no form in the protocol.
    """
    if not point.fields:
        message = f"a point of {point.measurement} has no field"
        raise StoreError(message)
    fields = ",".join(f"{_key(name)}={_value(name, point.fields[name])}" for name in sorted(point.fields))
    return f"{series_of(point)} {fields} {point.time_s}"


def series_of(point: Point) -> str:
    """Measurement and tags as the line begins: what makes the series."""
    tags = "".join(f",{_key(name)}={_key(point.tags[name])}" for name in sorted(point.tags) if point.tags[name])
    return _key(point.measurement) + tags


def key_of(point: Point) -> str:
    """Series and time: two points with the same key are the same point, the later one holds."""
    return f"{series_of(point)} {point.time_s}"


def decode(line: str) -> Point:
    """The point of a line that ``encode`` made.

    Raises:
        StoreError: it is not such a line.
    """
    try:
        head, *_ = _split(line, " ", has_strings=False)
        body, time = _split(line[len(head) + 1 :], " ")
        measurement, *tags = _split(head, ",", has_strings=False)
        pairs = [_pair(part) for part in _split(body, ",")]
        return Point(
            measurement=_unescape(measurement),
            tags={_unescape(name): _unescape(value) for name, value in map(_tag, tags)},
            fields={_unescape(name): _parse_value(value) for name, value in pairs},
            time_s=int(time),
        )
    except ValueError as error:
        message = f"not a line of the line protocol: {line[:80]!r}"
        raise StoreError(message) from error


def _key(text: str) -> str:
    if not text or "\\" in text or text.startswith("#") or any(c < _FIRST_PRINTABLE or c == "\x7f" for c in text):
        message = f"{text!r} cannot be a name or tag: empty, a backslash, a leading # or a control character"
        raise StoreError(message)
    return _KEY_SPECIAL.sub(r"\\\1", text)


def _value(name: str, value: FieldValue) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            if abs(value) > _INT64_MAX:
                message = f"field {name}: {value} does not fit into 64 bits"
                raise StoreError(message)
            return f"{value}i"
        case float():
            if not math.isfinite(value):
                message = f"field {name}: {value} is not finite"
                raise StoreError(message)
            return repr(value)
        case str():
            if any(c < _FIRST_PRINTABLE for c in value):
                message = f"field {name} holds a control character"
                raise StoreError(message)
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _split(text: str, separator: str, *, has_strings: bool = True) -> list[str]:
    """Parts between unescaped separators; in measurement and tags a quotation mark is a character like others."""
    parts, start, position, is_quoted = [], 0, 0, False
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif has_strings and character == '"' and (is_quoted or text[position - 1 : position] == "="):
            is_quoted = not is_quoted
        elif character == separator and not is_quoted:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _pair(text: str) -> tuple[str, str]:
    name, value = _split(text, "=")
    if not name or not value:
        raise ValueError(text)
    return name, value


def _tag(text: str) -> tuple[str, str]:
    name, value = _split(text, "=", has_strings=False)
    if not name or not value:
        raise ValueError(text)
    return name, value


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _parse_value(text: str) -> FieldValue:
    if text.startswith('"') and text.endswith('"'):
        return _unescape(text[1:-1])
    if text in {"true", "false"}:
        return text == "true"
    return int(text[:-1]) if text.endswith("i") else float(text)
