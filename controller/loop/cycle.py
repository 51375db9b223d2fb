"""The interval cycle: freeze, settle, weigh, plan, commit, dispatch. Each phase is timed; a failure is a fact."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.caps_now import EventsNow
from controller.loop.closing import IntervalCloser
from controller.loop.curtailable_data import HeldSoFar, look_back
from controller.loop.cycle_record import interval_record
from controller.loop.device_data import known_departures
from controller.loop.dispatcher import Dispatcher
from controller.loop.held_back import HeldBackAccount
from controller.loop.outlook import Forecaster, Outlook
from controller.loop.planner import PlanDecision, Planner
from controller.loop.settled_money import SettledMoney
from controller.loop.settling import ClosedInterval, IntervalSettler
from controller.loop.state_store import StateStore
from controller.loop.timer import Tick
from controller.loop.triggers import Trigger
from controller.loop.weigher import Weigher, Weighing
from controller.record.outcomes import CycleRow
from controller.record.records import Rung
from controller.record.store import Store
from devices.clock import Clock
from models.domain.setpoint import Setpoint
from models.domain.snapshot import Snapshot

_log = logging.getLogger(__name__)

PHASES = ("freeze", "settle", "weigh", "plan", "commit", "dispatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleReport:
    """What one cycle did."""

    decision_id: str
    snapshot: Snapshot
    replan: int
    triggers: tuple[Trigger, ...]
    missed: int
    decision: PlanDecision
    outlook: Outlook | None
    closed: tuple[ClosedInterval, ...]
    """Intervals settled by this cycle: usually the one that just ended."""
    weighing: Weighing | None
    setpoints: tuple[Setpoint, ...]
    is_committed: bool
    phase_s: dict[str, float]
    """Real seconds by phase."""
    faults: tuple[str, ...]


@dataclass(slots=True)
class _Progress:
    phase_s: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Cycle:
    """Runs cycles one at a time; owns what one cycle hands to the next."""

    def __init__(  # noqa: PLR0913 (one for each part)
        self,
        *,
        site: Site,
        clock: Clock,
        state: StateStore,
        settler: IntervalSettler,
        account: PeriodAccount,
        forecaster: Forecaster,
        weigher: Weigher,
        planner: Planner,
        dispatcher: Dispatcher,
        store: Store,
        is_dry_run: bool = False,
    ) -> None:
        """Take the parts; ``is_dry_run`` plans and records, and sends nothing."""
        self._site = site
        self._clock = clock
        self._state = state
        self.closer = IntervalCloser(site, settler, account, forecaster)
        """Settles intervals, and keeps those that are not on record yet."""
        self._held_back = self.closer.held_back = HeldBackAccount(site, store)
        self._account = account
        self._settled_money = SettledMoney(site, store, account)
        self._forecaster = forecaster
        self._weigher = weigher
        self._planner = planner
        self._dispatcher = dispatcher
        self._store = store
        self._is_dry_run = is_dry_run
        self._one_at_a_time = asyncio.Lock()
        self._interval_start_utc: datetime | None = None
        self._replans = 0
        self.watchers: list[Callable[[CycleReport], None]] = []
        """Called with each cycle's report, in the loop; must not block."""

    async def run_interval(self, tick: Tick) -> CycleReport:
        """The cycle at an interval's start: the whole of it."""
        async with self._one_at_a_time:
            self._interval_start_utc = tick.interval_start_utc
            self._replans = 0
            return await self._run(tick.interval_start_utc, (Trigger.INTERVAL,), tick.missed)

    async def replan(self, triggers: tuple[Trigger, ...]) -> CycleReport | None:
        """A re-plan of the rest of the running interval; nothing is settled."""
        async with self._one_at_a_time:
            start_utc = self._interval_start_utc
            interval = timedelta(minutes=self._site.interval_min)
            # An interval that has ended is not planned anew: the next one's own cycle is about to begin.
            if start_utc is None or self._clock.now_utc() >= start_utc + interval:
                return None
            self._replans += 1
            return await self._run(start_utc, triggers, 0)

    async def close_interval(self, end_utc: datetime) -> None:
        """Settle the interval that ended at ``end_utc`` and plan nothing: the last act before a stop."""
        async with self._one_at_a_time:
            snapshot = self._state.freeze(
                now_utc=self._clock.now_utc(),
                now_s=self._clock.monotonic_s(),
                interval_start_utc=end_utc,
                with_closed=True,
            )
            self.closer.keep(self._settle(snapshot, is_final=True))
            await self.closer.write_kept(self._store)

    async def _run(self, start_utc: datetime, triggers: tuple[Trigger, ...], missed: int) -> CycleReport:
        progress = _Progress()
        is_tick = self._replans == 0
        decision_id = f"{self._store.epoch}-{start_utc:%Y%m%dT%H%MZ}-{self._replans}"
        with self._phase("freeze", progress):
            await self._held_back.refresh(self._clock.now_utc())
        await self._settled_money.refresh()
        with self._phase("freeze", progress):
            snapshot = self._state.freeze(
                now_utc=self._clock.now_utc(),
                now_s=self._clock.monotonic_s(),
                interval_start_utc=start_utc,
                with_closed=is_tick,
            )
        closed: tuple[ClosedInterval, ...] = ()
        if is_tick:
            with self._phase("settle", progress):
                closed = self._settle(snapshot)
        weighing = None
        with self._phase("weigh", progress):
            weighing = self._weigher.weigh(snapshot.taken_utc, self._account)
        self._account.turn_to(start_utc)
        outlook, decision = None, (undecided := _nothing_planned())
        with self._phase("plan", progress):
            outlook = self._forecaster.look_ahead(
                start_utc if is_tick else snapshot.taken_utc,
                self.closer.supply_demand_ratio,
                known_departures(self._planner.devices, snapshot, self._site.zone),
            )
            decision = await self._planner.decide(
                snapshot, outlook, self._weigher.in_force, self._account, self._look_back(snapshot)
            )
        if decision is undecided:
            # No prices or no forecast: the ladder's lower rungs need neither.
            with self._phase("plan", progress):
                limits = self._forecaster.limits_now(snapshot.taken_utc)
                decision = self._planner.fall_back(snapshot, limits, self._events_now(snapshot, outlook))
        progress.faults.extend(decision.faults)
        async with self._dispatcher.exclusive:
            report = CycleReport(
                decision_id=decision_id,
                snapshot=snapshot,
                replan=self._replans,
                triggers=triggers,
                missed=missed,
                decision=decision,
                outlook=outlook,
                closed=closed,
                weighing=weighing,
                setpoints=self._intend(decision, decision_id, start_utc),
                is_committed=False,
                phase_s=progress.phase_s,
                faults=tuple(progress.faults),
            )
            return await self._finish(report, progress)

    async def _finish(self, report: CycleReport, progress: _Progress) -> CycleReport:
        is_committed = False
        with self._phase("commit", progress):
            await self.closer.write_kept(self._store)
            await self._store.commit_interval(
                interval_record(self._site, report, self._weigher.in_force, self._clock.now_utc())
            )
            is_committed = True
        # A decision that is not on record must not reach a device: it falls back to its own default instead.
        if is_committed and not self._is_dry_run:
            with self._phase("dispatch", progress):
                await self._dispatcher.send(report.setpoints)
            row = CycleRow(
                decision_id=report.decision_id,
                finished_utc=self._clock.now_utc(),
                phase_s=progress.phase_s,
                faults=tuple(progress.faults),
                events={trigger.value: 1 for trigger in report.triggers},
            )
            with self._phase("dispatch", progress):
                await self._dispatcher.record_cycle(row)
        elif is_committed:
            self._dispatcher.withhold("a dry run sends nothing")
        else:
            self._dispatcher.forget()
            self.closer.keep(report.closed)
        finished = replace(
            report, is_committed=is_committed, phase_s=dict(progress.phase_s), faults=tuple(progress.faults)
        )
        for watcher in self.watchers:
            watcher(finished)
        return finished

    def _look_back(self, snapshot: Snapshot) -> HeldSoFar:
        return look_back(self._held_back, self._dispatcher.caps(), self._planner.devices, snapshot)

    def _events_now(self, snapshot: Snapshot, outlook: Outlook | None) -> EventsNow:
        events = self._forecaster.events if outlook is None else outlook.events
        return EventsNow(events=events, held=self._look_back(snapshot))

    def _settle(self, snapshot: Snapshot, *, is_final: bool = False) -> tuple[ClosedInterval, ...]:
        return self.closer.close(
            snapshot, self._weigher.in_force, self._dispatcher.curtailed_members(), is_final=is_final
        )

    def _intend(self, decision: PlanDecision, decision_id: str, start_utc: datetime) -> tuple[Setpoint, ...]:
        site = self._site
        # Until the next plan can be there at the latest; without one, setpoints are not renewed beyond it.
        valid_s = site.interval_min * 60.0 + site.control.tick_delay_s + site.solver.deadline_s
        return self._dispatcher.intend(decision.powers, decision_id, start_utc + timedelta(seconds=valid_s))

    @contextmanager
    def _phase(self, name: str, progress: _Progress) -> Iterator[None]:
        started_s = self._clock.real_s()
        try:
            yield
        except Exception as error:  # noqa: BLE001 (whatever fails in a phase is a fact of the cycle, which goes on)
            _log.exception("phase %s failed", name)
            progress.faults.append(f"{name}: {type(error).__name__}: {error}")
        finally:
            progress.phase_s[name] = progress.phase_s.get(name, 0.0) + self._clock.real_s() - started_s


def _nothing_planned() -> PlanDecision:
    return PlanDecision(rung=Rung.DEVICE, powers=(), plan=None, built=None, solve_s=0.0, faults=())
