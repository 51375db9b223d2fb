"""GLPK through swiglpk: dual simplex from the last basis, repaired when it is singular, and branch and cut.

swiglpk holds the interpreter's lock for a whole solve, and GLPK aborts its process on bad input: it belongs in a worker
process, behind ``LinearProgram.check_finite``.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np
import swiglpk as glp

from models.dispatch.result import Termination
from models.dispatch.solvers.protocol import Basis, BasisStatus, LinearSolution

if TYPE_CHECKING:
    from models.dispatch.problem import FloatArray, IntArray
    from models.dispatch.solvers.protocol import LinearProgram

_EMPTY = np.empty(0)
_MILLISECONDS = 1000.0
SHIFTED_GAPS = 1000.0
"""The relaxed optimum is shifted to this many gaps before branching."""
ROUNDING = 1e-12
"""Sides this close are one."""
_REPAIRABLE = (glp.GLP_EBADB, glp.GLP_ESING, glp.GLP_ECOND, glp.GLP_EFAIL)
"""Return codes after which a fresh basis may help: invalid, singular, ill-conditioned, numerical failure."""

_RELAXED_STATUS = {
    glp.GLP_OPT: Termination.OPTIMAL,
    glp.GLP_FEAS: Termination.INCUMBENT,
    glp.GLP_NOFEAS: Termination.INFEASIBLE,
    glp.GLP_INFEAS: Termination.NO_SOLUTION,
    glp.GLP_UNBND: Termination.UNBOUNDED,
    glp.GLP_UNDEF: Termination.NO_SOLUTION,
}
_INTEGER_STATUS = {
    glp.GLP_OPT: Termination.OPTIMAL,
    glp.GLP_FEAS: Termination.INCUMBENT,
    glp.GLP_NOFEAS: Termination.INFEASIBLE,
    glp.GLP_UNDEF: Termination.NO_SOLUTION,
}
_INTEGER_CODES = {0: None, glp.GLP_EMIPGAP: Termination.OPTIMAL, glp.GLP_ETMLIM: Termination.INCUMBENT}
"""Return codes of the branch and cut that may come with a point; any other is a failure."""

_TO_GLPK = np.array([glp.GLP_NL, glp.GLP_NU, glp.GLP_BS])
"""GLPK's statuses in the order of ``BasisStatus``."""
_FROM_GLPK = np.zeros(max(glp.GLP_BS, glp.GLP_NL, glp.GLP_NU, glp.GLP_NF, glp.GLP_NS) + 1, dtype=np.int64)
_FROM_GLPK[glp.GLP_NU] = BasisStatus.UPPER
_FROM_GLPK[glp.GLP_BS] = BasisStatus.BASIC


class GlpkSolver:
    """Opens GLPK sessions.

    Args:
        memory_limit_mb: Above this GLPK ends its process; 0: no limit of its own.
    """

    name = "glpk"

    def __init__(self, memory_limit_mb: int = 0) -> None:
        """Silence the terminal and bound the memory."""
        glp.glp_term_out(glp.GLP_OFF)
        if memory_limit_mb > 0:
            glp.glp_mem_limit(memory_limit_mb)

    def open(self, program: LinearProgram) -> GlpkSession:
        """Load a checked program."""
        program.check_finite()
        return GlpkSession(program)


