"""Objectives of the stages, each an equation of the design: service, efficiency, equity; and the cost F itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo

from models.dispatch.prices import (
    EXCESS_PRICE,
    OUTSIDE_PRICE,
    READINESS_EUR_PER_KWH_H,
    SHARE_PRICE,
    SKIPPED_PRICE,
    TAIL_EXCESS_PRICE,
    THROUGHPUT_EUR_PER_KWH,
    UNSERVED_PRICE,
)

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem
    from models.dispatch.structure import Structure

BUDGET_PLACEHOLDER_EUR = 1e12
"""Right-hand side of the budget until the efficiency stage has been solved [EUR]."""


def member_cost_eur(
    m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure, i: int
) -> pyo.Expression:
    """C_i = sum_t h (p+ imp - p- exp + (pL + f) buy - pL sell) + wear + missing EV energy - value of the end state.

    A fixed position has imp = r - buy or exp = -r - sell.
    """
    total: list[pyo.Expression] = []
    constant = 0.0
    for t in range(problem.step_h.shape[0]):
        hours = float(problem.step_h[t])
        p_in, p_out = float(problem.import_price_eur_per_kwh[t]), float(problem.export_price_eur_per_kwh[t])
        local, fee = float(problem.local_price_eur_per_kwh[t]), float(problem.network_fee_eur_per_kwh[t])
        prices = [(m.pool_buy, local + fee), (m.pool_sell, -local), (m.grid_import, p_in), (m.grid_export, -p_out)]
        if structure.is_elastic:
            prices.append((m.excess, p_in))
        if not facts.is_flexible[i, t]:
            net_kw = float(facts.fixed_kw[i, t])
            constant += hours * (p_in * max(net_kw, 0.0) - p_out * max(-net_kw, 0.0))
            prices = [(m.pool_buy, local + fee - p_in), (m.pool_sell, p_out - local)]
        total.extend(hours * price * variable[i, t] for variable, price in prices if (i, t) in variable)
    total.extend(device_costs_eur(m, problem, i))
    return sum(total) + constant


def device_costs_eur(m: pyo.ConcreteModel, problem: DispatchProblem, i: int) -> list[pyo.Expression]:
    """Wear, missing EV energy and (negative) value of the stored energy at the end, of one member."""
    steps = problem.step_h.shape[0]
    total: list[pyo.Expression] = []
    for b, battery in enumerate(problem.batteries):
        if battery.member == i:
            wear = battery.wear_eur_per_kwh
            total.extend(float(problem.step_h[t]) * wear * m.discharge[b, t] for t in range(steps) if wear > 0.0)
            total.append(-battery.end_value_eur_per_kwh * m.soc[b, steps - 1])
    total.extend(ev.shortfall_eur_per_kwh * m.ev_shortfall[e] for e, ev in enumerate(problem.evs) if ev.member == i)
    return total


def discomfort_eur(m: pyo.ConcreteModel, problem: DispatchProblem, i: int) -> pyo.Expression:
    """D_i = sum_t h price cut: what going without is worth to a member. It is no money, and in no burden."""
    return sum(
        float(problem.step_h[t]) * problem.curtailables[c].discomfort_eur_per_kwh * m.cut[c, t]
        for c, t in m.cut
        if problem.curtailables[c].member == i
    )


def event_cost_eur(m: pyo.ConcreteModel, problem: DispatchProblem) -> pyo.Expression:
    """sum_t h price excess: what is drawn above the events' targets."""
    price = problem.event_shortfall_eur_per_kwh
    return sum(float(problem.step_h[t]) * price * m.event_excess[t] for t in m.event_excess)


def community_cost_eur(m: pyo.ConcreteModel, problem: DispatchProblem) -> pyo.Expression:
    """F = sum_t h (p+ IMP - p- EXP + f Q) + wear + missing EV energy - end value + discomfort + k (P - P0) + excess.

    That is sum_i (C_i + D_i) + k (P - P0) + price of missing the events' targets. In islanded steps only the fee on Q
    is left.
    """
    total: list[pyo.Expression] = []
    for t in m.community_import:
        hours = float(problem.step_h[t])
        total.append(hours * float(problem.import_price_eur_per_kwh[t]) * m.community_import[t])
        total.append(-hours * float(problem.export_price_eur_per_kwh[t]) * m.community_export[t])
    total.extend(float(problem.step_h[t] * problem.network_fee_eur_per_kwh[t]) * m.shared[t] for t in m.shared)
    for i in range(problem.demand_kw.shape[0]):
        total.extend(device_costs_eur(m, problem, i))
        total.append(discomfort_eur(m, problem, i))
    return sum(total) + peak_cost_eur(m, problem) + event_cost_eur(m, problem)


