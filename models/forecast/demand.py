"""Demand forecast: weekday-aware time-of-day baseline of recent weeks, corrected by the latest residuals.

Baseline: the mean of past days at the same time of day, recent days and days of the same kind counting more
(exponential smoothing with a daily season, in the sense of J. W. Taylor, "Short-term electricity demand forecasting
using double seasonal exponential smoothing", Journal of the Operational Research Society 54, 2003). Correction, as
there: what the baseline missed of late is carried on and dies away with the lead time (an AR(1) error), once for the
last hours and once for the last day:

    d(t) = b(t) + c1 r1 exp(-lead / tau1) + c2 r2 exp(-lead / tau2)

with b the baseline and r1, r2 the exponentially weighted means of the residuals over the last tau3 and tau4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.arrays import FloatArray, IntArray, freeze
from models.forecast.baseline import weighted_days
from models.forecast.basis import label_bases, prior_weight, require_homes
from models.forecast.generic import typical_demand
from models.forecast.history import Forecast, History
from models.forecast.slots import DayTable, Slots, slots_ahead, tabulate
from models.forecast.steps import average_over_steps, step_edges_s


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandTuning:
    """Constants of the method, tuned on recorded homes with ``tests/benchmarks/forecast.py``."""

    memory_days: float = 14.0
    """Age at which a past day counts for 1/e."""
    same_weekday: float = 1.5
    """Weight of a past day that is the same day of the week."""
    other_kind: float = 0.35
    """Weight of a weekend day for a weekday, and the other way round; 1 for the same kind."""
    spread_h: float = 0.5
    """Neighbouring times of day that are averaged (standard deviation) [h]."""
    fast_gain: float = 0.5
    """c1"""
    fast_decay_h: float = 1.0
    """tau1"""
    fast_memory_h: float = 0.5
    """tau3"""
    slow_gain: float = 0.4
    """c2"""
    slow_decay_h: float = 48.0
    """tau2"""
    slow_memory_h: float = 24.0
    """tau4"""
    generic_days: float = 1.5
    """The generic profile counts like this many days at the start, and less each day until a week is full."""


TUNED = DemandTuning()
_TRACE = 1e-6
"""Weight of the generic profile where a long history has nothing for a time of day."""
_RESIDUAL_H = 72
"""Residuals older than this are not looked at [h]."""


def forecast_demand(
    history: History,
    start_utc: datetime,
    step_h: FloatArray,
    *,
    zone: ZoneInfo,
    persons: IntArray,
    tuning: DemandTuning = TUNED,
) -> Forecast:
    """Expected mean demand in each step.

    Args:
        history: Metered demand (without batteries, cars and shiftable runs) up to now; at most 28 days are used.
        start_utc: Start of the first step; inside the running interval or later.
        step_h: [T] step lengths [h]; any positive lengths.
        zone: Local time that habits follow.
        persons: [N] persons of each home; scales the generic profile.
        tuning: Constants of the method.

    Raises:
        ProblemError: Steps or shapes do not fit.
    """
    require_homes(history, persons, "persons")
    edges_s = step_edges_s(start_utc, step_h)
    table, past = tabulate(history, zone)
    ahead = slots_ahead(history, edges_s, zone)
    basis, known_days = label_bases(table)
    prior = np.maximum(prior_weight(known_days, tuning.generic_days), _TRACE)
    recent = _last_slots(past, history.interval_s)
    baseline_recent = _baseline(table, recent, history.interval_s, persons, prior, tuning)
    baseline_ahead = _baseline(table, ahead, history.interval_s, persons, prior, tuning)
    residual = history.mean_kw[:, history.mean_kw.shape[1] - len(recent.day) :] - baseline_recent
    correction = _correct(residual, history, ahead.start_s, tuning)
    grid_kw = np.maximum(baseline_ahead + correction, 0.0)
    mean_kw = average_over_steps(grid_kw, int(ahead.start_s[0]), history.interval_s, edges_s)
    return Forecast(mean_kw=freeze(mean_kw), basis=basis)


def _last_slots(past: Slots, interval_s: int) -> Slots:
    kept = min(len(past.day), _RESIDUAL_H * 3600 // interval_s)
    cut = len(past.day) - kept
    return Slots(start_s=past.start_s[cut:], day=past.day[cut:], column=past.column[cut:])


def _baseline(
    table: DayTable, slots: Slots, interval_s: int, persons: IntArray, prior: FloatArray, tuning: DemandTuning
) -> FloatArray:
    """[N, K] weighted mean of the days before each slot's own day, with the generic profile as so many days more."""
    if not len(slots.day):
        return np.zeros((len(table.mean_kw), 0))
    days, row = np.unique(slots.day, return_inverse=True)
    weights = _day_weights(days, table, tuning)
    sums, known = weighted_days(table, weights, tuning.spread_h * 3600.0 / interval_s)
    generic_kw = typical_demand(slots, interval_s, persons)
    baseline: FloatArray = (sums[:, row, slots.column] + prior[:, None] * generic_kw) / (
        known[:, row, slots.column] + prior[:, None]
    )
    return baseline


def _day_weights(days: IntArray, table: DayTable, tuning: DemandTuning) -> FloatArray:
    """[R, D] weight of each past day for each day asked for; 0 for the day itself and later ones."""
    past = table.first_day + np.arange(table.mean_kw.shape[1])
    age = days[:, None] - past[None, :]
    # 1970-01-01, day 0, was a Thursday.
    is_weekend = [(which + 3) % 7 >= 5 for which in (days, past)]
    is_same_kind = is_weekend[0][:, None] == is_weekend[1][None, :]
    kind = np.where(age % 7 == 0, tuning.same_weekday, np.where(is_same_kind, 1.0, tuning.other_kind))
    # At the horizon's far end all days are old; what counts is how old they are against each other.
    memory = np.exp(-np.maximum(age - 1, 0) / tuning.memory_days)
    weights: FloatArray = np.where(age > 0, kind * memory, 0.0)
    return weights


def _correct(residual_kw: FloatArray, history: History, ahead_s: IntArray, tuning: DemandTuning) -> FloatArray:
    """[N, K] what the latest residuals add to the baseline."""
    interval_h = history.interval_s / 3600.0
    age_h = interval_h * np.arange(residual_kw.shape[1] - 1, -1, -1.0)
    lead_h = np.maximum((ahead_s - history.end_utc.timestamp()) / 3600.0, 0.0)
    is_known = np.isfinite(residual_kw)
    filled = np.where(is_known, residual_kw, 0.0)
    correction = np.zeros((len(residual_kw), len(ahead_s)))
    for gain, decay_h, memory_h in (
        (tuning.fast_gain, tuning.fast_decay_h, tuning.fast_memory_h),
        (tuning.slow_gain, tuning.slow_decay_h, tuning.slow_memory_h),
    ):
        weights = np.exp(-age_h / memory_h)
        # What is missing counts as no residual: the older the last reading, the smaller the correction.
        mean_kw = filled @ (weights / max(float(weights.sum()), 1e-12))
        correction += gain * np.outer(mean_kw, np.exp(-lead_h / decay_h))
    return correction
