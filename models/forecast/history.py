"""What a forecast is made from and what it gives: metered means on the interval grid, and means on a plan's steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import numpy as np

from models.domain.arrays import FloatArray
from models.domain.errors import ProblemError


class ForecastBasis(StrEnum):
    """What a home's forecast rests on."""

    GENERIC = "generic"
    """No usable history: a typical profile for the number of persons or the PV size."""
    BLENDED = "blended"
    """Less than a week of history: typical profile and history, mixed by the number of days."""
    HISTORY = "history"
    """A week of history or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Metered means of N homes over H intervals up to now; NaN where nothing was metered."""

    start_utc: datetime
    """Start of the first interval: aware, UTC, a multiple of the interval."""
    interval_s: int
    """Length of an interval [s]; divides an hour."""
    mean_kw: FloatArray
    """[N, H] mean power, >= 0 [kW]; NaN: missing. H may be 0."""

    def __post_init__(self) -> None:
        """Check the grid and the values.

        Raises:
            ProblemError: The grid is not aligned, or a power is negative or infinite.
        """
        if self.interval_s < 60 or 3600 % self.interval_s:
            raise ProblemError(f"history interval: found {self.interval_s} s, accepted divisors of 3600 s from 60 s")
        if self.start_utc.tzinfo is None or self.start_utc.utcoffset() != timedelta(0):
            raise ProblemError(f"history start: found {self.start_utc.isoformat()}, accepted are aware times in UTC")
        if (self.start_utc - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(seconds=self.interval_s):
            raise ProblemError(f"history start: found {self.start_utc.isoformat()}, accepted multiples of the interval")
        if self.mean_kw.ndim != 2:
            raise ProblemError(f"history: found shape {self.mean_kw.shape}, accepted (homes, intervals)")
        if bool(np.any(np.isinf(self.mean_kw))) or bool(np.any(self.mean_kw < 0.0)):
            raise ProblemError("history: found a negative or infinite power, accepted are finite values >= 0, or NaN")

    @property
    def end_utc(self) -> datetime:
        """End of the last interval: what comes after is unknown."""
        return self.start_utc + timedelta(seconds=self.interval_s * self.mean_kw.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Mean powers expected in each step of a plan."""

    mean_kw: FloatArray
    """[N, T] expected mean power, finite, >= 0 [kW]; read-only."""
    basis: tuple[ForecastBasis, ...]
    """[N] what each home's figures rest on."""
