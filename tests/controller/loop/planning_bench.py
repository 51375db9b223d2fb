"""A planner at work: plans are asked of it at minutes after the start."""

from __future__ import annotations

from config.schema import Site
from controller.loop.planner import PlanDecision, Planner
from controller.loop.solver_messages import FailureKind
from controller.loop.solver_process import SolverFailure
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import (
    ANNA_CAR,
    Answerer,
    ScriptedSolver,
    make_account,
    make_forecaster,
    make_site,
    see,
    usual_readings,
    weights_of,
)

SITE = make_site()


def fail(kind: FailureKind = FailureKind.DEADLINE) -> Answerer:
    return lambda _: SolverFailure(kind=kind, detail="as told")


class Bench:
    """A planner at work: plans are asked of it at minutes after the start."""

    def __init__(self, *answers: Answerer, site: Site = SITE) -> None:
        self.site, self.solver = site, ScriptedSolver(*answers)
        self.now_s = 0.0
        self.planner = Planner(site, self.solver, lambda: self.now_s)  # type: ignore[arg-type]
        self.forecaster = make_forecaster(site)

    async def decide(self, minutes: float = 0.0, readings: list[Reading] | None = None) -> PlanDecision:
        snapshot = see(self.site, usual_readings(minutes) if readings is None else readings, minutes)
        outlook = self.forecaster.look_ahead(snapshot.taken_utc, 0.0)
        return await self.planner.decide(snapshot, outlook, weights_of(self.site), make_account(self.site))


def sent(decision: PlanDecision) -> dict[DeviceKey, float]:
    """Powers by device, without the charging point that waits for a car."""
    return {power.device: power.power_kw for power in decision.powers if power.device != ANNA_CAR}
