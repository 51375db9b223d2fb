"""Demand-response events of a demo: announced on the broker from outside, as a grid operator would.

The controller hears of them as of any others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import typer

from controller.apps.demo_options import AskedEvent
from devices.broker_address import BrokerAddress
from devices.clock import Clock
from devices.market_messages import channel_of, encode_market
from devices.mqtt import MqttConnection
from devices.protocols import Publisher
from devices.topics import MarketTopic
from models.domain.errors import BrokerError
from models.domain.market import EventNotice

NOTICE_TIME = timedelta(hours=1)
"""An event is announced this long before it begins, or when the demo starts."""
KIND = "demand_response"
CLIENT_ID = "demo-grid-operator"
CONNECT_TIMEOUT_S = 10.0
"""Longest wait for the embedded broker [s]."""


def plan_notices(events: Sequence[AskedEvent], start_utc: datetime, zone: ZoneInfo) -> tuple[EventNotice, ...]:
    """What is announced and when (``ts_utc``), earliest first.

    Args:
        events: What was asked for.
        start_utc: The demo's start; its local day is the events'.
        zone: The site's time zone.

    Raises:
        typer.BadParameter: The clock skips a time on that day.
    """
    day = start_utc.astimezone(zone).date()
    notices = []
    for number, event in enumerate(events, start=1):
        event_start_utc = _moment(day, event.start, zone)
        event_end_utc = _moment(day if event.end > event.start else day + timedelta(days=1), event.end, zone)
        announced_utc = max(event_start_utc - NOTICE_TIME, start_utc)
        notices.append(
            EventNotice(
                ts_utc=announced_utc,
                valid_from_utc=announced_utc,
                kind=KIND,
                start_utc=event_start_utc,
                end_utc=event_end_utc,
                power_kw=event.power_kw,
                event_id=f"demo-{number}",
            )
        )
    return tuple(sorted(notices, key=lambda notice: notice.ts_utc))


def _moment(day: date, clock_time: time, zone: ZoneInfo) -> datetime:
    local = datetime.combine(day, clock_time, tzinfo=zone)
    moment_utc = local.astimezone(UTC)
    if moment_utc.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise typer.BadParameter(
            f"found {clock_time:%H:%M}, which the clock skips on {day} in {zone.key}; accepted is any other time",
            param_hint="--event",
        )
    return moment_utc


async def announce_events(
    notices: Sequence[EventNotice], site_id: str, address: BrokerAddress, clock: Clock, rng: np.random.Generator
) -> None:
    """Publish each notice when its time has come; without notices nothing connects.

    Args:
        notices: Earliest first.
        site_id: Id of the community.
        address: The demo's broker.
        clock: The demo's time.
        rng: Jitter of the connection.

    Raises:
        BrokerError: The broker did not take a notice.
    """
    if not notices:
        return
    async with MqttConnection(address, client_id=CLIENT_ID, rng=rng) as connection:
        await connection.wait_connected(CONNECT_TIMEOUT_S)
        await publish_notices(notices, site_id, connection, clock)


async def publish_notices(notices: Sequence[EventNotice], site_id: str, publisher: Publisher, clock: Clock) -> None:
    """Publish each notice on the site's market topic when its time has come.

    Raises:
        BrokerError: The broker did not take a notice.
    """
    for notice in notices:
        await clock.sleep_until_utc(notice.ts_utc)
        topic = str(MarketTopic(site=site_id, channel=channel_of(notice)))
        if not await publisher.publish(topic, encode_market(notice), qos=1):
            raise BrokerError(f"the demo's broker did not take the announcement of event {notice.event_id}")
