"""One attempt at a plan: the stages on their programs, and what is left to say when time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.dispatch.arrays.efficient import price_marginal_kwh, write_efficient
from models.dispatch.arrays.greedy import keep_one_side, share_efficient
from models.dispatch.arrays.lift import lift_basis
from models.dispatch.arrays.program import write_program
from models.dispatch.audit import audit_plan
from models.dispatch.facts import Facts, derive_facts
from models.dispatch.figures import ScheduleFigures, measure_schedule
from models.dispatch.layout import Layout, locate
from models.dispatch.readback import read_schedule
from models.dispatch.result import Plan, PlanFigures, Schedule, SoftLimit, SolveRecord, Termination
from models.dispatch.soft_limits import find_softened, keep_given, word_limits
from models.dispatch.solvers.protocol import LinearSolution, Objective
from models.dispatch.stages import UNKNOWN_GAP_FRAC, StageRun, marginal_prices

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import WrittenProgram
    from models.dispatch.problem import DispatchProblem, FloatArray
    from models.dispatch.solvers.protocol import Basis, Solver, SolverSession


class ProgramWriter(Protocol):
    """Turns a problem into the whole program: ``write_program``, or its slow twin by way of Pyomo."""

    def __call__(self, problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> WrittenProgram:
        """Arrays of a validated problem's model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficient:
    """What the efficiency stage leaves to the next."""

    cost_eur: float
    """F*"""
    marginal_eur_per_kwh: FloatArray | None
    fallback: Callable[[], Schedule] | None = None
    """Gives a schedule that keeps to one side everywhere, if the equity stage finds none; None: none is known."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One problem, one solver, one deadline."""

    problem: DispatchProblem
    facts: Facts
    solver: Solver
    mip_gap: float
    now_s: Callable[[], float]
    end_s: float
    memory_mb: Callable[[], float]
    writer: ProgramWriter
    rule: Schedule
    """Every member by itself: what the gain is measured from, and the last resort."""
    alone: ScheduleFigures
    """Of the rule."""
    marks_s: list[float]
    """Times at which a stage ended, the start first [s]."""
    gaps: list[float] = field(default_factory=list)
    objective_eur: float = 0.0
    violated: tuple[str, ...] = ()
    """What the service stage found that cannot be kept, in words."""
    size: tuple[int, int, int] = (0, 0, 0)
    """Rows, columns and binaries of the whole program."""

    def run_short(self) -> Plan:
        """Efficiency on the small program, equity from there."""
        small = write_efficient(self.problem, self.facts)
        whole = self._write(is_elastic=False)
        session = self.solver.open(small.program)
        try:
            stages = self._stages(small, session)
            outcome = stages.run_efficiency()
        finally:
            session.close()
        self._mark(outcome.gap_frac)
        solution = outcome.solution
        if solution.termination is Termination.NO_SOLUTION:
            share = None
            if stages.kept_x is not None:
                share = partial(share_efficient, self.problem, self.facts, small, stages.kept_x)
            return self._run_out(share, None)
        if not solution.has_point:
            return self._without_schedule(solution.termination)
        marginal_eur_per_kwh = None
        if solution.row_dual.size:
            marginal_eur_per_kwh = price_marginal_kwh(self.problem, self.facts, small, solution.row_dual)
        efficient = Efficient(
            cost_eur=small.program.evaluate(Objective.COST, solution.x),
            marginal_eur_per_kwh=marginal_eur_per_kwh,
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
        if is_elastic:
            self.facts = derive_facts(self.problem, is_elastic=True)
        whole = self._write(is_elastic=is_elastic)
        session = self.solver.open(whole.program)
        try:
            stages = self._stages(whole, session)
            if is_elastic:
                service = stages.run_service()
                self._mark(service.gap_frac)
                if not service.solution.has_point:
                    return self._run_out(self._netted(stages), None)
                self._report(stages.layout, service.solution)
            outcome = stages.run_efficiency()
            self._mark(outcome.gap_frac)
            if not outcome.solution.has_point:
                is_late = is_elastic or outcome.solution.termination is Termination.NO_SOLUTION
                if not is_late:
                    return self._without_schedule(outcome.solution.termination)
                return self._run_out(self._netted(stages), None)
            efficient = Efficient(
                cost_eur=whole.program.evaluate(Objective.COST, outcome.solution.x),
                marginal_eur_per_kwh=marginal_prices(self.problem, self.facts, stages.layout, outcome.solution),
                fallback=self._netted(stages),
            )
            return self._run_equity(stages, efficient, None)
        finally:
            session.close()

    def _run_equity(self, stages: StageRun, efficient: Efficient, basis: Basis | None) -> Plan:
        """Equity and tie-break; where there is no time for them, the efficient schedule."""
        if basis is not None:
            stages.session.start_from(basis)
        gain_eur = max(0.0, self.alone.cost_eur - efficient.cost_eur)
        outcome = stages.run_equity(efficient.cost_eur + self.problem.equity_budget_frac * gain_eur)
        self._mark(outcome.gap_frac)
        if not outcome.solution.has_point:
            return self._run_out(efficient.fallback, efficient)
        self.objective_eur = outcome.solution.objective
        final = stages.run_tie_break(outcome.solution)
        self._mark(0.0)
        return self._read(stages.layout, efficient, final, stages.program.evaluate(Objective.COST, final.x))

    def _run_out(self, known: Callable[[], Schedule] | None, efficient: Efficient | None) -> Plan:
        """Time is up: the schedule of an earlier stage, else the rule's where it keeps every limit that can be kept.

        Args:
            known: Gives a schedule made of the best point so far.
            efficient: What the efficiency stage left, if it came to its end.
        """
        self.gaps.append(UNKNOWN_GAP_FRAC)
        if known is not None:
            schedule = known()
            plan = self._plan(efficient, schedule, find_softened(self.problem, self.facts, schedule), None)
            if not audit_plan(self.problem, plan):
                return plan
        given = keep_given(self.facts, find_softened(self.problem, self.facts, self.rule))
        plan = self._plan(None, self.rule, given, None)
        return self._without_schedule(Termination.NO_SOLUTION) if audit_plan(self.problem, plan) else plan

    def _netted(self, stages: StageRun) -> Callable[[], Schedule] | None:
        """Gives the schedule of the last point whose devices keep to the model."""
        x = stages.kept_x
        if x is None:
            return None
        schedule = read_schedule(self.problem, self.facts, stages.layout, x)
        return partial(keep_one_side, self.problem, self.facts, schedule)

    def _report(self, layout: Layout, service: LinearSolution) -> None:
        """What cannot be kept, in case that no stage after it finds a schedule."""
        schedule = read_schedule(self.problem, self.facts, layout, service.x)
        self.violated = word_limits(find_softened(self.problem, self.facts, schedule))

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

    def _read(self, layout: Layout, efficient: Efficient, final: LinearSolution, cost_eur: float) -> Plan:
        schedule = read_schedule(self.problem, self.facts, layout, final.x)
        softened = find_softened(self.problem, self.facts, schedule)
        return self._plan(efficient, schedule, softened, cost_eur)

    def _plan(
        self, efficient: Efficient | None, schedule: Schedule, softened: tuple[SoftLimit, ...], cost_eur: float | None
    ) -> Plan:
        """A plan with its figures; the cost is the program's own, which the audit compares with the schedule's.

        Without an efficient cost, as time was up before, the plan's own is the least that was found.
        """
        found = measure_schedule(self.problem, schedule)
        is_proven = max(self.gaps, default=0.0) <= self.mip_gap
        termination = Termination.OPTIMAL if is_proven else Termination.INCUMBENT
        return Plan(
            record=self._record(termination, word_limits(softened)),
            schedule=schedule,
            figures=PlanFigures(
                cost_eur=found.cost_eur if cost_eur is None else cost_eur,
                efficient_cost_eur=found.cost_eur if efficient is None else efficient.cost_eur,
                alone_cost_eur=self.alone.cost_eur,
                alone_member_cost_eur=self.alone.member_cost_eur,
                member_cost_eur=found.member_cost_eur,
                peak_kw=found.peak_kw,
                worst_burden_frac=found.worst_burden_frac,
                access_shortfall_kwh=found.access_shortfall_kwh,
                discomfort_eur=found.discomfort_eur,
                event_shortfall_kwh=found.event_shortfall_kwh,
            ),
            marginal_price_eur_per_kwh=None if efficient is None else efficient.marginal_eur_per_kwh,
            softened=softened,
        )

    def _without_schedule(self, termination: Termination) -> Plan:
        record = self._record(termination, self.violated)
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
