"""Missing meter values of a day, filled by a stated rule and flagged; a later import replaces them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from controller.record.day_readings import DayReadings
from controller.record.reader import Reader
from models.domain.arrays import BoolArray, FloatArray, IntArray
from models.domain.interval import interval_starts, settlement_day
from models.settlement.estimates import EstimateRule, fill_gaps

ESTIMATE_DAYS = 28
"""Earlier days of the same kind (working day, weekend) within this many days tell what is usual."""
_SATURDAY = 5
_WORDS = {
    EstimateRule.SAME_INTERVAL: "the same intervals of earlier days",
    EstimateRule.SAME_DAY: "the rest of the day",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledDay:
    """Flows of a day without gaps."""

    import_wh: IntArray
    """[N, T] 0 outside membership."""
    export_wh: IntArray
    is_estimated: BoolArray
    """[N, T]"""
    notes: tuple[str, ...]


def fill_day(reader: Reader, readings: DayReadings) -> FilledDay:
    """Import and export of every member and interval.

    Raises:
        SettlementError: a member has no value on the day, and no earlier one to estimate from.
    """
    missing: BoolArray = readings.is_member & np.isnan(readings.import_wh)
    affected = [member for member, hit in zip(readings.members, missing, strict=True) if hit.any()]
    histories = _read_histories(reader, readings, affected) if affected else (np.empty((0, *missing.shape)),) * 2
    flows, rules = [], []
    for metered, history in zip((readings.import_wh, readings.export_wh), histories, strict=True):
        filled = fill_gaps(np.where(readings.is_member, metered, 0.0), history, readings.members)
        flows.append(filled.energy_wh)
        rules.append(filled.rule)
    notes = [
        f"{member}: {int(hit.sum())} of {hit.size} intervals without a meter value were estimated from {_words(pair)}"
        for member, hit, pair in zip(readings.members, missing, zip(*rules, strict=True), strict=True)
        if hit.any()
    ]
    return FilledDay(import_wh=flows[0], export_wh=flows[1], is_estimated=missing, notes=tuple(notes))


def _words(rules: Sequence[EstimateRule]) -> str:
    return _WORDS[EstimateRule.SAME_DAY if EstimateRule.SAME_DAY in rules else EstimateRule.SAME_INTERVAL]


def _read_histories(reader: Reader, readings: DayReadings, members: list[str]) -> tuple[FloatArray, FloatArray]:
    """[D, N, T] import and export on earlier days of the same kind, aligned by the local clock."""
    days = _days_of_the_same_kind(readings.local_day)
    clock = [_clock(start, readings.zone) for start in readings.starts_utc]
    place = {member: k for k, member in enumerate(readings.members)}
    shape = (len(days), len(readings.members), len(clock))
    histories = (np.full(shape, np.nan), np.full(shape, np.nan))
    for number, day in enumerate(days):
        span = settlement_day(day, readings.zone)
        # Where the clock is set back, an hour comes twice: its second round stands for it.
        column = {_clock(start, readings.zone): start for start in interval_starts(span, readings.interval_min)}
        rows = {
            (start, row.member): row
            for start, row in reader.metered(span.start_utc, span.end_utc, tuple(members))
            if row.import_wh is not None and row.export_wh is not None
        }
        for member in members:
            for k, moment in enumerate(clock):
                row = rows.get((column[moment], member)) if moment in column else None
                if row is not None and row.import_wh is not None and row.export_wh is not None:
                    histories[0][number, place[member], k] = row.import_wh
                    histories[1][number, place[member], k] = row.export_wh
    return histories


def _days_of_the_same_kind(local_day: date) -> list[date]:
    is_weekend = local_day.weekday() >= _SATURDAY
    earlier = [local_day - timedelta(days=back) for back in range(ESTIMATE_DAYS, 0, -1)]
    return [day for day in earlier if (day.weekday() >= _SATURDAY) == is_weekend]


def _clock(start_utc: datetime, zone: ZoneInfo) -> tuple[int, int]:
    local = start_utc.astimezone(zone)
    return local.hour, local.minute
