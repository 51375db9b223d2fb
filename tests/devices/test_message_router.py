from __future__ import annotations

import logging

import pytest

from devices import message_router
from devices.fake_bus import FakeBus, SentMessage
from devices.message_router import MessageRouter


def test_a_message_comes_to_every_handler_whose_filter_matches_in_order() -> None:
    router = MessageRouter("c")
    got: list[tuple[str, str, bytes, bool]] = []
    router.add("a/+", 0, lambda *message: got.append(("first", *message)))
    router.add("b/#", 1, lambda *message: got.append(("second", *message)))
    router.add("a/x", 0, lambda *message: got.append(("third", *message)))
    router.deliver("a/x", b"1", False)  # noqa: FBT003 (a MessageHandler)
    router.deliver("b/y/z", b"2", True)  # noqa: FBT003 (a MessageHandler)
    router.deliver("c", b"3", False)  # noqa: FBT003 (a MessageHandler)
    assert got == [("first", "a/x", b"1", False), ("third", "a/x", b"1", False), ("second", "b/y/z", b"2", True)]
    assert router.filters == [("a/+", 0), ("b/#", 1), ("a/x", 0)]


def test_a_handler_added_later_gets_topics_seen_before() -> None:
    router = MessageRouter("c")
    got: list[str] = []
    router.deliver("a", b"", False)  # noqa: FBT003 (a MessageHandler)
    router.add("a", 0, lambda topic, *_: got.append(topic))
    router.deliver("a", b"", False)  # noqa: FBT003 (a MessageHandler)
    assert got == ["a"]


def test_a_failing_handler_is_counted_logged_once_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    router = MessageRouter("c")
    got: list[bytes] = []

    def fail(*message: object) -> None:
        raise KeyError(message)

    router.add("a", 0, fail)
    router.add("a", 0, lambda _, payload, __: got.append(payload))
    with caplog.at_level(logging.ERROR):
        for count in range(3):
            router.deliver("a", b"%d" % count, False)  # noqa: FBT003 (a MessageHandler)
    assert got == [b"0", b"1", b"2"]
    assert router.handler_failures == 3
    assert len(caplog.records) == 1


def test_the_remembered_routes_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_router, "ROUTES_MAX", 10)
    router = MessageRouter("c")
    got: list[str] = []
    router.add("#", 0, lambda topic, *_: got.append(topic))
    for number in range(100):
        router.deliver(f"t{number}", b"", False)  # noqa: FBT003 (a MessageHandler)
    assert len(got) == 100
    assert len(router._routes) <= 10


async def test_the_bus_in_memory_delivers_retains_and_fails_like_a_broker() -> None:
    bus = FakeBus()
    got: list[tuple[str, bytes, bool]] = []
    assert await bus.publish("a/status", b"on", qos=1, retain=True)
    bus.subscribe("a/+", lambda *message: got.append(message))
    assert await bus.publish("a/b", b"1", expiry_s=5.0)
    assert await bus.publish("c", b"2")
    bus.is_connected = False
    assert not await bus.publish("a/b", b"3")
    assert got == [("a/status", b"on", True), ("a/b", b"1", False)]
    assert bus.sent[1] == SentMessage(topic="a/b", payload=b"1", qos=0, expiry_s=5.0, retain=False)
