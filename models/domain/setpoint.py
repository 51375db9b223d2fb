"""Setpoints, their acknowledgements and how each one ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from models.domain.telemetry import DeviceKey


class Reason(StrEnum):
    """Why a setpoint has its value. Bounded vocabulary: it is a tag in the database."""

    STORE_SURPLUS = "store_surplus"
    CHARGE_CHEAP = "charge_cheap"
    SUPPLY_HOME = "supply_home"
    SUPPLY_NEIGHBOURS = "supply_neighbours"
    SHAVE_PEAK = "shave_peak"
    EXPORT_DEAR = "export_dear"
    CHARGE_FOR_DEPARTURE = "charge_for_departure"
    WAIT_FOR_CHEAPER = "wait_for_cheaper"
    RUN_NOW = "run_now"
    CURTAIL_LIMIT = "curtail_limit"
    CURTAIL_PRICE = "curtail_price"
    NO_CURTAILMENT = "no_curtailment"
    HOLD_BACK_EVENT = "hold_back_event"
    HOLD_BACK_PRICE = "hold_back_price"
    IDLE = "idle"
    FALLBACK_RULE = "fallback_rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setpoint:
    """A power that a device should hold for a limited time."""

    setpoint_id: str
    device: DeviceKey
    epoch: int
    """Grows with each start of the controller; a device refuses a lower one."""
    seq: int
    """Grows with each setpoint of an epoch and device."""
    power_kw: float
    """Battery: + charge, - discharge. EV: >= 0. PV: <= 0, minus the most it may generate.
    Shiftable load: > 0 start, 0 wait. Curtailable load: the most it may draw, >= 0. [kW]"""
    not_before_utc: datetime
    expires_utc: datetime
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What a device did with a setpoint."""

    device: DeviceKey
    setpoint_id: str
    epoch: int
    seq: int
    is_accepted: bool
    applied_kw: float | None
    """Power that the device now holds [kW]; ``None`` when refused."""
    refusal: str | None
    """Why it was refused, in the device's words."""
    ts_utc: datetime


class Outcome(StrEnum):
    """How a setpoint ended; exactly one for each setpoint id."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    EXPIRED = "expired"
    """No acknowledgement came before its life ended."""
