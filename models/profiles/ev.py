"""Car sessions: when a car comes home, when it leaves again and what it needs until then."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np

from config.members import Ev
from models.profiles.local_day import LocalDay, local_moment
from models.profiles.profiles import EvSession

_DRIVE_PROBABILITY = {False: 0.78, True: 0.6}
"""Share of weekdays and of weekend days after which the car needs energy."""
_AWAY_H = {False: (10.2, 1.3), True: (9.0, 2.2)}
"""How long after its usual departure a car comes back: mean and spread [h], on weekdays and weekends."""
_AWAY_LIMITS_H = (4.0, 17.0)
_DEPARTURE_SPREAD_MIN = 20.0
_SHAPE = 2.2
"""Of the gamma distribution of a day's energy: mostly short ways, now and then a long one."""
_USABLE_FRAC = 0.85
"""Share of the car's capacity, and of what could be charged in the session, that a session may need."""


def draw_session(member_id: str, ev: Ev, day: LocalDay, zone: ZoneInfo, rng: np.random.Generator) -> EvSession | None:
    """The session that begins on a local day and ends on the next one, if the car drove.

    Sessions of one car never overlap: it leaves within an hour of its usual time and is away for four hours at least.

    Args:
        member_id: Owner.
        ev: Charging point and car.
        day: Local day of the arrival.
        zone: Local time of ``ev.typical_departure``.
        rng: Random stream of this car and day.
    """
    drives, energy_share = rng.random(), rng.gamma(_SHAPE, 1.0 / _SHAPE)
    away_mean_h, away_spread_h = _AWAY_H[day.is_weekend]
    away_h = float(np.clip(rng.normal(away_mean_h, away_spread_h), *_AWAY_LIMITS_H))
    late_min = float(np.clip(rng.normal(0.0, _DEPARTURE_SPREAD_MIN), -50.0, 50.0))
    if drives >= _DRIVE_PROBABILITY[day.is_weekend] or ev.typical_daily_kwh <= 0.0:
        return None
    left_utc = local_moment(day.day, ev.typical_departure, zone)
    leaves_utc = local_moment(day.day + timedelta(days=1), ev.typical_departure, zone)
    arrival_utc = left_utc + timedelta(minutes=round(60.0 * away_h))
    departure_utc = leaves_utc + timedelta(minutes=round(late_min))
    parked_h = (departure_utc - arrival_utc).total_seconds() / 3600.0
    drives_a_week = 5 * _DRIVE_PROBABILITY[False] + 2 * _DRIVE_PROBABILITY[True]
    needed_kwh = min(
        7.0 * ev.typical_daily_kwh / drives_a_week * energy_share,
        _USABLE_FRAC * ev.capacity_kwh,
        _USABLE_FRAC * parked_h * ev.charge_limit_kw * ev.charge_efficiency_frac,
    )
    return EvSession(
        member_id=member_id,
        asset_id=ev.id,
        arrival_utc=arrival_utc,
        departure_utc=departure_utc,
        energy_needed_kwh=round(needed_kwh, 3),
    )
