"""What demand-response events bring: each plan that first knows or meets one is made again without it and compared.

That is done beside the cycle, in the time in which no other plan can begin, so it delays nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from config.schema import Site
from controller.loop.cycle import CycleReport
from controller.loop.effect_figures import measure_meters, measure_plan, remove_event
from controller.loop.outlook import Outlook
from controller.loop.solver_process import SolverFailure, SolverProcess
from controller.loop.triggers import ReplanRequests
from controller.record.event_records import EffectRow, EffectStage, EventFigures, is_called_off
from controller.record.event_rows import read_effects_ending, read_held_back
from controller.record.reader import Reader
from controller.record.store import Store
from devices.clock import Clock
from models.dispatch.audit import audit_plan
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.domain.demand_response import DemandEvent, touches
from models.domain.errors import StoreError
from models.domain.interval import floor_to_interval

_log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=3)
"""Events that ended longer ago are not looked at any more."""
LOOK_AHEAD = timedelta(days=400)
METER_PATIENCE = timedelta(hours=3)
"""An event whose intervals are not all settled by then is closed without meter values."""
LEAST_SOLVE_S = 0.5
"""Comparing is put off to the next plan where there is less time [s]."""
SLOWER_FACTOR = 1.5
"""A plan without an event may take this many times as long as the one with it."""

_Identity = tuple[str, str, datetime, datetime]


class EventEffects:
    """Looks at each event when it is announced, when it begins, and when it is over.

    Args:
        site: The site.
        clock: Time source.
        store: Where looks are written, and which have been taken.
        solver: The planner's own worker, used only while the planner cannot want it.
        requests: Says when a re-plan waits.
    """

    def __init__(self, site: Site, clock: Clock, store: Store, solver: SolverProcess, requests: ReplanRequests) -> None:
        self._site = site
        self._clock = clock
        self._store = store
        self._solver = solver
        self._requests = requests
        self._members = tuple(member.id for member in site.members)
        self._waiting: asyncio.Queue[CycleReport] = asyncio.Queue(maxsize=1)

    def note(self, report: CycleReport) -> None:
        """A watcher for ``Cycle.watchers``; a cycle that comes before the last one is looked at replaces it."""
        if not report.is_committed:
            return
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(report)

    async def run(self) -> None:
        """Look at what comes, until cancelled."""
        while True:
            report = await self._waiting.get()
            try:
                await self.look(report)
            except StoreError as error:
                _log.warning("%s: an event's effect is not on record: %s", report.decision_id, error)

    async def look(self, report: CycleReport) -> None:
        """Take every look that is due after a cycle.

        Raises:
            StoreError: A look could not be written, or the earlier ones not be read.
        """
        looks = await self._read_looks()
        outlook = report.outlook
        if outlook is not None and (gone := self._find_gone(looks, outlook)):
            await self._store.add_effects(gone)
        await self.close_ended(looks)
        if outlook is None or report.decision.plan is None or report.decision.built is None:
            return
        for event in report.decision.built.events:
            stages = _find_due(event, _stages(looks, event), outlook)
            if stages and not await self._compare(report, outlook, event, stages):
                return

    async def close_ended(self, looks: Sequence[EffectRow] | None = None) -> None:
        """Put the meters' figures beside those of the plans, for events that are over.

        Raises:
            StoreError: They could not be written or read.
        """
        now_utc = self._clock.now_utc()
        looks = await self._read_looks() if looks is None else looks
        for event in _find_open(looks):
            if event.end_utc > now_utc:
                continue
            metered = await self._store.read(partial(self._measure_meters, event))
            if metered is not None or now_utc > event.end_utc + METER_PATIENCE:
                row = EffectRow(event=event, stage=EffectStage.ENDED, at_utc=now_utc, metered=metered)
                await self._store.add_effects([row])

    def _measure_meters(self, event: DemandEvent, reader: Reader) -> EventFigures | None:
        first_utc = floor_to_interval(event.start_utc, self._site.interval_min)
        settled = reader.settled(first_utc, event.end_utc)
        return measure_meters(self._site, event, settled, read_held_back(reader.select, event.span))

    async def _read_looks(self) -> list[EffectRow]:
        now_utc = self._clock.now_utc()
        since_utc, until_utc = now_utc - LOOK_BACK, now_utc + LOOK_AHEAD
        return await self._store.read(lambda reader: read_effects_ending(reader.select, since_utc, until_utc))

    def _find_gone(self, looks: Sequence[EffectRow], outlook: Outlook) -> list[EffectRow]:
        """Events that were announced, would still be on or to come, and are not any more."""
        now_utc = self._clock.now_utc()
        known = [_identity(event) for event in outlook.events]
        return [
            EffectRow(event=event, stage=EffectStage.CANCELLED, at_utc=now_utc)
            for event in _find_open(looks)
            if event.end_utc > now_utc and touches(event, outlook.steps).any() and _identity(event) not in known
        ]

    async def _compare(
        self, report: CycleReport, outlook: Outlook, event: DemandEvent, stages: list[EffectStage]
    ) -> bool:
        """Solve without an event and write down both; ``False``: there is no time for it now."""
        plan, built, limit_s = report.decision.plan, report.decision.built, self._find_time(report)
        if plan is None or built is None or limit_s < max(LEAST_SOLVE_S, SLOWER_FACTOR * report.decision.solve_s):
            return False
        problem = remove_event(built.problem, built.events, event, outlook.steps)
        other = await self._solve(problem, limit_s)
        with_event = measure_plan(built.problem, plan, event, outlook.steps, self._members)
        without = None if other is None else measure_plan(problem, other, event, outlook.steps, self._members)
        row = EffectRow(
            event=event,
            stage=stages[0],
            at_utc=self._clock.now_utc(),
            decision_id=report.decision_id,
            with_event=with_event,
            without_event=without,
        )
        await self._store.add_effects([replace(row, stage=stage) for stage in stages])
        return True

    async def _solve(self, problem: DispatchProblem, limit_s: float) -> Plan | None:
        answer = await self._solver.solve(problem, deadline_s=limit_s)
        if isinstance(answer, SolverFailure) or not answer.is_usable or audit_plan(problem, answer):
            return None
        return answer

    def _find_time(self, report: CycleReport) -> float:
        """How long the worker may be busy without any plan having to wait for it [s]."""
        interval = timedelta(minutes=self._site.interval_min)
        tick_utc = report.snapshot.interval_start_utc + interval
        until_tick_s = (tick_utc - self._clock.now_utc()).total_seconds() + self._site.control.tick_delay_s
        return min(self._site.solver.deadline_s, self._requests.undisturbed_s, until_tick_s)


def _find_due(event: DemandEvent, taken: Sequence[EffectStage], outlook: Outlook) -> list[EffectStage]:
    """Looks that this plan can take: announced once it reaches to the event's end, started once the event is on."""
    is_on = bool(touches(event, outlook.steps)[0])
    due = []
    if EffectStage.ANNOUNCED not in taken and (is_on or event.end_utc <= outlook.steps.end_utc):
        due.append(EffectStage.ANNOUNCED)
    if EffectStage.STARTED not in taken and is_on:
        due.append(EffectStage.STARTED)
    return due


def _find_open(looks: Sequence[EffectRow]) -> list[DemandEvent]:
    """Events that were looked at and are neither closed nor called off."""
    by_identity: dict[_Identity, list[EffectRow]] = {}
    for look in looks:
        by_identity.setdefault(_identity(look.event), []).append(look)
    return [
        rows[-1].event
        for rows in by_identity.values()
        if not is_called_off(rows) and not any(row.stage is EffectStage.ENDED for row in rows)
    ]


def _stages(looks: Sequence[EffectRow], event: DemandEvent) -> list[EffectStage]:
    return [look.stage for look in looks if _identity(look.event) == _identity(event)]


def _identity(event: DemandEvent) -> _Identity:
    return event.source.value, event.key, event.start_utc, event.end_utc
