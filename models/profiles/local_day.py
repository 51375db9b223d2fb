"""Local days minute by minute: 1380, 1440 or 1500 minutes, each with what the clock on the wall shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

MINUTES_A_DAY = 1440
_QUARTER_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDay:
    """One local calendar day."""

    day: date
    start_s: int
    """First moment of the day, seconds since 1970 UTC [s]."""
    wall_h: NDArray[np.float64]
    """[M] what the clock shows at the middle of each minute of the day [h], 0 to 24; read-only."""

    @property
    def is_weekend(self) -> bool:
        """Saturday or Sunday."""
        return self.day.weekday() >= 5

    @property
    def year_angle(self) -> float:
        """Position in the year [rad], 0 at the winter solstice of the northern half."""
        return 2.0 * np.pi * ((self.day.timetuple().tm_yday + 10) % 365.25) / 365.25


def local_moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The moment at which a wall clock shows a time, in UTC; times skipped in spring are taken an hour later."""
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def day_start_s(day: date, zone: ZoneInfo) -> int:
    """First moment of a local day, seconds since 1970 UTC [s]."""
    return int(local_moment(day, time(), zone).timestamp())


def list_local_days(start_utc: datetime, end_utc: datetime, zone: ZoneInfo, *, days_before: int = 0) -> list[LocalDay]:
    """Local days that touch a window, and some before it.

    Args:
        start_utc: The window's start.
        end_utc: The window's end, later.
        zone: Local time.
        days_before: Days to add in front: what began there may reach into the window.
    """
    first = start_utc.astimezone(zone).date() - timedelta(days=days_before)
    last = (end_utc - timedelta(seconds=1)).astimezone(zone).date()
    return [_describe(first + timedelta(days=n), zone) for n in range((last - first).days + 1)]


def _describe(day: date, zone: ZoneInfo) -> LocalDay:
    start_s = day_start_s(day, zone)
    minutes = (day_start_s(day + timedelta(days=1), zone) - start_s) // 60
    # Offsets change on quarter hours at the most, so one look-up serves fifteen minutes.
    quarters = np.arange(start_s, start_s + minutes * 60, _QUARTER_S)
    offsets_s = [_offset_s(int(moment_s), zone) for moment_s in quarters]
    wall_s = start_s + 60 * np.arange(minutes) + 30 + np.repeat(offsets_s, 15)[:minutes]
    wall_h = (wall_s % 86_400) / 3600.0
    wall_h.flags.writeable = False
    return LocalDay(day=day, start_s=start_s, wall_h=wall_h)


def _offset_s(moment_s: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(moment_s, tz=zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
