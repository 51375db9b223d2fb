"""One dispatch problem to one plan: validate, write the programs, run the stages, read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from models.dispatch.arrays.efficient import is_separable
from models.dispatch.arrays.program import write_program
from models.dispatch.attempt import Attempt, ProgramWriter
from models.dispatch.facts import derive_facts
from models.dispatch.figures import measure_schedule
from models.dispatch.result import Plan, Termination
from models.dispatch.rule import follow_rule
from models.dispatch.validation import validate_problem

if TYPE_CHECKING:
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
    rule = follow_rule(problem)
    attempt = Attempt(
        problem=problem,
        facts=derive_facts(problem),
        solver=solver,
        mip_gap=mip_gap,
        now_s=now_s,
        end_s=started_s + deadline_s,
        memory_mb=memory_mb,
        writer=writer,
        rule=rule,
        alone=measure_schedule(problem, rule),
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
