from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.clock import VirtualClock
from devices.fake_bus import FakeBus
from devices.messages import decode_setpoint, encode_acknowledgement
from devices.setpoint_publisher import SetpointPublisher
from devices.setpoint_tracker import EndedSetpoint
from devices.topics import DeviceChannel, DeviceTopic
from devices.virtual_loop import run_virtual
from models.domain.errors import DeviceError
from models.domain.setpoint import Acknowledgement, Outcome, Setpoint
from models.domain.telemetry import DeviceKey, Drop
from tests.devices.example_site import BATTERY, BOILER, EV, METER, START_UTC, example_registry
from tests.devices.test_setpoint_tracker import answer, setpoint

REGISTRY = example_registry()


class Scene:
    """A publisher on a bus in memory, and how its setpoints ended."""

    def __init__(self, clock: VirtualClock) -> None:
        self.bus = FakeBus()
        self.ended: list[EndedSetpoint] = []
        self.publisher = SetpointPublisher(self.bus, REGISTRY, clock, self.ended.append)

    def answers(self, acknowledgement: Acknowledgement, *, retained: bool = False) -> None:
        topic = DeviceTopic(site="elm", device=acknowledgement.device, channel=DeviceChannel.ACK)
        self.bus.deliver(str(topic), encode_acknowledgement(acknowledgement), retained=retained)

    @property
    def outcomes(self) -> list[Outcome]:
        return [ended.outcome for ended in self.ended]


def play(story: Callable[[Scene, VirtualClock], Coroutine[Any, Any, None]]) -> Scene:
    async def main(clock: VirtualClock) -> Scene:
        scene = Scene(clock)
        async with scene.publisher:
            await story(scene, clock)
        return scene

    return run_virtual(main, start_utc=START_UTC)


def test_a_setpoint_goes_to_its_device_with_qos_1_an_expiry_and_never_retained() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        assert await scene.publisher.publish(setpoint(1))

    sent = play(story).bus.sent[0]
    assert (sent.topic, sent.qos, sent.expiry_s, sent.retain) == (
        "commonwatt/v1/elm/g1/battery/setpoint",
        1,
        60.0,
        False,
    )
    assert decode_setpoint(sent.payload, BATTERY) == setpoint(1)


def test_an_acknowledged_setpoint_ends_at_once() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        await scene.publisher.publish(setpoint(1))
        scene.answers(answer(setpoint(1)))
        assert scene.publisher.open_count == 0

    scene = play(story)
    assert scene.outcomes == [Outcome.ACKNOWLEDGED]
    assert scene.ended[0].ended_utc == START_UTC


def test_a_setpoint_without_an_answer_expires_exactly_at_the_end_of_its_life() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        await scene.publisher.publish(setpoint(1, life_s=61.5))
        await scene.publisher.publish(setpoint(2, life_s=7.25))
        await asyncio.sleep(100.0)

    scene = play(story)
    assert scene.outcomes == [Outcome.EXPIRED, Outcome.EXPIRED]
    assert [(ended.ended_utc - START_UTC).total_seconds() for ended in scene.ended] == [7.25, 61.5]


def test_a_setpoint_that_the_broker_did_not_take_still_ends() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        scene.bus.is_connected = False
        assert not await scene.publisher.publish(setpoint(1))
        await asyncio.sleep(61.0)

    scene = play(story)
    assert scene.outcomes == [Outcome.EXPIRED]
    assert (scene.publisher.sent, scene.publisher.unconfirmed) == (1, 1)


def test_what_is_open_when_the_publisher_is_left_ends_as_expired() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        await scene.publisher.publish(setpoint(1))
        await scene.publisher.publish(setpoint(1, device=EV))

    assert play(story).outcomes == [Outcome.EXPIRED, Outcome.EXPIRED]


@pytest.mark.parametrize(
    "device, power_kw, complaint",
    [
        (BATTERY, 5.1, r"5.1 kW; accepted is -4.0 to 5.0 kW"),
        (BATTERY, float("nan"), "asks for nan kW"),
        (BATTERY, float("inf"), "asks for inf kW"),
        (EV, 1.0, "0 or at least 1.4 kW"),
        (EV, -2.0, "accepted is 0.0 to 11.0 kW"),
        (BOILER, 3.1, "3.1 kW; accepted is 0.0 to 3.0 kW"),
        (BOILER, -0.1, "accepted is 0.0 to 3.0 kW"),
        (METER, 1.0, "takes no setpoints"),
        (DeviceKey("g9", "battery"), 1.0, "g9/battery"),
    ],
)
def test_a_setpoint_outside_the_rating_never_leaves(device: DeviceKey, power_kw: float, complaint: str) -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        with pytest.raises(DeviceError, match=complaint):
            await scene.publisher.publish(replace(setpoint(1, device=device), power_kw=power_kw))

    scene = play(story)
    assert scene.bus.sent == []
    assert (scene.publisher.sent, scene.ended) == (0, [])