class GlpkSession:
    """One GLPK problem object; see ``SolverSession``."""

    def __init__(self, program: LinearProgram) -> None:
        """Copy the arrays into GLPK."""
        self._program = program
        self._lp = glp.glp_create_prob()
        self._rows, self._columns = program.rows, program.columns
        self._is_primal = False
        glp.glp_add_rows(self._lp, self._rows)
        glp.glp_add_cols(self._lp, self._columns)
        self.set_row_bounds(np.arange(self._rows), program.row_lower, program.row_upper)
        self.set_column_bounds(np.arange(self._columns), program.column_lower, program.column_upper)
        for column in np.flatnonzero(program.is_integer):
            glp.glp_set_col_kind(self._lp, int(column) + 1, glp.GLP_IV)
        self._load_matrix(program)
        self._control = glp.glp_smcp()
        glp.glp_init_smcp(self._control)
        self._control.msg_lev = glp.GLP_MSG_OFF
        self._control.r_test = glp.GLP_RT_FLIP
        glp.glp_std_basis(self._lp)

    def _load_matrix(self, program: LinearProgram) -> None:
        count = program.values.shape[0]
        columns = np.repeat(np.arange(self._columns), np.diff(program.indptr))
        row_array, column_array = glp.intArray(count + 1), glp.intArray(count + 1)
        value_array = glp.doubleArray(count + 1)
        _copy_into(row_array, np.concatenate(([0], program.indices + 1)).astype(np.int32))
        _copy_into(column_array, np.concatenate(([0], columns + 1)).astype(np.int32))
        _copy_into(value_array, np.concatenate(([0.0], program.values)))
        glp.glp_load_matrix(self._lp, count, row_array, column_array, value_array)

    def set_objective(self, coefficients: FloatArray, offset: float) -> None:
        """Replace the objective."""
        set_coefficient = glp.glp_set_obj_coef
        for column, value in enumerate(coefficients.tolist(), start=1):
            set_coefficient(self._lp, column, value)
        set_coefficient(self._lp, 0, offset)

    def set_column_bounds(self, columns: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the bounds of some columns."""
        for column, low, high in zip(columns.tolist(), lower.tolist(), upper.tolist(), strict=True):
            glp.glp_set_col_bnds(self._lp, column + 1, _bound_type(low, high), low, high)

    def set_row_bounds(self, rows: IntArray, lower: FloatArray, upper: FloatArray) -> None:
        """Replace the sides of some rows."""
        for row, low, high in zip(rows.tolist(), lower.tolist(), upper.tolist(), strict=True):
            glp.glp_set_row_bnds(self._lp, row + 1, _bound_type(low, high), low, high)

    def solve_relaxed(self, *, deadline_s: float) -> LinearSolution:
        """Simplex from the last basis, dual unless it was given; a bad basis is rebuilt."""
        self._control.meth = glp.GLP_PRIMAL if self._is_primal else glp.GLP_DUALP
        self._is_primal = False
        code = self._run_simplex(deadline_s)
        status = _RELAXED_STATUS.get(glp.glp_get_status(self._lp), Termination.FAILED)
        if code == glp.GLP_ETMLIM and status is Termination.OPTIMAL:
            status = Termination.INCUMBENT
        if code == glp.GLP_EBOUND:
            return _without_point(Termination.INFEASIBLE)
        if code not in (0, glp.GLP_ETMLIM):
            return _without_point(Termination.FAILED)
        if status not in (Termination.OPTIMAL, Termination.INCUMBENT):
            return _without_point(status)
        objective = float(glp.glp_get_obj_val(self._lp))
        return LinearSolution(
            termination=status,
            objective=objective,
            bound=objective if status is Termination.OPTIMAL else -np.inf,
            x=self._read(glp.glp_get_col_prim, self._columns),
            row_dual=self._read(glp.glp_get_row_dual, self._rows),
            reduced_cost=self._read(glp.glp_get_col_dual, self._columns),
        )

    def _run_simplex(self, deadline_s: float) -> int:
        """GLPK's return code; a basis that it cannot use is rebuilt twice, all within the time given."""
        started = glp.glp_time()
        code = int(glp.GLP_EBADB)
        for rebuild in (None, lambda: glp.glp_adv_basis(self._lp, 0), lambda: glp.glp_std_basis(self._lp)):
            left_s = deadline_s - glp.glp_difftime(glp.glp_time(), started)
            if rebuild is not None:
                if left_s <= 0.0:
                    return int(glp.GLP_ETMLIM)
                rebuild()
            self._control.tm_lim = max(int(left_s * _MILLISECONDS), 1)
            code = int(glp.glp_simplex(self._lp, self._control))
            if code not in _REPAIRABLE:
                break
        return code

    def solve_integer(self, *, deadline_s: float, gap_eur: float) -> LinearSolution:
        """Branch and cut from the optimal basis of the relaxed program."""
        control = glp.glp_iocp()
        glp.glp_init_iocp(control)
        control.msg_lev = glp.GLP_MSG_OFF
        control.tm_lim = max(int(deadline_s * _MILLISECONDS), 1)
        # Pseudocosts prove the gap of plans with two cars in 0.2 s; the heuristic of Driebeck and Tomlin was still
        # at 2 % after 16 s. Without cars both take the same time at the median.
        control.br_tech, control.bt_tech = glp.GLP_BR_PCH, glp.GLP_BT_BLB
        # Of GLPK's cuts, Gomory's close the gap of side binaries fastest: 0.3 s, 1.6 s with MIR, 0.6 s with none.
        control.gmi_cuts = glp.GLP_ON
        bound = float(glp.glp_get_obj_val(self._lp))
        # GLPK's gap is relative to the incumbent: shifted, so that an objective near zero means the same.
        level = SHIFTED_GAPS * gap_eur
        offset, shift = glp.glp_get_obj_coef(self._lp, 0), level - bound
        glp.glp_set_obj_coef(self._lp, 0, offset + shift)
        # The stored value of the relaxed optimum, where branching starts, is brought up to date.
        self._control.tm_lim = control.tm_lim
        glp.glp_simplex(self._lp, self._control)
        control.mip_gap = gap_eur / (level + gap_eur)
        code = glp.glp_intopt(self._lp, control)
        glp.glp_set_obj_coef(self._lp, 0, offset)
        if code not in _INTEGER_CODES:
            return _without_point(Termination.FAILED)
        status = _INTEGER_STATUS.get(glp.glp_mip_status(self._lp), Termination.FAILED)
        if status not in (Termination.OPTIMAL, Termination.INCUMBENT):
            return _without_point(status)
        shifted = float(glp.glp_mip_obj_val(self._lp))
        objective = shifted - shift
        termination = _INTEGER_CODES[code] or status
        if code == 0 and status is Termination.OPTIMAL:
            bound = objective
        elif code == glp.GLP_EMIPGAP:
            # GLPK does not tell its final bound: within the asked gap is all that is known.
            bound = max(bound, objective - control.mip_gap * abs(shifted))
        return LinearSolution(
            termination=termination,
            objective=objective,
            bound=bound,
            x=self._read(glp.glp_mip_col_val, self._columns),
            row_dual=_EMPTY,
            reduced_cost=_EMPTY,
        )

    def read_basis(self) -> Basis:
        """Basis of the last relaxed solve."""
        column = self._read(glp.glp_get_col_stat, self._columns).astype(np.int64)
        row = self._read(glp.glp_get_row_stat, self._rows).astype(np.int64)
        return Basis(column=_FROM_GLPK[column], row=_FROM_GLPK[row])

    def start_from(self, basis: Basis) -> None:
        """Start the next relaxed solve from a basis; GLPK itself corrects statuses that do not fit the bounds."""
        for column, status in enumerate(_TO_GLPK[basis.column].tolist(), start=1):
            glp.glp_set_col_stat(self._lp, column, status)
        for row, status in enumerate(_TO_GLPK[basis.row].tolist(), start=1):
            glp.glp_set_row_stat(self._lp, row, status)
        # A lifted basis is feasible: the primal simplex keeps it so, and has a point at any deadline.
        self._is_primal = True

    def _read(self, getter: object, count: int) -> FloatArray:
        lp = self._lp
        return np.fromiter((getter(lp, k) for k in range(1, count + 1)), dtype=np.float64, count=count)  # type: ignore[operator]

    def close(self) -> None:
        """Free GLPK's problem object."""
        glp.glp_delete_prob(self._lp)


def _copy_into(target: object, values: np.ndarray) -> None:
    """Copy a whole array at once: one call for each entry would take longer than the solve."""
    ctypes.memmove(int(target.cast()), values.ctypes.data, values.nbytes)  # type: ignore[attr-defined]


def _bound_type(low: float, high: float) -> int:
    if np.isinf(low):
        return int(glp.GLP_FR if np.isinf(high) else glp.GLP_UP)
    if np.isinf(high):
        return int(glp.GLP_LO)
    # Sides that cross stay two sides, so that GLPK says so.
    return int(glp.GLP_FX if abs(high - low) <= ROUNDING else glp.GLP_DB)


def _without_point(termination: Termination) -> LinearSolution:
    return LinearSolution(
        termination=termination, objective=np.nan, bound=-np.inf, x=_EMPTY, row_dual=_EMPTY, reduced_cost=_EMPTY
    )
