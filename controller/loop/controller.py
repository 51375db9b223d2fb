"""The running controller: its tasks, from ticks, events and renewals to what is counted."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping

from config.schema import Site
from controller.loop.cycle import Cycle, CycleReport
from controller.loop.dispatcher import Dispatcher
from controller.loop.intake import Intake
from controller.loop.market import MarketListener
from controller.loop.service import Service
from controller.loop.timer import interval_ticks
from controller.loop.triggers import ReplanRequests
from controller.record.settlement_run import SettlementRun
from controller.record.store import Store
from devices.clock import Clock
from devices.telemetry_listener import TelemetryListener
from models.domain.errors import StoreError

_log = logging.getLogger(__name__)

COUNT_PERIOD_S = 60.0
"""How often counters are written down [s]."""
_SIZE = re.compile(r"\d+\.\d+|step \d+")
"""What changes with every plan in the words for a limit that is not kept."""


class Controller:
    """Owner of the controller's tasks; made by ``controller.apps.wiring``."""

    def __init__(  # noqa: PLR0913 (one for each part)
        self,
        *,
        site: Site,
        clock: Clock,
        cycle: Cycle,
        dispatcher: Dispatcher,
        requests: ReplanRequests,
        intake: Intake,
        market: MarketListener,
        listener: TelemetryListener,
        store: Store,
    ) -> None:
        """Take the parts."""
        self._site = site
        self._clock = clock
        self._dispatcher = dispatcher
        self._intake = intake
        self._listener = listener
        self._store = store
        self._counted: dict[str, int] = {}
        self._last_faults: tuple[str, ...] = ()
        self.counted: list[Callable[[], Mapping[str, int]]] = []
        """Further counters that are written down with the others."""
        self.requests = requests
        """What asks for re-plans."""
        self.market = market
        """Prices, limits and events that came in."""
        self.last_acts: list[Callable[[], Awaitable[None]]] = []
        """What is still to be written down at the end."""
        self.settlement: SettlementRun | None = None
        """Settles days that have ended; set by whoever wires it."""
        self.cycle = cycle
        self.service = Service(clock)
        cycle.watchers.append(self._note_cycle)
        for name, run in (
            ("intervals", self._run_intervals),
            ("replans", self._run_replans),
            ("renewals", dispatcher.renew_forever),
            ("absences", self._watch_absences),
            ("counters", self._write_counters),
        ):
            self.service.add(name, run)

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            CrashLoopError: A task failed too often.
        """
        await self.service.run()

    def counters(self) -> dict[str, int]:
        """Messages taken and dropped since the start, by reason."""
        drops = {f"telemetry.{reason}": count for reason, count in self._listener.drops.items()}
        drops |= {f"market.{reason}": count for reason, count in self.market.drops.items()}
        for more in self.counted:
            drops |= more()
        return {"telemetry.accepted": self._listener.accepted, **drops}

    async def finish(self) -> None:
        """Write down what is still open; called after the tasks have ended."""
        self._dispatcher.withhold("the controller stopped")
        await self._dispatcher.record_ends()
        for act in self.last_acts:
            try:
                await act()
            except StoreError as error:
                _log.warning("not everything could be written down at the end: %s", error)
        await self._count()

    def _note_cycle(self, report: CycleReport) -> None:
        self._intake.watch.note_cycle(report)
        # On the edge only: the first cycle with a fault, one with another fault, and the recovery.
        faults = tuple(sorted({_SIZE.sub("", fault) for fault in report.faults}))
        if faults and faults != self._last_faults:
            _log.warning("%s: rung %s; %s", report.decision_id, report.decision.rung, "; ".join(report.faults))
        elif self._last_faults and not report.faults:
            _log.warning("%s: rung %s again, without faults", report.decision_id, report.decision.rung)
        self._last_faults = faults

    async def _run_intervals(self) -> None:
        control = self._site.control
        async for tick in interval_ticks(self._clock, self._site.interval_min, control.tick_delay_s):
            await self.cycle.run_interval(tick)

    async def _run_replans(self) -> None:
        while True:
            await self.cycle.replan(await self.requests.next_batch())

    async def _watch_absences(self) -> None:
        while True:
            await asyncio.sleep(self._site.control.telemetry_period_s)
            for device in self._intake.watch.check_absences():
                _log.warning("%s has gone silent; it is left out of plans", device)

    async def _write_counters(self) -> None:
        while True:
            await asyncio.sleep(COUNT_PERIOD_S)
            await self._count()

    async def _count(self) -> None:
        counters: Mapping[str, int] = self.counters()
        grown = {name: count - self._counted.get(name, 0) for name, count in counters.items()}
        grown = {name: count for name, count in grown.items() if count > 0}
        if not grown:
            return
        try:
            await self._store.count(grown)
        except StoreError as error:
            _log.warning("counters could not be written: %s", error)
            return
        self._counted = dict(counters)
