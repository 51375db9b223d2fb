"""PV output: clear-sky irradiance on the modules from pvlib, times what the clouds leave of it.

The only file that imports pvlib, and only when PV is asked for: it is in the extra ``sim`` and slow to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType

import numpy as np

from config.members import Member
from config.schema import Location
from models.domain.errors import ProfileError
from models.profiles.clouds import draw_clearness, draw_sky
from models.profiles.profiles import FloatArray

_KNOT_S = 300
"""Spacing of the sun's positions; between them irradiance is a straight line [s]."""
_ALBEDO_FRAC = 0.2
_SYSTEM_FRAC = 0.87
"""What inverter, wiring, dirt and mismatch leave of the modules' output."""
_HEAT_LOSS_PER_K = 0.004
"""Loss of crystalline silicon for each kelvin above 25 degrees Celsius [1/K]."""
_CELL_WARMING_K_M2_PER_W = 0.028
"""How much warmer than the air a cell is for each W/m2 (a nominal operating cell temperature of some 43 degrees)."""
_DELTA_T_S = 69.0
"""Earth's clock against atomic time; a second matters nothing here [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearSky:
    """The sun over a place, every five minutes, without clouds."""

    knot_s: FloatArray
    """[K] seconds since 1970 UTC [s]."""
    zenith_deg: FloatArray
    azimuth_deg: FloatArray
    direct_w_per_m2: FloatArray
    """[K] on a surface that faces the sun."""
    global_w_per_m2: FloatArray
    """[K] on the ground."""
    diffuse_w_per_m2: FloatArray
    """[K] on the ground."""


def generate_pv(
    members: tuple[Member, ...], location: Location, start_utc: datetime, minutes: int, *, seed: int
) -> dict[str, FloatArray]:
    """PV generation of every member that has PV.

    Args:
        members: Members; those without PV are left out.
        location: Where the community lies.
        start_utc: Start of the first minute.
        minutes: Number of minutes.
        seed: The community's seed.

    Returns:
        For each member id: [minutes] mean power, 0 to ``pv_kwp`` [kW].

    Raises:
        ProfileError: pvlib is not installed.
    """
    first_day = start_utc.date()
    days = (start_utc + timedelta(minutes=minutes - 1)).date().toordinal() - first_day.toordinal() + 1
    offset_min = int((start_utc - datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)).seconds / 60)
    window = slice(offset_min, offset_min + minutes)
    sun = compute_clear_sky(location, start_utc, minutes)
    sky = draw_sky(seed, first_day, days, location.latitude_deg)
    minute_s = start_utc.timestamp() + 30.0 + 60.0 * np.arange(minutes, dtype=np.float64)
    clear_w_per_m2: dict[tuple[float, float], FloatArray] = {}
    generation_kw: dict[str, FloatArray] = {}
    for member in members:
        if member.pv_kwp <= 0.0:
            continue
        face = (member.pv_tilt_deg, member.pv_azimuth_deg)
        if face not in clear_w_per_m2:
            clear_w_per_m2[face] = np.interp(minute_s, sun.knot_s, plane_irradiance(sun, *face))
        irradiance = clear_w_per_m2[face] * draw_clearness(sky, seed, member.id)[window]
        air_deg_c = air_temperature(minute_s, location)
        generation_kw[member.id] = module_output(irradiance, air_deg_c, member.pv_kwp)
    return generation_kw


def compute_clear_sky(location: Location, start_utc: datetime, minutes: int) -> ClearSky:
    """Sun and clear-sky irradiance (simplified Solis model of pvlib) over a place.

    Raises:
        ProfileError: pvlib is not installed.
    """
    spa, clearsky = _import_pvlib()
    knots = minutes * 60 // _KNOT_S + 3
    knot_s = start_utc.timestamp() // _KNOT_S * _KNOT_S + _KNOT_S * np.arange(-1.0, knots - 1.0)
    pressure_hpa = 1013.25 * (1.0 - 2.2557e-5 * location.altitude_m) ** 5.2559
    _, zenith_deg, _, _, azimuth_deg, _ = spa.solar_position_numpy(
        knot_s, location.latitude_deg, location.longitude_deg, location.altitude_m, pressure_hpa, 12.0,
        _DELTA_T_S, 0.5667, 1,
    )  # fmt: skip
    # The model divides by the sine of the elevation: below the horizon it is asked for a sun just above it.
    lowest_deg = np.maximum(90.0 - zenith_deg, 0.5)
    parts = clearsky.simplified_solis(lowest_deg, precipitable_water=1.4, pressure=100.0 * pressure_hpa)
    is_up = zenith_deg < 90.0
    return ClearSky(
        knot_s=knot_s,
        zenith_deg=np.asarray(zenith_deg),
        azimuth_deg=np.asarray(azimuth_deg),
        direct_w_per_m2=np.where(is_up, parts["dni"], 0.0),
        global_w_per_m2=np.where(is_up, parts["ghi"], 0.0),
        diffuse_w_per_m2=np.where(is_up, parts["dhi"], 0.0),
    )


def plane_irradiance(sun: ClearSky, tilt_deg: float, azimuth_deg: float) -> FloatArray:
    """Irradiance on tilted modules: direct, diffuse from an even sky, and from the ground.

    ``G = DNI cos(aoi) + DHI (1 + cos tilt) / 2 + GHI albedo (1 - cos tilt) / 2`` (B. Liu, R. Jordan, 1963).

    Args:
        sun: Sun and irradiance.
        tilt_deg: 0 flat, 90 upright.
        azimuth_deg: Compass direction faced; 180 is south.

    Returns:
        [K] irradiance, >= 0 [W/m2].
    """
    tilt, zenith = np.deg2rad(tilt_deg), np.deg2rad(sun.zenith_deg)
    turn = np.deg2rad(sun.azimuth_deg - azimuth_deg)
    facing = np.cos(zenith) * np.cos(tilt) + np.sin(zenith) * np.sin(tilt) * np.cos(turn)
    irradiance: FloatArray = (
        sun.direct_w_per_m2 * np.maximum(facing, 0.0)
        + sun.diffuse_w_per_m2 * (1.0 + np.cos(tilt)) / 2.0
        + sun.global_w_per_m2 * _ALBEDO_FRAC * (1.0 - np.cos(tilt)) / 2.0
    )
    return irradiance


def air_temperature(minute_s: FloatArray, location: Location) -> FloatArray:
    """[T] air temperature [deg C]: a yearly and a daily wave around a mean that falls towards the poles."""
    latitude = abs(location.latitude_deg)
    winter = np.cos(2.0 * np.pi * (minute_s / 86_400.0 - 20.0) / 365.25) * np.sign(location.latitude_deg)
    solar_h = (minute_s / 3600.0 + location.longitude_deg / 15.0) % 24.0
    mean_deg_c = 27.0 - 0.34 * latitude
    temperature: FloatArray = mean_deg_c - 0.19 * latitude * winter + 4.0 * np.cos(2.0 * np.pi * (solar_h - 15.0) / 24)
    return temperature


def module_output(irradiance_w_per_m2: FloatArray, air_deg_c: FloatArray, pv_kwp: float) -> FloatArray:
    """[T] AC output of modules, less when warm, at most ``pv_kwp`` [kW]."""
    cell_deg_c = air_deg_c + _CELL_WARMING_K_M2_PER_W * irradiance_w_per_m2
    heat = 1.0 - _HEAT_LOSS_PER_K * (cell_deg_c - 25.0)
    output: FloatArray = np.clip(pv_kwp * irradiance_w_per_m2 / 1000.0 * heat * _SYSTEM_FRAC, 0.0, pv_kwp)
    return output


def _import_pvlib() -> tuple[ModuleType, ModuleType]:
    try:
        from pvlib import clearsky, spa
    except ImportError as error:
        raise ProfileError(
            "PV profiles need pvlib, which is not installed; accepted: install the extra with "
            '`pip install "commonwatt[sim]"`, or use recorded profiles'
        ) from error
    return spa, clearsky
