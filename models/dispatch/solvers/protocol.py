"""One linear program as arrays, and what every solver has to be able to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.domain.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.dispatch.problem import BoolArray, FloatArray, IntArray
    from models.dispatch.result import Termination

LARGEST_COEFFICIENT = 1e9
"""Above this a coefficient is a mistake in units, and the solvers' tolerances mean nothing."""


class Objective(StrEnum):
    """The stages' objectives."""

    SERVICE = "service"
    COST = "cost"
    EFFICIENCY = "efficiency"
    EQUITY = "equity"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearProgram:
    """min c x + offset, row_lower <= A x <= row_upper, column_lower <= x <= column_upper, some x integer."""

    indptr: IntArray
    """[columns + 1] start of each column in ``indices``: A by columns."""
    indices: IntArray
    """Row of each coefficient, rising within a column, no duplicates."""
    values: FloatArray
    row_lower: FloatArray
    """May be -inf."""
    row_upper: FloatArray
    """May be +inf."""
    column_lower: FloatArray
    """Finite."""
    column_upper: FloatArray
    """Finite."""
    is_integer: BoolArray
    objectives: Mapping[Objective, tuple[FloatArray, float]]
    """Coefficients and offset for each stage."""
    row_names: Sequence[str]
    column_names: Sequence[str]
    budget_row: int
    """Row of F <= budget; its upper side is open until it is set."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.row_lower.shape[0])

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.column_lower.shape[0])

    def evaluate(self, objective: Objective, x: FloatArray) -> float:
        """Value of an objective at a point."""
        coefficients, offset = self.objectives[objective]
        return float(coefficients @ x) + offset

    def check_finite(self) -> None:
        """Refuse anything that could make a solver abort or answer nonsense.

        Raises:
            ProblemError: naming the row or column and what was found.
        """
        columns = {"column_lower": self.column_lower, "column_upper": self.column_upper}
        for stage, (coefficients, offset) in self.objectives.items():
            columns[f"objective {stage}"] = coefficients
            _refuse(f"offset of {stage}", np.array([offset]), ("",), has_limit=False)
        for what, vector in columns.items():
            _refuse(what, vector, self.column_names, has_limit=True)
        _refuse("matrix", self.values, None, has_limit=True)
        for what, side, open_end in (("row_lower", self.row_lower, -np.inf), ("row_upper", self.row_upper, np.inf)):
            _refuse(what, np.where(side == open_end, 0.0, side), self.row_names, has_limit=False)


def _refuse(what: str, vector: FloatArray, names: Sequence[str] | None, *, has_limit: bool) -> None:
    is_bad = ~np.isfinite(vector)
    if has_limit:
        is_bad |= np.abs(vector) > LARGEST_COEFFICIENT
    if is_bad.any():
        place = int(np.flatnonzero(is_bad)[0])
        name = names[place] if names is not None and place < len(names) else f"entry {place}"
        accepted = f"finite, at most {LARGEST_COEFFICIENT:g} in size"
        raise ProblemError(f"linear program, {what} at {name}: {vector[place]:g}; accepted: {accepted}")


class BasisStatus(IntEnum):
    """Where a column, or a row's activity, stands in a basis."""

    LOWER = 0
    UPPER = 1
    BASIC = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """A simplex basis: as many basic columns and rows as there are rows."""

    column: IntArray
    """[columns] of ``BasisStatus``."""
    row: IntArray
    """[rows]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearSolution:
    """Answer of one solve."""

    termination: Termination
    objective: float
    """Value of the point found; NaN without one."""
    bound: float
    """No feasible point is below this; -inf if unknown."""
    x: FloatArray
    """[columns]; empty without a point."""
    row_dual: FloatArray
    """[rows] change of the objective for one more on the right-hand side; empty after an integer solve."""
    reduced_cost: FloatArray
    """[columns]; empty after an integer solve."""

    @property
    def has_point(self) -> bool:
        """A feasible point was found."""
        return self.x.size > 0


class SolverSession(Protocol):
    """One loaded linear program; each solve starts from the basis that the one before left."""

    def set_objective(self, coefficients: FloatArray, offset: float) -> None:
        """Replace the objective."""

    def set_column_bounds(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the bounds of some columns."""

    def set_row_bounds(self, rows: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the sides of some rows."""

    def solve_relaxed(self, *, deadline_s: float) -> LinearSolution:
        """Solve with integers relaxed, from the current basis."""

    def solve_integer(self, *, deadline_s: float, gap_eur: float) -> LinearSolution:
        """Solve with integers, to the absolute gap or to the deadline; follows an optimal ``solve_relaxed``."""

    def read_basis(self) -> Basis:
        """Basis of the last relaxed solve."""

    def start_from(self, basis: Basis) -> None:
        """Start the next relaxed solve from a basis; one that turns out not to be one costs time, not correctness."""

    def close(self) -> None:
        """Free the solver's memory."""


class Solver(Protocol):
    """Opens sessions."""

    @property
    def name(self) -> str:
        """Short name for records."""

    def open(self, program: LinearProgram) -> SolverSession:
        """Load a program."""
