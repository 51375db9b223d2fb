"""Newest value of each device, and its counters around interval boundaries.

Messages only ever replace values here; nothing is queued, so a flood costs no memory and the newest value is
what a cycle sees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.domain.interval import floor_to_interval
from models.domain.snapshot import MISSING_ENERGY, CountedEnergy, MeterQuality, Snapshot
from models.domain.telemetry import DeviceKey, Reading

KEPT_BOUNDARIES = 3
"""Boundaries whose counters are kept: start and end of the closed interval, and one for a late cycle."""


@dataclass(slots=True)
class _Counters:
    """Readings next to one boundary: the last at or before it and the first at or after it."""

    before: Reading | None
    after: Reading | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """Counters at one instant [kWh]."""

    import_kwh: float
    export_kwh: float | None
    """``None``: the device has no such counter, or did not say it."""
    is_sampled: bool
    """Sampled at that very instant, not interpolated."""


@dataclass(slots=True)
class _DeviceState:
    newest: Reading
    received_s: float
    boundaries: dict[datetime, _Counters] = field(default_factory=dict)


class StateStore:
    """Owner of the newest readings.

    Args:
        interval_min: Length of an interval [min].
        stale_after_s: Age beyond which a reading is not used [s].
    """

    def __init__(self, devices: Iterable[DeviceKey], *, interval_min: int, stale_after_s: float) -> None:
        self._devices = tuple(devices)
        self._interval_min = interval_min
        self._stale_after_s = stale_after_s
        self._states: dict[DeviceKey, _DeviceState] = {}

    def offer(self, reading: Reading, received_s: float) -> None:
        """Take an accepted reading, received at monotonic time ``received_s`` [s]."""
        state = self._states.get(reading.device)
        if state is None:
            state = self._states[reading.device] = _DeviceState(newest=reading, received_s=received_s)
            self._note_boundary(state, None, reading)
            return
        if reading.ts_utc < state.newest.ts_utc:
            return
        self._note_boundary(state, state.newest, reading)
        state.newest = reading
        state.received_s = received_s

    def newest(self, device: DeviceKey) -> Reading | None:
        """Newest reading of a device, however old."""
        state = self._states.get(device)
        return None if state is None else state.newest

    def age_s(self, device: DeviceKey, now_s: float, now_utc: datetime) -> float | None:
        """Age of the newest reading: the longer of time since receipt and since its own stamp [s]."""
        state = self._states.get(device)
        if state is None:
            return None
        return max(now_s - state.received_s, (now_utc - state.newest.ts_utc).total_seconds())

    def is_fresh(self, device: DeviceKey, now_s: float, now_utc: datetime) -> bool:
        """Whether the device's newest reading may be used."""
        age_s = self.age_s(device, now_s, now_utc)
        return age_s is not None and age_s <= self._stale_after_s

    def freeze(self, *, now_utc: datetime, now_s: float, interval_start_utc: datetime, with_closed: bool) -> Snapshot:
        """One immutable image of everything a cycle may look at."""
        fresh: dict[DeviceKey, Reading] = {}
        stale: dict[DeviceKey, float | None] = {}
        for device in self._devices:
            if self.is_fresh(device, now_s, now_utc):
                fresh[device] = self._states[device].newest
            else:
                stale[device] = self.age_s(device, now_s, now_utc)
        interval = timedelta(minutes=self._interval_min)
        closed_start = interval_start_utc - interval
        return Snapshot(
            taken_utc=now_utc,
            interval_start_utc=interval_start_utc,
            fresh=fresh,
            stale=stale,
            closed=self._closed(closed_start, interval_start_utc) if with_closed else {},
            earlier=self._closed(closed_start - interval, closed_start) if with_closed else {},
            awaited=tuple(device for device in fresh if self._is_awaited(device, closed_start, interval_start_utc)),
            running={device: self._running(device, interval_start_utc) for device in fresh},
        )

    def _closed(self, start_utc: datetime, end_utc: datetime) -> dict[DeviceKey, CountedEnergy]:
        return {device: self._counted(device, start_utc, end_utc) for device in self._devices}

    def _is_awaited(self, device: DeviceKey, start_utc: datetime, end_utc: datetime) -> bool:
        """Whether its next reading will tell what it counted in an interval."""
        state = self._states[device]
        is_counting = state.newest.import_kwh_total is not None and start_utc in state.boundaries
        return is_counting and state.newest.ts_utc < end_utc

    def _counted(self, device: DeviceKey, start_utc: datetime, end_utc: datetime) -> CountedEnergy:
        state = self._states.get(device)
        if state is None:
            return MISSING_ENERGY
        longest = timedelta(minutes=self._interval_min)
        start = _counters_at(state.boundaries.get(start_utc), start_utc, longest)
        end = _counters_at(state.boundaries.get(end_utc), end_utc, longest)
        return _difference(start, end, end_utc - start_utc)

    def _running(self, device: DeviceKey, start_utc: datetime) -> CountedEnergy:
        state = self._states[device]
        start = _counters_at(state.boundaries.get(start_utc), start_utc, timedelta(minutes=self._interval_min))
        if state.newest.ts_utc < start_utc:
            return MISSING_ENERGY
        return _difference(start, _totals_of(state.newest), state.newest.ts_utc - start_utc)

    def _note_boundary(self, state: _DeviceState, previous: Reading | None, reading: Reading) -> None:
        boundary = floor_to_interval(reading.ts_utc, self._interval_min)
        known = state.boundaries.get(boundary)
        if known is None:
            state.boundaries[boundary] = _Counters(before=previous, after=reading)
            while len(state.boundaries) > KEPT_BOUNDARIES:
                del state.boundaries[min(state.boundaries)]


def _counters_at(counters: _Counters | None, at_utc: datetime, longest: timedelta) -> _Totals | None:
    """Counters at an instant: sampled there, else interpolated between readings at most ``longest`` apart."""
    after = None if counters is None else _totals_of(counters.after)
    if counters is None or counters.after is None or after is None:
        return None
    if counters.after.ts_utc == at_utc:
        return after
    before = _totals_of(counters.before)
    if counters.before is None or before is None or (before.export_kwh is None) != (after.export_kwh is None):
        return None
    span = counters.after.ts_utc - counters.before.ts_utc
    if not timedelta(0) < span <= longest:
        return None
    part = (at_utc - counters.before.ts_utc) / span
    export_kwh = None
    if before.export_kwh is not None and after.export_kwh is not None:
        export_kwh = before.export_kwh + part * (after.export_kwh - before.export_kwh)
    return _Totals(
        import_kwh=before.import_kwh + part * (after.import_kwh - before.import_kwh),
        export_kwh=export_kwh,
        is_sampled=False,
    )


def _totals_of(reading: Reading | None) -> _Totals | None:
    if reading is None or reading.import_kwh_total is None:
        return None
    return _Totals(import_kwh=reading.import_kwh_total, export_kwh=reading.export_kwh_total, is_sampled=True)


def _difference(start: _Totals | None, end: _Totals | None, span: timedelta) -> CountedEnergy:
    # A counter that was said on one side only would be counted from zero: years of energy in one interval.
    if start is None or end is None or (start.export_kwh is None) != (end.export_kwh is None):
        return MISSING_ENERGY
    is_sampled = start.is_sampled and end.is_sampled
    return CountedEnergy(
        import_kwh=max(0.0, end.import_kwh - start.import_kwh),
        export_kwh=max(0.0, (end.export_kwh or 0.0) - (start.export_kwh or 0.0)),
        quality=MeterQuality.MEASURED if is_sampled else MeterQuality.INTERPOLATED,
        span_s=span.total_seconds(),
    )
