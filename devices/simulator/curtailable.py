"""A simulated curtailable load: a part of the home's demand that can be kept below a cap for a while."""

from __future__ import annotations

from datetime import datetime

from config.members import CurtailableLoad
from devices.simulator.battery import POWER_TOLERANCE_KW
from models.domain.telemetry import DeviceKey, Reading


class SimulatedCurtailable:
    """Draws its share of the home's demand, up to its rating; a held setpoint caps it, and nothing can raise it.

    ``wanted = min(rating, share * demand)``. What it was kept from drawing is gone, not made up for later.
    """

    def __init__(self, load: CurtailableLoad) -> None:
        self._load = load
        self.wanted_kw = 0.0
        """What it would draw now without a cap, contained in the home's demand [kW]."""
        self.power_kw = 0.0
        """What it draws now [kW]."""
        self.import_kwh_total = 0.0
        self.held_back_kwh_total = 0.0
        """What it would have drawn besides, without any cap [kWh]."""

    @property
    def asset_id(self) -> str:
        """Id of the curtailable load in the site file."""
        return self._load.id

    @property
    def held_back_kw(self) -> float:
        """What it is kept from drawing now [kW]."""
        return self.wanted_kw - self.power_kw

    def refusal(self, power_kw: float) -> str | None:
        """Why a cap cannot be asked of this load, in words; ``None`` if it can.

        Args:
            power_kw: The most that it may draw [kW].
        """
        if 0.0 <= power_kw <= self._load.power_kw + POWER_TOLERANCE_KW:
            return None
        return f"found {power_kw:g} kW, accepted 0 to {self._load.power_kw:g} kW"

    def want(self, demand_kw: float, rest_kw: float) -> None:
        """Take the load's part of a home's demand.

        Args:
            demand_kw: The home's whole demand, this load and others like it included [kW].
            rest_kw: What of it no other load has taken [kW].
        """
        self.wanted_kw = min(self._load.power_kw, self._load.typical_share_frac * demand_kw, rest_kw)

    def hold(self, cap_kw: float | None) -> None:
        """Draw what is wanted, up to a cap >= 0 [kW]; no cap: ``None``."""
        self.power_kw = self.wanted_kw if cap_kw is None else min(self.wanted_kw, cap_kw)

    def advance(self, duration_s: float) -> None:
        """Let the present power act for a time [s]."""
        self.import_kwh_total += self.power_kw * duration_s / 3600.0
        self.held_back_kwh_total += self.held_back_kw * duration_s / 3600.0

    def reading(self, device: DeviceKey, ts_utc: datetime, seq: int) -> Reading:
        """What the load says about itself."""
        return Reading(
            device=device,
            ts_utc=ts_utc,
            seq=seq,
            power_kw=self.power_kw,
            import_kwh_total=self.import_kwh_total,
            export_kwh_total=0.0,
        )
