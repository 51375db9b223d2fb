"""The ladder's upper rungs: a solved plan, else the running plan shifted, else what ``fallback`` knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.caps_now import NO_EVENTS, EventsNow
from controller.loop.curtailable_data import NOTHING_HELD, HeldSoFar
from controller.loop.fallback import powers_by_rule
from controller.loop.outlook import Outlook, PresentLimits
from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.problem_builder import BuiltProblem, build_problem
from controller.loop.running_plan_shift import shift_plan
from controller.loop.setpoints import ControlledDevice, DevicePower, controlled_devices
from controller.loop.solver_messages import FailureKind
from controller.loop.solver_process import SolverFailure, SolverProcess
from controller.record.records import Rung
from models.dispatch.audit import audit_plan
from models.dispatch.audit_report import audit_burden
from models.dispatch.concealment import conceal, restate_burden
from models.dispatch.problem import DispatchProblem, FloatArray
from models.dispatch.result import Plan, Termination
from models.dispatch.rule import is_rule
from models.domain.errors import ProblemError
from models.domain.snapshot import Snapshot

RETRY_FRAC = 0.5
"""A worker that crashed is replaced and asked again within the interval while this part of the deadline is left."""
NOTHING_PROVEN_FRAC = 1.0
"""Gap of a plan that no bound is known for."""
MOST_NAMED = 3
"""Limits named among the faults; all are in the plan's record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDecision:
    """What the plan phase came to."""

    rung: Rung
    powers: tuple[DevicePower, ...]
    """What each device should do; devices that are not named get nothing."""
    plan: Plan | None
    """The plan that the solver gave, if it passed the audit."""
    built: BuiltProblem | None
    """What the solver was asked, in concealed form; there without a plan too."""
    solve_s: float
    """Real time from the problem's data to the audited plan [s]."""
    faults: tuple[str, ...]
    """Why higher rungs were not used, and limits that the plan does not keep."""


