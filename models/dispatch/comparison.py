"""Two plans of one problem side by side: are they worth the same, and where do their schedules differ most?"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.bounds import mean_income_eur
from models.dispatch.result import Plan, PlanFigures, Schedule

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem

MONEY_TOLERANCE_EUR = 1e-3
"""A tenth of a cent for the whole horizon: what the audit grants each of the two plans [EUR]."""
RELATIVE_TOLERANCE = 1e-5
"""Two solvers that both stop at the optimum of the same linear program agree to this."""
LEAST_SCALE_FRAC = 0.01
"""Gaps are relative to the amount, or to this share of the plain bill where the amount is near zero."""
SOFT_TOLERANCE = 1e-3
"""On the sum of exceeded limits, relative, and at least this [kW or kWh]."""
NOTICEABLE = 1e-4
"""Entries of two schedules that differ by less are the same [kW or kWh]."""
_BY_STEP = ("event_excess_kw",)
"""Arrays of the community, by step alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthDifference:
    """One amount that both plans have."""

    name: str
    recorded: float
    resolved: float
    tolerance: float
    unit: str

    @property
    def is_close(self) -> bool:
        """Within the tolerance; never, where one is not a number."""
        return abs(self.recorded - self.resolved) <= self.tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDifference:
    """The entry of one of the schedule's arrays at which two schedules differ most."""

    quantity: str
    """Name of the array; its unit is the suffix."""
    row: int
    """Member or device; -1 for the community."""
    step: int
    """-1 where the quantity has no steps."""
    recorded: float
    resolved: float
    count: int
    """Entries that differ noticeably."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What came of comparing."""

    worths: tuple[WorthDifference, ...]
    entries: tuple[EntryDifference, ...]
    """Arrays that differ noticeably, the largest difference first; another optimum of the same worth differs too."""

    @property
    def is_same_worth(self) -> bool:
        """Every amount agrees."""
        return all(worth.is_close for worth in self.worths)


def compare_plans(problem: DispatchProblem, recorded: Plan, resolved: Plan, *, mip_gap_frac: float) -> Comparison:
    """Compare two plans that have schedules.

    Each stage was solved to a gap, so two right answers may be that far apart, and the equity stage inherits the
    difference in its budget.

    Args:
        problem: The problem of both.
        recorded: The plan of the past.
        resolved: The plan of now.
        mip_gap_frac: Gap at which a stage counts as solved.

    Raises:
        ValueError: A plan has no schedule.
    """
    old, new = recorded.figures, resolved.figures
    if old is None or new is None or recorded.schedule is None or resolved.schedule is None:
        raise ValueError("two plans with schedules are needed")
    gap_frac = max(mip_gap_frac, recorded.record.gap_frac, resolved.record.gap_frac)
    efficient = _worth(problem, "efficient cost F*", old.efficient_cost_eur, new.efficient_cost_eur, gap_frac)
    equity = _worth(problem, "equity objective", equity_objective_eur(problem, old), equity_objective_eur(problem, new),
                    2.0 * gap_frac)  # fmt: skip
    alone = _worth(problem, "stand-alone cost", old.alone_cost_eur, new.alone_cost_eur, 0.0)
    return Comparison(
        worths=(efficient, equity, alone, _soft(recorded, resolved)),
        entries=_compare_schedules(recorded.schedule, resolved.schedule),
    )


def equity_objective_eur(problem: DispatchProblem, figures: PlanFigures) -> float:
    """sum_i w_i (C_i + D_i) + k (P - P0) + rho Ybar z + price of missing access and targets: what stage 2 minimises."""
    weighted = float(problem.weight @ figures.member_cost_eur)
    if problem.curtailables:
        weighted += float(problem.weight @ figures.discomfort_eur)
    peak = problem.peak_charge_eur_per_kw * float((figures.peak_kw - problem.peak_floor_kw).sum())
    access = problem.access_shortfall_eur_per_kwh * float(figures.access_shortfall_kwh.sum())
    missed = problem.event_shortfall_eur_per_kwh * float(figures.event_shortfall_kwh.sum())
    burden_frac = figures.worst_burden_frac or 0.0
    return weighted + peak + access + missed + problem.burden_price_frac * mean_income_eur(problem) * burden_frac


def _worth(problem: DispatchProblem, name: str, recorded: float, resolved: float, gap_frac: float) -> WorthDifference:
    prices = np.abs(problem.import_price_eur_per_kwh)
    bill_eur = float(prices * problem.step_h @ problem.demand_kw.sum(axis=0))
    scale_eur = max(abs(recorded), LEAST_SCALE_FRAC * bill_eur)
    tolerance = MONEY_TOLERANCE_EUR + (RELATIVE_TOLERANCE + gap_frac) * scale_eur
    return WorthDifference(name=name, recorded=recorded, resolved=resolved, tolerance=tolerance, unit="EUR")


def _soft(recorded: Plan, resolved: Plan) -> WorthDifference:
    old, new = (float(sum(limit.size for limit in plan.softened)) for plan in (recorded, resolved))
    tolerance = SOFT_TOLERANCE * max(1.0, old)
    return WorthDifference(
        name="limits exceeded, in sum", recorded=old, resolved=new, tolerance=tolerance, unit="kW or kWh"
    )


def _compare_schedules(recorded: Schedule, resolved: Schedule) -> tuple[EntryDifference, ...]:
    found = []
    for item in fields(Schedule):
        old = np.asarray(getattr(recorded, item.name), dtype=np.float64)
        new = np.asarray(getattr(resolved, item.name), dtype=np.float64)
        if not old.size and not new.size:
            continue
        off = np.abs(old - new)
        if off.max() <= NOTICEABLE:
            continue
        place = np.unravel_index(int(off.argmax()), off.shape)
        found.append(
            EntryDifference(
                quantity=item.name,
                row=-1 if item.name in _BY_STEP else int(place[0]),
                step=int(place[-1]) if len(place) > 1 or item.name in _BY_STEP else -1,
                recorded=float(old[place]),
                resolved=float(new[place]),
                count=int((off > NOTICEABLE).sum()),
            )
        )
    return tuple(sorted(found, key=lambda entry: -abs(entry.recorded - entry.resolved)))