def test_a_setpoint_without_life_never_leaves() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        await asyncio.sleep(60.0)
        with pytest.raises(DeviceError, match="no life left"):
            await scene.publisher.publish(setpoint(1))
        later_utc = START_UTC + timedelta(seconds=500)
        backwards = replace(setpoint(2), not_before_utc=later_utc, expires_utc=later_utc)
        with pytest.raises(DeviceError, match="no life left"):
            await scene.publisher.publish(backwards)

    assert play(story).bus.sent == []


def test_a_repeated_setpoint_never_leaves() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        await scene.publisher.publish(setpoint(1))
        with pytest.raises(DeviceError, match="open already"):
            await scene.publisher.publish(setpoint(1))

    assert len(play(story).bus.sent) == 1


def test_acknowledgements_that_fit_nothing_are_counted_by_reason_and_end_nothing() -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        asked = setpoint(1)
        await scene.publisher.publish(asked)
        scene.answers(answer(asked), retained=True)
        scene.answers(answer(asked, device=EV))
        scene.answers(answer(setpoint(2)))
        scene.answers(replace(answer(asked), seq=99))
        scene.answers(replace(answer(asked), applied_kw=50.0))
        scene.answers(answer(asked, device=DeviceKey("g1", "ghost")))
        scene.bus.deliver("commonwatt/v1/elm/g1/battery/ack", b"{}")
        scene.publisher.handle("commonwatt/v1/oak/g1/battery/ack", b"{}", False)  # noqa: FBT003 (a MessageHandler)
        assert scene.publisher.open_count == 1

    drops = {drop: count for drop, count in play(story).publisher.drops.items() if count}
    assert drops == {
        Drop.RETAINED: 1,
        Drop.UNKNOWN_SETPOINT: 3,
        Drop.OUTSIDE_RATING: 1,
        Drop.UNKNOWN_DEVICE: 1,
        Drop.SCHEMA: 1,
        Drop.UNKNOWN_TOPIC: 1,
    }


STEPS = st.lists(
    st.tuples(
        st.sampled_from([BATTERY, EV, BOILER]),
        st.floats(0.5, 90.0),
        st.sampled_from(["accept", "refuse", "accept twice", "silent", "late"]),
        st.floats(0.0, 40.0),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=50)
@given(STEPS)
def test_every_setpoint_ends_in_exactly_one_outcome(steps: list[tuple[DeviceKey, float, str, float]]) -> None:
    asked: list[Setpoint] = []

    async def story(scene: Scene, clock: VirtualClock) -> None:
        for number, (device, life_s, deed, wait_s) in enumerate(steps):
            order = setpoint(number, device=device, from_utc=clock.now_utc(), life_s=life_s)
            asked.append(order)
            await scene.publisher.publish(order)
            if deed == "late":
                await asyncio.sleep(life_s + 0.001)
            if deed != "silent":
                scene.answers(answer(order, is_accepted=deed != "refuse"))
            if deed == "accept twice":
                scene.answers(answer(order))
            await asyncio.sleep(wait_s)

    scene = play(story)
    assert sorted(ended.setpoint.setpoint_id for ended in scene.ended) == sorted(s.setpoint_id for s in asked)
    assert scene.publisher.sent == len(asked) == sum(scene.publisher.outcomes.values())
    deeds = [deed for _, _, deed, _ in steps]
    assert scene.publisher.outcomes[Outcome.REFUSED] == deeds.count("refuse")
    assert scene.publisher.outcomes[Outcome.EXPIRED] == deeds.count("silent") + deeds.count("late")


def test_a_cap_goes_out_and_ends_with_what_the_load_applied() -> None:
    cap = replace(setpoint(1, device=BOILER), power_kw=0.75)

    async def story(scene: Scene, _: VirtualClock) -> None:
        assert await scene.publisher.publish(cap)
        scene.answers(replace(answer(cap), applied_kw=40.0))
        assert scene.outcomes == []
        scene.answers(answer(cap))

    scene = play(story)
    assert decode_setpoint(scene.bus.sent[0].payload, BOILER) == cap
    assert scene.outcomes == [Outcome.ACKNOWLEDGED]
    assert scene.publisher.drops[Drop.OUTSIDE_RATING] == 1


@given(st.floats(), st.sampled_from([BATTERY, EV, BOILER]))
def test_no_power_outside_the_rating_is_ever_sent(power_kw: float, device: DeviceKey) -> None:
    async def story(scene: Scene, _: VirtualClock) -> None:
        order = replace(setpoint(1, device=device), power_kw=power_kw)
        try:
            await scene.publisher.publish(order)
        except DeviceError:
            return

    for sent in play(story).bus.sent:
        arrived = decode_setpoint(sent.payload, device)
        assert isinstance(arrived, Setpoint)
        assert REGISTRY.get(device).allows(arrived.power_kw)
