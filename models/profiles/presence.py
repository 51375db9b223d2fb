"""Who is awake at home, minute by minute."""

from __future__ import annotations

import numpy as np

from models.profiles.behaviour import Role, Routine
from models.profiles.local_day import LocalDay
from models.profiles.profiles import FloatArray

_SHORTEST_OUTING_H = 0.5
"""Someone who goes out at all is away for at least this long [h]."""


def draw_presence(roles: tuple[Role, ...], day: LocalDay, shift_h: float, rng: np.random.Generator) -> FloatArray:
    """Persons awake at home.

    Args:
        roles: The home's people.
        day: The local day.
        shift_h: How much later than its group this home lives [h].
        rng: Random stream of this home and day.

    Returns:
        [M] number of persons in each minute of the day.
    """
    awake = np.zeros_like(day.wall_h)
    for role in roles:
        awake += _draw_person(role.weekend if day.is_weekend else role.weekday, day.wall_h - shift_h, rng)
    return awake


def _draw_person(routine: Routine, hour: FloatArray, rng: np.random.Generator) -> FloatArray:
    wake_h, sleep_h, leave_h, return_h = rng.normal(
        (routine.wake_h, routine.sleep_h, routine.leave_h, routine.return_h), routine.spread_h
    )
    is_out_today = rng.random() < routine.out_probability
    # Bed after midnight belongs to the evening before; the same clock time is a fair stand-in for it.
    is_awake = ((hour >= wake_h) & (hour < sleep_h)) | (hour < sleep_h - 24.0)
    if is_out_today:
        back_h = max(return_h, leave_h + _SHORTEST_OUTING_H)
        is_awake &= (hour < leave_h) | (hour >= back_h)
    presence: FloatArray = is_awake.astype(np.float64)
    return presence
