"""A dispatcher's desk in virtual time: a store that remembers, a bus in memory, devices that answer as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from config.schema import Site
from controller.loop.dispatcher import Dispatcher
from controller.loop.outcome_log import OutcomeLog
from controller.loop.setpoints import DevicePower
from controller.loop.state_store import StateStore
from controller.record.outcomes import OutcomeCount, OutcomeRecord
from controller.record.records import IntervalRecord, SettledInterval
from controller.record.store import Store
from devices.clock import VirtualClock
from devices.fake_bus import FakeBus
from devices.messages import decode_setpoint, encode_acknowledgement
from devices.registry import DeviceRegistry
from devices.setpoint_publisher import SetpointPublisher
from devices.topics import DeviceChannel, DeviceTopic, filter_for, parse_topic
from devices.virtual_loop import run_virtual
from models.domain.errors import StoreError
from models.domain.setpoint import Acknowledgement, Outcome, Reason, Setpoint
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import START, keys_of, make_site


class RememberedStore:
    """What the loop writes down, in memory; ``is_failing`` stands for a full disk."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch
        self.is_failing = False
        self.intervals: list[IntervalRecord] = []
        self.settled: list[SettledInterval] = []
        self.renewals: list[tuple[str, Setpoint]] = []
        self.outcomes: list[OutcomeRecord] = []
        self.counters: list[Mapping[str, int]] = []

    def _check(self) -> None:
        if self.is_failing:
            message = "the disk is full"
            raise StoreError(message)

    async def commit_interval(self, record: IntervalRecord) -> None:
        self._check()
        self.intervals.append(record)

    async def commit_settled(self, settled: Sequence[SettledInterval], *, is_forwarded: bool = True) -> None:
        self._check()
        assert is_forwarded
        self.settled.extend(settled)

    async def add_setpoints(self, decision_id: str, setpoints: Sequence[Setpoint]) -> None:
        self._check()
        self.renewals.extend((decision_id, setpoint) for setpoint in setpoints)

    async def record_outcomes(self, record: OutcomeRecord) -> OutcomeCount:
        self._check()
        self.outcomes.append(record)
        return OutcomeCount(taken=len(record.outcomes), ignored=0)

    async def read(self, _query: object) -> tuple[object, ...]:
        """No day is settled, and no load was held back."""
        self._check()
        return ()

    async def count(self, increments: Mapping[str, int]) -> None:
        self._check()
        self.counters.append(increments)

    def ends(self) -> list[tuple[str, Outcome | None]]:
        return [(one.setpoint_id, one.outcome) for record in self.outcomes for one in record.outcomes]


class AnsweringDevices:
    """Every device of a site: takes setpoints and acknowledges them, unless it is silent or stubborn."""

    def __init__(self, site: Site, clock: VirtualClock, bus: FakeBus) -> None:
        self._site_id, self._clock, self._bus = site.community.id, clock, bus
        self.taken: list[tuple[float, Setpoint]] = []
        """Loop time [s] and setpoint, in order of arrival."""
        self.silent: list[DeviceKey] = []
        self.stubborn: list[DeviceKey] = []
        bus.subscribe(filter_for(site.community.id, DeviceChannel.SETPOINT), self.take, qos=1)

    def take(self, topic: str, payload: bytes, is_retained: bool) -> None:
        parsed = parse_topic(topic)
        assert isinstance(parsed, DeviceTopic)
        assert not is_retained
        setpoint = decode_setpoint(payload, parsed.device)
        assert isinstance(setpoint, Setpoint)
        self.taken.append((round(self._clock.monotonic_s(), 3), setpoint))
        if parsed.device in self.silent:
            return
        is_accepted = parsed.device not in self.stubborn
        answer = Acknowledgement(
            device=parsed.device,
            setpoint_id=setpoint.setpoint_id,
            epoch=setpoint.epoch,
            seq=setpoint.seq,
            is_accepted=is_accepted,
            applied_kw=setpoint.power_kw if is_accepted else None,
            refusal=None if is_accepted else "not today",
            ts_utc=self._clock.now_utc(),
        )
        ack = DeviceTopic(site=self._site_id, device=parsed.device, channel=DeviceChannel.ACK)
        self._bus.deliver(str(ack), encode_acknowledgement(answer))

    def powers(self, device: DeviceKey) -> list[float]:
        return [setpoint.power_kw for _, setpoint in self.taken if setpoint.device == device]


class Desk:
    """The parts around a dispatcher; made inside a virtual loop by ``at_desk``."""

    def __init__(self, site: Site, clock: VirtualClock, epoch: int = 1) -> None:
        self.site, self.clock = site, clock
        self.store = RememberedStore(epoch)
        self.bus = FakeBus()
        self.devices = AnsweringDevices(site, clock, self.bus)
        self.state = StateStore(keys_of(site), interval_min=15, stale_after_s=site.control.stale_after_s)
        self.outcomes = OutcomeLog(clock)
        registry = DeviceRegistry.from_site(site)
        self.publisher = SetpointPublisher(self.bus, registry, clock, self.outcomes.note_end)
        self.dispatcher = Dispatcher(
            site=site,
            clock=clock,
            state=self.state,
            publisher=self.publisher,
            outcomes=self.outcomes,
            store=cast("Store", self.store),
        )

    def hear(self, *readings: Reading) -> None:
        """Readings arrive; they are as new as the moment."""
        for reading in readings:
            self.state.offer(reading, self.clock.monotonic_s())

    async def send(self, *powers: DevicePower, decision: str = "1-a-0", valid_s: float = 900.0) -> tuple[Setpoint, ...]:
        """What a cycle does with a decision's powers."""
        async with self.dispatcher.exclusive:
            valid_until_utc = self.clock.now_utc() + timedelta(seconds=valid_s)
            setpoints = self.dispatcher.intend(powers, decision, valid_until_utc)
            await self.dispatcher.send(setpoints)
        return setpoints


def power(device: DeviceKey, power_kw: float, reason: Reason = Reason.STORE_SURPLUS) -> DevicePower:
    return DevicePower(device=device, member=device.gateway.removeprefix("gw-"), power_kw=power_kw, reason=reason)


def at_desk(play: Callable[[Desk], Coroutine[Any, Any, None]], site: Site | None = None) -> Desk:
    """Play something at a desk and return it as it was left."""
    where = site or make_site()

    async def main(clock: VirtualClock) -> Desk:
        desk = Desk(where, clock)
        async with desk.publisher:
            await play(desk)
        return desk

    return run_virtual(main, start_utc=START)


async def minutes_pass(minutes: float) -> None:
    await asyncio.sleep(60.0 * minutes)
