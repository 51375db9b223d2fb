from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.topics import (
    LONGEST_TOPIC,
    DeviceChannel,
    DeviceTopic,
    MarketChannel,
    MarketTopic,
    filter_for,
    market_filter,
    matches,
    parse_topic,
)
from models.domain.errors import DeviceError
from models.domain.telemetry import DeviceKey

LEVELS = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?", fullmatch=True)
DEVICE_TOPICS = st.builds(
    DeviceTopic,
    site=LEVELS,
    device=st.builds(DeviceKey, gateway=LEVELS.filter(lambda level: level != "market"), device=LEVELS),
    channel=st.sampled_from(DeviceChannel),
)
MARKET_TOPICS = st.builds(MarketTopic, site=LEVELS, channel=st.sampled_from(MarketChannel))


@given(DEVICE_TOPICS | MARKET_TOPICS)
def test_a_topic_is_read_as_it_was_built(topic: DeviceTopic | MarketTopic) -> None:
    assert parse_topic(str(topic)) == topic
    assert len(str(topic)) <= LONGEST_TOPIC


@given(DEVICE_TOPICS, st.sampled_from(DeviceChannel))
def test_a_channels_filter_matches_its_topics_only(topic: DeviceTopic, channel: DeviceChannel) -> None:
    assert matches(filter_for(topic.site, channel), str(topic)) == (topic.channel == channel)
    own = filter_for(topic.site, topic.channel, gateway=topic.device.gateway)
    assert matches(own, str(topic))
    assert not matches(market_filter(topic.site), str(topic))


@given(MARKET_TOPICS)
def test_the_markets_filter_matches_its_topics(topic: MarketTopic) -> None:
    assert matches(market_filter(topic.site), str(topic))


@given(st.text(max_size=200))
def test_any_text_is_read_or_not_but_never_raises(text: str) -> None:
    parsed = parse_topic(text)
    assert parsed is None or str(parsed) == text


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "commonwatt/v1/elm/g1/meter",
        "commonwatt/v1/elm/g1/meter/telemetry/",
        "/commonwatt/v1/elm/g1/meter/telemetry",
        "commonwatt/v2/elm/g1/meter/telemetry",
        "commonwatt/v1/elm/g1/meter/Telemetry",
        "commonwatt/v1/elm/g1/meter/price",
        "commonwatt/v1/Elm/g1/meter/telemetry",
        "commonwatt/v1/elm//meter/telemetry",
        "commonwatt/v1/elm/g1/me ter/telemetry",
        "commonwatt/v1/elm/g1/meter\n/telemetry",
        "commonwatt/v1/elm/g1/+/telemetry",
        "commonwatt/v1/elm/#",
        "commonwatt/v1/elm/market/meter/telemetry",
        "commonwatt/v1/elm/market/prices",
        "commonwatt/v1/elm/market/",
        "commonwatt/v1/elm/g1/-meter/telemetry",
        "commonwatt/v1/elm/g1/" + "m" * 33 + "/telemetry",
        "commonwatt/v1/elm/g1/mété/telemetry",
    ],
)
def test_a_topic_that_is_not_exactly_ours_is_not_read(topic: str) -> None:
    assert parse_topic(topic) is None


@pytest.mark.parametrize("level", ["", "A", "a/b", "+", "#", "a b", "-a", "a" * 33, "a\n"])
def test_a_level_that_is_no_identifier_cannot_be_built_into_a_topic(level: str) -> None:
    key = DeviceKey(gateway=level, device="meter")
    with pytest.raises(DeviceError, match="identifier"):
        str(DeviceTopic(site="elm", device=key, channel=DeviceChannel.SETPOINT))
    with pytest.raises(DeviceError, match="identifier"):
        filter_for(level, DeviceChannel.ACK)
    with pytest.raises(DeviceError, match="identifier"):
        market_filter(level)


def test_a_gateway_called_market_cannot_be_addressed() -> None:
    key = DeviceKey(gateway="market", device="meter")
    with pytest.raises(DeviceError, match="market"):
        str(DeviceTopic(site="elm", device=key, channel=DeviceChannel.STATUS))


@pytest.mark.parametrize(
    "topic_filter, topic, is_match",
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#/b", "a/x/b", False),
        ("a/b/c", "a/b", False),
        ("+/b", "a/b", True),
        ("a/b", "a/c", False),
    ],
)
def test_filters_match_as_the_standard_says(topic_filter: str, topic: str, is_match: bool) -> None:
    assert matches(topic_filter, topic) is is_match
