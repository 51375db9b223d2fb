"""Bounds of the model's variables that both its forms share. All are finite: a slack basis is then dual feasible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import find_targets_kw
from models.dispatch.reserve import reserves_kw

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem, FloatArray

BURDEN_LIMIT_EUR = 1e7
"""Bound on the highest burden times the mean income; only there to keep the variable boxed [EUR]."""
LIMIT_SLACK = 1e5
"""Bound of each violation in the service stage; only there to keep the variables boxed [kW or kWh]."""
SPARE_KWH = 1e4
"""What a bound on missing access has to spare [kWh]."""


def bound_soc_kwh(problem: DispatchProblem, facts: Facts, *, is_elastic: bool) -> tuple[FloatArray, FloatArray]:
    """Bounds of ``soc`` [B, T]; in an elastic model a battery outside its limits may stay where it is."""
    lower, upper = facts.storage.soc_lower_kwh.copy(), facts.storage.soc_upper_kwh.copy()
    if is_elastic:
        for b, battery in enumerate(problem.batteries):
            if facts.storage.starts_outside[b]:
                lower[b] = min(battery.soc_min_kwh, battery.soc_start_kwh)
                upper[b] = max(battery.soc_max_kwh, battery.soc_start_kwh)
    return lower, upper


def bound_ev_surplus_kwh(problem: DispatchProblem, facts: Facts) -> FloatArray:
    """[E] Energy that the smallest charging pulse may bring beyond the need."""
    pulse = np.array([ev.charge_efficiency_frac * ev.charge_min_kw for ev in problem.evs], dtype=np.float64)
    hours = np.where(facts.ev_limit_kw > 0.0, problem.step_h, 0.0).max(axis=1, initial=0.0)
    result: FloatArray = pulse * hours
    return result


def bound_peak_kw(problem: DispatchProblem, facts: Facts) -> FloatArray:
    """[Q] No schedule can have a higher peak in these billing periods."""
    most_kw = np.where(facts.has_grid, facts.natural_intake_kw.sum(axis=0) + reserves_kw(problem), 0.0)
    most_kw[0] += abs(float(problem.metered_net_kwh.sum())) / (float(problem.step_h[0]) + problem.metered_h)
    highest = problem.peak_floor_kw + 1.0
    np.maximum.at(highest, problem.peak_period, most_kw)
    return highest


def bound_event_excess_kw(problem: DispatchProblem, facts: Facts) -> FloatArray:
    """[T] No schedule can miss an event's target by more; 0 where none counts."""
    target_kw = find_targets_kw(problem)
    counts = np.isfinite(target_kw)
    missed_kw = facts.natural_intake_kw.sum(axis=0) - np.where(counts, target_kw, 0.0)
    return np.where(counts, np.maximum(missed_kw, 0.0), 0.0)


def bound_shared_kw(facts: Facts) -> FloatArray:
    """[T] No more can be shared than all can take, or give."""
    result: FloatArray = np.minimum(facts.intake_limit_kw.sum(axis=0), facts.outlet_limit_kw.sum(axis=0))
    return result


def bound_access_missing_kwh(facts: Facts) -> FloatArray:
    """[N] No member can miss more."""
    result: FloatArray = np.maximum(facts.access_needed_kwh, 0.0) + SPARE_KWH
    return result


def mean_income_eur(problem: DispatchProblem) -> float:
    """Ybar over members with an income; 1 if there is none."""
    known = np.isfinite(problem.income_eur)
    return float(problem.income_eur[known].mean()) if known.any() else 1.0
