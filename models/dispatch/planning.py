"""One dispatch problem to one plan: validate, write the programs, run the stages, read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.dispatch.arrays.efficient import is_separable, price_marginal_kwh, write_efficient
from models.dispatch.arrays.greedy import share_efficient
from models.dispatch.arrays.lift import lift_basis
from models.dispatch.arrays.program import write_program
from models.dispatch.facts import Facts, derive_facts
from models.dispatch.figures import measure_schedule
from models.dispatch.layout import Layout, locate
from models.dispatch.readback import read_schedule, read_softened
from models.dispatch.result import Plan, PlanFigures, Schedule, SoftLimit, SolveRecord, Termination
from models.dispatch.rule import follow_rule
from models.dispatch.solvers.protocol import LinearSolution, Objective
from models.dispatch.stages import UNKNOWN_GAP_FRAC, StageRun, marginal_prices
from models.dispatch.validation import validate_problem

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import WrittenProgram
    from models.dispatch.problem import DispatchProblem, FloatArray
    from models.dispatch.solvers.protocol import Basis, Solver, SolverSession


class ProgramWriter(Protocol):
    """Turns a problem into the whole program: ``write_program``, or its slow twin by way of Pyomo."""

    def __call__(self, problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> WrittenProgram:
        """Arrays of a validated problem's model."""


