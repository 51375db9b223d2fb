"""Topics: built and read here only, strictly.

``commonwatt/v1/{site}/{gateway}/{device}/telemetry|setpoint|ack|status`` and
``commonwatt/v1/{site}/market/price|limit|event``. Every level is an identifier of the site file; no gateway
may be called ``market``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from models.domain.errors import DeviceError
from models.domain.telemetry import DeviceKey

PREFIX = "commonwatt/v1"
LONGEST_TOPIC = 160
"""[characters] Above every topic that identifiers of 32 characters can make (133)."""

_LEVEL = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
_MARKET = "market"


class DeviceChannel(StrEnum):
    """What a device topic carries."""

    TELEMETRY = "telemetry"
    SETPOINT = "setpoint"
    ACK = "ack"
    STATUS = "status"


class MarketChannel(StrEnum):
    """What a market topic carries."""

    PRICE = "price"
    LIMIT = "limit"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTopic:
    """A topic of one device."""

    site: str
    device: DeviceKey
    channel: DeviceChannel

    def __str__(self) -> str:
        levels = (self.site, self.device.gateway, self.device.device)
        for level in levels:
            _check_level(level)
        if self.device.gateway == _MARKET:
            message = "no gateway may be called 'market': that topic level belongs to prices, limits and events"
            raise DeviceError(message)
        return "/".join((PREFIX, *levels, self.channel))


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTopic:
    """A topic of the community's market."""

    site: str
    channel: MarketChannel

    def __str__(self) -> str:
        _check_level(self.site)
        return f"{PREFIX}/{self.site}/{_MARKET}/{self.channel}"


def parse_topic(topic: str) -> DeviceTopic | MarketTopic | None:
    """Read a topic; ``None`` if it is not exactly one of ours."""
    if len(topic) > LONGEST_TOPIC:
        return None
    match topic.split("/"):
        case ["commonwatt", "v1", site, "market", channel] if _is_level(site) and channel in _MARKET_CHANNELS:
            return MarketTopic(site=site, channel=MarketChannel(channel))
        case ["commonwatt", "v1", site, gateway, device, channel] if channel in _DEVICE_CHANNELS:
            if gateway != _MARKET and _is_level(site) and _is_level(gateway) and _is_level(device):
                key = DeviceKey(gateway=gateway, device=device)
                return DeviceTopic(site=site, device=key, channel=DeviceChannel(channel))
    return None


def filter_for(site: str, channel: DeviceChannel, *, gateway: str = "+") -> str:
    """Subscription filter for one channel of all devices of a site, or of one of its gateways.

    Raises:
        DeviceError: A level is not an identifier.
    """
    _check_level(site)
    if gateway != "+":
        _check_level(gateway)
    return f"{PREFIX}/{site}/{gateway}/+/{channel}"


def market_filter(site: str) -> str:
    """Subscription filter for prices, limits and events of a site.

    Raises:
        DeviceError: The site is not an identifier.
    """
    _check_level(site)
    return f"{PREFIX}/{site}/{_MARKET}/+"


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic falls under a subscription filter (MQTT 3.1.1, section 4.7)."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return index == len(wanted) - 1
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


_DEVICE_CHANNELS = frozenset(DeviceChannel)
_MARKET_CHANNELS = frozenset(MarketChannel)


def _is_level(level: str) -> bool:
    return _LEVEL.fullmatch(level) is not None


def _check_level(level: str) -> None:
    if not _is_level(level):
        message = (
            f"topic level {level[:40]!r} is not an identifier: lower-case letters, digits, '-' and '_', "
            "1 to 32 characters, starting and ending with a letter or digit"
        )
        raise DeviceError(message)
