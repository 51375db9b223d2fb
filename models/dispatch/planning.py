"""One dispatch problem to one plan: validate, build, run the stages, read back. What the worker process runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.bridge import compile_problem
from models.dispatch.facts import derive_facts
from models.dispatch.figures import measure_schedule
from models.dispatch.readback import read_schedule, read_softened
from models.dispatch.result import Plan, PlanFigures, SolveRecord, Termination
from models.dispatch.rule import follow_rule
from models.dispatch.solvers.protocol import LinearSolution, Objective
from models.dispatch.stages import StageOutcome, StageRun, marginal_prices
from models.dispatch.validation import validate_problem

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem
    from models.dispatch.solvers.protocol import Solver


def solve(
    problem: DispatchProblem,
    *,
    solver: Solver,
    deadline_s: float,
    mip_gap: float,
    now_s: Callable[[], float],
    memory_mb: Callable[[], float] = lambda: 0.0,
) -> Plan:
    """Plan of a problem: the stages of the equity-regarding dispatch, each a bound of the next.

    Args:
        problem: All data.
        solver: GLPK or HiGHS behind the protocol.
        deadline_s: Time for everything; the best point found by then is the answer [s].
        mip_gap: Relative gap within which a stage counts as solved.
        now_s: A clock that only rises [s].
        memory_mb: Peak memory of the process so far [MiB].

    Raises:
        ProblemError: The problem is not finite or not consistent.
    """
    started_s = now_s()
    validate_problem(problem)
    facts = derive_facts(problem)
    attempt = _Attempt(
        problem=problem,
        facts=facts,
        alone_cost_eur=measure_schedule(problem, follow_rule(problem)).cost_eur,
        solver=solver,
        mip_gap=mip_gap,
        now_s=now_s,
        end_s=started_s + deadline_s,
        memory_mb=memory_mb,
        marks_s=[started_s],
    )
    is_elastic = bool(problem.is_islanded.any())
    plan = attempt.run(is_elastic=is_elastic)
    if plan.record.termination is Termination.INFEASIBLE and not is_elastic:
        # Said to be infeasible: the model with soft limits confirms it, and finds the least that has to give way.
        plan = attempt.run(is_elastic=True)
    return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One problem, one solver, one deadline."""

    problem: DispatchProblem
    facts: Facts
    alone_cost_eur: float
    solver: Solver
    mip_gap: float
    now_s: Callable[[], float]
    end_s: float
    memory_mb: Callable[[], float]
    marks_s: list[float]
    """Times at which a stage ended, the start first [s]."""

    def run(self, *, is_elastic: bool) -> Plan:
        """All stages on one model."""
        program, layout = compile_problem(self.problem, self.facts, is_elastic=is_elastic)
        session = self.solver.open(program)
        try:
            stages = StageRun(
                problem=self.problem,
                facts=self.facts,
                program=program,
                layout=layout,
                session=session,
                now_s=self.now_s,
                end_s=self.end_s,
                mip_gap=self.mip_gap,
            )
            self._mark()
            return self._run_stages(stages, is_elastic=is_elastic)
        finally:
            session.close()

    def _run_stages(self, stages: StageRun, *, is_elastic: bool) -> Plan:
        if is_elastic:
            service = stages.run_service()
            self._mark()
            if not service.solution.has_point:
                return self._without_schedule(stages, service.solution.termination)
        efficiency = stages.run_efficiency()
        self._mark()
        if not efficiency.solution.has_point:
            return self._without_schedule(stages, efficiency.solution.termination)
        efficient_cost_eur = stages.program.evaluate(Objective.COST, efficiency.solution.x)
        gain_eur = max(0.0, self.alone_cost_eur - efficient_cost_eur)
        equity = stages.run_equity(efficient_cost_eur + self.problem.equity_budget_frac * gain_eur)
        self._mark()
        final = equity.solution
        if not final.has_point:
            return self._without_schedule(stages, final.termination)
        final = stages.run_tie_break(final)
        self._mark()
        return self._read(stages, efficiency, final, efficient_cost_eur)

    def _read(
        self, stages: StageRun, efficiency: StageOutcome, final: LinearSolution, efficient_cost_eur: float
    ) -> Plan:
        schedule = read_schedule(self.problem, self.facts, stages.layout, final.x)
        softened = read_softened(self.problem, self.facts, stages.layout, final.x)
        found = measure_schedule(self.problem, schedule)
        is_proven = all(outcome.gap_frac <= self.mip_gap for outcome in stages.outcomes)
        termination = Termination.OPTIMAL if is_proven else Termination.INCUMBENT
        return Plan(
            record=self._record(stages, termination, tuple(str(limit) for limit in softened)),
            schedule=schedule,
            figures=PlanFigures(
                cost_eur=found.cost_eur,
                efficient_cost_eur=efficient_cost_eur,
                alone_cost_eur=self.alone_cost_eur,
                member_cost_eur=found.member_cost_eur,
                peak_kw=found.peak_kw,
                worst_burden_frac=found.worst_burden_frac,
                access_shortfall_kwh=found.access_shortfall_kwh,
            ),
            marginal_price_eur_per_kwh=marginal_prices(
                self.problem, self.facts, stages.layout, efficiency.solution
            ),
            softened=softened,
        )

    def _without_schedule(self, stages: StageRun, termination: Termination) -> Plan:
        record = self._record(stages, termination, ())
        return Plan(record=record, schedule=None, figures=None, marginal_price_eur_per_kwh=None)

    def _record(self, stages: StageRun, termination: Termination, violated: tuple[str, ...]) -> SolveRecord:
        program = stages.program
        gaps = [outcome.gap_frac for outcome in stages.outcomes if np.isfinite(outcome.gap_frac)]
        return SolveRecord(
            solver=self.solver.name,
            termination=termination,
            gap_frac=max(gaps, default=0.0),
            stage_s=tuple(float(span) for span in np.diff(self.marks_s)),
            rows=program.rows,
            columns=program.columns,
            binaries=int(program.is_integer.sum()),
            peak_memory_mb=self.memory_mb(),
            violated=violated,
        )

    def _mark(self) -> None:
        self.marks_s.append(self.now_s())
