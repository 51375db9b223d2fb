"""The stages on one linear program: service, efficiency, equity, tie-break, each objective a bound of the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.directions import find_burning, keep_directions
from models.dispatch.integrality import Choice, choose_devices, choose_sides, must_keep_side
from models.dispatch.layout import NONE, Layout, gather
from models.dispatch.result import Termination
from models.dispatch.shortage import level_shares
from models.dispatch.solvers.protocol import Basis, LinearProgram, LinearSolution, Objective, SolverSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.dispatch.facts import Facts
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray, IntArray

SERVICE_SHARE_FRAC = 0.3
"""Share of the time left that branching in the service stage may take."""
EFFICIENCY_SHARE_FRAC = 0.4
EQUITY_SHARE_FRAC = 0.9
"""The rest is for the tie-break and reading back."""
BOUND_SLACK_EUR = 1e-6
"""Added to each bound taken from a stage, so that the solvers' tolerances do not make it infeasible."""
VIOLATION_SLACK = 1e-7
"""Added to what the service stage leaves violated, for the same reason [kW or kWh]."""
PRICED_EUR = 1e-7
"""A reduced cost or dual above this is not zero: the optimum holds its column or row in place."""
LEAST_SCALE_FRAC = 0.01
"""Gaps are relative to the objective, or to this share of the plain bill where the objective is near zero."""

