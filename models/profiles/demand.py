"""One home's demand, minute by minute: standby, fridge, light and screens, and appliances that people switch on."""

from __future__ import annotations

import numpy as np

from models.profiles.appliances import SPILL_MIN, draw_starts, start_weights
from models.profiles.behaviour import BehaviourGroup
from models.profiles.local_day import LocalDay
from models.profiles.presence import draw_presence
from models.profiles.profiles import FloatArray
from models.profiles.traits import Traits

_COLD_DUTY_FRAC = 0.36
"""Share of the time that a fridge's compressor runs."""
_TYPICAL_SCREEN_H = 5.6
"""Person-hours before screens on a mean day of one person; fixes the scale of their power [h]."""
_TYPICAL_LIGHT_H = 4.6
"""Person-hours awake at home in the dark on a mean day of one person [h]."""
_FLICKER_MIN = 15
"""Screens, light and a business's machines change their power about this often [min]."""
_BUSINESS_OPEN_H_A_WEEK = 50.0


def draw_demand(traits: Traits, day: LocalDay, latitude_deg: float, rng: np.random.Generator) -> FloatArray:
    """Demand of one local day, with what its late runs still take on the next one.

    Args:
        traits: The home.
        day: The local day.
        latitude_deg: Where the home lies; how long it is dark.
        rng: Random stream of this home and day.

    Returns:
        [M + 240] mean power in each minute of the day and of the four hours after it [kW].
    """
    demand_kw = np.zeros(len(day.wall_h) + SPILL_MIN)
    within_day = demand_kw[: len(day.wall_h)]
    within_day += traits.mean_kw["standby"] + _run_compressor(traits, day, rng)
    within_day += traits.mean_kw["pump"] * max(0.0, 1.0 + _winter(day, latitude_deg) * 1.6)
    if traits.group is BehaviourGroup.BUSINESS:
        awake = _draw_opening(traits, day, rng)
        working_kw = (traits.mean_kw["screens"] + traits.mean_kw["light"]) * 168.0 / _BUSINESS_OPEN_H_A_WEEK
        within_day += working_kw * awake * _flicker(len(awake), 0.35, rng)
    else:
        awake = draw_presence(traits.roles, day, traits.shift_h, rng)
        within_day += _use_screens(traits, day, awake, rng) + _use_light(traits, day, awake, latitude_deg, rng)
    for appliance in traits.appliances:
        mean_runs = appliance.expected_runs(traits.persons, is_weekend=day.is_weekend)
        weights = start_weights(appliance, np.minimum(awake, 1.0), day.wall_h)
        run_kw = appliance.run_kw()
        for start in draw_starts(weights, mean_runs, rng):
            demand_kw[start : start + len(run_kw)] += run_kw
    return demand_kw


def draw_empty_home(traits: Traits, day: LocalDay, latitude_deg: float, rng: np.random.Generator) -> FloatArray:
    """The same while everybody is away: standby, fridge and heating pump only."""
    demand_kw = np.zeros(len(day.wall_h) + SPILL_MIN)
    demand_kw[: len(day.wall_h)] = (
        traits.mean_kw["standby"]
        + _run_compressor(traits, day, rng)
        + traits.mean_kw["pump"] * max(0.0, 1.0 + _winter(day, latitude_deg) * 1.6)
    )
    return demand_kw


def _winter(day: LocalDay, latitude_deg: float) -> float:
    """1 in the deepest winter, -1 in high summer, less towards the equator."""
    return float(np.cos(day.year_angle) * np.clip(latitude_deg / 50.0, -1.0, 1.0))


def _run_compressor(traits: Traits, day: LocalDay, rng: np.random.Generator) -> FloatArray:
    minute = np.arange(len(day.wall_h)) + rng.uniform(0.0, traits.cold_period_min)
    is_on = (minute % traits.cold_period_min) < _COLD_DUTY_FRAC * traits.cold_period_min
    power_kw: FloatArray = is_on.astype(np.float64) * (traits.mean_kw["cold"] / _COLD_DUTY_FRAC)
    return power_kw


def _flicker(minutes: int, spread: float, rng: np.random.Generator) -> FloatArray:
    blocks = rng.lognormal(-0.5 * spread**2, spread, minutes // _FLICKER_MIN + 1)
    return np.repeat(blocks, _FLICKER_MIN)[:minutes]


def _use_screens(traits: Traits, day: LocalDay, awake: FloatArray, rng: np.random.Generator) -> FloatArray:
    liking = np.where(day.wall_h > 18.0, 1.0, np.where(day.wall_h > 9.0, 0.5, 0.25))
    scale = traits.mean_kw["screens"] * 24.0 / (_TYPICAL_SCREEN_H * traits.persons)
    day_factor = rng.lognormal(-0.03, 0.25)
    power_kw: FloatArray = scale * day_factor * liking * awake * _flicker(len(awake), 0.4, rng)
    return power_kw


def _use_light(
    traits: Traits, day: LocalDay, awake: FloatArray, latitude_deg: float, rng: np.random.Generator
) -> FloatArray:
    half_day_h = 6.3 - 2.0 * _winter(day, latitude_deg)
    darkness = np.clip(np.abs(day.wall_h - 12.8) - half_day_h + 1.0, 0.05, 1.0)
    rooms = np.sqrt(awake) * np.sqrt(traits.persons)
    scale = traits.mean_kw["light"] * 24.0 / (_TYPICAL_LIGHT_H * traits.persons)
    power_kw: FloatArray = scale * darkness * rooms * _flicker(len(awake), 0.3, rng)
    return power_kw


def _draw_opening(traits: Traits, day: LocalDay, rng: np.random.Generator) -> FloatArray:
    opens_h, closes_h = np.array(traits.opening_h) + rng.normal(0.0, 0.15, 2)
    if day.day.weekday() == 6:
        return np.zeros_like(day.wall_h)
    if day.day.weekday() == 5:
        closes_h = opens_h + 0.5 * (closes_h - opens_h)
    ramp_h = np.minimum(day.wall_h - opens_h, closes_h - day.wall_h)
    open_frac: FloatArray = np.clip(2.0 * ramp_h, 0.0, 1.0)
    return open_frac
