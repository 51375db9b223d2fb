"""A cycle with all its parts in virtual time; each part can be made to fail."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, cast

from config.schema import Site
from controller.loop.cycle import Cycle, CycleReport
from controller.loop.planner import Planner
from controller.loop.settling import IntervalSettler
from controller.loop.timer import Tick
from controller.loop.weigher import Weigher
from controller.record.store import Store
from devices.clock import VirtualClock
from devices.virtual_loop import run_virtual
from models.domain.interval import floor_to_interval
from models.domain.telemetry import Reading
from tests.controller.loop.desk import Desk
from tests.controller.loop.neighbours import (
    START,
    ScriptedSolver,
    at,
    make_account,
    make_forecaster,
    make_site,
    usual_readings,
    without,
)


class Workshop:
    """A cycle with all its parts, of which each can be made to fail."""

    def __init__(self, clock: VirtualClock, site: Site, *, is_dry_run: bool) -> None:
        self.desk = Desk(site, clock)
        self.clock, self.site = clock, site
        self.solver = ScriptedSolver()
        self.planner = Planner(site, cast("Any", self.solver), clock.real_s)
        self.forecaster = make_forecaster(site)
        self.account = make_account(site)
        self.settler = IntervalSettler(site)
        self.weigher = Weigher(site, None)
        self.cycle = Cycle(
            site=site,
            clock=clock,
            state=self.desk.state,
            settler=self.settler,
            account=self.account,
            forecaster=self.forecaster,
            weigher=self.weigher,
            planner=self.planner,
            dispatcher=self.desk.dispatcher,
            store=cast("Store", self.desk.store),
            is_dry_run=is_dry_run,
        )

    async def until(self, minutes: float, *but: Reading) -> None:
        """Time passes; then everybody speaks, as usual save for some."""
        await self.clock.sleep_until_utc(at(minutes))
        said = [*without(usual_readings(minutes), *(reading.device for reading in but)), *but]
        self.desk.hear(*said)

    async def tick_only(self, minutes: float) -> CycleReport:
        """A cycle without anybody speaking first."""
        await self.clock.sleep_until_utc(at(minutes))
        start_utc = floor_to_interval(self.clock.now_utc(), self.site.interval_min)
        return await self.cycle.run_interval(Tick(interval_start_utc=start_utc, missed=0))

    async def tick(self, minutes: float, *but: Reading) -> CycleReport:
        await self.until(minutes, *but)
        return await self.cycle.run_interval(Tick(interval_start_utc=at(minutes), missed=0))


Play = Callable[[Workshop], Coroutine[Any, Any, None]]


def in_workshop(play: Play, *, is_dry_run: bool = False, start_utc: datetime = START, **parts: Any) -> Workshop:
    async def main(clock: VirtualClock) -> Workshop:
        shop = Workshop(clock, make_site(**parts), is_dry_run=is_dry_run)
        async with shop.desk.publisher:
            await play(shop)
        return shop

    return run_virtual(main, start_utc=start_utc)


def break_it(owner: object, name: str) -> None:
    def fail(*_: object, **__: object) -> None:
        message = "out of order"
        raise ZeroDivisionError(message)

    setattr(owner, name, fail)
