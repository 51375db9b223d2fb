"""Demand response as the store keeps it: notices as they came, what was held back, and each event's effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.domain.demand_response import DemandEvent
from models.domain.interval import Span
from models.domain.telemetry import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """A market notice that still says something, as it came over the wire."""

    channel: str
    """``price``, ``limit`` or ``event``."""
    identity: str
    """What a newer notice shares that replaces this one."""
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Curtailment:
    """What a decision holds back from one load that it sends a setpoint."""

    device: DeviceKey
    member: str
    held_back_kw: float
    """Below what the load was expected to draw [kW]; 0: it is released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A stretch of time in which a load was held back, as its setpoints were taken."""

    device: DeviceKey
    member: str
    span: Span
    held_back_kw: float


class EffectStage(StrEnum):
    """When an event was looked at. Bounded vocabulary: it is a tag in the database."""

    ANNOUNCED = "announced"
    """By the first plan that reaches to its end."""
    STARTED = "started"
    """By the first plan made while it is on."""
    ENDED = "ended"
    """After it, from the meters."""
    CANCELLED = "cancelled"
    """It was called off, changed to another time, or the prices that made it changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFigures:
    """What one way of things comes to in an event's window, planned or metered; ``None``: not known."""

    net_kwh: float
    """Drawn net by the community in the window [kWh]."""
    peak_kw: float
    """Highest mean net import in one step of the window [kW]."""
    above_kwh: float
    """Drawn above the event's target [kWh]; 0 without a target."""
    cost: float | None = None
    """Of the whole plan, without what discomfort and missing the target are taken to cost [currency]."""
    held_back_kwh: Mapping[str, float] = field(default_factory=dict)
    """By member who was held back [kWh]."""
    discomfort: Mapping[str, float] = field(default_factory=dict)
    """What that is worth to them, by member [currency]; it is not paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One look at an event."""

    event: DemandEvent
    stage: EffectStage
    at_utc: datetime
    decision_id: str | None = None
    """The plan that was compared."""
    with_event: EventFigures | None = None
    without_event: EventFigures | None = None
    """The same plan made without the event; ``None``: it was not found in time."""
    metered: EventFigures | None = None
    """After the event; ``None`` then: some of its intervals have no meter values."""


def is_called_off(looks: Iterable[EffectRow]) -> bool:
    """Whether an event, by the looks at it, was called off and has not been announced again or begun since."""
    # The store keeps one look of each stage: one announced again shows only by its beginning.
    at_utc = {look.stage: look.at_utc for look in looks}
    off_utc = at_utc.get(EffectStage.CANCELLED)
    if off_utc is None or EffectStage.ENDED in at_utc:
        return False
    again = (at_utc.get(stage) for stage in (EffectStage.ANNOUNCED, EffectStage.STARTED))
    return not any(known_utc is not None and known_utc > off_utc for known_utc in again)
