"""Room below the peak for what forecasts may miss: P >= net import + reserve, in each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray


def reserves_kw(problem: DispatchProblem) -> FloatArray:
    """[T] The problem's reserve below the peak; 0 where it has none [kW]."""
    return problem.peak_reserve_kw if problem.peak_reserve_kw.size else np.zeros(problem.step_h.shape)
