"""Does the server really have what it acknowledged? Asked in the language that it speaks.

An acknowledgement is not enough: VictoriaMetrics answers 204 to lines that it then drops, and forgets what it
took in the last seconds when it is killed; InfluxDB keeps what it acknowledged, but a proxy before it may not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import urllib3

from config.sensitive import Sensitive
from controller.record.line_protocol import FieldValue, Point, decode
from controller.record.sink import Readable, Unreachable

_STATEMENTS = 40
"""InfluxQL statements in one request."""
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that say nothing about what the server is."""
_DENIED = frozenset({401, 403})
_REL_TOLERANCE = 1e-9
"""Decimal text and back may cost the last digits of a float."""


class ReadBack(Protocol):
    """One way to ask."""

    label: str
    settle_s: float

    def ask(self, lines: Sequence[str]) -> Readable | Unreachable:
        """Which of the lines are missing."""
        ...


class HttpReader:
    """Plain requests to the server, with its token, never through a proxy of the environment."""

    def __init__(self, url: str, token: Sensitive[str], *, timeout_s: float) -> None:
        parts = urlsplit(url)
        path = parts.path.rstrip("/").removesuffix("/influx")
        self._base = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        self._token = token
        self._pool = urllib3.PoolManager(timeout=timeout_s, retries=urllib3.Retry(total=0))

    def ask(self, path: str, fields: Mapping[str, str]) -> tuple[int, str] | Unreachable:
        """Status and body of a form sent by POST."""
        token = self._token.reveal()
        headers = {"Authorization": f"Token {token}"} if token else {}
        try:
            answer = self._pool.request(
                "POST", self._base + path, fields=dict(fields), headers=headers, encode_multipart=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Unreachable(reason=f"{type(error).__name__} at {path}")
        if answer.status in _PASSING:
            return Unreachable(reason=f"HTTP {answer.status} from {path}")
        return answer.status, answer.data.decode("utf-8", "replace")

    def close(self) -> None:
        """Give connections back."""
        self._pool.clear()


class InfluxqlReadBack:
    """InfluxDB 1, 2 and 3: every field of every line is compared."""

    label = "acknowledged and read back (InfluxQL)"
    settle_s = 0.0

    def __init__(self, reader: HttpReader, bucket: str) -> None:
        self._reader = reader
        self._bucket = bucket

    def ask(self, lines: Sequence[str]) -> Readable | Unreachable:
        """Which of the lines are missing."""
        points = [decode(line) for line in lines]
        groups = sorted({(point.measurement, point.tags.get("site", ""), point.time_s) for point in points})
        held: dict[tuple[str, ...], dict[str, Any]] = {}
        for first in range(0, len(groups), _STATEMENTS):
            answer = self._query([_select(*group) for group in groups[first : first + _STATEMENTS]])
            if isinstance(answer, Unreachable):
                return answer
            held |= answer
        missing = [index for index, point in enumerate(points) if not _has_all(point.fields, held.get(_key(point), {}))]
        return Readable(missing=frozenset(missing))

    def _query(self, statements: list[str]) -> dict[tuple[str, ...], dict[str, Any]] | Unreachable:
        form = {"db": self._bucket, "epoch": "s", "q": ";".join(statements)}
        answer = self._reader.ask("/query", form)
        if isinstance(answer, Unreachable):
            return answer
        try:
            return dict(_rows_of(answer[1]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return Unreachable(reason=f"HTTP {answer[0]} from /query cannot be understood")


class ExportReadBack:
    """VictoriaMetrics: numbers are looked for, series by series; it keeps no strings."""

    label = "acknowledged and numbers read back (VictoriaMetrics keeps no strings)"
    settle_s = 20.0
    """What it took is on its disk after about 15 s; asked earlier, a kill could still lose what was seen."""

    def __init__(self, reader: HttpReader) -> None:
        self._reader = reader

    def ask(self, lines: Sequence[str]) -> Readable | Unreachable:
        """Which of the lines are missing."""
        points = [decode(line) for line in lines]
        held: set[tuple[str, ...]] = set()
        for site, time_s in sorted({(point.tags.get("site", ""), point.time_s) for point in points}):
            answer = self._series(site, time_s)
            if isinstance(answer, Unreachable):
                return answer
            held |= answer
        missing = [
            index
            for index, point in enumerate(points)
            if not all(_series_key(point, name) in held for name, value in point.fields.items() if _is_number(value))
        ]
        return Readable(missing=frozenset(missing))

    def _series(self, site: str, time_s: int) -> set[tuple[str, ...]] | Unreachable:
        # No bucket here: it keeps none of the v2 write API's.
        form = {"match[]": f'{{site="{site}"}}', "start": str(time_s), "end": str(time_s)}
        answer = self._reader.ask("/api/v1/export", form)
        if isinstance(answer, Unreachable):
            return answer
        status, body = answer
        if status != 200:
            return Unreachable(reason=f"HTTP {status} from /api/v1/export")
        found: set[tuple[str, ...]] = set()
        for series in map(json.loads, body.splitlines()):
            if time_s * 1000 in series["timestamps"]:
                # The bucket is a label ``db`` in some versions and none in others; no tag of ours has that name.
                labels = {name: value for name, value in series["metric"].items() if name not in {"__name__", "db"}}
                found.add((series["metric"]["__name__"], *_flat(labels), str(time_s)))
        return found


class NoReadBack:
    """A server that answers neither question: its acknowledgement has to do."""

    label = "acknowledged only (the server cannot be asked)"
    settle_s = 0.0

    def ask(self, lines: Sequence[str]) -> Readable | Unreachable:
        """Nothing is known to be missing."""
        del lines
        return Readable(missing=frozenset())


def find_read_back(reader: HttpReader, bucket: str) -> ReadBack | Unreachable:
    """Find out what the server answers to, without writing to it."""
    answer = reader.ask("/api/v1/export", {"match[]": '{__name__="commonwatt_probe"}'})
    if isinstance(answer, Unreachable):
        return answer
    if answer[0] == 200 and not answer[1].lstrip().startswith("<"):
        return ExportReadBack(reader)
    answer = reader.ask("/query", {"db": bucket, "q": "SHOW MEASUREMENTS LIMIT 1"})
    if isinstance(answer, Unreachable):
        return answer
    if answer[0] in _DENIED:
        return Unreachable(reason=f"HTTP {answer[0]} from /query: the token is not accepted")
    return InfluxqlReadBack(reader, bucket) if answer[0] == 200 and '"results"' in answer[1] else NoReadBack()


def _select(measurement: str, site: str, time_s: int) -> str:
    name, value = measurement.replace('"', '\\"'), site.replace("\\", "\\\\").replace("'", "\\'")
    return f'SELECT * FROM "{name}" WHERE "site" = \'{value}\' AND time = {time_s}s GROUP BY *'  # noqa: S608


def _rows_of(body: str) -> Iterable[tuple[tuple[str, ...], dict[str, Any]]]:
    for result in json.loads(body)["results"]:
        if "error" in result:
            raise ValueError(result["error"])
        for series in result.get("series", []):
            tags = {name: value for name, value in series.get("tags", {}).items() if value}
            for values in series["values"]:
                row = dict(zip(series["columns"], values, strict=True))
                yield (series["name"], *_flat(tags), str(row.pop("time"))), row


def _key(point: Point) -> tuple[str, ...]:
    return (point.measurement, *_flat(point.tags), str(point.time_s))


def _series_key(point: Point, field: str) -> tuple[str, ...]:
    return (f"{point.measurement}_{field}", *_flat(point.tags), str(point.time_s))


def _flat(tags: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={tags[name]}" for name in sorted(tags))


def _is_number(value: FieldValue) -> bool:
    return not isinstance(value, str)


def _has_all(wanted: Mapping[str, FieldValue], held: Mapping[str, Any]) -> bool:
    return all(name in held and _is_same(value, held[name]) for name, value in wanted.items())


def _is_same(wanted: FieldValue, found: object) -> bool:
    if isinstance(wanted, (bool, str)) or isinstance(found, (bool, str)) or found is None:
        return wanted == found
    return isinstance(found, (int, float)) and math.isclose(wanted, found, rel_tol=_REL_TOLERANCE, abs_tol=0.0)
