"""A simulated battery: power, energy and efficiency limits, state of charge exact over time."""

from __future__ import annotations

from datetime import datetime
from math import inf

from config.members import Battery
from models.domain.telemetry import DeviceKey, Reading

ENERGY_TOLERANCE_KWH = 1e-7
"""Closer than this to a limit counts as at it [kWh]; far below a meter's 1 Wh, far above rounding."""

POWER_TOLERANCE_KW = 1e-3
"""The wire carries watts, so a rating may be missed by rounding to one [kW]."""


POWER_NOISE_KW = 1e-9
"""Smaller powers are rounding left over from levelling a home, and count as none [kW]."""


class SimulatedBattery:
    """Holds a power at its terminals until told otherwise or until it is full or empty.

    ``d soc / dt = eta_c * charge - discharge / eta_d`` (design page, section 4), integrated exactly because the power
    is constant between calls.
    """

    def __init__(self, battery: Battery, *, soc_kwh: float) -> None:
        self._battery = battery
        self.soc_kwh = soc_kwh
        """Stored energy [kWh]; a start outside the limits is kept and only ever brought back."""
        self.power_kw = 0.0
        """Power at the terminals now, + charging [kW]."""
        self.import_kwh_total = 0.0
        self.export_kwh_total = 0.0
        self._full_kwh = battery.soc_max_frac * battery.capacity_kwh
        self._empty_kwh = battery.soc_min_frac * battery.capacity_kwh
        self._charge_limit_kw = battery.charge_limit_kw
        self._discharge_limit_kw = battery.discharge_limit_kw
        self._charge_efficiency = battery.charge_efficiency_frac
        self._discharge_efficiency = battery.discharge_efficiency_frac

    @property
    def asset_id(self) -> str:
        """Id of the battery in the site file."""
        return self._battery.id

    def refusal(self, power_kw: float) -> str | None:
        """Why a power cannot be asked of this battery, in words; ``None`` if it can.

        Args:
            power_kw: Power asked for, + charging [kW].
        """
        limits = self._battery
        if -limits.discharge_limit_kw - POWER_TOLERANCE_KW <= power_kw <= limits.charge_limit_kw + POWER_TOLERANCE_KW:
            return None
        return f"found {power_kw:g} kW, accepted {-limits.discharge_limit_kw:g} to {limits.charge_limit_kw:g} kW"

    def feasible_kw(self, wanted_kw: float) -> float:
        """The nearest power to the wanted one that rating and state of charge allow now, + charging [kW]."""
        if wanted_kw > POWER_NOISE_KW:
            if self.soc_kwh >= self._full_kwh - ENERGY_TOLERANCE_KWH:
                return 0.0
            return min(wanted_kw, self._charge_limit_kw)
        if wanted_kw < -POWER_NOISE_KW:
            if self.soc_kwh <= self._empty_kwh + ENERGY_TOLERANCE_KWH:
                return 0.0
            return max(wanted_kw, -self._discharge_limit_kw)
        return 0.0

    def hold(self, wanted_kw: float) -> None:
        """Take on the feasible part of a wanted power, + charging [kW]."""
        self.power_kw = self.feasible_kw(wanted_kw)

    def time_to_limit_s(self) -> float:
        """Time until the present power fills or empties the battery [s]; infinite when idle."""
        if self.power_kw > 0.0:
            return (self._full_kwh - self.soc_kwh) * 3600.0 / (self.power_kw * self._charge_efficiency)
        if self.power_kw < 0.0:
            return (self.soc_kwh - self._empty_kwh) * 3600.0 * self._discharge_efficiency / -self.power_kw
        return inf

    def advance(self, duration_s: float) -> None:
        """Let the present power act for a time that does not reach past ``time_to_limit_s()`` [s]."""
        energy_kwh = self.power_kw * duration_s / 3600.0
        if energy_kwh > 0.0:
            self.soc_kwh += energy_kwh * self._charge_efficiency
            self.import_kwh_total += energy_kwh
        elif energy_kwh < 0.0:
            self.soc_kwh += energy_kwh / self._discharge_efficiency
            self.export_kwh_total -= energy_kwh

    def reading(self, device: DeviceKey, ts_utc: datetime, seq: int) -> Reading:
        """What the battery says about itself."""
        return Reading(
            device=device,
            ts_utc=ts_utc,
            seq=seq,
            power_kw=self.power_kw,
            import_kwh_total=self.import_kwh_total,
            export_kwh_total=self.export_kwh_total,
            soc_frac=min(max(self.soc_kwh / self._battery.capacity_kwh, 0.0), 1.0),
        )
