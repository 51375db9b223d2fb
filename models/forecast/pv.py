"""PV forecast: the recent days' shape by time of day, scaled by how much of it the sun delivers now.

Shape s: half the envelope of the last days at the same time of day (a high quantile: close to a clear day, found
without a model of sun or roof), half their mean, recent days counting more. The ratio of output to shape (a clear-sky
index in the sense of E. Lorenz, D. Heinemann, "Prediction of solar irradiance and photovoltaic power", Comprehensive
Renewable Energy 1, 2012) persists for a day and then goes back to its recent mean:

    g(t) = s(t) (m + (k - m) exp(-lead / tau))

with m the mean ratio of the last days and k the ratio of the last hours of daylight, both shared by all homes, which
lie under the same sky. Where the shape is zero it is night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.arrays import FloatArray, freeze
from models.forecast.baseline import weighted_days
from models.forecast.basis import label_bases, prior_weight, require_homes
from models.forecast.generic import typical_pv
from models.forecast.history import Forecast, History
from models.forecast.slots import DayTable, Slots, slots_ahead, tabulate
from models.forecast.steps import average_over_steps, step_edges_s


@dataclass(frozen=True, slots=True, kw_only=True)
class PvTuning:
    """Constants of the method, tuned on recorded homes with ``tests/benchmarks/forecast.py``."""

    envelope_days: int = 10
    """Days that the envelope is taken from."""
    envelope_quantile: float = 0.8
    envelope_frac: float = 0.5
    """Part of the shape that is the envelope; the rest is the mean."""
    shape_memory_days: float = 3.0
    """Age at which a day counts for 1/e in the mean."""
    mean_memory_days: float = 2.0
    """Age at which a day counts for 1/e in the mean ratio."""
    ratio_memory_h: float = 3.0
    """Age at which an hour counts for 1/e in the ratio of now."""
    ratio_decay_h: float = 36.0
    """tau"""
    shared_frac: float = 1.0
    """Part of the ratios that is the community's, not the home's own."""
    generic_days: float = 1.0
    """The generic profile counts like this many days at the start, and less each day until a week is full."""


TUNED = PvTuning()
_DARK_FRAC = 0.01
"""Below this share of its peak, a shape says nothing about the sky."""
_RATIO_LIMIT = 1.3
"""Highest ratio carried on: bright edges of clouds are short."""
_TRACE = 1e-12
"""Keeps a division by nothing at nothing."""


def forecast_pv(
    history: History,
    start_utc: datetime,
    step_h: FloatArray,
    *,
    zone: ZoneInfo,
    pv_kwp: FloatArray,
    latitude_deg: float | None = None,
    longitude_deg: float | None = None,
    tuning: PvTuning = TUNED,
) -> Forecast:
    """Expected mean PV generation available in each step; 0 at night, at most ``pv_kwp``.

    Args:
        history: Metered PV generation available (not curtailed) up to now; at most 28 days are used.
        start_utc: Start of the first step; inside the running interval or later.
        step_h: [T] step lengths [h]; any positive lengths.
        zone: Local time of the site.
        pv_kwp: [N] installed PV [kW]; 0: none.
        latitude_deg: Where the site lies, if known; makes the generic profile's days as long as they are there.
        longitude_deg: The same.
        tuning: Constants of the method.

    Raises:
        ProblemError: Steps or shapes do not fit.
    """
    require_homes(history, pv_kwp, "pv_kwp")
    edges_s = step_edges_s(start_utc, step_h)
    table, past = tabulate(history, zone)
    ahead = slots_ahead(history, edges_s, zone)
    basis, known_days = label_bases(table)
    generic_kw = typical_pv(ahead, history.interval_s, pv_kwp, zone, latitude_deg, longitude_deg)
    grid_kw = generic_kw
    if table.mean_kw.shape[1]:
        own_kw = _scale_shape(history, table, past, ahead, tuning)
        known = table.is_known.sum(axis=1)[:, ahead.column]
        prior = prior_weight(known_days, tuning.generic_days)[:, None]
        own_frac = known / np.maximum(known + prior, _TRACE)
        grid_kw = own_frac * own_kw + (1.0 - own_frac) * generic_kw
    grid_kw = np.clip(grid_kw, 0.0, pv_kwp[:, None])
    mean_kw = average_over_steps(grid_kw, int(ahead.start_s[0]), history.interval_s, edges_s)
    return Forecast(mean_kw=freeze(mean_kw), basis=basis)


def _scale_shape(history: History, table: DayTable, past: Slots, ahead: Slots, tuning: PvTuning) -> FloatArray:
    """[N, K] shape times the ratio expected at each lead [kW]."""
    shape = _shape(table, tuning)
    mean_ratio, ratio_now = _ratios(history, past, shape, tuning)
    lead_h = np.maximum((ahead.start_s - history.end_utc.timestamp()) / 3600.0, 0.0)
    carried = np.outer(ratio_now - mean_ratio, np.exp(-lead_h / tuning.ratio_decay_h))
    scaled: FloatArray = shape[:, ahead.column] * (mean_ratio[:, None] + carried)
    return scaled


def _shape(table: DayTable, tuning: PvTuning) -> FloatArray:
    """[N, S] output of a bright day at each time of day; 0 at night and where nothing is known [kW]."""
    age_days = np.arange(table.mean_kw.shape[1] - 1, -1, -1.0)
    sums, known = weighted_days(table, np.exp(-age_days / tuning.shape_memory_days)[None, :], 0.0)
    mean_kw = sums[:, 0] / np.maximum(known[:, 0], _TRACE)
    shape: FloatArray = tuning.envelope_frac * _envelope(table, tuning) + (1.0 - tuning.envelope_frac) * mean_kw
    return shape


def _envelope(table: DayTable, tuning: PvTuning) -> FloatArray:
    """[N, S] high quantile of the last days at each time of day; 0 where nothing is known [kW]."""
    mean_kw = table.mean_kw[:, -tuning.envelope_days :]
    known = table.is_known[:, -tuning.envelope_days :] > 0.0
    ranked = np.sort(np.where(known, mean_kw, np.inf), axis=1)
    count = known.sum(axis=1)
    place = np.maximum(tuning.envelope_quantile * (count - 1), 0.0)
    lower = np.floor(place).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(count - 1, 0))
    low_kw = np.take_along_axis(ranked, lower[:, None, :], axis=1)[:, 0]
    high_kw = np.take_along_axis(ranked, upper[:, None, :], axis=1)[:, 0]
    is_any = count > 0
    low_kw, high_kw = np.where(is_any, low_kw, 0.0), np.where(is_any, high_kw, 0.0)
    envelope: FloatArray = low_kw + (place - lower) * (high_kw - low_kw)
    return envelope


def _ratios(history: History, past: Slots, shape: FloatArray, tuning: PvTuning) -> tuple[FloatArray, FloatArray]:
    """[N] mean ratio of the last days, and [N] ratio of the last hours, output to shape."""
    kept = len(past.column)
    output = history.mean_kw[:, history.mean_kw.shape[1] - kept :]
    expected = shape[:, past.column]
    bright = expected > _DARK_FRAC * shape.max(axis=1, keepdims=True)
    usable = (np.isfinite(output) & bright).astype(np.float64)
    produced, possible = usable * np.nan_to_num(output), usable * expected
    age_h = history.interval_s / 3600.0 * np.arange(kept - 1, -1, -1.0)
    by_days = np.exp(-age_h / (24.0 * tuning.mean_memory_days))
    by_hours = np.exp(-age_h / tuning.ratio_memory_h)
    mean_ratio = _share(produced @ by_days, possible @ by_days, tuning.shared_frac, np.ones(len(output)))
    # After a night the last hours hold next to nothing; the trace of the mean takes over by itself.
    trace = 0.02 * shape.max(axis=1)
    ratio_now = _share(
        produced @ by_hours + trace * mean_ratio, possible @ by_hours + trace, tuning.shared_frac, mean_ratio
    )
    return mean_ratio, ratio_now


def _share(produced: FloatArray, possible: FloatArray, shared_frac: float, default: FloatArray) -> FloatArray:
    """[N] ratios, each home's own mixed with the community's."""
    has_sun = possible > 1e-9
    own = np.where(has_sun, produced / np.where(has_sun, possible, 1.0), default)
    total = float(possible.sum())
    together = float(produced.sum()) / total if total > 1e-9 else 1.0
    mixed = np.where(has_sun, (1.0 - shared_frac) * own + shared_frac * together, default)
    ratio: FloatArray = np.clip(mixed, 0.0, _RATIO_LIMIT)
    return ratio
