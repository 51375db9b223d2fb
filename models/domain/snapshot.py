"""What one cycle sees: frozen at its start, so that nothing that arrives later can change a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models.domain.telemetry import DeviceKey, Reading


class MeterQuality(StrEnum):
    """How an interval's energy was obtained."""

    MEASURED = "measured"
    """From counters sampled at both boundaries."""
    INTERPOLATED = "interpolated"
    """At least one boundary lies between two samples."""
    MISSING = "missing"
    """No counters on one side of a boundary; the energies are unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEnergy:
    """Energy through one device over a span of time."""

    import_kwh: float
    """Taken in, >= 0 [kWh]."""
    export_kwh: float
    """Given out, >= 0 [kWh]."""
    quality: MeterQuality
    span_s: float = 0.0
    """Time between the two counts [s]."""

    @property
    def net_kwh(self) -> float:
        """Positive = consumption or charging [kWh]."""
        return self.import_kwh - self.export_kwh


MISSING_ENERGY = CountedEnergy(import_kwh=0.0, export_kwh=0.0, quality=MeterQuality.MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The process image of one cycle."""

    taken_utc: datetime
    interval_start_utc: datetime
    """Start of the running interval."""
    fresh: Mapping[DeviceKey, Reading]
    """Newest reading of each device whose age is within the limit."""
    stale: Mapping[DeviceKey, float | None]
    """Age of the newest reading of every other device [s]; ``None``: never heard of."""
    closed: Mapping[DeviceKey, CountedEnergy]
    """Energy of the interval that has just ended, every device that counts; empty for a re-plan."""
    earlier: Mapping[DeviceKey, CountedEnergy] = field(default_factory=dict)
    """Energy of the interval before that one, as far as it is known now; empty for a re-plan."""
    awaited: tuple[DeviceKey, ...] = ()
    """Fresh devices that have not yet counted to the end of the interval that has just ended."""
    running: Mapping[DeviceKey, CountedEnergy]
    """Energy since the running interval began, up to the newest fresh reading."""