UNKNOWN_GAP_FRAC = 1.0
"""Gap of a point with no bound to compare it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutcome:
    """How one stage ended."""

    objective: Objective
    solution: LinearSolution
    """With duals, integers fixed; without a point if the stage failed."""
    gap_frac: float
    basis: Basis | None
    """Basis at the solution, of the efficiency stage only."""


@dataclass(slots=True, kw_only=True)
class StageRun:
    """The state of one run through the stages; owns nothing but its session's bounds."""

    problem: DispatchProblem
    facts: Facts
    program: LinearProgram
    layout: Layout
    session: SolverSession
    now_s: Callable[[], float]
    """Seconds on a clock that only rises."""
    end_s: float
    """On that clock: nothing may run longer."""
    mip_gap: float
    lower: FloatArray = field(init=False)
    """[columns] bounds in force, integers free."""
    upper: FloatArray = field(init=False)
    kept_x: FloatArray | None = field(default=None, init=False)
    """The last point before the equity stage whose devices do what they can; with its trades netted, a schedule."""

    def __post_init__(self) -> None:
        """Start from the program's bounds."""
        self.lower, self.upper = self.program.column_lower.copy(), self.program.column_upper.copy()

    @property
    def left_s(self) -> float:
        """Time left [s]."""
        return self.end_s - self.now_s()

    def run_service(self) -> StageOutcome:
        """Stage 0: least violation; what it leaves violated may not grow in the stages after it."""
        outcome = self._run(Objective.SERVICE, share=SERVICE_SHARE_FRAC)
        if outcome.solution.has_point:
            outcome = replace(outcome, solution=level_shares(self, outcome.solution))
            self._note(outcome.objective, outcome.solution)
            layout = self.layout
            for columns in (
                layout.excess, layout.over_import, layout.over_export, layout.below, layout.above, layout.skipped,
                layout.unserved,
            ):  # fmt: skip
                existing = columns[columns != NONE]
                self.upper[existing] = np.maximum(outcome.solution.x[existing], 0.0) + VIOLATION_SLACK
                self.session.set_column_bounds(existing, self.lower[existing], self.upper[existing])
        return outcome

    def run_efficiency(self) -> StageOutcome:
        """Stage 1: min F."""
        keep = must_keep_side(self.problem, self.facts)
        return self._run(Objective.EFFICIENCY, share=EFFICIENCY_SHARE_FRAC, keep_side=keep)

    def run_equity(self, budget_eur: float) -> StageOutcome:
        """Stage 2: the weighted objective within F <= budget."""
        row, offset = self.program.budget_row, self.program.objectives[Objective.COST][1]
        slack = BOUND_SLACK_EUR * max(1.0, abs(budget_eur))
        self.session.set_row_bounds(np.array([row]), np.array([-np.inf]), np.array([budget_eur - offset + slack]))
        return self._run(Objective.EQUITY, share=EQUITY_SHARE_FRAC)

    def run_tie_break(self, equity: LinearSolution) -> LinearSolution:
        """Stage 3: among the optima of stage 2, integers fixed, the one closest to the running schedule.

        The optima are the points that leave every column with a reduced cost and every row with a dual in place. On
        them min sum |p - p_ref| over the control window, each power only moving towards its reference.
        """
        objective, columns, lower, upper = self._approach(equity.x)
        if not columns.size or not equity.reduced_cost.size:
            return equity
        program = self.program
        low, high = self.lower.copy(), self.upper.copy()
        low[columns], high[columns] = lower, upper
        activity = _activity(program, equity.x)
        is_held = (np.abs(equity.reduced_cost) > PRICED_EUR) | program.is_integer
        low[is_held] = high[is_held] = equity.x[is_held]
        held_rows = np.flatnonzero(np.abs(equity.row_dual) > PRICED_EUR)
        self.session.set_column_bounds(np.arange(program.columns), np.minimum(low, high), high)
        self.session.set_row_bounds(held_rows, activity[held_rows], activity[held_rows])
        self.session.set_objective(objective, 0.0)
        solution = self.session.solve_relaxed(deadline_s=max(self.left_s, 0.01))
        return solution if solution.termination is Termination.OPTIMAL else equity

    def _approach(self, x: FloatArray) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
        """Objective and bounds that move each power of the control window towards its reference, never beyond."""
        program, steps = self.program, self.problem.exact_steps
        objective = np.zeros(program.columns)
        parts: list[tuple[IntArray, FloatArray]] = []
        battery, ev = self.problem.reference_battery_kw[:, :steps], self.problem.reference_ev_kw[:, :steps]
        known = np.isfinite(battery)
        parts.append((self.layout.charge[:, :steps][known], np.maximum(battery[known], 0.0)))
        parts.append((self.layout.discharge[:, :steps][known], np.maximum(-battery[known], 0.0)))
        known = np.isfinite(ev) & (self.layout.ev_charge[:, :steps] != NONE)
        parts.append((self.layout.ev_charge[:, :steps][known], ev[known]))
        columns = np.concatenate([column for column, _ in parts])
        target = np.concatenate([value for _, value in parts])
        low, high, now = self.lower[columns], self.upper[columns], x[columns]
        target = np.clip(target, low, high)
        is_above = now > target
        objective[columns] = np.where(is_above, 1.0, -1.0)
        objective[columns[np.abs(now - target) < PRICED_EUR]] = 0.0
        return objective, columns, np.where(is_above, target, low), np.where(is_above, high, np.maximum(target, now))

    def _run(self, objective: Objective, *, share: float, keep_side: BoolArray | None = None) -> StageOutcome:
        """Relaxed, then the nearest choice, then branching where the gap is still open."""
        coefficients, offset = self.program.objectives[objective]
        self.session.set_objective(coefficients, offset)
        relaxed = self.session.solve_relaxed(deadline_s=self.left_s)
        if not relaxed.has_point:
            return self._finish(objective, relaxed, relaxed.bound)
        self._note(objective, relaxed)
        bound = relaxed.bound
        devices = choose_devices(self.problem, self.layout, relaxed.x)
        sides = choose_sides(self.layout, relaxed.x, keep_side)
        if devices.is_kept and sides.is_kept and keep_side is not None:
            return self._finish(objective, relaxed, bound, self.session.read_basis())
        best = self._round(objective, relaxed, devices, keep_side) if self.program.is_integer.any() else relaxed
        if not best.has_point or self.gap_of(best.objective, bound) > self.mip_gap:
            best, branched_bound = self._branch(best, share * self.left_s)
            bound = max(bound, branched_bound)
        if objective is Objective.EQUITY and best.has_point:
            best = keep_directions(self, best)
        self._note(objective, best)
        basis = self.session.read_basis() if objective is Objective.EFFICIENCY else None
        outcome = self._finish(objective, best, bound, basis)
        if objective is not Objective.EQUITY:
            self.release()
        return outcome

    def _round(
        self, objective: Objective, relaxed: LinearSolution, devices: Choice, keep_side: BoolArray | None
    ) -> LinearSolution:
        """Nearest devices first, then the sides that suit them: a run that starts here cannot be on the giving side."""
        point = relaxed
        if not devices.is_kept:
            point = self._fix(devices)
            self._note(objective, point)
        elif devices.columns.size:
            self.session.set_column_bounds(devices.columns, devices.values, devices.values)
        return self._fix(choose_sides(self.layout, point.x, keep_side)) if point.has_point else point

    def _branch(self, rounded: LinearSolution, limit_s: float) -> tuple[LinearSolution, float]:
        """The better of the rounded point and what branching finds, integers fixed, and branching's bound."""
        self.release()
        relaxed = self.session.solve_relaxed(deadline_s=max(self.left_s, 0.01))
        if relaxed.termination is not Termination.OPTIMAL:
            return rounded, -np.inf
        scales = [self.scale_eur(point.objective) for point in (relaxed, rounded) if point.has_point]
        gap_eur = 0.9 * self.mip_gap * min(scales)
        branched = self.session.solve_integer(deadline_s=max(limit_s, 0.01), gap_eur=gap_eur)
        best = rounded
        if branched.has_point and not (rounded.has_point and rounded.objective <= branched.objective):
            best = branched
        if not best.has_point:
            return best, branched.bound
        fixed = self._fix(_read_choice(self.program, best.x))
        # Time may be up by now: then the point counts as it is, without duals if branching found it.
        return fixed if fixed.has_point else best, branched.bound

    def _note(self, objective: Objective, point: LinearSolution) -> None:
        """Remember a point that a schedule can be made of, if nothing better comes before time is up."""
        if objective is Objective.EQUITY or not point.has_point:
            return
        if find_burning(self.problem, self.layout, point.x).any():
            return
        if choose_devices(self.problem, self.layout, point.x).is_kept:
            self.kept_x = point.x

    def _fix(self, choice: Choice) -> LinearSolution:
        """Best point with the integers at a choice."""
        self.session.set_column_bounds(choice.columns, choice.values, choice.values)
        return self.session.solve_relaxed(deadline_s=max(self.left_s, 0.01))

    def fix_integers(self, x: FloatArray) -> None:
        """Hold the integers at a point's."""
        choice = _read_choice(self.program, x)
        self.session.set_column_bounds(choice.columns, choice.values, choice.values)

    def release(self) -> None:
        """Set the integers free."""
        integers = np.flatnonzero(self.program.is_integer)
        self.session.set_column_bounds(integers, self.lower[integers], self.upper[integers])

    def _finish(
        self, objective: Objective, solution: LinearSolution, bound: float, basis: Basis | None = None
    ) -> StageOutcome:
        gap = min(self.gap_of(solution.objective, bound), UNKNOWN_GAP_FRAC) if solution.has_point else UNKNOWN_GAP_FRAC
        return StageOutcome(objective=objective, solution=solution, gap_frac=gap, basis=basis)

    def scale_eur(self, objective_eur: float) -> float:
        """What a gap is relative to [EUR]."""
        problem = self.problem
        bill_eur = float(np.abs(problem.import_price_eur_per_kwh) * problem.step_h @ problem.demand_kw.sum(axis=0))
        return max(abs(objective_eur), LEAST_SCALE_FRAC * bill_eur, 0.01)

    def gap_of(self, objective_eur: float, bound_eur: float) -> float:
        """Relative gap, never below 0."""
        return max(objective_eur - bound_eur, 0.0) / self.scale_eur(objective_eur)


def _activity(program: LinearProgram, x: FloatArray) -> FloatArray:
    column_of = np.repeat(np.arange(program.columns), np.diff(program.indptr))
    activity = np.zeros(program.rows)
    np.add.at(activity, program.indices, program.values * x[column_of])
    return activity


def _read_choice(program: LinearProgram, x: FloatArray) -> Choice:
    integers: IntArray = np.flatnonzero(program.is_integer)
    return Choice(columns=integers, values=np.round(x[integers]), is_kept=True)


def marginal_prices(
    problem: DispatchProblem, facts: Facts, layout: Layout, efficiency: LinearSolution
) -> FloatArray | None:
    """[N, T] Worth to the community of one more kWh of demand at each member [EUR/kWh].

    The dual of the balance in the efficiency stage; for a fixed position that of the community's import or export.
    """
    if not efficiency.row_dual.size:
        return None
    dual = efficiency.row_dual
    takes = facts.fixed_kw > 0.0
    by_import, by_export = gather(dual, layout.total_in_row)[None, :], -gather(dual, layout.total_out_row)[None, :]
    fixed = np.where(takes, by_import, by_export)
    result: FloatArray = np.where(facts.is_flexible, gather(dual, layout.balance_row), fixed) / problem.step_h
    return result
