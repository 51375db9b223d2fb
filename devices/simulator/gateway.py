"""One simulated gateway: one connection to the broker, through which several devices speak."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from config.gateways import Gateway
from devices.broker_address import RetainedMessage
from devices.clock import Clock
from devices.messages import decode_setpoint, encode_acknowledgement, encode_telemetry
from devices.protocols import MessageBus
from devices.simulator.neighbourhood import Neighbourhood
from devices.topics import DeviceChannel, DeviceTopic, filter_for, parse_topic
from devices.wire import Rejection, encode
from models.domain.setpoint import Acknowledgement
from models.domain.telemetry import DeviceKey, Drop

ACKNOWLEDGEMENTS_WAITING = 256
"""Acknowledgements that may wait to be sent; the newest is dropped beyond, and its setpoint ends unacknowledged."""

STATUS_DEVICE = "gateway"
"""Last but one level of the topic in which a gateway says whether it is there: a connection has only one will."""


class GatewayConnection(MessageBus, Protocol):
    """A connection that can be started and stopped."""

    def start(self) -> None:
        """Begin to connect, and keep the connection up until stopped."""

    async def stop(self) -> None:
        """Disconnect for good."""

    async def wait_connected(self, timeout_s: float | None = None) -> bool:
        """Wait until connected, no longer than asked [s]; whether the connection stands."""


def status_message(site_id: str, gateway_id: str, *, is_online: bool) -> RetainedMessage:
    """What a gateway says when it comes, and has the broker say when it is gone."""
    topic = DeviceTopic(
        site=site_id, device=DeviceKey(gateway=gateway_id, device=STATUS_DEVICE), channel=DeviceChannel.STATUS
    )
    return RetainedMessage(topic=str(topic), payload=encode({"is_online": is_online}))


class SimulatedGateway:
    """Samples its devices at aligned moments, delivers each a little later, and answers setpoints."""

    def __init__(
        self,
        site_id: str,
        gateway: Gateway,
        neighbourhood: Neighbourhood,
        clock: Clock,
        connection: GatewayConnection,
        *,
        delays: Mapping[str, timedelta],
    ) -> None:
        """Set up a gateway and subscribe to its setpoints.

        Args:
            site_id: Id of the community.
            gateway: The gateway and its devices in the site file.
            neighbourhood: The homes behind it.
            clock: The devices' time.
            connection: The gateway's own connection.
            delays: From sampling to sending, by device id.
        """
        self._site_id = site_id
        self.id = gateway.id
        self._neighbourhood = neighbourhood
        self._clock = clock
        self.connection = connection
        keys = [DeviceKey(gateway=gateway.id, device=device.id) for device in gateway.devices]
        self._schedule = sorted((delays[key.device], key) for key in keys)
        self._topics = {key: self._topic(key, DeviceChannel.TELEMETRY) for key in keys}
        self._answers: asyncio.Queue[Acknowledgement] = asyncio.Queue(maxsize=ACKNOWLEDGEMENTS_WAITING)
        self.counters: Counter[str] = Counter()
        """``telemetry_sent``, ``telemetry_failed``, ``samples_missed``, ``setpoints_accepted``, ``setpoints_refused``,
        ``setpoints_ignored``, ``acknowledgements_failed``, and ``dropped_...`` by reason."""
        connection.subscribe(filter_for(site_id, DeviceChannel.SETPOINT, gateway=gateway.id), self.handle, qos=1)

    def _topic(self, key: DeviceKey, channel: DeviceChannel) -> str:
        return str(DeviceTopic(site=self._site_id, device=key, channel=channel))

    def handle(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 (a MessageHandler)
        """Offer an arriving setpoint to its device and put the answer in line."""
        parsed = parse_topic(topic)
        if not isinstance(parsed, DeviceTopic) or parsed.device not in self._topics:
            self.counters[f"dropped_{Drop.UNKNOWN_TOPIC}"] += 1
            return
        setpoint = decode_setpoint(payload, parsed.device)
        if isinstance(setpoint, Rejection):
            # Without an id that can be trusted there is nobody to answer.
            self.counters[f"dropped_{setpoint.drop}"] += 1
            return
        answer = self._neighbourhood.offer(setpoint, self._clock.now_utc(), is_retained=is_retained)
        if answer is None:
            self.counters["setpoints_ignored"] += 1
            return
        self.counters["setpoints_accepted" if answer.is_accepted else "setpoints_refused"] += 1
        try:
            self._answers.put_nowait(answer)
        except asyncio.QueueFull:
            self.counters["acknowledgements_failed"] += 1

    async def acknowledge(self) -> None:
        """Send acknowledgements as they come, for ever."""
        while True:
            answer = await self._answers.get()
            topic = self._topic(answer.device, DeviceChannel.ACK)
            if not await self.connection.publish(topic, encode_acknowledgement(answer), qos=1):
                self.counters["acknowledgements_failed"] += 1

    async def send_telemetry(self) -> None:
        """Send what the devices sample, until the profile's end."""
        ts_utc = self._neighbourhood.first_sample_utc
        while ts_utc <= self._neighbourhood.end_utc:
            await self._clock.sleep_until_utc(ts_utc)
            await self._send_sample(ts_utc)
            ts_utc = self._next_after(ts_utc)

    def _next_after(self, ts_utc: datetime) -> datetime:
        """The next sampling moment that is not past already by more than a period: old telemetry is worthless."""
        period = self._neighbourhood.sample_period
        missed = max((self._clock.now_utc() - ts_utc) // period - 1, 0)
        self.counters["samples_missed"] += missed
        return ts_utc + (missed + 1) * period

    async def _send_sample(self, ts_utc: datetime) -> None:
        self._neighbourhood.advance_to(self._clock.now_utc())
        sample = self._neighbourhood.sample(ts_utc)
        if sample is None:
            self.counters["samples_missed"] += 1
            return
        for delay, key in self._schedule:
            await self._clock.sleep_until_utc(ts_utc + delay)
            is_sent = await self.connection.publish(self._topics[key], encode_telemetry(sample.readings[key]))
            self.counters["telemetry_sent" if is_sent else "telemetry_failed"] += 1
