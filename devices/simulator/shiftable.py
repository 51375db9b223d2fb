"""A simulated appliance: asked for a run, it waits for its start, and once started it runs through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from config.members import ShiftableLoad
from devices.simulator.battery import POWER_TOLERANCE_KW
from models.domain.telemetry import DeviceKey, Reading
from models.profiles.profiles import ShiftableRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplianceState:
    """What an appliance has done, to be carried from one run to the next."""

    handled_utc: datetime | None
    """Request of the last run that has begun; later requests are still open."""
    running_until_utc: datetime | None
    """End of the run under way."""
    running_kw: float = 0.0
    running_latest_end_utc: datetime | None = None


class SimulatedAppliance:
    """Idle, requested or running; once running nothing stops it.

    ``waits_for_start``: a request waits for a setpoint above 0 and starts by itself at the last moment that still
    finishes in time; otherwise it starts at once, as appliances do in a home without a controller.
    Times are seconds since ``origin_utc``.
    """

    def __init__(
        self,
        load: ShiftableLoad,
        runs: Sequence[ShiftableRun],
        *,
        origin_utc: datetime,
        waits_for_start: bool,
        start_s: float = 0.0,
        state: ApplianceState | None = None,
    ) -> None:
        self._load = load
        self._origin_utc = origin_utc
        self._waits_for_start = waits_for_start
        self._open = sorted(runs, key=lambda run: run.requested_utc)
        self.power_kw = 0.0
        self.import_kwh_total = 0.0
        self.runs_finished = 0
        self._handled_utc: datetime | None = None
        self._end_s = -inf
        self._running_latest_end_utc: datetime | None = None
        self.next_event_s = -inf
        """When it next starts by itself, ends, or is asked for a run; infinite after the last."""
        self._resume(state, start_s)
        self.follow(None, start_s)

    def _seconds(self, moment_utc: datetime) -> float:
        return (moment_utc - self._origin_utc).total_seconds()

    def _resume(self, state: ApplianceState | None, start_s: float) -> None:
        """Continue a carried state; without one, runs that would have begun before the start are left out."""
        if state is None:
            self._open = [run for run in self._open if self._starts_itself_s(run) >= start_s]
            return
        if state.handled_utc is not None:
            handled_utc = self._handled_utc = state.handled_utc
            self._open = [run for run in self._open if run.requested_utc > handled_utc]
        if state.running_until_utc is not None:
            self._end_s = self._seconds(state.running_until_utc)
            self.power_kw = state.running_kw
            self._running_latest_end_utc = state.running_latest_end_utc

    def _starts_itself_s(self, run: ShiftableRun) -> float:
        """When a run starts if nobody says anything."""
        requested_s = self._seconds(run.requested_utc)
        if not self._waits_for_start:
            return requested_s
        return max(requested_s, self._seconds(run.latest_end_utc) - run.duration_s)

    @property
    def asset_id(self) -> str:
        """Id of the shiftable load in the site file."""
        return self._load.id

    @property
    def is_running(self) -> bool:
        """A run is under way."""
        return self._end_s > -inf

    def requested(self, now_s: float) -> ShiftableRun | None:
        """The run that waits for its start, if any."""
        if self.is_running or not self._open or self._seconds(self._open[0].requested_utc) > now_s:
            return None
        return self._open[0]

    def state(self) -> ApplianceState:
        """What a later run has to know."""
        running = self.is_running
        return ApplianceState(
            handled_utc=self._handled_utc,
            running_until_utc=self._origin_utc + timedelta(seconds=self._end_s) if running else None,
            running_kw=self.power_kw if running else 0.0,
            running_latest_end_utc=self._running_latest_end_utc if running else None,
        )

    def refusal(self, power_kw: float, now_s: float) -> str | None:
        """Why a setpoint cannot be taken now, in words; ``None`` if it can [kW]."""
        if not 0.0 <= power_kw <= self._load.power_kw + POWER_TOLERANCE_KW:
            return f"found {power_kw:g} kW, accepted 0 (wait) to {self._load.power_kw:g} kW (start)"
        if power_kw > 0.0 and not self.is_running and self.requested(now_s) is None:
            return "no run is asked for, accepted 0 kW"
        return None

    def follow(self, held_kw: float | None, now_s: float) -> None:
        """End a run whose time is up, and start the one that waits if it is told to or has to."""
        if self.is_running and now_s >= self._end_s:
            self._end_s, self.power_kw = -inf, 0.0
            self._running_latest_end_utc = None
            self.runs_finished += 1
        run = self.requested(now_s)
        if run is not None and (now_s >= self._starts_itself_s(run) or (held_kw is not None and held_kw > 0.0)):
            self._begin(run, now_s)
        self.next_event_s = self._find_next_event_s(now_s)

    def _begin(self, run: ShiftableRun, now_s: float) -> None:
        self._open.pop(0)
        self._handled_utc = run.requested_utc
        self._running_latest_end_utc = run.latest_end_utc
        self._end_s = now_s + run.duration_s
        self.power_kw = run.power_kw

    def _find_next_event_s(self, now_s: float) -> float:
        if self.is_running:
            return self._end_s
        if not self._open:
            return inf
        requested_s = self._seconds(self._open[0].requested_utc)
        return requested_s if requested_s > now_s else self._starts_itself_s(self._open[0])

    def advance(self, duration_s: float) -> None:
        """Let the present power act for a time [s]."""
        self.import_kwh_total += self.power_kw * duration_s / 3600.0

    def reading(self, device: DeviceKey, ts_utc: datetime, seq: int) -> Reading:
        """What the appliance says about itself."""
        now_s = self._seconds(ts_utc)
        waiting = self.requested(now_s)
        remaining_s = self._end_s - now_s if self.is_running else None
        return Reading(
            device=device,
            ts_utc=ts_utc,
            seq=seq,
            power_kw=self.power_kw,
            import_kwh_total=self.import_kwh_total,
            export_kwh_total=0.0,
            is_requested=waiting is not None,
            is_running=self.is_running,
            remaining_s=float(waiting.duration_s) if waiting is not None else remaining_s,
            latest_end_utc=waiting.latest_end_utc if waiting is not None else self._running_latest_end_utc,
        )
