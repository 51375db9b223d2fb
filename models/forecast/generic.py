"""Typical profiles that stand in until a home has a history of its own; every forecast from them is labelled so."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.arrays import FloatArray, IntArray
from models.forecast.slots import Slots

_YEARLY_KWH = (1900.0, 2750.0, 3450.0, 4050.0, 4500.0)
"""Yearly demand of 1, 2, ... persons without electric heating, hot water or car [kWh]: assumptions of the order of
common comparisons of household bills."""
_WEEKDAY = (
    0.48, 0.43, 0.41, 0.41, 0.44, 0.56, 0.88, 1.08, 1.01, 0.93, 0.90, 0.97,
    1.09, 1.04, 0.92, 0.90, 1.02, 1.36, 1.78, 1.90, 1.74, 1.44, 1.06, 0.68,
)  # fmt: skip
_WEEKEND = (
    0.56, 0.48, 0.43, 0.41, 0.41, 0.45, 0.58, 0.86, 1.19, 1.33, 1.37, 1.44,
    1.52, 1.35, 1.15, 1.08, 1.12, 1.36, 1.66, 1.74, 1.58, 1.34, 1.04, 0.74,
)  # fmt: skip
"""Share of the mean power by local hour: a morning rise, and the peak of the day in the evening (an assumption with the
shape of common standard load profiles for households; each row is divided by its mean before use)."""
_PV_YIELD_FRAC = 0.5
"""Mean output for each kWp under a sun in the zenith: clouds, heat, wiring and modules that face elsewhere."""
_UNKNOWN_LATITUDE_DEG = 45.0


def typical_demand(slots: Slots, interval_s: int, persons: IntArray) -> FloatArray:
    """[N, K] demand of an average home with so many persons [kW]."""
    hour = (slots.column * interval_s / 3600.0).astype(np.int64) % 24
    # 1970-01-01, day 0, was a Thursday.
    is_weekend = (slots.day + 3) % 7 >= 5
    shapes = np.array([_WEEKDAY, _WEEKEND])
    shapes /= shapes.mean(axis=1, keepdims=True)
    yearly_kwh = np.array(_YEARLY_KWH)[np.clip(persons, 1, len(_YEARLY_KWH)) - 1]
    demand_kw: FloatArray = np.outer(yearly_kwh / 8760.0, shapes[is_weekend.astype(np.int64), hour])
    return demand_kw


def typical_pv(
    slots: Slots,
    interval_s: int,
    pv_kwp: FloatArray,
    zone: ZoneInfo,
    latitude_deg: float | None,
    longitude_deg: float | None,
) -> FloatArray:
    """[N, K] generation of PV under an average sky, from the sun's height alone; 0 at night [kW].

    ``sin h = sin(lat) sin(dec) + cos(lat) cos(dec) cos(hour angle)``, ``dec = 23.45 deg sin(360 (284 + n) / 365)``
    (P. I. Cooper, "The absorption of radiation in solar stills", Solar Energy 12, 1969).
    """
    middle_s = slots.start_s + interval_s / 2.0
    if longitude_deg is None:
        # A zone's clock stands near the sun's; summer time may put this off by an hour.
        longitude_deg = 15.0 * _offset_h(float(middle_s[0]), zone) if len(middle_s) else 0.0
    latitude = np.deg2rad(_UNKNOWN_LATITUDE_DEG if latitude_deg is None else latitude_deg)
    solar_h = (middle_s / 3600.0 + longitude_deg / 15.0) % 24.0
    day_of_year = (middle_s / 86_400.0) % 365.25
    declination = np.deg2rad(23.45) * np.sin(2.0 * np.pi * (284.0 + day_of_year) / 365.0)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        np.pi * (solar_h - 12.0) / 12.0
    )
    generation_kw: FloatArray = np.outer(pv_kwp * _PV_YIELD_FRAC, np.maximum(height, 0.0))
    return generation_kw


def _offset_h(moment_s: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(moment_s, tz=UTC).astimezone(zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds() / 3600.0
