"""``commonwatt run``: the controller against the site's broker, in real time."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import typer

from config.load import load_site
from config.schema import Site
from controller.apps.broker_access import broker_address, controller_credentials
from controller.apps.wiring import Surroundings, freeze_memory, running_parts
from controller.loop.cycle import CycleReport
from controller.loop.service import CrashLoopError
from controller.record.forwarder import Forwarder
from controller.record.influx import InfluxSink, resolve_target
from devices.clock import SystemClock
from devices.measured_loop import MeasuredLoop
from models.domain.errors import ClockError

_log = logging.getLogger(__name__)

EARLIEST_YEAR = 2024
"""A clock that shows an earlier year was never set."""
STOP_FORWARDER_S = 5.0
"""Time that the forwarder gets to finish its batch at a stop [s]."""


@dataclass(slots=True)
class _Tally:
    """What is told at the end."""

    intervals: int = 0
    replans: int = 0
    rungs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    setpoints: int = 0


def run_controller(config: Path, *, is_dry_run: bool, intervals: int | None, is_json: bool) -> int:
    """Run until stopped, or for so many intervals; returns the exit status.

    Raises:
        CommonWattError: The site file, the store or a secret cannot be used.
    """
    site = load_site(config)
    _require_set_clock()
    surroundings = Surroundings(
        store_path=site.store.path,
        address=broker_address(site),
        credentials=controller_credentials(site),
        # Pseudonyms and jitter have to differ between sites and starts.
        rng=np.random.default_rng(secrets.randbits(128)),
        is_dry_run=is_dry_run,
    )
    tally = _Tally()
    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        loop = runner.get_loop()
        status = runner.run(_run(site, surroundings, tally, intervals))
        stall_s = loop.stall.stall_s_max if isinstance(loop, MeasuredLoop) else None
    if is_json:
        typer.echo(
            json.dumps(
                {
                    "intervals": tally.intervals,
                    "replans": tally.replans,
                    "plans_by_rung": dict(tally.rungs),
                    "setpoints": tally.setpoints,
                    "faults": dict(tally.faults),
                    "loop_stall_s_max": stall_s,
                }
            )
        )
    return status


def _require_set_clock() -> None:
    year = SystemClock().now_utc().year
    if year < EARLIEST_YEAR:
        message = f"the system clock says {year}: set it (NTP) before trading energy by it"
        raise ClockError(message)


async def _run(site: Site, surroundings: Surroundings, tally: _Tally, intervals: int | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def note(report: CycleReport) -> None:
        _tell(report)
        tally.setpoints += len(report.setpoints)
        tally.faults.update(fault.split(":")[0] for fault in report.faults)
        if report.replan:
            tally.replans += 1
            return
        tally.intervals += 1
        tally.rungs[report.decision.rung.value] += 1
        if intervals is not None and tally.intervals >= intervals:
            stop.set()

    async with running_parts(site, SystemClock(), surroundings) as controller:
        controller.cycle.watchers.append(note)
        freeze_memory()
        with ExitStack() as stack:
            _start_forwarder(site, surroundings, stack)
            running = asyncio.create_task(controller.run(), name="controller")
            stopping = asyncio.create_task(stop.wait(), name="stop")
            await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (running, stopping):
                task.cancel()
            results = await asyncio.gather(running, stopping, return_exceptions=True)
    for result in results:
        if isinstance(result, CrashLoopError):
            _log.error("%s; stopped", result)
            return 1
        if isinstance(result, Exception):
            raise result
    return 0


def _start_forwarder(site: Site, surroundings: Surroundings, stack: ExitStack) -> None:
    if site.influxdb is None:
        return
    target = resolve_target(site.influxdb, surroundings.store_path.parent, os.environ)
    forwarder = Forwarder(
        surroundings.store_path,
        InfluxSink(target),
        rng=surroundings.rng.spawn(1)[0],
        monotonic_s=SystemClock().monotonic_s,
    )
    forwarder.start()
    stack.callback(forwarder.stop, STOP_FORWARDER_S)


def _tell(report: CycleReport) -> None:
    causes = ", ".join(trigger.value for trigger in report.triggers)
    held = [power for power in report.decision.powers if power.held_back_kw > 0.0]
    _log.info(
        "%s (%s): rung %s, %d setpoints, plan %.2f s, %d devices silent%s",
        report.decision_id,
        causes,
        report.decision.rung,
        len(report.setpoints),
        report.decision.solve_s,
        len(report.snapshot.stale),
        _tell_events(report, sum(power.held_back_kw for power in held), len(held)),
    )


def _tell_events(report: CycleReport, held_back_kw: float, loads: int) -> str:
    """Demand-response events that are on, in words; empty without any."""
    outlook = report.outlook
    now_utc = report.snapshot.taken_utc
    running = [event for event in outlook.events if event.span.contains(now_utc)] if outlook is not None else []
    if not running and not loads:
        return ""
    names = ", ".join(f"{event.key} until {event.end_utc:%H:%M} UTC" for event in running) or "none now"
    return f"; demand response: {names}, {held_back_kw:.2f} kW held back from {loads} load{'s' if loads != 1 else ''}"
