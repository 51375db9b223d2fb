"""The EqWM dispatch as a Pyomo model: variables here, constraints and objectives in the files beside it.

Symbols of the equations and their names:

| symbol | name | unit |
|---|---|---|
| imp_it, exp_it | ``grid_import``, ``grid_export`` (flexible positions only) | kW |
| buy_it, sell_it | ``pool_buy``, ``pool_sell`` | kW |
| ch_bt, dis_bt, soc_bt | ``charge``, ``discharge``, ``soc`` | kW, kW, kWh |
| ev_et, on_et | ``ev_charge``, ``ev_on`` | kW, - |
| s_sk | ``start`` | - |
| cut_ct | ``cut`` | kW |
| curt_it, unserved_it | ``curtail``, ``unserved`` | kW |
| y_it, delta_bt | ``side`` (1: takes, 0: gives), ``direction`` (1: charges) | - |
| Q_t, IMP_t, EXP_t | ``shared``, ``community_import``, ``community_export`` | kW |
| P_q, z' | ``peak``, ``burden`` (times the mean income) | kW, EUR |
| excess_t | ``event_excess`` | kW |

A position is *flexible* where something behind the meter can move it. Elsewhere the net r = d - g is given and one
trade variable is enough: imp = r - buy, or exp = -r - sell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo

from models.dispatch import community, constraints, objective
from models.dispatch.bounds import (
    BURDEN_LIMIT_EUR,
    LIMIT_SLACK,
    bound_access_missing_kwh,
    bound_ev_surplus_kwh,
    bound_event_excess_kw,
    bound_peak_kw,
    bound_shared_kw,
    bound_soc_kwh,
)
from models.dispatch.structure import Structure, decide_structure, pairs, steps

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem, FloatArray


def build_model(problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> pyo.ConcreteModel:
    """The whole model: variables, named constraints, and one objective for each stage.

    Args:
        problem: A validated problem.
        facts: What its data decide.
        is_elastic: Make limits soft, for the service stage.
    """
    structure = decide_structure(problem, facts, is_elastic=is_elastic)
    m = pyo.ConcreteModel("eqwm_dispatch")
    add_member_variables(m, facts, structure)
    add_device_variables(m, problem, facts, structure)
    add_community_variables(m, problem, facts, structure)
    if is_elastic:
        add_violations(m, problem, structure)
    constraints.add_members(m, problem, facts, structure)
    community.add_community(m, problem, facts, structure)
    objective.add_objectives(m, problem, facts, structure)
    return m


def add_member_variables(m: pyo.ConcreteModel, facts: Facts, structure: Structure) -> None:
    """Powers at the members' meters."""
    intake, outlet = _up_to(facts.intake_limit_kw), _up_to(facts.outlet_limit_kw)
    m.grid_import = pyo.Var(pairs(structure.grid_import), bounds=intake)
    m.grid_export = pyo.Var(pairs(structure.grid_export), bounds=outlet)
    m.pool_buy = pyo.Var(pairs(structure.pool_buy), bounds=intake)
    m.pool_sell = pyo.Var(pairs(structure.pool_sell), bounds=outlet)
    m.curtail = pyo.Var(pairs(structure.curtail), bounds=_up_to(facts.curtail_limit_kw))
    m.unserved = pyo.Var(pairs(structure.unserved), bounds=_up_to(facts.unserved_limit_kw))
    m.side = pyo.Var(pairs(structure.side_exact), domain=pyo.Binary)
    m.renewable_buy = pyo.Var(pairs(structure.renewable_buy), bounds=intake)
    m.renewable_sell = pyo.Var(
        pairs(structure.renewable_sell), bounds=lambda _, i, t: (0.0, max(-float(facts.fixed_kw[i, t]), 0.0))
    )


