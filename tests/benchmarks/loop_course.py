"""One course of the closed loop: the product's settling, outlook and plan on simulated homes, without MQTT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from controller.loop.account import PeriodAccount
from controller.loop.closing import IntervalCloser
from controller.loop.device_data import known_departures
from controller.loop.outlook import Forecaster, MeteredHistory, Outlook
from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.problem_builder import build_problem
from controller.loop.setpoints import DevicePower, controlled_devices
from controller.loop.settling import IntervalSettler
from controller.loop.state_store import StateStore
from devices.clock import real_s
from devices.simulator.home_state import CONTROLLED, HomeState
from devices.simulator.neighbourhood import Neighbourhood
from models.dispatch.audit import audit_plan
from models.dispatch.planning import solve
from models.dispatch.result import Plan
from models.dispatch.solvers.protocol import Solver
from models.domain.arrays import BoolArray
from models.domain.setpoint import Setpoint
from models.domain.snapshot import Snapshot
from models.domain.telemetry import DeviceKey
from tests.benchmarks.loop_figures import Flows
from tests.benchmarks.loop_foresight import Foresight, with_arrivals, with_true_interval, with_true_powers
from tests.benchmarks.loop_world import World, interval_means

DEADLINE_S = 120.0
"""Far more than any plan needs: a busy machine must not change the figures [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What became of the window under one way of planning."""

    flows: Flows
    end_states: Mapping[str, HomeState]
    ev_missed_kwh: float
    """Energy that cars left without."""
    plans: Mapping[str, int]
    """Plans by how their solve ended."""
    solve_s: float
    """Real time of all solves [s]."""


class PlanRefusedError(Exception):
    """A plan was not usable, did not pass the audit, or a device refused its setpoint."""


class RollingLoop:
    """Plans every interval of the window from what the homes' devices say, and applies each plan's first step."""

    def __init__(self, world: World, solver: Solver, foresight: Foresight, *, assumed_peak_kw: float = 0.0) -> None:
        """Set the homes to the end of the history and load it into the forecaster.

        Args:
            world: The community and its days.
            solver: Solves every plan.
            foresight: What plans know of the future.
            assumed_peak_kw: Peak that plans take as paid for from the start [kW].
        """
        site, interval_s = world.site, world.site.interval_min * 60.0
        self._world, self._solver, self._foresight = world, solver, foresight
        self.homes = Neighbourhood(
            site,
            world.profile,
            behaviour=CONTROLLED,
            start_utc=world.start_utc,
            states=world.history.end_states,
            sample_period_s=interval_s,
        )
        history = MeteredHistory(len(site.members), site.interval_min)
        past = world.history
        history.load(past.start_utc, interval_means(world, past.demand_kwh), interval_means(world, past.pv_kwh))
        self._forecaster = Forecaster(site, world.prices, history)
        self._forecaster.review(world.start_utc)
        self._account = PeriodAccount(site, world.start_utc)
        self._account.peak_kw = assumed_peak_kw
        self._closer = IntervalCloser(site, IntervalSettler(site), self._account, self._forecaster)
        self._devices = controlled_devices(site)
        every = [DeviceKey(gateway.id, device.id) for gateway in site.gateways for device in gateway.devices]
        self._state = StateStore(every, interval_min=site.interval_min, stale_after_s=interval_s)
        self._weights = np.ones(len(site.members))
        self._running: RunningPlan | None = None
        self._is_curtailed: BoolArray = np.zeros(len(site.members), dtype=np.bool_)
        self._seq = 0
        self.plans: Counter[str] = Counter()
        self.solve_s = 0.0

    def run(self) -> Course:
        """All intervals of the window."""
        world = self._world
        for now_utc in world.starts(world.start_utc, world.end_utc):
            self.homes.advance_to(now_utc)
            snapshot = self._freeze(now_utc)
            self._closer.close(snapshot, self._weights, self._is_curtailed)
            self._account.turn_to(now_utc)
            self._running = self._plan(snapshot)
            self._apply(powers_of_plan(self._running, 0, self._devices), now_utc)
        self.homes.advance_to(world.end_utc)
        return Course(
            flows=self._flows(),
            end_states=self.homes.states(),
            ev_missed_kwh=sum(ev.missed_kwh for home in self.homes.homes.values() for ev in home.assets.evs),
            plans=dict(self.plans),
            solve_s=self.solve_s,
        )

    def _freeze(self, now_utc: datetime) -> Snapshot:
        sample = self.homes.sample(now_utc)
        for reading in sample.readings.values() if sample else ():
            self._state.offer(reading, now_utc.timestamp())
        return self._state.freeze(
            now_utc=now_utc, now_s=now_utc.timestamp(), interval_start_utc=now_utc, with_closed=True
        )

    def look_ahead(self, now_utc: datetime, ends_utc: tuple[datetime, ...] = ()) -> Outlook:
        """What a plan that is made now knows of the future; ``ends_utc``: when plugged cars leave."""
        if self._foresight is Foresight.PERFECT:
            ends_utc = tuple(session.departure_utc for session in self._world.profile.ev_sessions)
        outlook = self._forecaster.look_ahead(now_utc, self._closer.supply_demand_ratio, ends_utc)
        match self._foresight:
            case Foresight.FORECAST:
                return outlook
            case Foresight.INTERVAL_KNOWN:
                return with_true_interval(self._world, outlook)
            case _:
                return with_true_powers(self._world, outlook)

    def _plan(self, snapshot: Snapshot) -> RunningPlan:
        departures_utc = known_departures(self._devices, snapshot, self._world.site.zone)
        outlook = self.look_ahead(snapshot.taken_utc, departures_utc)
        reference = None if self._running is None else self._running.schedule_by_device()
        built = build_problem(
            self._world.site, self._devices, snapshot, outlook, self._account, self._weights, reference
        )
        problem = built.problem
        if self._foresight is Foresight.PERFECT:
            problem = with_arrivals(self._world, problem, outlook)
        started_s = real_s()
        plan = solve(
            problem,
            solver=self._solver,
            deadline_s=DEADLINE_S,
            mip_gap=self._world.site.solver.mip_gap_frac,
            now_s=real_s,
        )
        self.solve_s += real_s() - started_s
        self._check(snapshot.taken_utc, plan, [str(one) for one in audit_plan(problem, plan)])
        self.plans[str(plan.record.termination)] += 1
        return RunningPlan(plan=plan, built=replace(built, problem=problem), starts_utc=outlook.steps.starts_utc)

    def _check(self, now_utc: datetime, plan: Plan, violations: list[str]) -> None:
        if not plan.is_usable or violations:
            found = violations or plan.record.violated or (str(plan.record.termination),)
            raise PlanRefusedError(f"plan of {now_utc.isoformat()}: {found[0]}")

    def _apply(self, powers: tuple[DevicePower, ...], now_utc: datetime) -> None:
        for power in powers:
            self._seq += 1
            setpoint = Setpoint(
                setpoint_id=str(self._seq),
                device=power.device,
                epoch=1,
                seq=self._seq,
                power_kw=power.power_kw,
                not_before_utc=now_utc,
                expires_utc=now_utc + self._world.interval,
                reason=power.reason,
            )
            answer = self.homes.offer(setpoint, now_utc)
            if answer is None or not answer.is_accepted:
                raise PlanRefusedError(f"{power.device} at {now_utc.isoformat()}: {answer and answer.refusal}")
        limited = [power.member for power in powers if power.power_kw < 0.0 and self._is_pv(power)]
        self._is_curtailed = np.array([member.id in limited for member in self._world.site.members])

    def _is_pv(self, power: DevicePower) -> bool:
        return any(device.key == power.device and device.asset is None for device in self._devices)

    def _flows(self) -> Flows:
        world = self._world
        rows = [
            [self.homes.interval_energy(member.id, start, start + world.interval) for start in starts]
            for starts in [world.starts(world.start_utc, world.end_utc)]
            for member in world.site.members
        ]
        return Flows(
            import_kwh=np.array([[one.import_kwh for one in row] for row in rows]),
            export_kwh=np.array([[one.export_kwh for one in row] for row in rows]),
            discharge_kwh=np.array([[one.discharge_kwh for one in row] for row in rows]),
        )
