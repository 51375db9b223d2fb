"""What a home's devices do by themselves, and where they stand when a run begins or ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from devices.simulator.ev import EvState
from devices.simulator.shiftable import ApplianceState


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeBehaviour:
    """What devices do without a setpoint in force. Cars always charge on arrival, PV always generates."""

    battery_default: Literal["self_consumption", "idle"] = "self_consumption"
    """Store the home's surplus and supply the home, as batteries without a controller do; or hold 0 kW."""
    waits_for_start: bool = True
    """Appliances wait for a start until the last moment that still finishes in time; else they start at once."""


CONTROLLED = HomeBehaviour()
"""A home in a community with a controller."""

UNCONTROLLED = HomeBehaviour(waits_for_start=False)
"""A home that no controller has ever spoken to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeState:
    """Where a home's devices stand, to be carried from one run to the next."""

    soc_kwh: Mapping[str, float]
    """By battery id [kWh]."""
    evs: Mapping[str, EvState | None]
    """By EV id; ``None`` without a car."""
    appliances: Mapping[str, ApplianceState]
    """By shiftable load id."""


NOTHING_KNOWN = HomeState(soc_kwh=MappingProxyType({}), evs=MappingProxyType({}), appliances=MappingProxyType({}))
"""Batteries start half full, cars and appliances as if they had been on their defaults before."""
