"""From a site to a running controller: every part made once, handed its collaborators, closed in order."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from config.currency import price_bound_per_kwh
from config.schema import Site
from config.tariff import Price, SeriesPrice
from controller.apps.stored_past import load_account, load_history
from controller.loop.bundling import bundle_watcher
from controller.loop.controller import Controller
from controller.loop.cycle import Cycle
from controller.loop.dispatcher import Dispatcher
from controller.loop.event_effects import EventEffects
from controller.loop.intake import Intake
from controller.loop.market import MarketListener
from controller.loop.notice_keeper import NoticeKeeper
from controller.loop.outcome_log import OutcomeLog
from controller.loop.outlook import Forecaster
from controller.loop.planner import Planner
from controller.loop.settling import IntervalSettler
from controller.loop.solver_process import SolverProcess
from controller.loop.state_store import StateStore
from controller.loop.triggers import ReplanRequests
from controller.loop.watch import Watch
from controller.loop.weigher import Weigher
from controller.loop.weight_explanations import WeightExplainer
from controller.record.bundles import BYTES_PER_MB, BundleFolder, BundleKeeper, bundle_folder, program_versions
from controller.record.live_caps import read_live_caps
from controller.record.outbox import OutboxLimits
from controller.record.settlement_process import SettlementProcess
from controller.record.settlement_run import SettlementRun
from controller.record.store import Store
from devices.broker_address import BrokerAddress, Credentials
from devices.clock import Clock
from devices.mqtt import MqttConnection
from devices.registry import DeviceRegistry
from devices.setpoint_publisher import SetpointPublisher
from devices.telemetry_listener import TelemetryListener
from models.domain.errors import SiteFileError
from models.domain.interval import local_day_of
from models.domain.price_series import PriceSeries, parse_price_series
from models.domain.tariff import PriceBook

CONTROLLER_CLIENT_ID = "commonwatt-controller"
QUICK_DEADLINE_S = 240.0
"""A quick settlement of one day takes no longer [s]."""
CONNECT_TIMEOUT_S = 10.0
"""Longest wait for the broker before the controller starts without it [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a controller runs and what it speaks to."""

    store_path: Path
    address: BrokerAddress
    credentials: Credentials | None
    rng: np.random.Generator
    is_dry_run: bool = False
    is_quick: bool = False
    """Settle days in bounded time, larger communities less exactly."""


@asynccontextmanager
async def running_parts(site: Site, clock: Clock, surroundings: Surroundings) -> AsyncIterator[Controller]:
    """A wired controller, connected to the broker, with its worker and store open.

    Raises:
        CommonWattError: The store, a price series or the policy cannot be used.
    """
    async with AsyncExitStack() as stack:
        prices = read_price_book(site)
        weigher = Weigher.from_site(site)
        store = await _open_store(site, clock, surroundings, stack)
        solver = await _start_solver(site, clock, stack)
        bus = MqttConnection(
            surroundings.address,
            client_id=f"{CONTROLLER_CLIENT_ID}-{site.community.id}",
            rng=surroundings.rng.spawn(1)[0],
            credentials=surroundings.credentials,
        )
        now_utc = clock.now_utc()
        history = await store.read(lambda reader: load_history(reader, site, now_utc))
        account = await store.read(lambda reader: load_account(reader, site, now_utc))
        registry = DeviceRegistry.from_site(site)
        state = StateStore(
            [device.key for device in registry],
            interval_min=site.interval_min,
            stale_after_s=site.control.stale_after_s,
        )
        outcomes = OutcomeLog(clock)
        publisher = SetpointPublisher(bus, registry, clock, outcomes.note_end)
        dispatcher = Dispatcher(
            site=site, clock=clock, state=state, publisher=publisher, outcomes=outcomes, store=store
        )
        await _resume(store, site, weigher, dispatcher, now_utc)
        forecaster = Forecaster(site, prices, history)
        forecaster.review(now_utc)
        cycle = Cycle(
            site=site,
            clock=clock,
            state=state,
            settler=IntervalSettler(site),
            account=account,
            forecaster=forecaster,
            weigher=weigher,
            planner=Planner(site, solver, clock.real_s),
            dispatcher=dispatcher,
            store=store,
            is_dry_run=surroundings.is_dry_run,
        )
        controller = _assemble(
            site=site,
            clock=clock,
            state=state,
            cycle=cycle,
            dispatcher=dispatcher,
            forecaster=forecaster,
            registry=registry,
            bus=bus,
            store=store,
        )
        _add_slow_work(site, clock, store, surroundings, controller, stack)
        await _add_events(site, clock, store, solver, controller)
        # Left in reverse: the publisher ends what is still open, and that is written down before the store closes.
        stack.push_async_callback(controller.finish)
        await stack.enter_async_context(publisher)
        await stack.enter_async_context(bus)
        await bus.wait_connected(CONNECT_TIMEOUT_S)
        yield controller


async def _resume(store: Store, site: Site, weigher: Weigher, dispatcher: Dispatcher, now_utc: datetime) -> None:
    """Weights in force, and caps that still live."""
    dispatcher.restore(await store.read(lambda reader: read_live_caps(reader.select, now_utc)))
    last = await store.read(lambda reader: reader.last_decision())
    if last is not None and last.weights:
        weigher.resume(last.weights, local_day_of(last.interval_start_utc, site.zone))


async def _open_store(site: Site, clock: Clock, surroundings: Surroundings, stack: AsyncExitStack) -> Store:
    store = await Store.open(
        surroundings.store_path,
        site_id=site.community.id,
        language=site.community.language,
        started_utc=clock.now_utc(),
        rng=surroundings.rng.spawn(1)[0],
        outbox=None if site.influxdb is None else OutboxLimits(),
    )
    stack.push_async_callback(lambda: store.close(clock.now_utc()))
    return store


def _keep_bundles(site: Site, surroundings: Surroundings, controller: Controller, stack: AsyncExitStack) -> None:
    if site.store.bundle_days == 0:
        return
    limit_bytes = site.store.bundle_limit_mb * BYTES_PER_MB
    path = bundle_folder(surroundings.store_path)
    keeper = BundleKeeper(BundleFolder(path, days=site.store.bundle_days, limit_bytes=limit_bytes))
    controller.cycle.watchers.append(bundle_watcher(keeper, site.solver, program_versions()))
    controller.counted.append(keeper.counters)
    stack.push_async_callback(keeper.close)


def _settle_days(site: Site, clock: Clock, store: Store, surroundings: Surroundings, controller: Controller) -> None:
    deadline_s = QUICK_DEADLINE_S if surroundings.is_quick else site.settlement.deadline_s
    controller.settlement = SettlementRun(
        site=site,
        clock=clock,
        store=store,
        process=SettlementProcess(clock, deadline_s=deadline_s),
        read_prices=lambda: read_price_book(site),
        is_quick=surroundings.is_quick,
    )
    controller.service.add("settlement", controller.settlement.run)


def _add_slow_work(
    site: Site, clock: Clock, store: Store, surroundings: Surroundings, controller: Controller, stack: AsyncExitStack
) -> None:
    """What is done beside the cycle: keeping bundles, settling days, explaining weights."""
    _keep_bundles(site, surroundings, controller, stack)
    _settle_days(site, clock, store, surroundings, controller)
    explainer = WeightExplainer(site, store)
    controller.cycle.watchers.append(explainer.note)
    controller.service.add("weight explanations", explainer.run)


async def _add_events(site: Site, clock: Clock, store: Store, solver: SolverProcess, controller: Controller) -> None:
    """The market's notices over a restart, and what demand-response events bring."""
    keeper = NoticeKeeper(controller.market, store)
    await keeper.restore()
    effects = EventEffects(site, clock, store, solver, controller.requests)
    controller.cycle.watchers.append(effects.note)
    controller.service.add("notices", keeper.run)
    controller.service.add("event effects", effects.run)
    controller.last_acts += [keeper.write, effects.close_ended]


async def _start_solver(site: Site, clock: Clock, stack: AsyncExitStack) -> SolverProcess:
    solver = SolverProcess(
        solver=site.solver.name,
        mip_gap_frac=site.solver.mip_gap_frac,
        memory_limit_mb=site.solver.memory_limit_mb,
        clock=clock,
    )
    await solver.start()
    stack.push_async_callback(solver.close)
    return solver


def _assemble(  # noqa: PLR0913 (one for each part)
    *,
    site: Site,
    clock: Clock,
    state: StateStore,
    cycle: Cycle,
    dispatcher: Dispatcher,
    forecaster: Forecaster,
    registry: DeviceRegistry,
    bus: MqttConnection,
    store: Store,
) -> Controller:
    """Join the cycle with what comes in from the broker."""
    requests = ReplanRequests(clock, debounce_s=site.control.replan_debounce_s, min_gap_s=site.control.replan_min_gap_s)
    market = MarketListener(
        site.community.id,
        clock,
        forecaster,
        requests,
        price_bound_per_kwh=price_bound_per_kwh(site.community.currency),
    )
    intake = Intake(clock, state, Watch(site, clock, state, requests))
    listener = TelemetryListener(registry, clock, site.control, intake.offer)
    listener.listen(bus)
    market.listen(bus)
    return Controller(
        site=site,
        clock=clock,
        cycle=cycle,
        dispatcher=dispatcher,
        requests=requests,
        intake=intake,
        market=market,
        listener=listener,
        store=store,
    )


def freeze_memory() -> None:
    """Leave all that was made so far out of garbage collection: what is there at the start stays to the end.

    A full collection over the imported libraries held the loop for 0.06 s; afterwards it sees only what is new.
    """
    gc.collect()
    gc.freeze()


def read_price_book(site: Site) -> PriceBook:
    """The tariff with the price series it names.

    Raises:
        SiteFileError: A series cannot be read.
    """
    return PriceBook(
        tariff=site.tariff,
        zone=site.zone,
        import_series=_read_series(site, site.tariff.import_price),
        export_series=_read_series(site, site.tariff.export_price),
    )


def _read_series(site: Site, price: Price) -> PriceSeries | None:
    if not isinstance(price, SeriesPrice):
        return None
    path = price.file
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"the price series {path} cannot be read: {error}"
        raise SiteFileError(message) from error
    return parse_price_series(
        text,
        name=path.name,
        time_column=price.time_column,
        price_column=price.price_column,
        bound_eur_per_kwh=price_bound_per_kwh(site.community.currency),
        stamps=price.stamps,
        zone=site.zone,
    )
