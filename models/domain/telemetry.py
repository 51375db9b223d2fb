"""Readings: what a device said about itself, already in the project's units and signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class DeviceKey:
    """Address of a device: its gateway and its id behind that gateway."""

    gateway: str
    device: str

    def __str__(self) -> str:
        return f"{self.gateway}/{self.device}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One telemetry message after validation. Absent is ``None``, never 0."""

    device: DeviceKey
    ts_utc: datetime
    """When the device sampled, by its own clock."""
    seq: int
    power_kw: float | None = None
    """Net power [kW], positive = consumption or charging; PV generation is negative."""
    import_kwh_total: float | None = None
    """Counter of energy taken in [kWh], never falling."""
    export_kwh_total: float | None = None
    """Counter of energy given out [kWh], never falling."""
    soc_frac: float | None = None
    """State of charge of a battery or car, 0 to 1."""
    available_kw: float | None = None
    """PV only: what it could generate without curtailment [kW], >= 0."""
    is_plugged: bool | None = None
    """EV only: a car is connected."""
    energy_needed_kwh: float | None = None
    """EV only: energy still to be stored in the car by departure [kWh]."""
    departure_utc: datetime | None = None
    """EV only: when the car leaves."""
    is_requested: bool | None = None
    """Shiftable load only: a run is waiting for its start."""
    is_running: bool | None = None
    """Shiftable load only: a run is under way."""
    remaining_s: float | None = None
    """Shiftable load only: time left of the run under way, or length of the one requested [s]."""
    latest_end_utc: datetime | None = None
    """Shiftable load only: when the run has to be finished."""


class Drop(StrEnum):
    """Why a message was not taken. Bounded vocabulary: it is a counter's label."""

    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    UNKNOWN_TOPIC = "unknown_topic"
    UNKNOWN_DEVICE = "unknown_device"
    RETAINED = "retained"
    STALE = "stale"
    CLOCK_SKEW = "clock_skew"
    OLD_SEQUENCE = "old_sequence"
    OUTSIDE_RATING = "outside_rating"
    COUNTER_FELL = "counter_fell"
    UNKNOWN_SETPOINT = "unknown_setpoint"
    NO_ROOM = "no_room"
