"""How far a home's own history carries its forecast, and how much a typical profile counts beside it."""

from __future__ import annotations

import numpy as np

from models.domain.arrays import FloatArray
from models.domain.errors import ProblemError
from models.forecast.history import ForecastBasis, History
from models.forecast.slots import DayTable

_WEEK_DAYS = 7.0
_FULL_WEEK_DAYS = 6.9
"""A week with a changed clock or a few lost readings is a week."""


def label_bases(table: DayTable) -> tuple[tuple[ForecastBasis, ...], FloatArray]:
    """What each home's forecast rests on.

    Returns:
        The labels, and [N] days of values (a day with half its values counts half).
    """
    homes = len(table.mean_kw)
    days = table.is_known.mean(axis=2).sum(axis=1) if table.is_known.shape[1] else np.zeros(homes)
    return tuple(_label(float(count)) for count in days), np.asarray(days, dtype=np.float64)


def prior_weight(known_days: FloatArray, generic_days: float) -> FloatArray:
    """[N] for how many days of history the typical profile counts: so many at first, none after a week."""
    young_frac = np.clip(1.0 - known_days / _WEEK_DAYS, 0.0, 1.0)
    weight: FloatArray = generic_days * young_frac
    return weight


def require_homes(history: History, values: FloatArray | np.ndarray, name: str) -> None:
    """Check that a per-home array fits the history.

    Raises:
        ProblemError: It does not.
    """
    homes = history.mean_kw.shape[0]
    if values.shape != (homes,):
        raise ProblemError(f"{name}: found shape {values.shape}, accepted ({homes},), one value for each home")


def _label(known_days: float) -> ForecastBasis:
    if known_days <= 0.0:
        return ForecastBasis.GENERIC
    return ForecastBasis.HISTORY if known_days >= _FULL_WEEK_DAYS else ForecastBasis.BLENDED
