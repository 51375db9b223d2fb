"""Problems and cycle reports as the loop would make them, for tests of what comes before and after."""

from __future__ import annotations

import numpy as np

from config.schema import Site
from controller.loop.curtailable_data import NOTHING_HELD, HeldSoFar
from controller.loop.cycle import CycleReport
from controller.loop.planner import PlanDecision
from controller.loop.problem_builder import BuiltProblem, RunningSchedule, build_problem
from controller.loop.setpoints import controlled_devices
from controller.loop.triggers import Trigger
from controller.record.records import Rung
from models.dispatch.result import Plan
from models.domain.demand_response import DemandEvent
from models.domain.snapshot import Snapshot
from tests.controller.loop.neighbours import make_account, make_forecaster, plan_by_rule


def build(
    site: Site,
    snapshot: Snapshot,
    running: RunningSchedule | None = None,
    *,
    events: tuple[DemandEvent, ...] = (),
    held: HeldSoFar = NOTHING_HELD,
) -> BuiltProblem:
    """The problem of a plan that is made when the snapshot was taken, with announced events."""
    forecaster = make_forecaster(site)
    forecaster.events = events
    outlook = forecaster.look_ahead(snapshot.taken_utc, 0.0)
    weights = np.ones(len(site.members))
    account = make_account(site, snapshot.taken_utc)
    return build_problem(site, controlled_devices(site), snapshot, outlook, account, weights, running, held)


def decide(site: Site, snapshot: Snapshot) -> PlanDecision:
    """A decision that follows the rule, as if a solver had found it."""
    built = build(site, snapshot)
    plan = plan_by_rule(built.problem)
    return PlanDecision(rung=Rung.OPTIMAL, powers=(), plan=plan, built=built, solve_s=0.1, faults=())


def report(snapshot: Snapshot, decision: PlanDecision) -> CycleReport:
    return CycleReport(
        decision_id="1-test-0",
        snapshot=snapshot,
        replan=0,
        triggers=(Trigger.INTERVAL,),
        missed=0,
        decision=decision,
        outlook=None,
        closed=(),
        weighing=None,
        setpoints=(),
        is_committed=True,
        phase_s={},
        faults=(),
    )


def planned_net_kw(plan: Plan, member: int) -> float:
    """What a plan expects at a member's meter in step 0 [kW]."""
    schedule = plan.schedule
    assert schedule is not None
    drawn = schedule.import_kw + schedule.buy_kw
    return float((drawn - schedule.export_kw - schedule.sell_kw)[member, 0])