def peak_cost_eur(m: pyo.ConcreteModel, problem: DispatchProblem) -> pyo.Expression:
    """The k (P - P0), over the billing periods that the horizon touches."""
    charge = problem.peak_charge_eur_per_kw
    if charge <= 0.0:
        return 0.0
    return sum(charge * (m.peak[q] - float(floor)) for q, floor in enumerate(problem.peak_floor_kw))


def throughput_eur(m: pyo.ConcreteModel, problem: DispatchProblem) -> pyo.Expression:
    """A hair on each kWh charged, discharged or held back: no optimum moves energy in a circle, or cuts for nothing."""
    moved = sum(
        THROUGHPUT_EUR_PER_KWH * float(problem.step_h[t]) * (m.charge[b, t] + m.discharge[b, t]) for b, t in m.charge
    )
    return moved + sum(THROUGHPUT_EUR_PER_KWH * float(problem.step_h[t]) * m.cut[c, t] for c, t in m.cut)


def readiness_eur(m: pyo.ConcreteModel, problem: DispatchProblem) -> pyo.Expression:
    """A hair for each hour that energy is stored earlier: - sum h_t soc_t, and the hours until a car charges.

    Without it a plan may put off charging from a surplus for nothing, until the sun or the plug is gone.
    """
    step_h = problem.step_h
    waits_h = np.cumsum(step_h) - step_h
    stored = sum(float(step_h[t]) * m.soc[b, t] for b, t in m.soc)
    late = sum(float(waits_h[t] * step_h[t]) * m.ev_charge[e, t] for e, t in m.ev_charge)
    return READINESS_EUR_PER_KWH_H * (late - stored)


def violation(m: pyo.ConcreteModel, problem: DispatchProblem) -> pyo.Expression:
    """Service: least violation, then least unserved energy, then the least largest share of it."""
    step_h = problem.step_h
    total: list[pyo.Expression] = []
    excess_price = [
        (EXCESS_PRICE if t < problem.exact_steps else TAIL_EXCESS_PRICE) * float(hours)
        for t, hours in enumerate(step_h)
    ]
    total.extend(excess_price[t] * m.excess[i, t] for i, t in m.excess)
    total.extend(excess_price[t] * m.over_import[t] for t in m.over_import)
    total.extend(excess_price[t] * m.over_export[t] for t in m.over_export)
    total.extend(OUTSIDE_PRICE * (m.below[b, t] + m.above[b, t]) for b, t in m.below)
    total.extend(
        SKIPPED_PRICE * float((run.option_kw @ step_h).max()) * m.skipped[s] for s, run in enumerate(problem.runs)
    )
    total.extend(UNSERVED_PRICE * float(step_h[t]) * m.unserved[i, t] for i, t in m.unserved)
    shares = {t: SHARE_PRICE * float(step_h[t] * problem.demand_kw[:, t].sum()) for t in m.unserved_share}
    total.extend(price * m.unserved_share[t] for t, price in shares.items())
    return sum(total) + throughput_eur(m, problem)


def add_objectives(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """One objective for each stage, and the budget row that ties equity to efficiency.

    service      the violation (elastic model only)
    efficiency   min F
    equity       min sum_i w_i (C_i + D_i) + k (P - P0) + rho z' + price of missing access and targets
    budget       F <= F* + eps max(0, F_alone - F*)            set between the stages
    """
    members = range(problem.demand_kw.shape[0])
    weighted = sum(
        float(problem.weight[i]) * (member_cost_eur(m, problem, facts, structure, i) + discomfort_eur(m, problem, i))
        for i in members
    )
    equity = weighted + peak_cost_eur(m, problem) + event_cost_eur(m, problem)
    equity = equity + throughput_eur(m, problem) + readiness_eur(m, problem)
    if facts.is_burden.any():
        equity = equity + problem.burden_price_frac * m.burden[0]
    equity = equity + sum(problem.access_shortfall_eur_per_kwh * m.access_missing[i] for i in m.access_missing)
    m.budget = pyo.Constraint(expr=community_cost_eur(m, problem) <= BUDGET_PLACEHOLDER_EUR)
    m.cost = pyo.Objective(expr=community_cost_eur(m, problem))
    hairs = throughput_eur(m, problem) + readiness_eur(m, problem)
    m.efficiency = pyo.Objective(expr=community_cost_eur(m, problem) + hairs)
    m.equity = pyo.Objective(expr=equity)
    if structure.is_elastic:
        m.service = pyo.Objective(expr=violation(m, problem))
