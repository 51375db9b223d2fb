"""Sends setpoints and follows each to its end; the last bound before a device.

A setpoint is sent with QoS 1 and never retained. Whether or not the broker took it, it counts as sent and ends as
acknowledged, refused or, when its life is over without an answer, expired.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from devices.clock import LONGEST_SLEEP_S, Clock
from devices.messages import decode_acknowledgement, encode_setpoint
from devices.protocols import MessageBus
from devices.registry import DeviceRegistry
from devices.setpoint_tracker import EndedSetpoint, SetpointTracker
from devices.topics import DeviceChannel, DeviceTopic, filter_for, parse_topic
from devices.wire import Rejection
from models.domain.errors import DeviceError
from models.domain.setpoint import Acknowledgement, Outcome, Setpoint
from models.domain.telemetry import Drop

LOGGER = logging.getLogger(__name__)


class SetpointPublisher:
    """Publishes setpoints, takes their acknowledgements and tells how each one ended.

    Use as an async context manager: its task ends setpoints whose life is over, and leaving it ends the rest.
    """

    def __init__(
        self, bus: MessageBus, registry: DeviceRegistry, clock: Clock, on_end: Callable[[EndedSetpoint], None]
    ) -> None:
        """Prepare; subscribes to the acknowledgements of all devices of the site.

        Args:
            bus: The connection to send with.
            registry: The devices and their ratings.
            clock: For the end of lives.
            on_end: Told once about each setpoint; must not block.
        """
        self._bus = bus
        self._registry = registry
        self._clock = clock
        self._on_end = on_end
        self._tracker = SetpointTracker()
        self._is_earlier = asyncio.Event()
        self._awaited_utc: datetime | None = None
        self._task: asyncio.Task[None] | None = None
        self.sent = 0
        """Setpoints followed since the start."""
        self.unconfirmed = 0
        """Of these, those that the broker did not confirm in time."""
        self.outcomes: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        """Setpoints ended since the start, by outcome."""
        self.drops: dict[Drop, int] = dict.fromkeys(Drop, 0)
        """Acknowledgements dropped since the start, by reason."""
        bus.subscribe(filter_for(registry.site_id, DeviceChannel.ACK), self.handle, qos=1)

    async def __aenter__(self) -> Self:
        """Begin to end setpoints whose life is over."""
        self._task = asyncio.get_running_loop().create_task(self._expire(), name="setpoint-expiry")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is open as expired: nobody listens for its answer any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for ended in self._tracker.abandon(self._clock.now_utc()):
            self._end(ended)

    @property
    def open_count(self) -> int:
        """Setpoints whose end is not known yet."""
        return len(self._tracker)

    async def publish(self, setpoint: Setpoint) -> bool:
        """Send a setpoint and follow it.

        Returns:
            Whether the broker confirmed it. It is followed to its end in any case.

        Raises:
            DeviceError: The device is unknown or takes no setpoints; the power is not finite or outside the device's
                rating; the life is over or empty; or id, epoch and seq are not new.
        """
        now_utc = self._clock.now_utc()
        self._check(setpoint)
        if setpoint.expires_utc <= max(now_utc, setpoint.not_before_utc):
            raise DeviceError(f"setpoint {setpoint.setpoint_id} for {setpoint.device} has no life left")
        payload = encode_setpoint(setpoint)
        self._tracker.open(setpoint)
        self.sent += 1
        if self._awaited_utc is None or setpoint.expires_utc < self._awaited_utc:
            self._is_earlier.set()
        topic = DeviceTopic(site=self._registry.site_id, device=setpoint.device, channel=DeviceChannel.SETPOINT)
        is_confirmed = await self._bus.publish(
            str(topic), payload, qos=1, expiry_s=(setpoint.expires_utc - now_utc).total_seconds(), retain=False
        )
        if not is_confirmed:
            self.unconfirmed += 1
        return is_confirmed

    def handle(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 (a MessageHandler)
        """Take one acknowledgement: it ends its setpoint, or a drop is counted."""
        acknowledgement = self._judge(topic, payload, is_retained=is_retained)
        if isinstance(acknowledgement, Rejection):
            self._drop(acknowledgement)
            return
        ended = self._tracker.acknowledge(acknowledgement, self._clock.now_utc())
        if ended is None:
            self._drop(Rejection(drop=Drop.UNKNOWN_SETPOINT, detail="no open setpoint has this id, epoch and seq"))
            return
        self._end(ended)

    def _check(self, setpoint: Setpoint) -> None:
        device = self._registry.get(setpoint.device)
        if device.rating is None:
            raise DeviceError(f"device {device.key} is a {device.kind} and takes no setpoints")
        if not device.allows(setpoint.power_kw):
            rating = device.rating
            smallest = f", and 0 or at least {device.smallest_kw} kW" if device.smallest_kw else ""
            raise DeviceError(
                f"setpoint {setpoint.setpoint_id} for {device.key} asks for {setpoint.power_kw} kW; "
                f"accepted is {rating.low_kw} to {rating.high_kw} kW{smallest}"
            )

    def _judge(self, topic: str, payload: bytes, *, is_retained: bool) -> Acknowledgement | Rejection:
        parsed = parse_topic(topic)
        if (
            not isinstance(parsed, DeviceTopic)
            or parsed.channel is not DeviceChannel.ACK
            or parsed.site != self._registry.site_id
        ):
            return Rejection(drop=Drop.UNKNOWN_TOPIC, detail="not an acknowledgement topic of this site")
        device = self._registry.find(parsed.device)
        if device is None:
            return Rejection(drop=Drop.UNKNOWN_DEVICE, detail="not in the site file")
        if is_retained:
            return Rejection(drop=Drop.RETAINED, detail="a retained acknowledgement is of unknown age")
        acknowledgement = decode_acknowledgement(payload, parsed.device)
        if isinstance(acknowledgement, Acknowledgement):
            applied_kw = acknowledgement.applied_kw
            if applied_kw is not None and not device.credible.holds(applied_kw):
                return Rejection(drop=Drop.OUTSIDE_RATING, detail="applied_w")
        return acknowledgement

    def _drop(self, rejection: Rejection) -> None:
        self.drops[rejection.drop] += 1
        if self.drops[rejection.drop] == 1:
            LOGGER.warning("An acknowledgement was dropped: %s (%s)", rejection.drop, rejection.detail)

    def _end(self, ended: EndedSetpoint) -> None:
        self.outcomes[ended.outcome] += 1
        self._on_end(ended)

    async def _expire(self) -> None:
        while True:
            for ended in self._tracker.expire(self._clock.now_utc()):
                self._end(ended)
            self._is_earlier.clear()
            self._awaited_utc = self._tracker.next_expiry_utc()
            rest_s = None
            if self._awaited_utc is not None:
                # Short waits, so that a stepped wall clock is noticed.
                rest_s = min(LONGEST_SLEEP_S, (self._awaited_utc - self._clock.now_utc()).total_seconds())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._is_earlier.wait()
