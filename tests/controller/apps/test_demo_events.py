"""Events that the demo is asked for: read from the command line, placed on the first day, told over the broker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from controller.apps.demo_events import announce_events, plan_notices, publish_notices
from controller.apps.demo_options import AskedEvent, read_event
from devices.broker import embedded_broker
from devices.broker_address import BrokerAddress
from devices.clock import VirtualClock
from devices.fake_bus import FakeBus
from devices.market_messages import decode_market
from devices.mqtt import MqttConnection
from devices.topics import MarketChannel, market_filter
from devices.virtual_loop import run_virtual
from models.domain.errors import BrokerError
from models.domain.market import EventNotice

BERLIN = ZoneInfo("Europe/Berlin")
MIDNIGHT = datetime(2026, 5, 11, 22, 0, tzinfo=UTC)
"""The demo's start: local midnight of 12 May."""
TOPIC = "commonwatt/v1/elm/market/event"
CLOCK_TIMES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


def at(hours: float) -> datetime:
    """A moment some hours after the local midnight at which the demo starts."""
    return MIDNIGHT + timedelta(hours=hours)


@given(CLOCK_TIMES, CLOCK_TIMES, st.none() | st.integers(-10_000_000, 10_000_000))
def test_what_is_asked_for_is_read_as_it_is_written(start: time, end: time, power_w: int | None) -> None:
    power_kw = None if power_w is None else power_w / 1000.0
    text = f"{start:%H:%M}-{end:%H:%M}" + ("" if power_kw is None else f"@{power_kw:.3f}kW")
    if start == end:
        with pytest.raises(ValueError, match="takes no time"):
            read_event(text)
    else:
        assert read_event(text) == AskedEvent(start=start, end=end, power_kw=power_kw)


@pytest.mark.parametrize(
    "text, power_kw",
    [("18:00-20:00", None), (" 18:00-20:00@3.5kW ", 3.5), ("18:00-20:00@3.5 kw", 3.5), ("18:00-20:00@-2KW", -2.0)],
)
def test_a_target_is_in_kilowatts_and_may_ask_for_feeding_in(text: str, power_kw: float | None) -> None:
    assert read_event(text) == AskedEvent(start=time(18), end=time(20), power_kw=power_kw)


def test_24_00_is_the_midnight_at_the_days_end() -> None:
    notices = plan_notices([read_event("22:00-24:00")], MIDNIGHT, BERLIN)
    assert [(notice.start_utc, notice.end_utc) for notice in notices] == [(at(22), at(24))]