def add_device_variables(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """Batteries, cars, runs and loads that may be held back."""
    storage = facts.storage
    every = [(b, t) for b in range(len(problem.batteries)) for t in range(problem.step_h.shape[0])]
    soc_lower, soc_upper = bound_soc_kwh(problem, facts, is_elastic=structure.is_elastic)
    m.charge = pyo.Var(every, bounds=_up_to(storage.charge_limit_kw))
    m.discharge = pyo.Var(every, bounds=_up_to(storage.discharge_limit_kw))
    m.soc = pyo.Var(every, bounds=lambda _, b, t: (float(soc_lower[b, t]), float(soc_upper[b, t])))
    m.direction = pyo.Var(pairs(structure.direction_exact), domain=pyo.Binary)
    surplus_kwh = bound_ev_surplus_kwh(problem, facts)
    evs = range(len(problem.evs))
    m.ev_charge = pyo.Var(pairs(structure.ev), bounds=_up_to(facts.ev_limit_kw))
    m.ev_on = pyo.Var(pairs(structure.ev_on), domain=pyo.Binary)
    m.ev_shortfall = pyo.Var(evs, bounds=lambda _, e: (0.0, problem.evs[e].energy_needed_kwh))
    m.ev_surplus = pyo.Var(evs, bounds=lambda _, e: (0.0, float(surplus_kwh[e])))
    options = [(s, k) for s, run in enumerate(problem.runs) for k in range(run.option_kw.shape[0])]
    m.start = pyo.Var(options, domain=pyo.Binary)
    m.cut = pyo.Var(pairs(structure.cut), bounds=_up_to(facts.cut_limit_kw))


def add_community_variables(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """Totals of the community, the paid peak, the events' excess, the highest burden and missing access."""
    most_in, most_out = facts.natural_intake_kw.sum(axis=0), facts.natural_outlet_kw.sum(axis=0)
    spare = LIMIT_SLACK if structure.is_elastic else 0.0
    shared_kw, peak_kw, missing_kwh = (
        bound_shared_kw(facts),
        bound_peak_kw(problem, facts),
        bound_access_missing_kwh(facts),
    )
    m.shared = pyo.Var(steps(facts.is_pool), bounds=lambda _, t: (0.0, float(shared_kw[t])))
    m.community_import = pyo.Var(steps(facts.has_grid), bounds=lambda _, t: (0.0, float(most_in[t]) + spare))
    m.community_export = pyo.Var(steps(facts.has_grid), bounds=lambda _, t: (0.0, float(most_out[t])))
    periods = range(problem.peak_floor_kw.shape[0]) if problem.peak_charge_eur_per_kw > 0.0 else ()
    m.peak = pyo.Var(periods, bounds=lambda _, q: (float(problem.peak_floor_kw[q]), float(peak_kw[q]) + spare))
    excess_kw = bound_event_excess_kw(problem, facts)
    m.event_excess = pyo.Var(steps(structure.event), bounds=lambda _, t: (0.0, float(excess_kw[t]) + spare))
    m.burden = pyo.Var([0] if facts.is_burden.any() else [], bounds=(-BURDEN_LIMIT_EUR, BURDEN_LIMIT_EUR))
    m.access_missing = pyo.Var(steps(facts.is_access), bounds=lambda _, i: (0.0, float(missing_kwh[i])))


def add_violations(m: pyo.ConcreteModel, problem: DispatchProblem, structure: Structure) -> None:
    """How far each soft limit is exceeded; all of these are least in the service stage."""
    slack = (0.0, LIMIT_SLACK)
    m.excess = pyo.Var(pairs(structure.excess), bounds=slack)
    m.over_import = pyo.Var(steps(structure.limit_in), bounds=slack)
    m.over_export = pyo.Var(steps(structure.limit_out), bounds=slack)
    m.below = pyo.Var(pairs(structure.outside), bounds=slack)
    m.above = pyo.Var(pairs(structure.outside), bounds=slack)
    m.skipped = pyo.Var(range(len(problem.runs)), bounds=(0.0, 1.0))
    m.unserved_share = pyo.Var(steps(np.any(structure.unserved, axis=0)), bounds=slack)


def _up_to(limit: FloatArray) -> Callable[[object, int, int], tuple[float, float]]:
    return lambda _, row, column: (0.0, float(limit[row, column]))