def solve(
    problem: DispatchProblem,
    *,
    solver: Solver,
    deadline_s: float,
    mip_gap: float,
    now_s: Callable[[], float],
    memory_mb: Callable[[], float] = lambda: 0.0,
    writer: ProgramWriter = write_program,
    has_shortcut: bool = True,
) -> Plan:
    """Plan of a problem: the stages of the equity-regarding dispatch, each a bound of the next.

    Args:
        problem: All data.
        solver: GLPK or HiGHS behind the protocol.
        deadline_s: Time for everything; the best point found by then is the answer [s].
        mip_gap: Relative gap within which a stage counts as solved.
        now_s: A clock that only rises [s].
        memory_mb: Peak memory of the process so far [MiB].
        writer: How the whole program is written.
        has_shortcut: Solve the efficiency stage on its smaller program where that has the same optimum.

    Raises:
        ProblemError: The problem is not finite or not consistent.
    """
    started_s = now_s()
    validate_problem(problem)
    attempt = _Attempt(
        problem=problem,
        facts=derive_facts(problem),
        solver=solver,
        mip_gap=mip_gap,
        now_s=now_s,
        end_s=started_s + deadline_s,
        memory_mb=memory_mb,
        writer=writer,
        alone_cost_eur=measure_schedule(problem, follow_rule(problem)).cost_eur,
        marks_s=[started_s],
    )
    if problem.is_islanded.any():
        return attempt.run_whole(is_elastic=True)
    is_short = has_shortcut and is_separable(problem, attempt.facts)
    plan = attempt.run_short() if is_short else attempt.run_whole(is_elastic=False)
    if plan.record.termination is Termination.FAILED and is_short:
        attempt.gaps.clear()
        plan = attempt.run_whole(is_elastic=False)
    if plan.record.termination is Termination.INFEASIBLE:
        # Said to be infeasible: the model with soft limits confirms it, and finds the least that has to give way.
        attempt.gaps.clear()
        plan = attempt.run_whole(is_elastic=True)
    return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Efficient:
    """What the efficiency stage leaves to the next."""

    cost_eur: float
    """F*"""
    marginal_eur_per_kwh: FloatArray | None
    fallback: Callable[[], Schedule] | None = None
    """Gives a schedule that keeps to one side everywhere, if the equity stage finds none."""


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """One problem, one solver, one deadline."""

    problem: DispatchProblem
    facts: Facts
    solver: Solver
    mip_gap: float
    now_s: Callable[[], float]
    end_s: float
    memory_mb: Callable[[], float]
    writer: ProgramWriter
    alone_cost_eur: float
    marks_s: list[float]
    """Times at which a stage ended, the start first [s]."""
    gaps: list[float] = field(default_factory=list)
    objective_eur: float = 0.0
    size: tuple[int, int, int] = (0, 0, 0)
    """Rows, columns and binaries of the whole program."""

    def run_short(self) -> Plan:
        """Efficiency on the small program, equity from there."""
        small = write_efficient(self.problem, self.facts)
        whole = self._write(is_elastic=False)
        session = self.solver.open(small.program)
        try:
            outcome = self._stages(small, session).run_efficiency()
        finally:
            session.close()
        self._mark(outcome.gap_frac)
        solution = outcome.solution
        if not solution.has_point:
            return self._without_schedule(solution.termination)
        efficient = _Efficient(
            cost_eur=small.program.evaluate(Objective.COST, solution.x),
            marginal_eur_per_kwh=price_marginal_kwh(self.problem, self.facts, small, solution.row_dual),
            fallback=partial(share_efficient, self.problem, self.facts, small, solution.x),
        )
        basis = None
        if outcome.basis is not None and self.writer is write_program:
            basis = lift_basis(self.problem, self.facts, small, solution.x, outcome.basis, whole)
        session = self.solver.open(whole.program)
        try:
            return self._run_equity(self._stages(whole, session), efficient, basis)
        finally:
            session.close()

    def run_whole(self, *, is_elastic: bool) -> Plan:
        """All stages on the whole program."""
        whole = self._write(is_elastic=is_elastic)
        session = self.solver.open(whole.program)
        try:
            stages = self._stages(whole, session)
            if is_elastic:
                service = stages.run_service()
                self._mark(service.gap_frac)
                if not service.solution.has_point:
                    return self._without_schedule(service.solution.termination)
            outcome = stages.run_efficiency()
            self._mark(outcome.gap_frac)
            if not outcome.solution.has_point:
                return self._without_schedule(outcome.solution.termination)
            efficient = _Efficient(
                cost_eur=whole.program.evaluate(Objective.COST, outcome.solution.x),
                marginal_eur_per_kwh=marginal_prices(self.problem, self.facts, stages.layout, outcome.solution),
            )
            return self._run_equity(stages, efficient, None)
        finally:
            session.close()

    def _run_equity(self, stages: StageRun, efficient: _Efficient, basis: Basis | None) -> Plan:
        """Equity and tie-break; where there is no time for them, the efficient schedule."""
        if basis is not None:
            stages.session.start_from(basis)
        gain_eur = max(0.0, self.alone_cost_eur - efficient.cost_eur)
        outcome = stages.run_equity(efficient.cost_eur + self.problem.equity_budget_frac * gain_eur)
        self._mark(outcome.gap_frac)
        if not outcome.solution.has_point:
            if efficient.fallback is None:
                return self._without_schedule(outcome.solution.termination)
            self.gaps.append(UNKNOWN_GAP_FRAC)
            return self._plan(efficient, efficient.fallback(), (), None)
        self.objective_eur = outcome.solution.objective
        final = stages.run_tie_break(outcome.solution)
        self._mark(0.0)
        return self._read(stages.layout, efficient, final, stages.program.evaluate(Objective.COST, final.x))

    def _write(self, *, is_elastic: bool) -> WrittenProgram:
        whole = self.writer(self.problem, self.facts, is_elastic=is_elastic)
        program = whole.program
        self.size = program.rows, program.columns, int(program.is_integer.sum())
        self._mark(0.0)
        return whole

    def _stages(self, written: WrittenProgram, session: SolverSession) -> StageRun:
        return StageRun(
            problem=self.problem,
            facts=self.facts,
            program=written.program,
            layout=locate(self.problem, written.columns, written.rows),
            session=session,
            now_s=self.now_s,
            end_s=self.end_s,
            mip_gap=self.mip_gap,
        )

    def _read(self, layout: Layout, efficient: _Efficient, final: LinearSolution, cost_eur: float) -> Plan:
        schedule = read_schedule(self.problem, self.facts, layout, final.x)
        softened = read_softened(self.problem, self.facts, layout, final.x)
        return self._plan(efficient, schedule, softened, cost_eur)

    def _plan(
        self, efficient: _Efficient, schedule: Schedule, softened: tuple[SoftLimit, ...], cost_eur: float | None
    ) -> Plan:
        """A plan with its figures; the cost is the program's own, which the audit compares with the schedule's."""
        found = measure_schedule(self.problem, schedule)
        is_proven = max(self.gaps, default=0.0) <= self.mip_gap
        termination = Termination.OPTIMAL if is_proven else Termination.INCUMBENT
        return Plan(
            record=self._record(termination, tuple(str(limit) for limit in softened)),
            schedule=schedule,
            figures=PlanFigures(
                cost_eur=found.cost_eur if cost_eur is None else cost_eur,
                efficient_cost_eur=efficient.cost_eur,
                alone_cost_eur=self.alone_cost_eur,
                member_cost_eur=found.member_cost_eur,
                peak_kw=found.peak_kw,
                worst_burden_frac=found.worst_burden_frac,
                access_shortfall_kwh=found.access_shortfall_kwh,
            ),
            marginal_price_eur_per_kwh=efficient.marginal_eur_per_kwh,
            softened=softened,
        )

    def _without_schedule(self, termination: Termination) -> Plan:
        record = self._record(termination, ())
        return Plan(record=record, schedule=None, figures=None, marginal_price_eur_per_kwh=None)

    def _record(self, termination: Termination, violated: tuple[str, ...]) -> SolveRecord:
        rows, columns, binaries = self.size
        return SolveRecord(
            solver=self.solver.name,
            termination=termination,
            gap_frac=max(self.gaps, default=0.0),
            stage_s=tuple(float(span) for span in np.diff(self.marks_s)),
            rows=rows,
            columns=columns,
            binaries=binaries,
            peak_memory_mb=self.memory_mb(),
            objective_eur=self.objective_eur,
            violated=violated,
        )

    def _mark(self, gap_frac: float) -> None:
        self.marks_s.append(self.now_s())
        self.gaps.append(gap_frac)
