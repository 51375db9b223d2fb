"""Stories told over a real broker on loopback, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import numpy as np
import pytest

from config.schema import Site
from devices.broker import embedded_broker
from devices.broker_address import BrokerAddress
from devices.clock import VirtualClock
from devices.messages import decode_acknowledgement, encode_setpoint
from devices.mqtt import MqttConnection
from devices.registry import DeviceRegistry
from devices.simulator.community import SimulatedCommunity, connections_to
from devices.telemetry_listener import TelemetryListener
from devices.topics import parse_topic
from devices.virtual_loop import run_virtual
from models.domain.setpoint import Acknowledgement, Setpoint
from models.domain.telemetry import DeviceKey, Reading
from tests.devices.simulator.village import (
    BAT,
    BATTERY,
    GRID,
    METER,
    START,
    at,
    make_member,
    make_profile,
    make_setpoint,
    make_site,
)


class ControlRoom:
    """What a controller would see and say: readings by device, answers in order, the simulated community unseen."""

    def __init__(self, site: Site, clock: VirtualClock, bus: MqttConnection, community: SimulatedCommunity) -> None:
        self.clock, self.bus, self.community = clock, bus, community
        self.readings: dict[DeviceKey, list[Reading]] = {}
        self.answers: list[Acknowledgement] = []
        self.statuses: list[tuple[str, bytes]] = []
        self.listener = TelemetryListener(DeviceRegistry.from_site(site), clock, site.control, self.take)
        self.listener.listen(bus)
        bus.subscribe("commonwatt/v1/village/+/+/ack", self.take_answer, qos=1)
        bus.subscribe(
            "commonwatt/v1/village/+/+/status", lambda topic, payload, _: self.statuses.append((topic, payload))
        )

    def take(self, reading: Reading) -> None:
        self.readings.setdefault(reading.device, []).append(reading)

    def take_answer(self, topic: str, payload: bytes, _: bool) -> None:
        assert parse_topic(topic) is not None
        answer = decode_acknowledgement(payload, BAT)
        assert isinstance(answer, Acknowledgement)
        self.answers.append(answer)

    async def until(self, minute: float) -> None:
        await self.clock.sleep_until_utc(at(minute))

    async def say(self, setpoint: Setpoint) -> None:
        topic = f"commonwatt/v1/village/{setpoint.device.gateway}/{setpoint.device.device}/setpoint"
        assert await self.bus.publish(topic, encode_setpoint(setpoint), qos=1)

    def powers_kw(self, device: DeviceKey) -> dict[float, float | None]:
        """Reported power by minute since the start."""
        return {(reading.ts_utc - START) / timedelta(minutes=1): reading.power_kw for reading in self.readings[device]}

    def counted_kwh(self, device: DeviceKey, first_min: float, last_min: float) -> float:
        """Net energy between two readings, from the counters as they were received."""
        first, last = (
            next(reading for reading in self.readings[device] if reading.ts_utc == at(minute))
            for minute in (first_min, last_min)
        )
        assert first.import_kwh_total is not None
        assert last.import_kwh_total is not None
        assert first.export_kwh_total is not None
        assert last.export_kwh_total is not None
        return last.import_kwh_total - first.import_kwh_total - last.export_kwh_total + first.export_kwh_total


Story = Callable[[ControlRoom], Awaitable[None]]


def tell(story: Story, *, minutes: int = 60, seed: int = 7) -> ControlRoom:
    """Anna has PV and a battery; Bert only a demand. Everybody speaks over the broker."""
    rooms: list[ControlRoom] = []

    async def main(clock: VirtualClock) -> None:
        site = make_site(make_member("anna", batteries=[BATTERY]), make_member("bert"))
        profile = make_profile([[1.0] * minutes, [2.0] * minutes])
        rng = np.random.default_rng(seed)
        async with embedded_broker() as address:
            connect = connections_to(address, rng=rng, client_prefix="home-")
            community = SimulatedCommunity(site, profile, clock, connect=connect, rng=rng)
            async with MqttConnection(address, client_id="control-room", rng=rng) as bus:
                room = ControlRoom(site, clock, bus, community)
                rooms.append(room)
                assert await bus.wait_connected(10.0)
                stop = asyncio.Event()
                playing = asyncio.create_task(community.run(stop))
                await community.ready.wait()
                await story(room)
                stop.set()
                await playing
                await asyncio.sleep(1.0)

    run_virtual(main, start_utc=START)
    return rooms[0]


def test_a_setpoint_moves_the_battery_whose_power_alone_moves_the_meters() -> None:
    async def story(room: ControlRoom) -> None:
        await room.until(5.5)
        await room.say(make_setpoint(3.0, minute=5.5, life_min=15))
        await room.until(10.5)

    room = tell(story)
    (answer,) = room.answers
    assert (answer.is_accepted, answer.applied_kw) == (True, 3.0)
    for device, before_kw, after_kw in ((BAT, -1.0, 3.0), (METER, 0.0, 4.0), (GRID, 2.0, 6.0)):
        powers_kw = room.powers_kw(device)
        assert [powers_kw[minute] for minute in (4.0, 5.0, 6.0, 7.0)] == [before_kw, before_kw, after_kw, after_kw]


def test_when_the_controller_falls_silent_the_battery_goes_back_to_its_own_ways() -> None:
    async def story(room: ControlRoom) -> None:
        await room.say(make_setpoint(3.0, seq=1, minute=0, life_min=15))
        await room.until(5)
        await room.say(make_setpoint(2.0, seq=2, minute=5, life_min=5.5))
        await room.until(12.5)

    room = tell(story)
    powers_kw = room.powers_kw(BAT)
    assert [powers_kw[minute] for minute in (4.0, 6.0, 10.0, 11.0)] == [3.0, 2.0, 2.0, -1.0]
    # Half of minute 10 belongs to the setpoint, half to the default.
    assert room.counted_kwh(BAT, 10, 11) == pytest.approx((2.0 - 1.0) * 0.5 / 60.0, abs=2e-6)


def test_answers_tell_refusals_repeats_and_late_messages_apart() -> None:
    async def story(room: ControlRoom) -> None:
        good = make_setpoint(1.0, seq=3, life_min=5)
        for setpoint in (good, good, make_setpoint(9.0, seq=4), make_setpoint(1.0, seq=2)):
            await room.say(setpoint)
        await room.until(6)
        await room.say(make_setpoint(1.0, seq=5, life_min=5))
        await room.until(7)

    room = tell(story)
    assert [(answer.seq, answer.is_accepted, answer.refusal) for answer in room.answers] == [
        (3, True, None),
        (3, True, None),
        (4, False, "outside limits: found 9 kW, accepted -4 to 4 kW"),
        (2, False, "old sequence: found 2, accepted above 3"),
        (5, False, "expired"),
    ]


def test_counters_on_the_wire_agree_with_the_simulators_own_integral() -> None:
    async def story(room: ControlRoom) -> None:
        for seq, (minute, power_kw) in enumerate([(1.3, 4.0), (9.7, -4.0), (17.1, 0.7), (38.2, -2.2)]):
            await room.until(minute)
            await room.say(make_setpoint(power_kw, seq=seq, minute=minute, life_min=11.0))
        await room.until(61)

    room = tell(story)
    village = room.community.neighbourhood
    for first_min in range(0, 60, 15):
        truth = village.interval_energy("anna", at(first_min), at(first_min + 15))
        assert room.counted_kwh(METER, first_min, first_min + 15) == pytest.approx(truth.net_kwh, abs=1e-5)
    assert sum(room.listener.drops.values()) == 0


def test_the_same_seed_tells_the_same_story() -> None:
    async def story(room: ControlRoom) -> None:
        await room.until(3.2)
        await room.say(make_setpoint(-2.0, minute=3.2))
        await room.until(20)

    first, second = tell(story), tell(story)
    assert first.readings == second.readings
    assert first.answers == second.answers


def test_gateways_come_and_take_their_leave() -> None:
    async def story(room: ControlRoom) -> None:
        await room.until(1)

    room = tell(story)
    for gateway in ("gw-anna", "gw-bert", "gw-grid"):
        topic = f"commonwatt/v1/village/{gateway}/gateway/status"
        said = [payload for told_topic, payload in room.statuses if told_topic == topic]
        assert said[0] == b'{"schema":1,"is_online":true}'
        # Leaving is said by the gateway itself; whether the broker adds its will is the broker's affair.
        assert set(said[1:]) == {b'{"schema":1,"is_online":false}'}


def test_the_simulation_ends_with_its_profile_and_sends_the_last_sample() -> None:
    async def main(clock: VirtualClock) -> int:
        site = make_site(make_member("anna"))
        rng = np.random.default_rng(1)
        async with embedded_broker() as address:
            connect = connections_to(address, rng=rng, client_prefix="home-")
            community = SimulatedCommunity(site, make_profile([[1.0] * 5]), clock, connect=connect, rng=rng)
            await community.run(asyncio.Event())
        assert community.neighbourhood.now_utc == at(5)
        return community.counters["telemetry_sent"]

    # Six samples of Anna's meter and plant and of the community's meter.
    assert run_virtual(main, start_utc=START) == 18


def test_without_a_broker_the_simulation_starts_late_but_can_be_stopped() -> None:
    async def main(clock: VirtualClock) -> bool:
        site = make_site(make_member("anna"))
        rng = np.random.default_rng(1)
        nowhere = BrokerAddress(host="127.0.0.1", port=1, protocol="3.1.1", keepalive_s=0)
        connect = connections_to(nowhere, rng=rng, client_prefix="home-")
        community = SimulatedCommunity(site, make_profile([[1.0] * 60]), clock, connect=connect, rng=rng)
        stop = asyncio.Event()
        playing = asyncio.create_task(community.run(stop))
        await clock.sleep_until_utc(at(3))
        stop.set()
        await playing
        return community.ready.is_set() and community.counters["telemetry_sent"] == 0

    assert run_virtual(main, start_utc=START)