class Planner:
    """Owner of the running plan and of the ladder.

    Args:
        site: The site.
        solver: The worker process.
        real_s: Clock for measuring [s].
    """

    def __init__(self, site: Site, solver: SolverProcess, real_s: Callable[[], float]) -> None:
        self._site = site
        self._solver = solver
        self._real_s = real_s
        self.devices: tuple[ControlledDevice, ...] = controlled_devices(site)
        self.running: RunningPlan | None = None
        """The last audited plan that is more than the rule."""
        self._posed: BuiltProblem | None = None

    async def decide(
        self,
        snapshot: Snapshot,
        outlook: Outlook,
        weights: FloatArray,
        account: PeriodAccount,
        held: HeldSoFar = NOTHING_HELD,
    ) -> PlanDecision:
        """A plan from the first rung that works."""
        self._posed = None
        decision = await self._decide(snapshot, outlook, weights, account, held)
        self._posed = None
        return decision

    async def _decide(
        self,
        snapshot: Snapshot,
        outlook: Outlook,
        weights: FloatArray,
        account: PeriodAccount,
        held: HeldSoFar,
    ) -> PlanDecision:
        started_s, limits = self._real_s(), outlook.limits.at(0)
        events = EventsNow(events=outlook.events, held=held)
        if not snapshot.fresh:
            return self._without_plan(Rung.DEVICE, (), ("no device has a fresh reading",), started_s)
        schedule = None if self.running is None else self.running.schedule_by_device()
        try:
            plain = build_problem(self._site, self.devices, snapshot, outlook, account, weights, schedule, held)
            # From here on, no incomes and no bills: neither the worker nor a bundle gets to see them.
            built = self._posed = replace(plain, problem=conceal(plain.problem))
        except ProblemError as error:
            return self._fall_back(snapshot, limits, (f"problem refused: {error}",), started_s, events)
        answer, faults = await self._ask(built.problem)
        found = _examine(plain.problem, built.problem, answer)
        if isinstance(found, str):
            return self._fall_back(snapshot, limits, (*faults, found), started_s, events)
        self.running = RunningPlan(plan=found, built=built, starts_utc=outlook.steps.starts_utc)
        rung = Rung.OPTIMAL if found.record.termination is Termination.OPTIMAL else Rung.INCUMBENT
        return PlanDecision(
            rung=rung,
            powers=powers_of_plan(self.running, 0, self.devices),
            plan=found,
            built=built,
            solve_s=self._real_s() - started_s,
            faults=(*faults, *_name_unkept(found)),
        )

    async def _ask(self, problem: DispatchProblem) -> tuple[Plan | SolverFailure, tuple[str, ...]]:
        """The worker's answer within the deadline, the second one if it crashed early; and what happened before."""
        deadline_s, asked_s = self._site.solver.deadline_s, self._real_s()
        answer = await self._solver.solve(problem, deadline_s=deadline_s)
        left_s = deadline_s - (self._real_s() - asked_s)
        is_crash = isinstance(answer, SolverFailure) and answer.kind is FailureKind.CRASHED
        if not isinstance(answer, SolverFailure) or not is_crash or left_s < RETRY_FRAC * deadline_s:
            return answer, ()
        second = await self._solver.solve(problem, deadline_s=left_s)
        return second, (f"solver {answer.kind}, asked again: {answer.detail}",)

    def fall_back(self, snapshot: Snapshot, limits: PresentLimits, events: EventsNow = NO_EVENTS) -> PlanDecision:
        """The ladder below a solved plan, for a plan phase that failed; with its problem, if it came so far."""
        return self._fall_back(snapshot, limits, (), self._real_s(), events)

    def _fall_back(
        self,
        snapshot: Snapshot,
        limits: PresentLimits,
        faults: tuple[str, ...],
        started_s: float,
        events: EventsNow,
    ) -> PlanDecision:
        shifted = shift_plan(self.running, self._site, self.devices, snapshot, limits, events)
        if shifted.powers:
            return self._without_plan(Rung.PREVIOUS, shifted.powers, faults, started_s)
        faults = (*faults, shifted.refusal)
        powers = powers_by_rule(self._site, self.devices, snapshot, limits)
        if powers:
            return self._without_plan(Rung.RULE, powers, faults, started_s)
        return self._without_plan(Rung.DEVICE, (), (*faults, "no meter fresh enough for the rule"), started_s)

    def _without_plan(
        self, rung: Rung, powers: tuple[DevicePower, ...], faults: tuple[str, ...], started_s: float
    ) -> PlanDecision:
        built, self._posed = self._posed, None
        return PlanDecision(
            rung=rung, powers=powers, plan=None, built=built, solve_s=self._real_s() - started_s, faults=faults
        )


def _examine(plain: DispatchProblem, concealed: DispatchProblem, answer: Plan | SolverFailure) -> Plan | str:
    """The worker's plan as it is recorded, or why it is not followed."""
    if isinstance(answer, SolverFailure):
        return f"solver {answer.kind}: {answer.detail}"
    if not answer.is_usable:
        return f"solver {answer.record.termination}: {'; '.join(answer.record.violated) or 'no schedule'}"
    # What is recorded is the burden in plain terms: it is audited too.
    violations = audit_plan(concealed, answer) or audit_burden(plain, answer := restate_burden(plain, answer))
    if violations:
        return f"audit refused the plan: {violations[0]}"
    if _is_last_resort(concealed, answer):
        return f"solver {answer.record.termination}: nothing better than the self-consumption rule was found"
    return answer


def _is_last_resort(problem: DispatchProblem, plan: Plan) -> bool:
    """Whether the time was up before the solver found anything: such a plan is the rule, by forecasts."""
    if plan.schedule is None or plan.record.gap_frac < NOTHING_PROVEN_FRAC:
        return False
    return is_rule(problem, plan.schedule)


def _name_unkept(plan: Plan) -> tuple[str, ...]:
    violated = plan.record.violated
    named = tuple(f"limit not kept: {words}" for words in violated[:MOST_NAMED])
    more = len(violated) - MOST_NAMED
    return (*named, f"limit not kept: {more} more") if more > 0 else named
