"""Clouds over a community: one sky for all with its days, hours and minutes, and a little of its own over each home.

Every part is white noise, drawn for each UTC day from a stream of its own and smoothed over a few neighbours. So clouds
are correlated in time and between homes, and a day is the same whatever window it is part of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from models.profiles.profiles import FloatArray
from models.profiles.seeding import Purpose, open_stream

_DAY_KERNEL = np.array([0.25, 0.45, 1.0, 0.45, 0.25])
"""Weights of the days around: fair and foul weather last for two or three days."""
_HOUR_KERNEL = np.array([1.0, 2.0, 3.0, 2.0, 1.0])
_MINUTE_KERNEL = np.array([1.0, 2.0, 1.0])
_KNOT_MIN = 5
"""Spacing of the fast noise [min]; a cumulus passes in some ten minutes."""
_MARGIN_DAYS = 4
_DAY_SPREAD = 1.0
_HOUR_SPREAD = 0.75
_SHARED_MINUTE_SPREAD = 0.32
_HOME_MINUTE_SPREAD = 0.22
"""Spreads of the parts; the last two are cloud cover in a half-covered sky."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """The sky that a community shares, minute by minute."""

    first_day: date
    """First UTC day."""
    days: int
    slow_cover: FloatArray
    """[D * 1440] cloud cover by days and hours, 0 to 1; read-only."""
    fast_noise: FloatArray
    """[D * 1440] shared noise of minutes, about standard normal; read-only."""


def draw_sky(seed: int, first_day: date, days: int, latitude_deg: float) -> Sky:
    """The shared sky over so many UTC days.

    Args:
        seed: The community's seed.
        first_day: First UTC day.
        days: Number of days.
        latitude_deg: Where; farther from the equator it is cloudier, most so in winter.
    """
    by_day = _smooth_noise(seed, Purpose.CLOUD_DAY, "", first_day, days, knots_a_day=1, kernel=_DAY_KERNEL)
    by_hour = _smooth_noise(seed, Purpose.CLOUD_HOURS, "", first_day, days, knots_a_day=24, kernel=_HOUR_KERNEL)
    score = _DAY_SPREAD * by_day + _HOUR_SPREAD * by_hour + _mean_cloudiness(first_day, days, latitude_deg)
    # The logistic curve of slope 1.702 stands in for the normal distribution function (error below 0.01).
    slow_cover = 1.0 / (1.0 + np.exp(-1.702 * score))
    fast_noise = _draw_fast(seed, Purpose.CLOUD_MINUTES, "", first_day, days)
    for array in (slow_cover, fast_noise):
        array.flags.writeable = False
    return Sky(first_day=first_day, days=days, slow_cover=slow_cover, fast_noise=fast_noise)


def draw_clearness(sky: Sky, seed: int, member_id: str) -> FloatArray:
    """What clouds leave of the clear-sky irradiance over one home.

    ``k = 1 - 0.75 N^3.4`` with cloud cover N (F. Kasten, G. Czeplak, "Solar and terrestrial radiation dependent on the
    amount and type of cloud", Solar Energy 24, 1980).

    Args:
        sky: The shared sky.
        seed: The community's seed.
        member_id: Whose home.

    Returns:
        [D * 1440] clearness k, 0.25 to 1.
    """
    own = _draw_fast(seed, Purpose.CLOUD_HOME, member_id, sky.first_day, sky.days)
    # A clear or closed sky hardly flickers, a half-covered one does most.
    restless = 4.0 * sky.slow_cover * (1.0 - sky.slow_cover)
    noise = _SHARED_MINUTE_SPREAD * sky.fast_noise + _HOME_MINUTE_SPREAD * own
    cover = np.clip(sky.slow_cover + restless * noise, 0.0, 1.0)
    clearness: FloatArray = 1.0 - 0.75 * cover**3.4
    return clearness


def _mean_cloudiness(first_day: date, days: int, latitude_deg: float) -> FloatArray:
    day_of_year = np.array([(first_day + timedelta(days=n)).timetuple().tm_yday for n in range(days)])
    winter = np.cos(2.0 * np.pi * (day_of_year + 10) / 365.25) * np.sign(latitude_deg)
    distance = np.clip((abs(latitude_deg) - 25.0) / 25.0, 0.0, 1.4)
    cloudiness: FloatArray = np.repeat(distance * (1.45 + 0.35 * winter) - 0.5, 1440)
    return cloudiness


def _draw_fast(seed: int, purpose: Purpose, owner: str, first_day: date, days: int) -> FloatArray:
    return _smooth_noise(seed, purpose, owner, first_day, days, knots_a_day=1440 // _KNOT_MIN, kernel=_MINUTE_KERNEL)


def _smooth_noise(
    seed: int, purpose: Purpose, owner: str, first_day: date, days: int, *, knots_a_day: int, kernel: FloatArray
) -> FloatArray:
    """[D * 1440] noise of about unit variance, smoothed by the kernel and drawn out to minutes."""
    first = first_day.toordinal() - _MARGIN_DAYS
    white = np.concatenate(
        [
            open_stream(seed, purpose, owner=owner, ordinal=first + n).standard_normal(knots_a_day)
            for n in range(days + 2 * _MARGIN_DAYS)
        ]
    )
    smooth = np.convolve(white, kernel / np.sqrt(np.sum(kernel**2)), mode="same")
    # A knot stands in the middle of its stretch: a day's at noon, an hour's at half past.
    knot_min = (np.arange(len(smooth)) + 0.5) * (1440 / knots_a_day) - 1440 * _MARGIN_DAYS
    minute = np.arange(1440 * days) + 0.5
    noise: FloatArray = np.interp(minute, knot_min, smooth)
    return noise
