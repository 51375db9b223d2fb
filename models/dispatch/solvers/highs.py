"""HiGHS through highspy, behind the same protocol; one thread, so that the same program gives the same answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import highspy
import numpy as np

from models.dispatch.result import Termination
from models.dispatch.solvers.protocol import Basis, BasisStatus, LinearSolution
from models.domain.errors import SolverError

if TYPE_CHECKING:
    from models.dispatch.problem import FloatArray, IntArray
    from models.dispatch.solvers.protocol import LinearProgram

_EMPTY = np.empty(0)
_STATUS = {
    highspy.HighsModelStatus.kOptimal: Termination.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Termination.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Termination.UNBOUNDED,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: Termination.INFEASIBLE,
    highspy.HighsModelStatus.kTimeLimit: Termination.NO_SOLUTION,
    highspy.HighsModelStatus.kIterationLimit: Termination.NO_SOLUTION,
    highspy.HighsModelStatus.kSolutionLimit: Termination.INCUMBENT,
    highspy.HighsModelStatus.kModelEmpty: Termination.OPTIMAL,
}
"""Anything else is a failure."""

_TO_HIGHS = (
    highspy.HighsBasisStatus.kLower,
    highspy.HighsBasisStatus.kUpper,
    highspy.HighsBasisStatus.kBasic,
)
"""HiGHS' statuses in the order of ``BasisStatus``."""


class HighsSolver:
    """Opens HiGHS sessions."""

    name = "highs"

    def open(self, program: LinearProgram) -> HighsSession:
        """Load a checked program."""
        program.check_finite()
        return HighsSession(program)


class HighsSession:
    """One HiGHS instance; see ``SolverSession``."""

    def __init__(self, program: LinearProgram) -> None:
        """Copy the arrays into HiGHS, integers relaxed."""
        self._program = program
        self._highs = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 0), ("parallel", "off")):
            self._highs.setOptionValue(option, value)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = program.columns, program.rows
        lp.col_cost_ = np.zeros(program.columns)
        lp.col_lower_, lp.col_upper_ = program.column_lower, program.column_upper
        lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = program.indptr.astype(np.int32)
        lp.a_matrix_.index_ = program.indices.astype(np.int32)
        lp.a_matrix_.value_ = program.values
        if self._highs.passModel(lp) == highspy.HighsStatus.kError:
            raise SolverError("HiGHS refused the linear program")
        self._integers = np.flatnonzero(program.is_integer).astype(np.int32)
        self._is_relaxed = True

    def set_objective(self, coefficients: FloatArray, offset: float) -> None:
        """Replace the objective."""
        count = self._program.columns
        self._highs.changeColsCost(count, np.arange(count, dtype=np.int32), coefficients)
        self._highs.changeObjectiveOffset(offset)

    def set_column_bounds(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the bounds of some columns."""
        self._highs.changeColsBounds(columns.shape[0], columns.astype(np.int32), lower, upper)

    def set_row_bounds(self, rows: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the sides of some rows."""
        for row, low, high in zip(rows.tolist(), lower.tolist(), upper.tolist(), strict=True):
            self._highs.changeRowBounds(row, low, high)

    def _set_relaxed(self, *, is_relaxed: bool) -> None:
        if is_relaxed == self._is_relaxed or not self._integers.size:
            return
        kind = highspy.HighsVarType.kContinuous if is_relaxed else highspy.HighsVarType.kInteger
        kinds = np.full(self._integers.shape, int(kind), dtype=np.uint8)
        self._highs.changeColsIntegrality(self._integers.shape[0], self._integers, kinds)
        self._is_relaxed = is_relaxed

    def solve_relaxed(self, *, deadline_s: float) -> LinearSolution:
        """Simplex from the last basis."""
        self._set_relaxed(is_relaxed=True)
        status = self._run(deadline_s)
        if status is not Termination.OPTIMAL:
            return _without_point(status)
        solution = self._highs.getSolution()
        objective = float(self._highs.getInfo().objective_function_value)
        return LinearSolution(
            termination=status,
            objective=objective,
            bound=objective,
            x=np.array(solution.col_value),
            row_dual=np.array(solution.row_dual),
            reduced_cost=np.array(solution.col_dual),
        )

    def solve_integer(self, *, deadline_s: float, gap_eur: float) -> LinearSolution:
        """Branch and cut."""
        self._set_relaxed(is_relaxed=False)
        self._highs.setOptionValue("mip_abs_gap", gap_eur)
        self._highs.setOptionValue("mip_rel_gap", 0.0)
        status = self._run(deadline_s)
        info = self._highs.getInfo()
        has_point = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
        if status is Termination.NO_SOLUTION and has_point:
            status = Termination.INCUMBENT
        if status not in (Termination.OPTIMAL, Termination.INCUMBENT):
            return _without_point(status)
        return LinearSolution(
            termination=status,
            objective=float(info.objective_function_value),
            bound=float(info.mip_dual_bound),
            x=np.array(self._highs.getSolution().col_value),
            row_dual=_EMPTY,
            reduced_cost=_EMPTY,
        )

    def read_basis(self) -> Basis:
        """Basis of the last relaxed solve."""
        basis = self._highs.getBasis()
        return Basis(column=_from_highs(basis.col_status), row=_from_highs(basis.row_status))

    def start_from(self, basis: Basis) -> None:
        """Start the next relaxed solve from a basis."""
        given = highspy.HighsBasis()
        given.col_status = [_TO_HIGHS[status] for status in basis.column.tolist()]
        given.row_status = [_TO_HIGHS[status] for status in basis.row.tolist()]
        self._highs.setBasis(given)

    def _run(self, deadline_s: float) -> Termination:
        # HiGHS counts its time limit over all runs of an instance.
        limit_s = self._highs.getRunTime() + max(deadline_s, 1e-3)
        self._highs.setOptionValue("time_limit", limit_s)
        self._highs.run()
        return _STATUS.get(self._highs.getModelStatus(), Termination.FAILED)

    def close(self) -> None:
        """Free HiGHS' memory."""
        self._highs.clear()


def _without_point(termination: Termination) -> LinearSolution:
    return LinearSolution(
        termination=termination, objective=np.nan, bound=-np.inf, x=_EMPTY, row_dual=_EMPTY, reduced_cost=_EMPTY
    )


def _from_highs(statuses: list[Any]) -> IntArray:
    upper, basic = highspy.HighsBasisStatus.kUpper, highspy.HighsBasisStatus.kBasic
    known = {upper: BasisStatus.UPPER, basic: BasisStatus.BASIC}
    return np.array([int(known.get(status, BasisStatus.LOWER)) for status in statuses], dtype=np.int64)
