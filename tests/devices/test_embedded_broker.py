"""The embedded broker and real client connections over loopback TCP, in virtual time."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
from dataclasses import replace

import numpy as np
import pytest

from devices.broker import embedded_broker
from devices.broker_address import BrokerAddress, RetainedMessage
from devices.clock import VirtualClock
from devices.mqtt import MqttConnection
from devices.virtual_loop import run_virtual
from tests.devices.example_site import START_UTC

DAY_S = 86_400


def connect(address: BrokerAddress, name: str, seed: int = 0, **options: RetainedMessage) -> MqttConnection:
    return MqttConnection(address, client_id=name, rng=np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def _play_day(gateways: int, period_s: int) -> tuple[str, int, int, int, float]:
    """A virtual day: telemetry up, an answered setpoint down every five minutes; what arrived, in its order."""

    async def main(clock: VirtualClock) -> tuple[str, int, int, int, float]:
        digest, counts = hashlib.sha256(), {"up": 0, "down": 0}

        def note(way: str) -> object:
            def take(topic: str, payload: bytes, is_retained: bool) -> None:
                counts[way] += 1
                digest.update(f"{clock.monotonic_s()} {topic} {payload!r} {is_retained}".encode())

            return take

        async with embedded_broker() as address:
            hub = connect(address, "hub")
            hub.subscribe("t/+", note("up"))  # type: ignore[arg-type]
            homes = [connect(address, f"home{number}", number) for number in range(gateways)]
            for number, home in enumerate(homes):
                home.subscribe(f"s/{number}", note("down"), qos=1)  # type: ignore[arg-type]
            for connection in (hub, *homes):
                connection.start()
            for connection in (hub, *homes):
                assert await connection.wait_connected(10.0)

            async def report(number: int, home: MqttConnection) -> None:
                rng = np.random.default_rng(number)
                await asyncio.sleep(float(rng.uniform(0.0, 1.0)))
                for count in range(DAY_S // period_s):
                    assert await home.publish(f"t/{number}", b"%d" % count)
                    await asyncio.sleep(period_s)

            async def command() -> None:
                for count in range(DAY_S // 300):
                    sent = (hub.publish(f"s/{number}", b"%d" % count, qos=1) for number in range(gateways))
                    assert all(await asyncio.gather(*sent))
                    await asyncio.sleep(300)

            await asyncio.gather(command(), *(report(number, home) for number, home in enumerate(homes)))
            losses = sum(connection.journal.counters["disconnects"] for connection in (hub, *homes))
            for connection in (*homes, hub):
                await connection.stop()
        return digest.hexdigest(), counts["up"], counts["down"], losses, clock.monotonic_s()

    return run_virtual(main, start_utc=START_UTC)


def test_a_virtual_day_loses_no_message_no_connection_and_repeats_exactly() -> None:
    first = _play_day(gateways=3, period_s=120)
    _, up, down, losses, lasted_s = first
    assert (up, down, losses) == (3 * 720, 3 * 288, 0)
    assert lasted_s >= DAY_S
    assert _play_day(gateways=3, period_s=120) == first


def test_two_silent_clients_stay_connected_for_a_virtual_week() -> None:
    async def main(clock: VirtualClock) -> list[int]:
        async with embedded_broker() as address, connect(address, "a") as a, connect(address, "b") as b:
            await a.wait_connected()
            await b.wait_connected()
            await asyncio.sleep(7 * DAY_S)
            assert a.is_connected
            assert b.is_connected
            assert clock.monotonic_s() >= 7 * DAY_S
            return [connection.journal.counters["connects"] for connection in (a, b)]

    assert run_virtual(main, start_utc=START_UTC) == [1, 1]


def test_hundred_clients_can_connect_at_the_same_moment() -> None:
    async def main(_: VirtualClock) -> int:
        async with embedded_broker() as address:
            clients = [connect(address, f"c{number}", number) for number in range(100)]
            for client in clients:
                client.start()
            connected = [await client.wait_connected(30.0) for client in clients]
            for client in clients:
                await client.stop()
            return sum(connected)

    assert run_virtual(main, start_utc=START_UTC) == 100


def test_a_connection_says_its_birth_and_leaves_its_will_when_it_stops() -> None:
    async def main(_: VirtualClock) -> list[tuple[str, bytes, bool]]:
        got: list[tuple[str, bytes, bool]] = []
        async with embedded_broker() as address:
            birth, will = (
                RetainedMessage(topic="a/status", payload=b"on"),
                RetainedMessage(topic="a/status", payload=b"off"),
            )
            speaker = connect(address, "speaker", birth=birth, will=will)
            speaker.start()
            await speaker.wait_connected()
            await asyncio.sleep(1.0)
            async with connect(address, "listener") as listener:
                listener.subscribe("a/status", lambda *message: got.append(message))
                await listener.wait_connected()
                await asyncio.sleep(1.0)
                await speaker.stop()
                await asyncio.sleep(1.0)
        return got

    assert run_virtual(main, start_utc=START_UTC) == [("a/status", b"on", True), ("a/status", b"off", False)]


def test_a_connection_that_breaks_off_leaves_its_will_and_comes_back() -> None:
    async def main(_: VirtualClock) -> tuple[list[bytes], int, bool]:
        got: list[bytes] = []
        async with embedded_broker() as address, connect(address, "listener") as listener:
            listener.subscribe("a/status", lambda _, payload, __: got.append(payload))
            await listener.wait_connected()
            will = RetainedMessage(topic="a/status", payload=b"off")
            async with connect(address, "speaker", will=will) as speaker:
                await speaker.wait_connected()
                assert speaker._client is not None
                speaker._client._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
                await asyncio.sleep(0.01)
                assert not await speaker.publish("x", b"lost", qos=1)
                assert await speaker.wait_connected(10.0)
                assert await speaker.publish("x", b"sent", qos=1)
                counters = speaker.journal.counters
                return list(got), counters["connects"], counters["disconnects"] == 1

    assert run_virtual(main, start_utc=START_UTC) == ([b"off"], 2, True)


def test_a_subscription_made_while_connected_is_kept_over_a_reconnection() -> None:
    async def main(_: VirtualClock) -> list[bytes]:
        got: list[bytes] = []
        async with embedded_broker() as address, connect(address, "a") as a, connect(address, "b") as b:
            await a.wait_connected()
            await b.wait_connected()
            a.subscribe("x", lambda _, payload, __: got.append(payload))
            a.subscribe("y", lambda _, payload, __: got.append(payload))
            await asyncio.sleep(1.0)
            assert await b.publish("x", b"1", qos=1)
            assert await b.publish("y", b"2", qos=1)
            await asyncio.sleep(1.0)
            assert a._client is not None
            a._client._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
            await asyncio.sleep(5.0)
            assert await b.publish("x", b"3", qos=1)
            await asyncio.sleep(1.0)
        return got

    assert run_virtual(main, start_utc=START_UTC) == [b"1", b"2", b"3"]


def test_a_broker_without_mqtt_5_is_found_out_and_spoken_to_in_3_1_1() -> None:
    async def main(_: VirtualClock) -> tuple[str, bool]:
        async with embedded_broker() as address, connect(replace(address, protocol="auto"), "a") as client:
            is_connected = await client.wait_connected(60.0)
            return client.protocol, is_connected and await client.publish("x", b"1", qos=1, expiry_s=5.0)

    assert run_virtual(main, start_utc=START_UTC) == ("3.1.1", True)


def test_a_broker_that_is_not_there_is_tried_again_with_growing_waits(caplog: pytest.LogCaptureFixture) -> None:
    async def main(_: VirtualClock) -> int:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = BrokerAddress(host="127.0.0.1", port=taken.getsockname()[1], keepalive_s=0)
            async with connect(address, "a") as client:
                assert not await client.wait_connected(300.0)
                assert not await client.publish("x", b"1", qos=1)
                return client.journal.counters["failed_attempts"]

    with caplog.at_level(logging.INFO, logger="devices"):
        assert 20 < run_virtual(main, start_utc=START_UTC) < 60
    assert len(caplog.records) == 1


def test_a_handler_that_fails_breaks_no_connection() -> None:
    async def main(_: VirtualClock) -> tuple[int, int]:
        def fail(*message: object) -> None:
            raise KeyError(message)

        async with embedded_broker() as address, connect(address, "a") as client:
            client.subscribe("x", fail)
            await client.wait_connected()
            for payload in (b"1", b"2", b"3"):
                await client.publish("x", payload, qos=1)
            await asyncio.sleep(1.0)
            return client._router.handler_failures, client.journal.counters["disconnects"]

    assert run_virtual(main, start_utc=START_UTC) == (3, 0)
