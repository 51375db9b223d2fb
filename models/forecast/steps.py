"""From values on the interval grid to means over a plan's steps, whatever their edges."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from models.domain.arrays import FloatArray
from models.domain.errors import ProblemError


def step_edges_s(start_utc: datetime, step_h: FloatArray) -> FloatArray:
    """[T + 1] edges of the steps [s since 1970-01-01 UTC].

    Raises:
        ProblemError: The start is naive, there is no step, or a length is not positive.
    """
    if start_utc.tzinfo is None:
        raise ProblemError(f"first step: found {start_utc.isoformat()}, accepted are aware times in UTC")
    lengths_s = np.asarray(step_h, dtype=np.float64) * 3600.0
    if lengths_s.ndim != 1 or not len(lengths_s) or not bool(np.all(np.isfinite(lengths_s) & (lengths_s > 0.0))):
        raise ProblemError(f"steps: found lengths {step_h}, accepted are one or more lengths above 0 h")
    return start_utc.timestamp() + np.concatenate([[0.0], np.cumsum(lengths_s)])


def average_over_steps(grid_kw: FloatArray, first_s: int, interval_s: int, edges_s: FloatArray) -> FloatArray:
    """Means over steps of a power that is constant within each interval.

    Args:
        grid_kw: [N, K] mean power in consecutive intervals that cover the steps [kW].
        first_s: Start of the first interval [s since 1970-01-01 UTC].
        interval_s: Length of an interval [s].
        edges_s: [T + 1] edges of the steps [s since 1970-01-01 UTC].

    Returns:
        [N, T] mean power in each step [kW].
    """
    starts_s = first_s + interval_s * np.arange(grid_kw.shape[1])
    latest_start = np.maximum(starts_s[:, None], edges_s[None, :-1])
    earliest_end = np.minimum(starts_s[:, None] + interval_s, edges_s[None, 1:])
    overlap_s = np.maximum(earliest_end - latest_start, 0.0)
    mean_kw: FloatArray = grid_kw @ (overlap_s / np.diff(edges_s))
    return mean_kw
