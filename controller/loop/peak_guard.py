"""Sees within an interval that the community is about to draw more than its plan pays for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from controller.loop.cycle import CycleReport
from models.domain.telemetry import DeviceKey, Reading

SLACK_KW = 0.1
"""Mean import above the plan's peak that is not worth a new plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """The rest of the interval, as the plan sees it."""

    metered_kwh: float
    """Net import of the community before the plan."""
    rest_h: float
    whole_h: float
    peak_kw: float
    """Highest import that the plan pays for in the running billing period."""


class PeakGuard:
    """Projects the community's mean import of the running interval from its members' meters.

    mean = (metered before the plan + rate since the plan * rest of the interval) / interval, the rate being the sum
    of the meters' own. A single home's deviation may leave the sum as planned, and many small ones may add up.

    Args:
        meters: Every member's meters.
    """

    def __init__(self, meters: Iterable[DeviceKey]) -> None:
        self._meters = tuple(meters)
        self._expected: _Expected | None = None
        self._marks: dict[DeviceKey, tuple[datetime, float]] = {}
        self._rates_kw: dict[DeviceKey, float] = {}

    def note_cycle(self, report: CycleReport) -> None:
        """Start anew from a plan; without one, or with a meter that is not known, nothing is watched."""
        self._expected, self._rates_kw = None, {}
        self._marks = {
            key: (reading.ts_utc, net_kwh(reading))
            for key in self._meters
            if (reading := report.snapshot.fresh.get(key)) is not None and reading.import_kwh_total is not None
        }
        plan, built = report.decision.plan, report.decision.built
        if plan is None or plan.figures is None or built is None or len(self._marks) < len(self._meters):
            return
        problem = built.problem
        if problem.peak_charge_eur_per_kw > 0.0 and not problem.is_islanded[0]:
            rest_h = float(problem.step_h[0])
            self._expected = _Expected(
                metered_kwh=float(problem.metered_net_kwh.sum()),
                rest_h=rest_h,
                whole_h=problem.metered_h + rest_h,
                peak_kw=float(plan.figures.peak_kw[0]),
            )

    def is_exceeded_with(self, reading: Reading, *, least_s: float) -> bool:
        """Whether, with one more reading, the interval is heading above the plan's peak; said once for each plan.

        Args:
            reading: Of any device.
            least_s: Time that every meter must have told of since the plan [s].
        """
        mark = self._marks.get(reading.device)
        if self._expected is None or mark is None or reading.import_kwh_total is None:
            return False
        passed_s = (reading.ts_utc - mark[0]).total_seconds()
        if passed_s < least_s:
            return False
        self._rates_kw[reading.device] = (net_kwh(reading) - mark[1]) * 3600.0 / passed_s
        if len(self._rates_kw) < len(self._meters):
            return False
        expected = self._expected
        mean_kw = (expected.metered_kwh + sum(self._rates_kw.values()) * expected.rest_h) / expected.whole_h
        if mean_kw <= expected.peak_kw + SLACK_KW:
            return False
        self._expected = None
        return True


def net_kwh(reading: Reading) -> float:
    """Net import that a meter's counters tell [kWh]."""
    return (reading.import_kwh_total or 0.0) - (reading.export_kwh_total or 0.0)
