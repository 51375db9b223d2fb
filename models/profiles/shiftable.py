"""Appliance runs that somebody asks for and that may wait."""

from __future__ import annotations

from datetime import time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from config.members import ShiftableLoad
from models.domain.errors import ProfileError
from models.profiles.local_day import MINUTES_A_DAY, LocalDay, local_moment
from models.profiles.profiles import ShiftableRun

_REQUEST_FRAC = 0.4
"""A run is asked for within this first share of the slack its window leaves."""


def draw_run(
    member_id: str, appliance: ShiftableLoad, day: LocalDay, zone: ZoneInfo, rng: np.random.Generator
) -> ShiftableRun | None:
    """The run asked for in the window that begins on a local day, if there is one.

    Args:
        member_id: Owner.
        appliance: The appliance with its window; one that ends before it begins runs past midnight.
        day: Local day on which the window begins.
        zone: Local time of the window.
        rng: Random stream of this appliance and day.

    Raises:
        ProfileError: The run is longer than its window.
    """
    luck, wait = rng.random(), rng.random()
    window_min = _clock_minutes(appliance.window_end) - _clock_minutes(appliance.window_start)
    window_min += 0 if window_min > 0 else MINUTES_A_DAY
    if appliance.duration_min > window_min:
        raise ProfileError(
            f"members/{member_id}/shiftable_loads/{appliance.id}: found a run of {appliance.duration_min} min in a "
            f"window of {window_min} min, accepted are windows at least as long as the run"
        )
    opens_utc = local_moment(day.day, appliance.window_start, zone)
    passes_midnight = appliance.window_end <= appliance.window_start
    closes_utc = local_moment(day.day + timedelta(days=int(passes_midnight)), appliance.window_end, zone)
    slack = closes_utc - opens_utc - timedelta(minutes=appliance.duration_min)
    # A window may lose an hour when clocks go forward; a run that no longer fits is not asked for.
    is_asked = luck < appliance.runs_per_day_frac and slack >= timedelta(0)
    if not is_asked:
        return None
    return ShiftableRun(
        member_id=member_id,
        asset_id=appliance.id,
        requested_utc=opens_utc + timedelta(minutes=int(wait * _REQUEST_FRAC * slack.total_seconds() / 60.0)),
        latest_end_utc=closes_utc,
        power_kw=appliance.power_kw,
        duration_s=60 * appliance.duration_min,
    )


def _clock_minutes(clock: time) -> int:
    return 60 * clock.hour + clock.minute
