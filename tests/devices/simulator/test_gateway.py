from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from devices.clock import VirtualClock
from devices.fake_bus import FakeBus, SentMessage
from devices.messages import decode_acknowledgement, decode_telemetry, encode_setpoint
from devices.simulator.gateway import ACKNOWLEDGEMENTS_WAITING, SimulatedGateway, status_message
from devices.simulator.home_state import CONTROLLED
from devices.simulator.neighbourhood import Neighbourhood
from devices.virtual_loop import run_virtual
from models.domain.setpoint import Acknowledgement
from models.domain.telemetry import Reading
from tests.devices.simulator.village import (
    BAT,
    BATTERY,
    METER,
    START,
    at,
    make_member,
    make_profile,
    make_setpoint,
    make_site,
)

SETPOINT_TOPIC = "commonwatt/v1/village/gw-anna/bat/setpoint"
DELAYS = {"meter": timedelta(seconds=1.2), "pv": timedelta(0), "bat": timedelta(seconds=0.3)}


class FakeConnection(FakeBus):
    """A bus in memory that stands as soon as it is started."""

    def start(self) -> None:
        self.is_connected = True

    async def stop(self) -> None:
        self.is_connected = False

    async def wait_connected(self, timeout_s: float | None = None) -> bool:
        return self.is_connected or timeout_s is None


Story = Callable[[FakeConnection, VirtualClock], Awaitable[None]]


def play(story: Story, minutes: int = 10) -> tuple[SimulatedGateway, FakeConnection]:
    """Tell a story with one gateway that sends and answers."""
    told: list[tuple[SimulatedGateway, FakeConnection]] = []

    async def main(clock: VirtualClock) -> None:
        site = make_site(make_member("anna", batteries=[BATTERY]))
        profile = make_profile([[1.0] * minutes])
        village = Neighbourhood(site, profile, behaviour=CONTROLLED)
        bus = FakeConnection()
        gateway = SimulatedGateway("village", site.gateways[0], village, clock, bus, delays=DELAYS)
        told.append((gateway, bus))
        tasks = [asyncio.create_task(gateway.send_telemetry()), asyncio.create_task(gateway.acknowledge())]
        await story(bus, clock)
        for task in tasks:
            task.cancel()

    run_virtual(main, start_utc=START)
    return told[0]


def readings_of(bus: FakeConnection, device: str = "meter") -> list[Reading]:
    messages = [message for message in bus.sent if message.topic.endswith(f"/{device}/telemetry")]
    readings = [decode_telemetry(message.payload, METER) for message in messages]
    return [reading for reading in readings if isinstance(reading, Reading)]


def answers_of(bus: FakeConnection) -> list[Acknowledgement]:
    messages = [message for message in bus.sent if message.topic.endswith("/ack")]
    answers = [decode_acknowledgement(message.payload, BAT) for message in messages]
    return [answer for answer in answers if isinstance(answer, Acknowledgement)]


def test_every_device_is_sampled_at_the_full_minute_and_sent_a_little_later() -> None:
    sent_at: list[tuple[str, float]] = []

    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        bus.subscribe("#", lambda topic, *_: sent_at.append((topic.split("/")[4], clock.monotonic_s())))
        await clock.sleep_until_utc(at(1.5))

    _, bus = play(story)
    assert [name for name, _ in sent_at] == ["pv", "bat", "meter"] * 2
    assert [moment_s for _, moment_s in sent_at] == pytest.approx([0.0, 0.3, 1.2, 60.0, 60.3, 61.2])
    assert [reading.ts_utc for reading in readings_of(bus)] == [at(0), at(1)]


def test_telemetry_is_neither_retained_nor_confirmed() -> None:
    async def story(_: FakeConnection, clock: VirtualClock) -> None:
        await clock.sleep_until_utc(at(1.5))

    _, bus = play(story)
    assert {(message.qos, message.retain) for message in bus.sent} == {(0, False)}


def test_sending_ends_with_the_profile() -> None:
    async def story(_: FakeConnection, clock: VirtualClock) -> None:
        await clock.sleep_until_utc(at(30))

    gateway, bus = play(story)
    assert [reading.ts_utc for reading in readings_of(bus)] == [at(minute) for minute in range(11)]
    assert gateway.counters["telemetry_sent"] == 33


def test_a_setpoint_is_applied_and_acknowledged_with_what_was_applied() -> None:
    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        bus.deliver(SETPOINT_TOPIC, encode_setpoint(make_setpoint(2.5)))
        await clock.sleep_until_utc(at(1.5))

    gateway, bus = play(story)
    (answer,) = answers_of(bus)
    assert (answer.setpoint_id, answer.is_accepted, answer.applied_kw) == ("bat-1-1", True, 2.5)
    assert [reading.power_kw for reading in readings_of(bus)] == [0.0, 3.5]
    assert gateway.counters["setpoints_accepted"] == 1
    (message,) = [message for message in bus.sent if message.topic.endswith("/ack")]
    assert (message.topic, message.qos) == ("commonwatt/v1/village/gw-anna/bat/ack", 1)


