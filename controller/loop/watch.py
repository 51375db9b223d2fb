"""Watches readings between ticks and asks for a re-plan when they no longer fit the plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from config.schema import Site
from controller.loop.cycle import CycleReport
from controller.loop.fallback import meters_by_member
from controller.loop.peak_guard import PeakGuard, net_kwh
from controller.loop.state_store import StateStore
from controller.loop.triggers import ReplanRequests, Trigger
from devices.clock import Clock
from models.domain.telemetry import DeviceKey, Reading

LEAST_WATCH_FRAC = 0.2
"""A deviation is a mean over at least this part of an interval: a kettle is not a reason to re-plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """Where a member's meter stood when the plan was made, and what the plan expects of it."""

    since_utc: datetime
    net_kwh: float
    planned_kw: float


class Watch:
    """Compares each reading with the plan and with the reading before it."""

    def __init__(self, site: Site, clock: Clock, state: StateStore, requests: ReplanRequests) -> None:
        """Watch nothing until the first plan."""
        self._site = site
        self._clock = clock
        self._state = state
        self._requests = requests
        self._owners: dict[DeviceKey, int] = {}
        meters = meters_by_member(site)
        for index, member in enumerate(site.members):
            # The sum of several meters has no common stamp; such members are left to the interval's cycle.
            if len(meters[member.id]) == 1:
                self._owners[meters[member.id][0]] = index
        self._guard = PeakGuard(key for member in site.members for key in meters[member.id])
        self._least_s = LEAST_WATCH_FRAC * 60.0 * site.interval_min
        self._marks: dict[DeviceKey, _Mark] = {}
        self._present: dict[DeviceKey, bool] = {}

    def note_cycle(self, report: CycleReport) -> None:
        """Remember what the new plan expects, and which devices it could count on."""
        self._requests.note_plan(report.snapshot.taken_utc)
        self._present = dict.fromkeys(report.snapshot.fresh, True) | dict.fromkeys(report.snapshot.stale, False)
        self._marks = {}
        self._guard.note_cycle(report)
        plan = report.decision.plan
        if plan is None or plan.schedule is None:
            return
        schedule = plan.schedule
        net_kw = schedule.import_kw + schedule.buy_kw - schedule.export_kw - schedule.sell_kw
        for key, index in self._owners.items():
            reading = report.snapshot.fresh.get(key)
            if reading is not None and reading.import_kwh_total is not None:
                self._marks[key] = _Mark(
                    since_utc=reading.ts_utc, net_kwh=net_kwh(reading), planned_kw=float(net_kw[index, 0])
                )

    def note_reading(self, previous: Reading | None, reading: Reading) -> None:
        """Compare a new reading with the one before it and with the plan."""
        key = reading.device
        if self._present.get(key) is False:
            self._present[key] = True
            self._requests.request(Trigger.JOINED)
        if previous is not None and _asset_changed(previous, reading):
            self._requests.request(Trigger.ASSET)
        if self._guard.is_exceeded_with(reading, least_s=self._least_s):
            self._requests.request(Trigger.PEAK)
        mark = self._marks.get(key)
        if mark is not None and reading.import_kwh_total is not None:
            passed_s = (reading.ts_utc - mark.since_utc).total_seconds()
            if passed_s >= self._least_s:
                mean_kw = (net_kwh(reading) - mark.net_kwh) * 3600.0 / passed_s
                if abs(mean_kw - mark.planned_kw) > self._site.control.deviation_kw:
                    del self._marks[key]
                    self._requests.request(Trigger.DEVIATION)

    def check_absences(self) -> tuple[DeviceKey, ...]:
        """Devices that the plan counted on and that have gone silent since."""
        now_s, now_utc = self._clock.monotonic_s(), self._clock.now_utc()
        gone = tuple(
            key for key, is_there in self._present.items() if is_there and not self._state.is_fresh(key, now_s, now_utc)
        )
        for key in gone:
            self._present[key] = False
        if gone:
            self._requests.request(Trigger.LEFT)
        return gone


def _asset_changed(previous: Reading, reading: Reading) -> bool:
    """A car came or went, or an appliance was asked for."""
    is_asked = bool(reading.is_requested) and not previous.is_requested
    return is_asked or (reading.is_plugged is not None and reading.is_plugged != previous.is_plugged)
