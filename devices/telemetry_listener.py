"""Takes telemetry from the bus and offers on only what a known device can credibly have said just now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.operation import Control
from devices.clock import Clock
from devices.messages import decode_telemetry
from devices.protocols import MessageBus
from devices.registry import DeviceRegistry, RegisteredDevice
from devices.topics import DeviceChannel, DeviceTopic, filter_for, parse_topic
from devices.wire import Rejection
from models.domain.telemetry import DeviceKey, Drop, Reading

LOGGER = logging.getLogger(__name__)

COUNTER_SLACK_KWH = 0.1
"""[kWh] A counter may advance this much beyond what its device's power allows: coarse counters move in steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """A counter's newest value [kWh] and when it was sampled."""

    total_kwh: float
    ts_utc: datetime


@dataclass(slots=True)
class _Heard:
    """What is remembered of one device: bounded by the register's size."""

    last: Reading | None = None
    imported: _Count | None = None
    exported: _Count | None = None
    is_dropping: bool = False


class TelemetryListener:
    """Validates every telemetry message and counts what it drops, by reason."""

    def __init__(
        self, registry: DeviceRegistry, clock: Clock, control: Control, offer: Callable[[Reading], None]
    ) -> None:
        """Prepare to listen.

        Args:
            registry: Who may say what.
            clock: For the age of readings.
            control: Limits of age and of clock skew.
            offer: Takes each accepted reading.
        """
        self._registry = registry
        self._clock = clock
        self._stale_after = timedelta(seconds=control.stale_after_s)
        self._skew_limit = timedelta(seconds=control.clock_skew_limit_s)
        self._offer = offer
        self._heard: dict[DeviceKey, _Heard] = {device.key: _Heard() for device in registry}
        self.drops: dict[Drop, int] = dict.fromkeys(Drop, 0)
        """Messages dropped since the start, by reason."""
        self.accepted = 0
        """Readings offered since the start."""

    def listen(self, bus: MessageBus) -> None:
        """Subscribe to the telemetry of all devices of the site."""
        bus.subscribe(filter_for(self._registry.site_id, DeviceChannel.TELEMETRY), self.handle)

    def handle(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 (a MessageHandler)
        """Take one message: a reading is offered on, or a drop is counted."""
        device = self._device_of(topic)
        if isinstance(device, Rejection):
            self.drops[device.drop] += 1
            return
        heard = self._heard[device.key]
        reading = self._judge(device, heard, payload, is_retained=is_retained)
        if isinstance(reading, Rejection):
            self.drops[reading.drop] += 1
            self._log_edge(device.key, heard, reading)
            return
        self._log_edge(device.key, heard, None)
        self._remember(heard, reading)
        self.accepted += 1
        self._offer(reading)

    def _device_of(self, topic: str) -> RegisteredDevice | Rejection:
        parsed = parse_topic(topic)
        if (
            not isinstance(parsed, DeviceTopic)
            or parsed.channel is not DeviceChannel.TELEMETRY
            or parsed.site != self._registry.site_id
        ):
            return Rejection(drop=Drop.UNKNOWN_TOPIC, detail="not a telemetry topic of this site")
        device = self._registry.find(parsed.device)
        if device is None:
            return Rejection(drop=Drop.UNKNOWN_DEVICE, detail="not in the site file")
        return device

    def _judge(
        self, device: RegisteredDevice, heard: _Heard, payload: bytes, *, is_retained: bool
    ) -> Reading | Rejection:
        if is_retained:
            return Rejection(drop=Drop.RETAINED, detail="retained telemetry is of unknown age")
        reading = decode_telemetry(payload, device.key)
        if isinstance(reading, Rejection):
            return reading
        age = self._clock.now_utc() - reading.ts_utc
        if age < -self._skew_limit:
            return Rejection(drop=Drop.CLOCK_SKEW, detail="stamped in the future")
        if age > self._stale_after:
            return Rejection(drop=Drop.STALE, detail="older than readings may be")
        if (wrong := device.finds_wrong(reading)) is not None:
            drop = Drop.SCHEMA if ":" in wrong else Drop.OUTSIDE_RATING
            return Rejection(drop=drop, detail=wrong)
        return self._check_order(heard, reading) or self._check_counters(device, heard, reading) or reading

    def _check_order(self, heard: _Heard, reading: Reading) -> Rejection | None:
        last = heard.last
        if last is None:
            return None
        if reading.ts_utc <= last.ts_utc:
            return Rejection(drop=Drop.OLD_SEQUENCE, detail="not sampled after the newest reading")
        # A device that was silent for as long as readings live may have restarted and count from the beginning.
        is_silent = self._clock.now_utc() - last.ts_utc > self._stale_after
        if reading.seq <= last.seq and not is_silent:
            return Rejection(drop=Drop.OLD_SEQUENCE, detail="seq not above the newest reading's")
        return None

    def _check_counters(self, device: RegisteredDevice, heard: _Heard, reading: Reading) -> Rejection | None:
        credible = device.credible
        for before, total_kwh, most_kw in (
            (heard.imported, reading.import_kwh_total, credible.high_kw),
            (heard.exported, reading.export_kwh_total, -credible.low_kw),
        ):
            if before is None or total_kwh is None:
                continue
            if total_kwh < before.total_kwh:
                return Rejection(drop=Drop.COUNTER_FELL, detail="a counter fell")
            hours = (reading.ts_utc - before.ts_utc).total_seconds() / 3600.0
            if total_kwh - before.total_kwh > most_kw * hours + COUNTER_SLACK_KWH:
                return Rejection(drop=Drop.OUTSIDE_RATING, detail="a counter rose faster than the device can")
        return None

    def _remember(self, heard: _Heard, reading: Reading) -> None:
        heard.last = reading
        if reading.import_kwh_total is not None:
            heard.imported = _Count(total_kwh=reading.import_kwh_total, ts_utc=reading.ts_utc)
        if reading.export_kwh_total is not None:
            heard.exported = _Count(total_kwh=reading.export_kwh_total, ts_utc=reading.ts_utc)

    def _log_edge(self, key: DeviceKey, heard: _Heard, rejection: Rejection | None) -> None:
        if rejection is not None and not heard.is_dropping:
            LOGGER.warning("Telemetry of %s is dropped: %s (%s)", key, rejection.drop, rejection.detail)
        elif rejection is None and heard.is_dropping:
            LOGGER.warning("Telemetry of %s is taken again", key)
        heard.is_dropping = rejection is not None