def test_a_repeated_delivery_is_answered_again_in_the_same_words() -> None:
    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        for minute in (0.0, 1.0):
            await clock.sleep_until_utc(at(minute))
            bus.deliver(SETPOINT_TOPIC, encode_setpoint(make_setpoint(2.5)))
        await clock.sleep_until_utc(at(2))

    _, bus = play(story)
    first, second = answers_of(bus)
    assert first == second


def test_a_refusal_is_answered_in_words() -> None:
    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        bus.deliver(SETPOINT_TOPIC, encode_setpoint(make_setpoint(2500.0)))
        await clock.sleep_until_utc(at(1))

    gateway, bus = play(story)
    (answer,) = answers_of(bus)
    assert (answer.is_accepted, answer.refusal) == (
        False,
        "outside limits: found 2500 kW, accepted -4 to 4 kW",
    )
    assert gateway.counters["setpoints_refused"] == 1


@pytest.mark.parametrize(
    "topic, payload, counter",
    [
        (SETPOINT_TOPIC, b"{", "dropped_not_json"),
        (SETPOINT_TOPIC, b"{}", "dropped_schema"),
        (SETPOINT_TOPIC, b" " * 5000, "dropped_too_large"),
        (SETPOINT_TOPIC.replace("bat", "nobody"), encode_setpoint(make_setpoint(1.0)), "dropped_unknown_topic"),
        (SETPOINT_TOPIC.replace("bat", "meter"), encode_setpoint(make_setpoint(1.0)), "setpoints_ignored"),
    ],
)
def test_what_cannot_be_read_or_moves_nothing_is_counted_and_not_answered(
    topic: str, payload: bytes, counter: str
) -> None:
    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        bus.deliver(topic, payload)
        await clock.sleep_until_utc(at(1))

    gateway, bus = play(story)
    assert gateway.counters[counter] == 1
    assert answers_of(bus) == []


def test_a_retained_setpoint_is_ignored() -> None:
    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        bus.deliver(SETPOINT_TOPIC, encode_setpoint(make_setpoint(2.5)), retained=True)
        await clock.sleep_until_utc(at(1.5))

    gateway, bus = play(story)
    assert gateway.counters["setpoints_ignored"] == 1
    assert [reading.power_kw for reading in readings_of(bus)] == [0.0, 0.0]


def test_without_a_broker_samples_are_lost_and_life_goes_on() -> None:
    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        await bus.stop()
        await clock.sleep_until_utc(at(1.5))
        bus.start()
        await clock.sleep_until_utc(at(2.5))

    gateway, bus = play(story)
    assert gateway.counters["telemetry_failed"] == 6
    assert [reading.ts_utc for reading in readings_of(bus)] == [at(2)]


def test_after_a_long_pause_only_what_is_new_is_sent() -> None:
    class SlowConnection(FakeConnection):
        async def publish(self, topic: str, payload: bytes, **options: object) -> bool:
            if not self.sent:
                await asyncio.sleep(330.0)
            self.sent.append(SentMessage(topic=topic, payload=payload, qos=0, expiry_s=None, retain=False))
            return bool(options) or True

    slow = SlowConnection()

    async def main(clock: VirtualClock) -> None:
        site = make_site(make_member("anna", batteries=[BATTERY]))
        village = Neighbourhood(site, make_profile([[1.0] * 8]), behaviour=CONTROLLED)
        gateway = SimulatedGateway("village", site.gateways[0], village, clock, slow, delays=DELAYS)
        await gateway.send_telemetry()
        assert gateway.counters["samples_missed"] == 4

    run_virtual(main, start_utc=START)
    assert [reading.ts_utc for reading in readings_of(slow)] == [at(minute) for minute in (0, 5, 6, 7, 8)]


def test_acknowledgements_beyond_the_bound_are_dropped_and_counted() -> None:
    async def story(bus: FakeConnection, clock: VirtualClock) -> None:
        for seq in range(ACKNOWLEDGEMENTS_WAITING + 3):
            bus.deliver(SETPOINT_TOPIC, encode_setpoint(make_setpoint(1.0, seq=seq)))
        await clock.sleep_until_utc(at(1))

    gateway, bus = play(story)
    assert len(answers_of(bus)) == ACKNOWLEDGEMENTS_WAITING
    assert gateway.counters["acknowledgements_failed"] == 3


def test_a_gateways_status_says_whether_it_is_there() -> None:
    message = status_message("village", "gw-anna", is_online=False)
    assert message.topic == "commonwatt/v1/village/gw-anna/gateway/status"
    assert message.payload == b'{"schema":1,"is_online":false}'
