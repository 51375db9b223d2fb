"""A simulated charging point: cars come, need energy, and leave, whatever has become of the energy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from config.members import Ev
from devices.simulator.battery import ENERGY_TOLERANCE_KWH, POWER_NOISE_KW, POWER_TOLERANCE_KW
from models.domain.telemetry import DeviceKey, Reading
from models.profiles.profiles import EvSession


@dataclass(frozen=True, slots=True, kw_only=True)
class EvState:
    """A car at its charging point, to be carried from one run to the next."""

    arrival_utc: datetime
    """Which session it is."""
    remaining_kwh: float
    """Still to be stored in the car [kWh]."""


class SimulatedEv:
    """Charges on arrival at full power, or at the power it is told: 0, or at least the minimum current.

    The car takes no more than it needs. Times are seconds since ``origin_utc``.
    """

    def __init__(
        self,
        ev: Ev,
        sessions: Sequence[EvSession],
        *,
        origin_utc: datetime,
        start_s: float = 0.0,
        state: EvState | None = None,
    ) -> None:
        self._ev = ev
        self._origin_utc = origin_utc
        self._sessions = [
            (self._seconds(session.arrival_utc), self._seconds(session.departure_utc), session)
            for session in sorted(sessions, key=lambda session: session.arrival_utc)
            if self._seconds(session.departure_utc) > start_s
        ]
        self._state = state
        self._start_s = start_s
        self.plugged: EvSession | None = None
        """The session under way, if a car is connected."""
        self.remaining_kwh = 0.0
        """Still to be stored in the car that is connected [kWh]."""
        self.missed_kwh = 0.0
        """Energy that cars left without, over all departures [kWh]."""
        self.power_kw = 0.0
        self.import_kwh_total = 0.0
        self._charge_efficiency = ev.charge_efficiency_frac
        self.next_event_s = -inf
        """When a car comes or leaves next; infinite after the last."""
        self.come_and_go(start_s)

    def _seconds(self, moment_utc: datetime) -> float:
        return (moment_utc - self._origin_utc).total_seconds()

    @property
    def asset_id(self) -> str:
        """Id of the EV in the site file."""
        return self._ev.id

    def state(self) -> EvState | None:
        """What a later run has to know; ``None`` without a car."""
        if self.plugged is None:
            return None
        return EvState(arrival_utc=self.plugged.arrival_utc, remaining_kwh=self.remaining_kwh)

    def come_and_go(self, now_s: float) -> None:
        """Unplug a car whose time has come and plug in the next one if it is there."""
        if self.plugged is not None and now_s >= self.next_event_s:
            self.missed_kwh += max(self.remaining_kwh, 0.0)
            self.plugged, self.remaining_kwh = None, 0.0
            self._sessions.pop(0)
        if self.plugged is None:
            self.next_event_s = self._sessions[0][0] if self._sessions else inf
            if now_s >= self.next_event_s:
                arrival_s, self.next_event_s, session = self._sessions[0]
                self.plugged = session
                self.remaining_kwh = self._needed_kwh(session, arrival_s)

    def _needed_kwh(self, session: EvSession, arrival_s: float) -> float:
        """Energy to store; a car found plugged in has charged since its arrival unless the state says otherwise."""
        if self._state is not None and self._state.arrival_utc == session.arrival_utc:
            return self._state.remaining_kwh
        charged_s = max(self._start_s - arrival_s, 0.0)
        charged_kwh = self._ev.charge_limit_kw * self._charge_efficiency * charged_s / 3600.0
        return max(session.energy_needed_kwh - charged_kwh, 0.0)

    def refusal(self, power_kw: float) -> str | None:
        """Why a power cannot be asked of this charging point now, in words; ``None`` if it can [kW]."""
        low_kw, high_kw = self._ev.charge_min_kw, self._ev.charge_limit_kw
        if power_kw == 0.0:
            return None
        if not low_kw - POWER_TOLERANCE_KW <= power_kw <= high_kw + POWER_TOLERANCE_KW:
            return f"found {power_kw:g} kW, accepted 0 or {low_kw:g} to {high_kw:g} kW"
        return None if self.plugged is not None else "no car is plugged in, accepted 0 kW"

    def hold(self, held_kw: float | None) -> None:
        """Take on a held power, or without one full power, as long as a car needs energy [kW]."""
        if self.plugged is None or self.remaining_kwh <= ENERGY_TOLERANCE_KWH:
            self.power_kw = 0.0
        else:
            limit_kw = self._ev.charge_limit_kw
            self.power_kw = limit_kw if held_kw is None else min(held_kw, limit_kw)

    def time_to_limit_s(self) -> float:
        """Time until the car has what it needs at the present power [s]; infinite when not charging."""
        if self.power_kw <= POWER_NOISE_KW:
            return inf
        return self.remaining_kwh * 3600.0 / (self.power_kw * self._charge_efficiency)

    def advance(self, duration_s: float) -> None:
        """Let the present power act for a time that does not reach past ``time_to_limit_s()`` [s]."""
        energy_kwh = self.power_kw * duration_s / 3600.0
        self.import_kwh_total += energy_kwh
        self.remaining_kwh -= energy_kwh * self._charge_efficiency

    def reading(self, device: DeviceKey, ts_utc: datetime, seq: int) -> Reading:
        """What the charging point says about itself."""
        return Reading(
            device=device,
            ts_utc=ts_utc,
            seq=seq,
            power_kw=self.power_kw,
            import_kwh_total=self.import_kwh_total,
            export_kwh_total=0.0,
            is_plugged=self.plugged is not None,
            energy_needed_kwh=None if self.plugged is None else max(self.remaining_kwh, 0.0),
            departure_utc=None if self.plugged is None else self.plugged.departure_utc,
        )
