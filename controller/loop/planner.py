"""The ladder's upper rungs: a solved plan, else the running plan shifted, else what ``fallback`` knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.curtailable_data import NOTHING_HELD, HeldSoFar
from controller.loop.fallback import powers_by_rule
from controller.loop.outlook import Outlook
from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.problem_builder import BuiltProblem, build_problem
from controller.loop.setpoints import ControlledDevice, DevicePower, controlled_devices
from controller.loop.solver_process import SolverFailure, SolverProcess
from controller.record.records import Rung
from models.dispatch.audit import audit_plan
from models.dispatch.audit_report import audit_burden
from models.dispatch.concealment import conceal, restate_burden
from models.dispatch.problem import FloatArray
from models.dispatch.result import Plan, Termination
from models.domain.errors import ProblemError
from models.domain.interval import floor_to_interval
from models.domain.snapshot import Snapshot


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
    """Why higher rungs were not used."""


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
        """The last audited plan."""

    async def decide(
        self,
        snapshot: Snapshot,
        outlook: Outlook,
        weights: FloatArray,
        account: PeriodAccount,
        held: HeldSoFar = NOTHING_HELD,
    ) -> PlanDecision:
        """A plan from the first rung that works."""
        started_s = self._real_s()
        if not snapshot.fresh:
            return self._without_plan(Rung.DEVICE, (), ("no device has a fresh reading",), started_s)
        schedule = None if self.running is None else self.running.schedule_by_device()
        try:
            plain = build_problem(self._site, self.devices, snapshot, outlook, account, weights, schedule, held)
            # From here on, no incomes and no bills: neither the worker nor a bundle gets to see them.
            built = replace(plain, problem=conceal(plain.problem))
        except ProblemError as error:
            return self._fall_back(snapshot, (f"problem refused: {error}",), started_s)
        answer = await self._solver.solve(built.problem, deadline_s=self._site.solver.deadline_s)
        if isinstance(answer, SolverFailure):
            faults = (f"solver {answer.kind}: {answer.detail}",)
            return replace(self._fall_back(snapshot, faults, started_s), built=built)
        if not answer.is_usable:
            found = "; ".join(answer.record.violated) or "no schedule"
            faults = (f"solver {answer.record.termination}: {found}",)
            return replace(self._fall_back(snapshot, faults, started_s), built=built)
        # What is recorded is the burden in plain terms: it is audited too.
        violations = audit_plan(built.problem, answer) or audit_burden(
            plain.problem, answer := restate_burden(plain.problem, answer)
        )
        if violations:
            faults = (f"audit refused the plan: {violations[0]}",)
            return replace(self._fall_back(snapshot, faults, started_s), built=built)
        self.running = RunningPlan(plan=answer, built=built, starts_utc=outlook.steps.starts_utc)
        rung = Rung.OPTIMAL if answer.record.termination is Termination.OPTIMAL else Rung.INCUMBENT
        return PlanDecision(
            rung=rung,
            powers=powers_of_plan(self.running, 0, self.devices),
            plan=answer,
            built=built,
            solve_s=self._real_s() - started_s,
            faults=(),
        )

    def fall_back(self, snapshot: Snapshot) -> PlanDecision:
        """The ladder below a solved plan, for a plan phase that did not come so far as to ask for one."""
        return self._fall_back(snapshot, (), self._real_s())

    def _fall_back(self, snapshot: Snapshot, faults: tuple[str, ...], started_s: float) -> PlanDecision:
        powers = self._previous(snapshot)
        if powers:
            return self._without_plan(Rung.PREVIOUS, powers, faults, started_s)
        powers = powers_by_rule(self._site, self.devices, snapshot)
        if powers:
            return self._without_plan(Rung.RULE, powers, (*faults, "no running plan to shift"), started_s)
        return self._without_plan(Rung.DEVICE, (), (*faults, "no meter fresh enough for the rule"), started_s)

    def _previous(self, snapshot: Snapshot) -> tuple[DevicePower, ...]:
        """Powers that the running plan had for now, of devices that are still fresh."""
        if self.running is None or snapshot.taken_utc >= self._fine_end_utc(self.running.starts_utc):
            return ()
        step = self.running.step_at(snapshot.taken_utc)
        powers = powers_of_plan(self.running, step, self.devices)
        planned_cars = [device.key for device in self.running.built.evs]
        return tuple(
            power
            for power in powers
            if power.device in snapshot.fresh
            # A car that came since is not held back by a plan that did not know of it: it charges on arrival.
            and (power.device in planned_cars or not snapshot.fresh[power.device].is_plugged)
        )

    def _fine_end_utc(self, starts_utc: tuple[datetime, ...]) -> datetime:
        # Coarse steps say too little about a quarter of an hour to be followed. Step 0 may be a part of an interval.
        interval_min, fine_steps = self._site.interval_min, self._site.horizon.fine_steps
        return floor_to_interval(starts_utc[0], interval_min) + timedelta(minutes=fine_steps * interval_min)

    def _without_plan(
        self, rung: Rung, powers: tuple[DevicePower, ...], faults: tuple[str, ...], started_s: float
    ) -> PlanDecision:
        return PlanDecision(
            rung=rung, powers=powers, plan=None, built=None, solve_s=self._real_s() - started_s, faults=faults
        )
