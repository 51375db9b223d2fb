"""The EqWM dispatch as a Pyomo model: variables here, constraints and objectives in the files beside it.

Symbols of the equations and their names:

| symbol | name | unit |
|---|---|---|
| imp_it, exp_it | ``grid_import``, ``grid_export`` (flexible positions only) | kW |
| buy_it, sell_it | ``pool_buy``, ``pool_sell`` | kW |
| ch_bt, dis_bt, soc_bt | ``charge``, ``discharge``, ``soc`` | kW, kW, kWh |
| ev_et, on_et | ``ev_charge``, ``ev_on`` | kW, - |
| s_sk | ``start`` | - |
| curt_it, unserved_it | ``curtail``, ``unserved`` | kW |
| y_it | ``side`` (1: takes, 0: gives) | - |
| Q_t, IMP_t, EXP_t | ``shared``, ``community_import``, ``community_export`` | kW |
| P_q, z | ``peak``, ``burden`` (times the mean income) | kW, EUR |

A position is *flexible* where something behind the meter can move it. Elsewhere the net r = d - g is given and one
trade variable is enough: imp = r - buy, or exp = -r - sell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo

from models.dispatch import community, constraints, objective
from models.dispatch.facts import SIGN_KW

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIndex:
    """Which variables exist: index pairs in rising order."""

    flexible: tuple[Pair, ...]
    """(member, step) with a balance of their own."""
    grid_import: tuple[Pair, ...]
    grid_export: tuple[Pair, ...]
    pool_buy: tuple[Pair, ...]
    pool_sell: tuple[Pair, ...]
    exact_side: tuple[Pair, ...]
    """(member, step) of the control window whose sign is open."""
    tail_side: tuple[Pair, ...]
    curtail: tuple[Pair, ...]
    unserved: tuple[Pair, ...]
    battery: tuple[Pair, ...]
    exact_direction: tuple[Pair, ...]
    tail_direction: tuple[Pair, ...]
    ev: tuple[Pair, ...]
    ev_on: tuple[Pair, ...]
    """(car, step) of the control window where charging is 0 or at least the minimum."""
    start: tuple[Pair, ...]
    """(run, option)"""
    excess: tuple[Pair, ...] = ()
    """(member, step) whose import limit is soft; only in an elastic model."""
    is_elastic: bool = False
    """Limits are soft and their violation is measured: the model of the service stage."""


def index_model(problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> ModelIndex:
    """Choose the variables that the data leave open."""
    can_take, can_give = facts.intake_limit_kw > SIGN_KW, facts.outlet_limit_kw > SIGN_KW
    is_exact = np.arange(problem.step_h.shape[0]) < problem.exact_steps
    grid, pool = facts.has_grid[None, :], facts.is_pool[None, :]
    minimum_kw = np.array([ev.charge_min_kw for ev in problem.evs], dtype=np.float64)[:, None]
    has_ev = facts.ev_limit_kw > SIGN_KW
    return ModelIndex(
        flexible=_pairs(facts.is_flexible),
        grid_import=_pairs(facts.is_flexible & can_take & grid),
        grid_export=_pairs(facts.is_flexible & can_give & grid),
        pool_buy=_pairs(can_take & pool),
        pool_sell=_pairs(can_give & pool),
        exact_side=_pairs(facts.is_open & is_exact),
        tail_side=_pairs(facts.is_open & ~is_exact),
        curtail=_pairs(facts.curtail_limit_kw > SIGN_KW),
        unserved=_pairs(facts.unserved_limit_kw > SIGN_KW),
        battery=_pairs(np.ones(facts.storage.charge_limit_kw.shape, dtype=np.bool_)),
        exact_direction=_pairs(facts.needs_direction & is_exact),
        tail_direction=_pairs(facts.needs_direction & ~is_exact),
        ev=_pairs(has_ev),
        ev_on=_pairs(has_ev & is_exact & (minimum_kw > SIGN_KW)),
        start=tuple((s, k) for s, run in enumerate(problem.runs) for k in range(run.option_kw.shape[0])),
        excess=_pairs(facts.is_flexible & grid & (_is_tight(facts))) if is_elastic else (),
        is_elastic=is_elastic,
    )


def _is_tight(facts: Facts) -> BoolArray:
    result: BoolArray = facts.natural_intake_kw > facts.intake_limit_kw + SIGN_KW
    return result


def _pairs(mask: BoolArray) -> tuple[Pair, ...]:
    return tuple((int(row), int(column)) for row, column in np.argwhere(mask))


def add_variables(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """Every variable with its bounds; all bounds are finite, so that a slack basis is dual feasible."""
    intake, outlet = facts.intake_limit_kw, facts.outlet_limit_kw
    storage = facts.storage
    m.grid_import = pyo.Var(index.grid_import, bounds=_up_to(intake))
    m.grid_export = pyo.Var(index.grid_export, bounds=_up_to(outlet))
    m.pool_buy = pyo.Var(index.pool_buy, bounds=_up_to(intake))
    m.pool_sell = pyo.Var(index.pool_sell, bounds=_up_to(outlet))
    m.curtail = pyo.Var(index.curtail, bounds=_up_to(facts.curtail_limit_kw))
    m.unserved = pyo.Var(index.unserved, bounds=_up_to(facts.unserved_limit_kw))
    m.charge = pyo.Var(index.battery, bounds=_up_to(storage.charge_limit_kw))
    m.discharge = pyo.Var(index.battery, bounds=_up_to(storage.discharge_limit_kw))
    soc_lower, soc_upper = soc_bounds_kwh(problem, facts, is_elastic=index.is_elastic)
    m.soc = pyo.Var(index.battery, bounds=_between(soc_lower, soc_upper))
    m.ev_charge = pyo.Var(index.ev, bounds=_up_to(facts.ev_limit_kw))
    m.ev_on = pyo.Var(index.ev_on, domain=pyo.Binary)
    evs = range(len(problem.evs))
    m.ev_shortfall = pyo.Var(evs, bounds=lambda _, e: (0.0, problem.evs[e].energy_needed_kwh))
    m.ev_surplus = pyo.Var(evs, bounds=lambda _, e: (0.0, ev_surplus_limit_kwh(problem, e)))
    m.start = pyo.Var(index.start, domain=pyo.Binary)
    m.side = pyo.Var(index.exact_side, domain=pyo.Binary)
    m.direction = pyo.Var(index.exact_direction, domain=pyo.Binary)
    add_community_variables(m, problem, facts)
    if index.is_elastic:
        add_violations(m, problem, facts, index)


def soc_bounds_kwh(problem: DispatchProblem, facts: Facts, *, is_elastic: bool) -> tuple[FloatArray, FloatArray]:
    """Bounds of ``soc`` [B, T]; in an elastic model a battery outside its limits may stay where it is."""
    lower, upper = facts.storage.soc_lower_kwh.copy(), facts.storage.soc_upper_kwh.copy()
    if is_elastic:
        for b, battery in enumerate(problem.batteries):
            if facts.storage.starts_outside[b]:
                lower[b] = min(battery.soc_min_kwh, battery.soc_start_kwh)
                upper[b] = max(battery.soc_max_kwh, battery.soc_start_kwh)
    return lower, upper


def outside_batteries(problem: DispatchProblem, facts: Facts) -> tuple[Pair, ...]:
    """(battery, step) of batteries that start outside their limits."""
    steps = problem.step_h.shape[0]
    return _pairs(np.repeat(facts.storage.starts_outside[:, None], steps, axis=1))


def add_violations(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """How far each soft limit is exceeded; all of these are least in the service stage."""
    slack = (0.0, LIMIT_SLACK)
    grid_steps = [t for t in range(problem.step_h.shape[0]) if facts.has_grid[t]]
    outside = outside_batteries(problem, facts)
    m.excess = pyo.Var(index.excess, bounds=slack)
    m.over_import = pyo.Var(grid_steps, bounds=slack)
    m.over_export = pyo.Var(grid_steps, bounds=slack)
    m.below = pyo.Var(outside, bounds=slack)
    m.above = pyo.Var(outside, bounds=slack)
    m.skipped = pyo.Var(range(len(problem.runs)), bounds=(0.0, 1.0))
    m.unserved_share = pyo.Var([t for t in range(problem.step_h.shape[0]) if not facts.has_grid[t]], bounds=slack)


LIMIT_SLACK = 1e5
"""Bound of each violation; only there to keep the variables boxed [kW or kWh]."""


def add_community_variables(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts) -> None:
    """Totals of the community, the paid peak and the highest burden."""
    most_in, most_out = facts.natural_intake_kw.sum(axis=0), facts.natural_outlet_kw.sum(axis=0)
    steps = range(problem.step_h.shape[0])
    m.shared = pyo.Var([t for t in steps if facts.is_pool[t]], bounds=lambda _, t: (0.0, float(min(most_in[t], most_out[t]))))
    grid_steps = [t for t in steps if facts.has_grid[t]]
    m.community_import = pyo.Var(grid_steps, bounds=lambda _, t: (0.0, float(most_in[t])))
    m.community_export = pyo.Var(grid_steps, bounds=lambda _, t: (0.0, float(most_out[t])))
    periods = range(problem.peak_floor_kw.shape[0])
    m.peak = pyo.Var(periods, bounds=lambda _, q: (float(problem.peak_floor_kw[q]), peak_limit_kw(problem, facts, q)))
    m.burden = pyo.Var(bounds=(-BURDEN_LIMIT_EUR, BURDEN_LIMIT_EUR))


BURDEN_LIMIT_EUR = 1e7
"""Bound on the highest burden times the mean income; only there to keep the variable boxed [EUR]."""


def ev_surplus_limit_kwh(problem: DispatchProblem, index: int) -> float:
    """Energy that the smallest charging pulse may bring beyond the need [kWh]."""
    ev = problem.evs[index]
    window_h = problem.step_h[ev.arrival_step : ev.departure_step + 1]
    return ev.charge_efficiency_frac * ev.charge_min_kw * float(window_h.max())


def peak_limit_kw(problem: DispatchProblem, facts: Facts, period: int) -> float:
    """No schedule can have a higher peak in this billing period [kW]."""
    most_kw = facts.natural_intake_kw.sum(axis=0)[problem.peak_period == period]
    metered_kw = abs(problem.metered_net_kwh.sum()) / max(problem.metered_h, 1e-3) if problem.metered_h > 0.0 else 0.0
    return float(max([problem.peak_floor_kw[period] + 1.0, metered_kw, *most_kw]) + metered_kw)


def _up_to(limit: FloatArray):  # noqa: ANN202  # a Pyomo bounds rule
    return lambda _, row, column: (0.0, float(limit[row, column]))


def _between(lower: FloatArray, upper: FloatArray):  # noqa: ANN202  # a Pyomo bounds rule
    return lambda _, row, column: (float(lower[row, column]), float(upper[row, column]))


def build_model(problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> pyo.ConcreteModel:
    """The whole model: variables, named constraints, and one objective for each stage.

    Args:
        problem: A validated problem.
        facts: What its data decide.
        is_elastic: Make limits soft, for the service stage.
    """
    index = index_model(problem, facts, is_elastic=is_elastic)
    m = pyo.ConcreteModel("eqwm_dispatch")
    add_variables(m, problem, facts, index)
    constraints.add_members(m, problem, facts, index)
    community.add_community(m, problem, facts, index)
    objective.add_objectives(m, problem, facts, index)
    return m
