"""The main job in one command: a community, its devices, a broker and the controller, in virtual time."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from controller.apps.demo_events import announce_events
from controller.apps.demo_options import STORE_NAME, DemoOptions
from controller.apps.demo_world import DemoWorld, history_intervals
from controller.apps.wiring import Surroundings, freeze_memory, running_parts
from controller.loop.controller import Controller
from controller.loop.cycle import CycleReport
from controller.record.anchor import anchor_path
from controller.record.bundles import bundle_folder
from controller.record.store import Store
from devices.broker import embedded_broker
from devices.clock import VirtualClock
from devices.simulator.community import SimulatedCommunity, connections_to
from devices.simulator.meter import HomeEnergy
from devices.virtual_loop import VirtualLoop, run_virtual
from models.domain.arrays import FloatArray
from models.domain.interval import local_day_of

SEED_STREAMS = ("controller", "store", "homes", "market")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAt:
    """One plan, re-plans included."""

    at_utc: datetime
    rung: str
    solve_s: float
    """Real time from data to audited schedule [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedDemo:
    """What the controlled days left behind, K intervals and N members."""

    store_path: Path
    truth: dict[str, FloatArray]
    """By name of the energy (``import_kwh``, ``export_kwh``, ...): [N, K] the simulator's own integrals."""
    plans: tuple[PlannedAt, ...]
    loop_stall_s_max: float
    unsettled: tuple[str, ...] = ()
    """Why days could not be settled."""


def play(
    options: DemoOptions,
    world: DemoWorld,
    watch: Callable[[CycleReport], None],
    tell: Callable[[str], None] = lambda _words: None,
) -> PlayedDemo:
    """Play the controlled days.

    Args:
        options: What was asked for.
        world: The stage.
        watch: Called with each cycle's report.
        tell: Called with what is being done when the days are over.
    """
    options.output.mkdir(parents=True, exist_ok=True)
    store_path = options.output / STORE_NAME
    anchor_path(store_path).unlink(missing_ok=True)
    for name in (store_path.name, f"{store_path.name}-wal", f"{store_path.name}-shm", f"{store_path.name}.lock"):
        (options.output / name).unlink(missing_ok=True)
    shutil.rmtree(bundle_folder(store_path), ignore_errors=True)
    streams = np.random.default_rng(options.seed).spawn(len(SEED_STREAMS))

    def main(clock: VirtualClock) -> Coroutine[Any, Any, PlayedDemo]:
        return _play(world, clock, store_path, dict(zip(SEED_STREAMS, streams, strict=True)), watch, tell)

    return run_virtual(main, start_utc=world.start_utc)


async def _play(
    world: DemoWorld,
    clock: VirtualClock,
    store_path: Path,
    streams: dict[str, np.random.Generator],
    watch: Callable[[CycleReport], None],
    tell: Callable[[str], None],
) -> PlayedDemo:
    plans: list[PlannedAt] = []

    def note(report: CycleReport) -> None:
        decision = report.decision
        plans.append(PlannedAt(at_utc=report.snapshot.taken_utc, rung=decision.rung.value, solve_s=decision.solve_s))
        watch(report)

    await _pre_play(world, clock, store_path, streams["store"])
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(embedded_broker())
        surroundings = Surroundings(
            store_path=store_path, address=address, credentials=None, rng=streams["controller"], is_quick=True
        )
        controller = await stack.enter_async_context(running_parts(world.site, clock, surroundings))
        controller.cycle.watchers.append(note)
        homes = SimulatedCommunity(
            world.site,
            world.profile,
            clock,
            connect=connections_to(address, rng=streams["homes"].spawn(1)[0], client_prefix="demo-"),
            rng=streams["homes"],
            start_utc=world.start_utc,
            states=world.history.end_states,
        )
        freeze_memory()
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            loop.stall.reset()
        announcing = announce_events(world.events, world.site.community.id, address, clock, streams["market"])
        await _run_until_end(world, clock, controller, homes, announcing)
        tell("settling the last day")
        await _settle(world, controller)
        stall_s = loop.stall.stall_s_max if isinstance(loop, VirtualLoop) else 0.0
    return PlayedDemo(
        store_path=store_path,
        truth=_truth(world, homes),
        plans=tuple(plans),
        loop_stall_s_max=stall_s,
        unsettled=tuple(controller.settlement.refused.values()) if controller.settlement is not None else (),
    )


async def _pre_play(world: DemoWorld, clock: VirtualClock, store_path: Path, rng: np.random.Generator) -> None:
    """Put the pre-played days into the store, as if they had been metered before the controller's first start."""
    site = world.site
    store = await Store.open(
        store_path,
        site_id=site.community.id,
        language=site.community.language,
        started_utc=clock.now_utc(),
        rng=rng,
    )
    await store.commit_settled(history_intervals(world), is_forwarded=False)
    await store.close(clock.now_utc())


async def _run_until_end(
    world: DemoWorld,
    clock: VirtualClock,
    controller: Controller,
    homes: SimulatedCommunity,
    announcing: Coroutine[Any, Any, None],
) -> None:
    stop = asyncio.Event()
    outside = asyncio.create_task(announcing, name="grid operator")
    playing = asyncio.create_task(homes.run(stop), name="homes")
    running = asyncio.create_task(controller.run(), name="controller")
    # The last interval's counters are sampled at its end and arrive within the tick's delay.
    ending = asyncio.create_task(
        clock.sleep_until_utc(world.end_utc + timedelta(seconds=world.site.control.tick_delay_s - 0.1)),
        name="end",
    )
    # The homes end by themselves with their profile, a moment before; the controller only by failing.
    await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    ending.cancel()
    outside.cancel()
    stop.set()
    for result in await asyncio.gather(playing, running, ending, outside, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    await controller.cycle.close_interval(world.end_utc)


async def _settle(world: DemoWorld, controller: Controller) -> None:
    """The days that the controller did not live to see settled: the last one."""
    if controller.settlement is not None:
        await controller.settlement.settle_before(local_day_of(world.end_utc, world.site.zone))


def _truth(world: DemoWorld, homes: SimulatedCommunity) -> dict[str, FloatArray]:
    interval = timedelta(minutes=world.site.interval_min)
    count = round((world.end_utc - world.start_utc) / interval)
    names = ("import_kwh", "export_kwh", "pv_kwh", "charge_kwh", "discharge_kwh")
    truth = {name: np.zeros((len(world.site.members), count)) for name in names}
    for row, member in enumerate(world.site.members):
        for column in range(count):
            start = world.start_utc + column * interval
            energy: HomeEnergy = homes.neighbourhood.interval_energy(member.id, start, start + interval)
            for name in names:
                truth[name][row, column] = getattr(energy, name)
    return truth
