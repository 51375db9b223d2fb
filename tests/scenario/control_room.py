"""A control room in virtual time: real controller, real store, simulated homes, a broker in memory."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import numpy as np

from config.schema import Site
from controller.apps import wiring
from controller.apps.wiring import Surroundings
from controller.loop.controller import Controller
from controller.loop.cycle import CycleReport
from controller.loop.solver_messages import FailureKind
from controller.loop.solver_process import SolverFailure
from devices.broker_address import BrokerAddress
from devices.clock import VirtualClock, real_s
from devices.fake_bus import FakeBus
from devices.messages import decode_setpoint, decode_telemetry
from devices.protocols import MessageHandler, QualityOfService
from devices.simulator.community import SimulatedCommunity
from devices.topics import DeviceChannel, DeviceTopic, parse_topic
from models.dispatch.planning import solve
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.dispatch.solvers.glpk import GlpkSolver
from models.domain.setpoint import Setpoint
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import START


@dataclass(frozen=True, slots=True)
class Passed:
    """A message that passed over the broker."""

    minute: float
    topic: str
    payload: bytes


class Broker(FakeBus):
    """The broker in memory, with a log of what passed and when."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self.passed: list[Passed] = []

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        self.passed.append(Passed(minute_of(self._clock.now_utc()), topic, payload))
        super().deliver(topic, payload, retained=retained)


class Line:
    """One party's connection to the broker, which can be cut."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.is_up = False
        self.is_cut = False

    @property
    def is_connected(self) -> bool:
        return self.is_up and not self.is_cut and self._broker.is_connected

    def start(self) -> None:
        self.is_up = True

    async def stop(self) -> None:
        self.is_up = False

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_connected(self, timeout_s: float | None = None) -> bool:
        assert timeout_s is None or timeout_s > 0.0
        return self.is_connected

    def subscribe(self, topic_filter: str, handler: MessageHandler, *, qos: QualityOfService = 0) -> None:
        def hear(topic: str, payload: bytes, is_retained: bool) -> None:
            if self.is_connected:
                handler(topic, payload, is_retained)

        self._broker.subscribe(topic_filter, hear, qos=qos)

    async def publish(self, topic: str, payload: bytes, **how: Any) -> bool:
        return await self._broker.publish(topic, payload, **how) if self.is_connected else False


class InlineSolver:
    """The real solver without its process; it can be broken and mended."""

    def __init__(self) -> None:
        self.broken: FailureKind | None = None
        self.solved = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def solve(self, problem: DispatchProblem, *, deadline_s: float) -> Plan | SolverFailure:
        await asyncio.sleep(0)
        if self.broken is not None:
            return SolverFailure(kind=self.broken, detail="as the story tells")
        self.solved += 1
        solver = GlpkSolver(memory_limit_mb=1024)
        return solve(problem, solver=solver, deadline_s=deadline_s, mip_gap=0.01, now_s=real_s)


@dataclass
class ControlRoom:
    """What the story's teller sees: broker, solver, homes' lines, and a report of each cycle of any controller."""

    site: Site
    clock: VirtualClock
    folder: Path
    broker: Broker
    homes: SimulatedCommunity
    """The simulated homes; the story may look at the truth, the controller never does."""
    lines: dict[str, Line]
    """Of the gateways, by id."""
    solver: Any = field(default_factory=InlineSolver)
    reports: list[CycleReport] = field(default_factory=list)
    replayed: list[tuple[int, int]] = field(default_factory=list)
    """Epoch and seq of setpoints that somebody played back."""
    controller: Controller | None = None
    _stack: AsyncExitStack | None = None
    _running: asyncio.Task[None] | None = None

    @property
    def store_path(self) -> Path:
        return self.folder / "commonwatt.sqlite"

    async def start_controller(self) -> None:
        """A controller comes up, wired as in production save for broker and solver process."""
        self._stack = AsyncExitStack()
        surroundings = Surroundings(
            store_path=self.store_path,
            address=BrokerAddress(host="127.0.0.1", port=1),
            credentials=None,
            rng=np.random.default_rng(5),
        )
        with ExitStack() as patches:
            patches.enter_context(patch.object(wiring, "MqttConnection", lambda *_, **__: Line(self.broker)))
            if self.solver is not None:
                patches.enter_context(patch.object(wiring, "SolverProcess", lambda **_: self.solver))
            parts = wiring.running_parts(self.site, self.clock, surroundings)
            self.controller = await self._stack.enter_async_context(parts)
        self.controller.cycle.watchers.append(self.reports.append)
        self._running = asyncio.create_task(self.controller.run(), name="controller")

    async def stop_controller(self) -> None:
        assert self._running is not None
        assert self._stack is not None
        assert not self._running.done(), "the controller ended by itself"
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._stack.aclose()

    def held_kw(self, member: str) -> float | None:
        """Power that a member's battery holds by a setpoint [kW]; ``None``: it is on its own default."""
        self.homes.neighbourhood.advance_to(self.clock.now_utc())
        home = self.homes.neighbourhood.homes[member]
        return home.held_kw(home.assets.batteries[0])

    def setpoints(self, device: str = "", *, since: float = -1.0, until: float = 1e9) -> list[tuple[float, Setpoint]]:
        """Setpoints sent to a device (or to all) within some minutes, with the minute of each."""
        found = []
        for passed in self.broker.passed:
            parsed = parse_topic(passed.topic)
            if not isinstance(parsed, DeviceTopic) or parsed.channel is not DeviceChannel.SETPOINT:
                continue
            if since <= passed.minute < until and device in ("", str(parsed.device)):
                setpoint = decode_setpoint(passed.payload, parsed.device)
                assert isinstance(setpoint, Setpoint)
                found.append((passed.minute, setpoint))
        return found

    def reading(self, device: str) -> Reading:
        """What a device said last."""
        gateway, _, name = device.partition("/")
        key = DeviceKey(gateway, name)
        topic = str(DeviceTopic(site=self.site.community.id, device=key, channel=DeviceChannel.TELEMETRY))
        payload = next(passed.payload for passed in reversed(self.broker.passed) if passed.topic == topic)
        reading = decode_telemetry(payload, key)
        assert isinstance(reading, Reading)
        return reading


def minute_of(moment_utc: datetime) -> float:
    """Minutes since the story's start."""
    return (moment_utc - START).total_seconds() / 60.0