@pytest.mark.parametrize(
    "text, said",
    [
        ("18:00", "accepted is HH:MM-HH:MM"),
        ("18-20", "accepted is HH:MM-HH:MM"),
        ("18:00-20:00@3.5", "such as 18:00-20:00 or 18:00-20:00@3.5kW"),
        ("18:00-20:00@3500W", "3500 W is 3.5 kW"),
        ("18:00-20:00@3,5kW", "18:00-20:00@3.5kW"),
        ("18:00-20:00@nankW", "accepted is"),
        ("24:00-25:00", "accepted is"),
        ("18:00-18:00", "an end that differs"),
        ("18:00-20:00@10001kW", "from -10000 to 10000 kW"),
        ("", "found ''"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_accepted(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="found") as refusal:
        read_event(text)
    assert said in str(refusal.value)
    assert repr(text) in str(refusal.value)


def test_events_are_announced_an_hour_before_they_begin_or_when_the_demo_starts() -> None:
    events = [read_event(text) for text in ("18:00-20:00@3.5kW", "00:30-01:00", "18:30-19:00")]
    notices = plan_notices(events, MIDNIGHT, BERLIN)
    assert [(notice.event_id, notice.ts_utc, notice.start_utc) for notice in notices] == [
        ("demo-2", MIDNIGHT, at(0.5)),
        ("demo-1", at(17), at(18)),
        ("demo-3", at(17.5), at(18.5)),
    ]
    assert [notice.power_kw for notice in notices] == [None, 3.5, None]
    assert len({notice.identity for notice in notices}) == 3


def test_an_event_may_run_past_midnight() -> None:
    (notice,) = plan_notices([read_event("22:00-02:00")], MIDNIGHT, BERLIN)
    assert (notice.start_utc, notice.end_utc) == (at(22), at(26))


@given(CLOCK_TIMES, CLOCK_TIMES, st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "UTC"]))
def test_every_event_begins_on_the_first_day_and_ends_within_a_day(start: time, end: time, zone: str) -> None:
    midnight = datetime(2026, 5, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if start == end:
        return
    (notice,) = plan_notices([AskedEvent(start=start, end=end, power_kw=None)], midnight, ZoneInfo(zone))
    assert notice.start_utc.astimezone(ZoneInfo(zone)).time() == start
    assert midnight <= notice.ts_utc <= notice.start_utc < notice.end_utc < notice.start_utc + timedelta(days=1)


def test_a_time_that_the_clock_skips_is_bad_use() -> None:
    midnight = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    with pytest.raises(typer.BadParameter, match=r"found 02:30, which the clock skips on 2026-03-29 in Europe/Berlin"):
        plan_notices([read_event("02:30-04:00")], midnight, BERLIN)


EVENTS = plan_notices([read_event("01:00-02:00"), read_event("03:00-04:00@3.5kW")], MIDNIGHT, BERLIN)


def test_each_notice_is_published_at_its_time_on_the_events_topic_and_not_retained() -> None:
    async def main(clock: VirtualClock) -> list[tuple[float, str, bytes]]:
        bus, heard = FakeBus(), list[tuple[float, str, bytes]]()
        bus.subscribe(
            market_filter("elm"), lambda topic, payload, _: heard.append((clock.monotonic_s(), topic, payload))
        )
        await publish_notices(EVENTS, "elm", bus, clock)
        assert [(message.qos, message.retain) for message in bus.sent] == [(1, False)] * 2
        return heard

    heard = run_virtual(main, start_utc=MIDNIGHT)
    assert [(when_s, topic) for when_s, topic, _ in heard] == [(0.0, TOPIC), (7200.0, TOPIC)]
    assert [decode_market(payload, MarketChannel.EVENT) for _, _, payload in heard] == list(EVENTS)


def test_a_notice_that_the_broker_did_not_take_is_no_secret() -> None:
    async def main(clock: VirtualClock) -> None:
        bus = FakeBus()
        bus.is_connected = False
        await publish_notices(EVENTS, "elm", bus, clock)

    with pytest.raises(BrokerError, match="did not take the announcement of event demo-1"):
        run_virtual(main, start_utc=MIDNIGHT)


def listen(notices: tuple[EventNotice, ...]) -> list[tuple[datetime, object]]:
    """What a listener on a real broker hears, and when."""

    async def main(clock: VirtualClock) -> list[tuple[datetime, object]]:
        heard: list[tuple[datetime, object]] = []

        def hear(topic: str, payload: bytes, is_retained: bool) -> None:  # a MessageHandler
            assert (topic, is_retained) == (TOPIC, False)
            heard.append((clock.now_utc(), decode_market(payload, MarketChannel.EVENT)))

        async with embedded_broker() as address:
            listener = MqttConnection(address, client_id="listener", rng=np.random.default_rng(1))
            listener.subscribe(market_filter("elm"), hear, qos=1)
            async with listener:
                assert await listener.wait_connected(10.0)
                await announce_events(notices, "elm", address, clock, np.random.default_rng(2))
                await asyncio.sleep(1.0)
        return heard

    return run_virtual(main, start_utc=MIDNIGHT)


def test_a_controller_on_the_broker_hears_every_event_an_hour_before() -> None:
    heard = listen(EVENTS)
    assert [notice for _, notice in heard] == list(EVENTS)
    assert all(
        timedelta(0) <= when - notice.ts_utc < timedelta(seconds=5)
        for (when, _), notice in zip(heard, EVENTS, strict=True)
    )


def test_without_events_nothing_connects() -> None:
    async def main(clock: VirtualClock) -> None:
        nowhere = BrokerAddress(host="127.0.0.1", port=1, protocol="3.1.1")
        await announce_events((), "elm", nowhere, clock, np.random.default_rng(1))
        assert clock.monotonic_s() == 0.0

    run_virtual(main, start_utc=MIDNIGHT)
