"""A YAML text as plain data, with the line of every value and without YAML's traps.

Scalars mean what YAML 1.2 says: ``no`` and ``on`` are texts, ``17:00`` is a text, ``010`` is ten. A key that occurs
twice is a flaw, not a silent overwrite. Built from the parser's events, so that neither depth nor
aliases can exhaust the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from config.flaw import Flaw, Location

MAX_BYTES = 16 * 2**20
"""A site of 2000 members is about 1 MB."""
_MAX_DEPTH = 40
_MAX_VALUES = 1_000_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WORDS |= {sign + ".inf": float(sign + "inf") for sign in ("", "+", "-")} | {".nan": float("nan")}
_STR_TAG = "tag:yaml.org,2002:str"


@dataclass(slots=True, kw_only=True)
class Document:
    """What a text holds."""

    data: Any
    lines: dict[Location, int] = field(default_factory=dict)
    """Line of each key or list element, the first is 1."""
    flaws: list[Flaw] = field(default_factory=list)

    def line_of(self, location: Location) -> int | None:
        """Line of the value or, where it is missing, of what should hold it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.lines:
                return self.lines[location[:length]]
        return None


def read_document(text: str) -> Document:
    """Data and flaws of a YAML text; a text that is not YAML gives no data and one flaw."""
    builder = _Builder(yaml.parse(text, Loader=_LOADER))
    try:
        builder.document.data = builder.build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        line = text.splitlines()[mark.line : mark.line + 1] if mark else []
        hint = "a tab cannot indent; use spaces" if line and "\t" in line[0] else ""
        return _unreadable(f"{place}{error.problem or error.context}", "the YAML language", hint)
    except (yaml.YAMLError, UnicodeError) as error:
        return _unreadable(" ".join(str(error).split()), "the YAML language, in UTF-8")
    except _TooLargeError as error:
        return _unreadable(str(error), f"at most {_MAX_DEPTH} levels and {_MAX_VALUES} values")
    return builder.document


def _unreadable(found: str, accepted: str, hint: str = "") -> Document:
    return Document(data=None, flaws=[Flaw(location=(), found=found, accepted=accepted, hint=hint)])


class _TooLargeError(Exception):
    pass


class _Builder:
    """Turns events into data; counts how much was built."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.document = Document(data=None)
        self._events = events
        self._values = 0

    def build(self) -> Any:
        data: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._add((), "a second document (---)", "one document in a file")
                    break
                data = self._value(next(self._events), (), 0)
        return data

    def _value(self, event: yaml.Event, location: Location, depth: int) -> Any:
        self._values += 1
        if depth > _MAX_DEPTH:
            raise _TooLargeError(f"more than {_MAX_DEPTH} levels")
        if self._values > _MAX_VALUES:
            raise _TooLargeError(f"more than {_MAX_VALUES} values")
        self.document.lines.setdefault(location, _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, location)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(location, depth)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(location, depth)
        self._add(location, "an alias (*name)", "the value itself; aliases and merge keys are not supported")
        return None

    def _scalar(self, event: yaml.ScalarEvent, location: Location) -> Any:
        if event.tag not in {None, "!", _STR_TAG}:
            self._add(location, f"the tag {event.tag}", "a value without a tag")
            return None
        is_plain = event.tag is None and event.implicit[0]
        return _plain(event.value) if is_plain else event.value

    def _sequence(self, location: Location, depth: int) -> list[Any]:
        result: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            result.append(self._value(event, (*location, len(result)), depth + 1))
        return result

    def _mapping(self, location: Location, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, location)
            inner = (*location, key)
            first_line = self.document.lines.get(inner)
            value = self._value(next(self._events), inner, depth + 1)
            # The key's line is what an editor shows; the value may stand below it.
            self.document.lines[inner] = _line(event)
            if key in result:
                found = f"the key a second time, first in line {first_line}"
                self._add(inner, found, "each key once")
            result[key] = value
        return result

    def _key(self, event: yaml.Event, location: Location) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        self._value(event, (*location, "?"), 0)
        self._add(location, "a list, mapping or alias as a key", "a name as a key")
        return "?"

    def _add(self, location: Location, found: str, accepted: str) -> None:
        self.document.flaws.append(Flaw(location=location, found=found, accepted=accepted))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 20 else float(text)
    return float(text) if _FLOAT.fullmatch(text) else text
