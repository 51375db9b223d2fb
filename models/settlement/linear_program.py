"""Linear programs of coalitions, and the solver that scipy brings along (HiGHS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array

from models.domain.errors import SolverError
from models.settlement.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearProgram:
    """min cost x  subject to  row_lower <= A x <= row_upper,  lower <= x <= upper."""

    cost: FloatArray
    """[C]"""
    matrix: csc_array
    """[R, C]"""
    row_lower: FloatArray
    """[R], -inf where open."""
    row_upper: FloatArray
    """[R], inf where open."""
    lower: FloatArray
    """[C]"""
    upper: FloatArray
    """[C]"""


class LinearSolver(Protocol):
    """Whoever can solve a linear program."""

    def __call__(self, program: LinearProgram) -> FloatArray:
        """The optimal x [C].

        Raises:
            SolverError: No optimum was found.
        """


def solve_by_scipy(program: LinearProgram) -> FloatArray:
    """Solve with the HiGHS inside scipy, one thread, from scratch.

    Raises:
        SolverError: No optimum was found, with the solver's words.
    """
    if not program.cost.size:
        return np.zeros(0)
    result = milp(
        program.cost,
        constraints=LinearConstraint(program.matrix, program.row_lower, program.row_upper),
        bounds=Bounds(program.lower, program.upper),
    )
    if result.x is None or result.status != 0:
        raise SolverError(f"coalition's dispatch: {result.message}")
    return np.asarray(result.x, dtype=np.float64)
