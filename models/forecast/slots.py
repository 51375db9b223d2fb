"""Local days as rows and times of day as columns, so that habits line up across changes of the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.arrays import FloatArray, IntArray, freeze, freeze_integers
from models.forecast.history import History

_DAY_S = 86_400
HISTORY_DAYS = 28
"""Days of history that a forecast looks at: four of each weekday, and seasons have not moved far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """K consecutive intervals, each with its local day and its time of day."""

    start_s: IntArray
    """[K] starts [s since 1970-01-01 UTC]."""
    day: IntArray
    """[K] local day [days since 1970-01-01]."""
    column: IntArray
    """[K] time of day by the clock on the wall, as a count of intervals since 00:00."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTable:
    """History of N homes as D local days of S times of day."""

    first_day: int
    """Local day of row 0 [days since 1970-01-01]."""
    mean_kw: FloatArray
    """[N, D, S] mean power [kW]; 0 where nothing is known; read-only."""
    is_known: FloatArray
    """[N, D, S] 1 where there is a value, else 0; read-only."""


def locate_slots(first_s: int, count: int, interval_s: int, zone: ZoneInfo) -> Slots:
    """Local day and time of day of consecutive intervals.

    Args:
        first_s: Start of the first [s since 1970-01-01 UTC], a multiple of the interval.
        count: Number of intervals K.
        interval_s: Length [s].
        zone: Local time.
    """
    start_s = first_s + interval_s * np.arange(count, dtype=np.int64)
    local_s = start_s + _offsets_s(start_s, interval_s, zone)
    return Slots(
        start_s=freeze_integers(start_s),
        day=freeze_integers(local_s // _DAY_S),
        column=freeze_integers(local_s % _DAY_S // interval_s),
    )


def slots_ahead(history: History, edges_s: FloatArray, zone: ZoneInfo) -> Slots:
    """The intervals that a plan's steps touch."""
    interval_s = history.interval_s
    first_s = int(edges_s[0] // interval_s) * interval_s
    count = max(1, int(np.ceil((edges_s[-1] - first_s) / interval_s)))
    return locate_slots(first_s, count, interval_s, zone)


def tabulate(history: History, zone: ZoneInfo) -> tuple[DayTable, Slots]:
    """The last weeks of a history by local day and time of day.

    In the hour that clocks show twice the later value stands; the one they skip stays unknown.

    Returns:
        The table, and the slots of the intervals it was made from.
    """
    homes, count = history.mean_kw.shape
    kept = min(count, HISTORY_DAYS * _DAY_S // history.interval_s)
    end_s = int(history.end_utc.timestamp())
    slots = locate_slots(end_s - kept * history.interval_s, kept, history.interval_s, zone)
    recent = history.mean_kw[:, count - kept :]
    first_day = int(slots.day[0]) if kept else end_s // _DAY_S
    days = int(slots.day[-1]) - first_day + 1 if kept else 0
    table = np.full((homes, days, _DAY_S // history.interval_s), np.nan)
    table[:, slots.day - first_day, slots.column] = recent
    is_known = np.isfinite(table)
    return (
        DayTable(first_day=first_day, mean_kw=freeze(np.where(is_known, table, 0.0)), is_known=freeze(is_known)),
        slots,
    )


def _offsets_s(start_s: IntArray, interval_s: int, zone: ZoneInfo) -> IntArray:
    """[K] local time less UTC [s], looked up once a day and closely only where the two ends of a day differ."""
    offsets = np.zeros(len(start_s), dtype=np.int64)
    stride = _DAY_S // interval_s
    for first in range(0, len(start_s), stride):
        last = min(first + stride, len(start_s)) - 1
        at_first, at_last = _offset_s(int(start_s[first]), zone), _offset_s(int(start_s[last]), zone)
        offsets[first : last + 1] = at_first
        if at_first != at_last:
            offsets[first : last + 1] = [_offset_s(int(moment), zone) for moment in start_s[first : last + 1]]
    return offsets


def _offset_s(moment_s: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(moment_s, tz=UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
