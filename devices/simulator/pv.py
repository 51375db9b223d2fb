"""A simulated PV plant: generates what the sky allows, less what it is told to leave."""

from __future__ import annotations

from datetime import datetime

from devices.simulator.battery import POWER_TOLERANCE_KW
from models.domain.telemetry import DeviceKey, Reading

LIMIT_MARGIN = 1.5
"""Limits up to this multiple of the rating are taken: one above the rating limits nothing, and harms nobody."""


class SimulatedPv:
    """Generation follows the profile; a held setpoint limits it, and nothing can raise it."""

    def __init__(self, rating_kw: float) -> None:
        self.rating_kw = rating_kw
        """The most it can generate [kW]."""
        self.available_kw = 0.0
        """What it could generate now without curtailment [kW]."""
        self.generation_kw = 0.0
        self.export_kwh_total = 0.0
        self.available_kwh_total = 0.0

    def refusal(self, power_kw: float) -> str | None:
        """Why a limit cannot be asked of this plant, in words; ``None`` if it can.

        Args:
            power_kw: Minus the most it may generate [kW].
        """
        lowest_kw = -LIMIT_MARGIN * self.rating_kw - POWER_TOLERANCE_KW
        if lowest_kw <= power_kw <= 0.0:
            return None
        return f"found {power_kw:g} kW, accepted {lowest_kw:g} to 0 kW"

    def hold(self, limit_kw: float | None) -> None:
        """Take on what the sky offers, up to a limit >= 0 [kW]; no limit: ``None``."""
        self.generation_kw = self.available_kw if limit_kw is None else min(self.available_kw, limit_kw)

    def advance(self, duration_s: float) -> None:
        """Let the present power act for a time [s]."""
        self.export_kwh_total += self.generation_kw * duration_s / 3600.0
        self.available_kwh_total += self.available_kw * duration_s / 3600.0

    def reading(self, device: DeviceKey, ts_utc: datetime, seq: int) -> Reading:
        """What the plant says about itself; generation is a negative power."""
        return Reading(
            device=device,
            ts_utc=ts_utc,
            seq=seq,
            power_kw=0.0 - self.generation_kw,
            import_kwh_total=0.0,
            export_kwh_total=self.export_kwh_total,
            available_kw=self.available_kw,
        )
