"""The connection against a real Mosquitto, in real time."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from config.operation import Control
from devices.broker_address import BrokerAddress
from devices.clock import SystemClock
from devices.messages import decode_setpoint, encode_acknowledgement, encode_telemetry
from devices.mqtt import PUBLISH_TIMEOUT_S, MqttConnection
from devices.setpoint_publisher import SetpointPublisher
from devices.setpoint_tracker import EndedSetpoint
from devices.telemetry_listener import TelemetryListener
from devices.topics import DeviceChannel, DeviceTopic, filter_for
from models.domain.setpoint import Acknowledgement, Outcome, Setpoint
from models.domain.telemetry import Drop, Reading
from tests.devices.example_site import BATTERY, example_registry
from tests.devices.test_setpoint_tracker import answer, setpoint
from tests.integration.servers import Mosquitto

pytestmark = pytest.mark.integration

TIMEOUT_S = 20.0


def connect(address: BrokerAddress, name: str) -> MqttConnection:
    return MqttConnection(address, client_id=name, rng=np.random.default_rng(len(name)))


async def arrives(messages: list[bytes], wanted: bytes) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while wanted not in messages:  # noqa: ASYNC110 (plain containers are what handlers fill)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("asked, spoken", [("auto", "5"), ("5", "5"), ("3.1.1", "3.1.1")])
async def test_messages_pass_in_every_protocol_version(mosquitto: Mosquitto, asked: str, spoken: str) -> None:
    got: list[bytes] = []
    address = replace(mosquitto.address, protocol=asked)  # type: ignore[arg-type]
    async with connect(address, "a") as a, connect(address, "b") as b:
        b.subscribe("x/+", lambda _, payload, __: got.append(payload), qos=1)
        assert await a.wait_connected(TIMEOUT_S)
        assert await b.wait_connected(TIMEOUT_S)
        assert await a.publish("x/1", b"zero")
        assert await a.publish("x/1", b"one", qos=1, expiry_s=0.2)
        await arrives(got, b"one")
        assert (a.protocol, got) == (spoken, [b"zero", b"one"])


async def test_a_killed_broker_is_found_again_with_all_subscriptions(mosquitto: Mosquitto) -> None:
    got: list[bytes] = []
    async with connect(mosquitto.address, "a") as a, connect(mosquitto.address, "b") as b:
        b.subscribe("x", lambda _, payload, __: got.append(payload), qos=1)
        assert await a.wait_connected(TIMEOUT_S)
        assert await b.wait_connected(TIMEOUT_S)
        mosquitto.stop(signal.SIGKILL)
        await asyncio.sleep(0.2)
        assert not a.is_connected
        assert not await a.publish("x", b"lost", qos=1)
        mosquitto.start()
        assert await a.wait_connected(TIMEOUT_S)
        assert await b.wait_connected(TIMEOUT_S)
        assert await a.publish("x", b"found", qos=1)
        await arrives(got, b"found")
        # A failed publish is not sent by surprise after the reconnection.
        assert got == [b"found"]
        assert (a.journal.counters["connects"], a.journal.counters["disconnects"]) == (2, 1)


async def test_a_publish_to_a_frozen_broker_fails_in_time(mosquitto: Mosquitto) -> None:
    clock = SystemClock()
    async with connect(mosquitto.address, "a") as a:
        assert await a.wait_connected(TIMEOUT_S)
        mosquitto.send(signal.SIGSTOP)
        begun_s = clock.monotonic_s()
        assert await asyncio.gather(*(a.publish("x", b"1", qos=1) for _ in range(50))) == [False] * 50
        took_s = clock.monotonic_s() - begun_s
        mosquitto.send(signal.SIGCONT)
        # A second of grace for a busy machine; without the limit it would take for ever.
        assert PUBLISH_TIMEOUT_S <= took_s <= PUBLISH_TIMEOUT_S + 1.0
        assert a.publish_failures == 50


async def test_a_flood_is_taken_without_a_queue(mosquitto: Mosquitto) -> None:
    newest: dict[str, bytes] = {}
    count = 5000
    async with connect(mosquitto.address, "a") as a, connect(mosquitto.address, "b") as b:
        b.subscribe("x/#", lambda topic, payload, _: newest.__setitem__(topic, payload))
        assert await a.wait_connected(TIMEOUT_S)
        assert await b.wait_connected(TIMEOUT_S)
        for number in range(count):
            assert await a.publish(f"x/{number % 50}", b"%d" % number)
        assert await a.publish("x/end", b"end", qos=1)
        async with asyncio.timeout(TIMEOUT_S):
            while "x/end" not in newest:  # noqa: ASYNC110 (plain containers are what handlers fill)
                await asyncio.sleep(0.01)
        assert b._client is not None
        assert len(b._client.messages) == 0
        assert newest["x/49"] == b"%d" % (count - 1)


async def test_a_setpoint_goes_out_and_its_acknowledgement_comes_back(mosquitto: Mosquitto) -> None:
    clock, ended, readings = SystemClock(), list[EndedSetpoint](), list[Reading]()
    registry = example_registry()
    async with connect(mosquitto.address, "hub") as hub, connect(mosquitto.address, "home") as home:
        listener = TelemetryListener(registry, clock, Control(), readings.append)
        listener.listen(hub)
        acks: list[asyncio.Task[bool]] = []

        def obey(_: str, payload: bytes, is_retained: bool) -> None:
            order = decode_setpoint(payload, BATTERY)
            assert isinstance(order, Setpoint)
            assert not is_retained
            reply: Acknowledgement = replace(answer(order), ts_utc=clock.now_utc())
            topic = DeviceTopic(site="elm", device=BATTERY, channel=DeviceChannel.ACK)
            acks.append(asyncio.create_task(home.publish(str(topic), encode_acknowledgement(reply), qos=1)))

        home.subscribe(filter_for("elm", DeviceChannel.SETPOINT, gateway="g1"), obey, qos=1)
        async with SetpointPublisher(hub, registry, clock, ended.append) as publisher:
            assert await hub.wait_connected(TIMEOUT_S)
            assert await home.wait_connected(TIMEOUT_S)
            topic = DeviceTopic(site="elm", device=BATTERY, channel=DeviceChannel.TELEMETRY)
            for seq, stale_s in ((1, 0.0), (2, 3600.0)):
                ts_utc = clock.now_utc() - timedelta(seconds=stale_s)
                reading = Reading(device=BATTERY, ts_utc=ts_utc, seq=seq, power_kw=1.0, soc_frac=0.5)
                assert await home.publish(str(topic), encode_telemetry(reading), qos=1)
            assert await publisher.publish(setpoint(1, from_utc=clock.now_utc(), life_s=30.0))
            async with asyncio.timeout(TIMEOUT_S):
                while not ended or listener.drops[Drop.STALE] == 0:  # noqa: ASYNC110 (plain containers are what handlers fill)
                    await asyncio.sleep(0.01)
        assert all(await asyncio.gather(*acks))
    assert [end.outcome for end in ended] == [Outcome.ACKNOWLEDGED]
    assert [reading.seq for reading in readings] == [1]
