"""Constraints that tie members together: pool, totals, limits, peak, events, burden, access.

Docstrings are the equations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo

from models.dispatch.bounds import mean_income_eur
from models.dispatch.objective import member_cost_eur
from models.dispatch.reserve import reserves_kw
from models.dispatch.structure import Structure, metered_share, steps

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem


def add_community(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """All constraints of the community."""
    add_pool(m, facts)
    add_totals(m, facts, structure)
    add_limits(m, problem, structure)
    add_peak(m, problem, structure)
    add_events(m, problem, structure)
    add_burden(m, problem, facts, structure)
    add_access(m, problem, facts)
    if structure.is_elastic:
        add_unserved(m, problem)


def _by_step(variable: pyo.Var) -> dict[int, list[pyo.Var]]:
    terms: dict[int, list[pyo.Var]] = {}
    for i, t in variable:
        terms.setdefault(t, []).append(variable[i, t])
    return terms


def add_pool(m: pyo.ConcreteModel, facts: Facts) -> None:
    """What is bought from the pool is sold to it.

    pool_in     sum_i buy_it = Q_t
    pool_out    sum_i sell_it = Q_t
    """
    buys, sells = _by_step(m.pool_buy), _by_step(m.pool_sell)
    m.pool_in = pyo.Constraint(steps(facts.is_pool), rule=lambda m, t: sum(buys[t]) - m.shared[t] == 0.0)
    m.pool_out = pyo.Constraint(steps(facts.is_pool), rule=lambda m, t: sum(sells[t]) - m.shared[t] == 0.0)


def add_totals(m: pyo.ConcreteModel, facts: Facts, structure: Structure) -> None:
    """Grid import and export of all members, for each step with a grid.

    total_in    IMP_t = sum_flexible (imp + buy) + sum_fixed max(r, 0) - Q_t
    total_out   EXP_t = sum_flexible (exp + sell) + sum_fixed max(-r, 0) - Q_t
    """
    fixed = ~facts.is_flexible
    fixed_in = np.where(fixed, np.maximum(facts.fixed_kw, 0.0), 0.0).sum(axis=0)
    fixed_out = np.where(fixed, np.maximum(-facts.fixed_kw, 0.0), 0.0).sum(axis=0)
    taken: dict[int, list[pyo.Var]] = {t: [] for t in m.community_import}
    given: dict[int, list[pyo.Var]] = {t: [] for t in m.community_import}
    for terms, variables in ((taken, [m.grid_import, m.pool_buy]), (given, [m.grid_export, m.pool_sell])):
        for variable in variables:
            for i, t in variable:
                if t in terms and facts.is_flexible[i, t]:
                    terms[t].append(variable[i, t])
    if structure.is_elastic:
        for i, t in m.excess:
            taken[t].append(m.excess[i, t])

    def total(m: pyo.ConcreteModel, t: int, own: pyo.Var, terms: list[pyo.Var], constant: float) -> pyo.Expression:
        if not facts.is_pool[t]:
            return own - sum(terms) == constant
        return own - sum(terms) + m.shared[t] == constant

    m.total_in = pyo.Constraint(
        list(m.community_import), rule=lambda m, t: total(m, t, m.community_import[t], taken[t], float(fixed_in[t]))
    )
    m.total_out = pyo.Constraint(
        list(m.community_export), rule=lambda m, t: total(m, t, m.community_export[t], given[t], float(fixed_out[t]))
    )


def add_limits(m: pyo.ConcreteModel, problem: DispatchProblem, structure: Structure) -> None:
    """The community's connection, where it can bind (with its violation in an elastic model).

    limit_in     IMP_t - EXP_t <= the import limit
    limit_out    EXP_t - IMP_t <= the export limit
    """

    def limit_in(m: pyo.ConcreteModel, t: int) -> pyo.Expression:
        over = m.over_import[t] if structure.is_elastic else 0.0
        return m.community_import[t] - m.community_export[t] - over <= float(problem.community_import_limit_kw[t])

    def limit_out(m: pyo.ConcreteModel, t: int) -> pyo.Expression:
        over = m.over_export[t] if structure.is_elastic else 0.0
        return m.community_export[t] - m.community_import[t] - over <= float(problem.community_export_limit_kw[t])

    m.limit_in = pyo.Constraint(steps(structure.limit_in), rule=limit_in)
    m.limit_out = pyo.Constraint(steps(structure.limit_out), rule=limit_out)


def add_peak(m: pyo.ConcreteModel, problem: DispatchProblem, structure: Structure) -> None:
    """P_q >= the mean import of each interval of its period, with its reserve; step 0 counts what is metered already.

    peak_of     share_t (IMP_t - EXP_t) - P_q <= - share_t reserve_t - metered mean
    """
    reserve_kw = reserves_kw(problem)

    def peak_of(m: pyo.ConcreteModel, t: int) -> pyo.Expression:
        share, metered_kw = metered_share(problem) if t == 0 else (1.0, 0.0)
        net = m.community_import[t] - m.community_export[t]
        return share * net - m.peak[int(problem.peak_period[t])] <= -metered_kw - share * float(reserve_kw[t])

    m.peak_of = pyo.Constraint(steps(structure.peak_row), rule=peak_of)


def add_events(m: pyo.ConcreteModel, problem: DispatchProblem, structure: Structure) -> None:
    """What the community draws net above the target of a demand-response event has a price; no target on an island.

    event_of    IMP_t - EXP_t - excess_t <= target_t
    """
    m.event_of = pyo.Constraint(
        steps(structure.event),
        rule=lambda m, t: (
            m.community_import[t] - m.community_export[t] - m.event_excess[t] <= float(problem.event_target_kw[t])
        ),
    )


def add_burden(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """Rawls: z' >= (Ybar / Y_i) (c_i + C_i), with z' the highest burden times the mean income.

    Discomfort is no money: this C_i is without it.
    """
    mean_income = mean_income_eur(problem)

    def worst(m: pyo.ConcreteModel, i: int) -> pyo.Expression:
        scale = mean_income / float(problem.income_eur[i])
        cost = member_cost_eur(m, problem, facts, structure, i)
        return m.burden[0] - scale * cost >= scale * float(problem.billed_eur[i])

    m.worst = pyo.Constraint(steps(facts.is_burden), rule=worst)


def add_access(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts) -> None:
    """EqWM's equity constraint for priority members, soft.

    access           sum h (g - curt - exp - sell + buy_r - alpha (ev + shift - cut)) + missing
                         >= alpha (consumption so far + sum h d) - renewable consumption so far
    renewable_some   buy_r <= buy
    renewable_most   sell_r <= sell                of flexible positions with a PV surplus; sell_r <= that surplus
    renewable_all    sum_i buy_r <= sum_j sell_r + sum_fixed sell             for each t
    """
    m.access = pyo.Constraint(steps(facts.is_access), rule=lambda m, i: _access(m, problem, facts, i))
    m.renewable_some = pyo.Constraint(
        list(m.renewable_buy), rule=lambda m, i, t: m.renewable_buy[i, t] - m.pool_buy[i, t] <= 0.0
    )
    m.renewable_most = pyo.Constraint(
        list(m.renewable_sell), rule=lambda m, i, t: m.renewable_sell[i, t] - m.pool_sell[i, t] <= 0.0
    )
    bought, sold = _by_step(m.renewable_buy), _by_step(m.renewable_sell)
    for i, t in m.pool_sell:
        if not facts.is_flexible[i, t]:
            sold.setdefault(t, []).append(m.pool_sell[i, t])
    m.renewable_all = pyo.Constraint(sorted(bought), rule=lambda _, t: sum(bought[t]) - sum(sold.get(t, [])) <= 0.0)


def _access(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, i: int) -> pyo.Expression:
    step_h, alpha = problem.step_h, problem.access_share_frac
    total, constant = [m.access_missing[i]], -float(facts.access_needed_kwh[i])
    for t in range(step_h.shape[0]):
        hours, is_flexible = float(step_h[t]), bool(facts.is_flexible[i, t])
        own_kw = problem.pv_kw[i, t] if is_flexible else min(problem.pv_kw[i, t], problem.demand_kw[i, t])
        constant += hours * float(own_kw)
        if is_flexible:
            given = (m.curtail, m.grid_export, m.pool_sell)
            total.extend(-hours * variable[i, t] for variable in given if (i, t) in variable)
        if (i, t) in m.renewable_buy:
            total.append(hours * m.renewable_buy[i, t])
    for e, t in m.ev_charge:
        if problem.evs[e].member == i:
            total.append(-alpha * float(step_h[t]) * m.ev_charge[e, t])
    for s, k in m.start:
        if problem.runs[s].member == i:
            total.append(-alpha * float(problem.runs[s].option_kw[k] @ step_h) * m.start[s, k])
    for c, t in m.cut:
        if problem.curtailables[c].member == i:
            total.append(alpha * float(step_h[t]) * m.cut[c, t])
    return sum(total) >= -constant


def add_unserved(m: pyo.ConcreteModel, problem: DispatchProblem) -> None:
    """unserved_it <= u_t d_it / w_i: what cannot be served is shared by need and weight, never by price."""
    m.unserved_fair = pyo.Constraint(
        list(m.unserved),
        rule=lambda m, i, t: (
            m.unserved[i, t] - float(problem.demand_kw[i, t] / problem.weight[i]) * m.unserved_share[t] <= 0.0
        ),
    )
