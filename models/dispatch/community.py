"""Constraints that tie members together: pool, totals, limits, peak, burden, access. Docstrings are the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyomo.environ as pyo

from models.dispatch.facts import SIGN_KW
from models.dispatch.objective import member_cost_eur

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.model import ModelIndex
    from models.dispatch.problem import DispatchProblem


def add_community(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """All constraints of the community."""
    add_pool(m, facts)
    add_totals(m, facts, index)
    add_limits(m, problem, facts, index)
    add_peak(m, problem, facts)
    add_burden(m, problem, facts, index)
    add_access(m, problem, facts, index)
    if index.is_elastic:
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
    steps = [int(t) for t in np.flatnonzero(facts.is_pool)]
    buys, sells = _by_step(m.pool_buy), _by_step(m.pool_sell)
    m.pool_in = pyo.Constraint(steps, rule=lambda m, t: sum(buys[t]) - m.shared[t] == 0.0)
    m.pool_out = pyo.Constraint(steps, rule=lambda m, t: sum(sells[t]) - m.shared[t] == 0.0)


def add_totals(m: pyo.ConcreteModel, facts: Facts, index: ModelIndex) -> None:
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
    for i, t in index.excess:
        taken[t].append(m.excess[i, t])

    def total(m: pyo.ConcreteModel, t: int, own: pyo.Var, terms: list[pyo.Var], constant: float) -> pyo.Expression:
        shared = m.shared[t] if t in m.shared else 0.0
        return own - sum(terms) + shared == constant

    m.total_in = pyo.Constraint(
        list(m.community_import), rule=lambda m, t: total(m, t, m.community_import[t], taken[t], float(fixed_in[t]))
    )
    m.total_out = pyo.Constraint(
        list(m.community_export), rule=lambda m, t: total(m, t, m.community_export[t], given[t], float(fixed_out[t]))
    )


def binding_limits(problem: DispatchProblem, facts: Facts, index: ModelIndex) -> tuple[list[int], list[int]]:
    """Steps in which the community's import, and export, limit could bind."""
    most_in = facts.natural_intake_kw.sum(axis=0) > problem.community_import_limit_kw
    most_out = facts.natural_outlet_kw.sum(axis=0) > problem.community_export_limit_kw
    imports = [int(t) for t in np.flatnonzero(facts.has_grid & most_in)]
    exports = [int(t) for t in np.flatnonzero(facts.has_grid & most_out)]
    return imports, exports


def add_limits(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """The community's connection, where it can bind (with its violation in an elastic model).

    limit_in     IMP_t - EXP_t <= the import limit
    limit_out    EXP_t - IMP_t <= the export limit
    """
    imports, exports = binding_limits(problem, facts, index)

    def limit_in(m: pyo.ConcreteModel, t: int) -> pyo.Expression:
        over = m.over_import[t] if index.is_elastic else 0.0
        return m.community_import[t] - m.community_export[t] - over <= float(problem.community_import_limit_kw[t])

    def limit_out(m: pyo.ConcreteModel, t: int) -> pyo.Expression:
        over = m.over_export[t] if index.is_elastic else 0.0
        return m.community_export[t] - m.community_import[t] - over <= float(problem.community_export_limit_kw[t])

    m.limit_in = pyo.Constraint(imports, rule=limit_in)
    m.limit_out = pyo.Constraint(exports, rule=limit_out)


def peak_steps(problem: DispatchProblem, facts: Facts) -> list[int]:
    """Steps that could set a peak above the one that is paid for anyway."""
    if problem.peak_charge_eur_per_kw <= 0.0:
        return []
    most_kw = facts.natural_intake_kw.sum(axis=0)
    most_kw = np.where(np.arange(most_kw.shape[0]) == 0, most_kw + np.abs(problem.metered_net_kwh).sum() * 1e3, most_kw)
    can_exceed = most_kw > problem.peak_floor_kw[problem.peak_period] + SIGN_KW
    return [int(t) for t in np.flatnonzero(facts.has_grid & can_exceed)]


def metered_share(problem: DispatchProblem, step: int) -> tuple[float, float]:
    """Share of step's interval still to come, and the mean power already metered in it over the whole [kW]."""
    if step != 0:
        return 1.0, 0.0
    interval_h = float(problem.step_h[0]) + problem.metered_h
    return float(problem.step_h[0]) / interval_h, float(problem.metered_net_kwh.sum()) / interval_h


def add_peak(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts) -> None:
    """P_q >= the mean import of each interval of its billing period; step 0 counts what is metered already.

    peak_of     share_t (IMP_t - EXP_t) - P_q <= - metered mean
    """

    def peak_of(m: pyo.ConcreteModel, t: int) -> pyo.Expression:
        share, metered_kw = metered_share(problem, t)
        net = m.community_import[t] - m.community_export[t]
        return share * net - m.peak[int(problem.peak_period[t])] <= -metered_kw

    m.peak_of = pyo.Constraint(peak_steps(problem, facts), rule=peak_of)


def add_burden(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """Rawls: z' >= (Ybar / Y_i) (c_i + C_i), with z' the highest burden times the mean income."""
    mean_income = float(np.nanmean(problem.income_eur)) if np.isfinite(problem.income_eur).any() else 1.0

    def worst(m: pyo.ConcreteModel, i: int) -> pyo.Expression:
        scale = mean_income / float(problem.income_eur[i])
        cost = member_cost_eur(m, problem, facts, index, i)
        return m.burden - scale * cost >= scale * float(problem.billed_eur[i])

    m.worst = pyo.Constraint([int(i) for i in np.flatnonzero(facts.is_burden)], rule=worst)


def add_access(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """EqWM's equity constraint for priority members, soft.

    access           sum h (g - curt - exp - sell + buy_r - alpha (ev + shift)) + missing
                         >= alpha (consumption so far + sum h d) - renewable consumption so far
    renewable_some   buy_r <= buy
    renewable_most   sell_r <= sell                of flexible positions with a PV surplus; sell_r <= that surplus
    renewable_all    sum_i buy_r <= sum_j sell_r + sum_fixed sell             for each t
    """
    members = [int(i) for i in np.flatnonzero(facts.is_access)]
    surplus_kw = np.maximum(-facts.fixed_kw, 0.0)
    buys = [pair for pair in m.pool_buy if facts.is_access[pair[0]]]
    sells = [pair for pair in m.pool_sell if facts.is_flexible[pair] and surplus_kw[pair] > SIGN_KW] if buys else []
    most_kwh = max([1.0, *(facts.access_needed_kwh[members] + 1e4)]) if members else 1.0
    m.access_missing = pyo.Var(members, bounds=(0.0, float(most_kwh)))
    m.renewable_buy = pyo.Var(buys, bounds=lambda _, i, t: (0.0, float(facts.intake_limit_kw[i, t])))
    m.renewable_sell = pyo.Var(sells, bounds=lambda _, i, t: (0.0, float(surplus_kw[i, t])))
    m.access = pyo.Constraint(members, rule=lambda m, i: _access(m, problem, facts, index, i))
    m.renewable_some = pyo.Constraint(buys, rule=lambda m, i, t: m.renewable_buy[i, t] - m.pool_buy[i, t] <= 0.0)
    m.renewable_most = pyo.Constraint(sells, rule=lambda m, i, t: m.renewable_sell[i, t] - m.pool_sell[i, t] <= 0.0)
    bought, sold = _by_step(m.renewable_buy), _by_step(m.renewable_sell)
    for i, t in m.pool_sell:
        if not facts.is_flexible[i, t]:
            sold.setdefault(t, []).append(m.pool_sell[i, t])
    m.renewable_all = pyo.Constraint(sorted(bought), rule=lambda _, t: sum(bought[t]) - sum(sold.get(t, [])) <= 0.0)


def _access(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex, i: int) -> pyo.Expression:
    step_h, alpha = problem.step_h, problem.access_share_frac
    total, constant = [m.access_missing[i]], -float(facts.access_needed_kwh[i])
    for t in range(step_h.shape[0]):
        hours, is_flexible = float(step_h[t]), bool(facts.is_flexible[i, t])
        own_kw = problem.pv_kw[i, t] if is_flexible else min(problem.pv_kw[i, t], problem.demand_kw[i, t])
        constant += hours * float(own_kw)
        if is_flexible:
            for variable in (m.curtail, m.grid_export, m.pool_sell):
                if (i, t) in variable:
                    total.append(-hours * variable[i, t])
        if (i, t) in m.renewable_buy:
            total.append(hours * m.renewable_buy[i, t])
    for e, t in index.ev:
        if problem.evs[e].member == i:
            total.append(-alpha * float(step_h[t]) * m.ev_charge[e, t])
    for s, k in index.start:
        if problem.runs[s].member == i:
            total.append(-alpha * float(problem.runs[s].option_kw[k] @ step_h) * m.start[s, k])
    return sum(total) >= -constant


def add_unserved(m: pyo.ConcreteModel, problem: DispatchProblem) -> None:
    """unserved_it <= u_t d_it / w_i: what cannot be served is shared by need and weight, never by price."""
    m.unserved_fair = pyo.Constraint(
        list(m.unserved),
        rule=lambda m, i, t: (
            m.unserved[i, t] - float(problem.demand_kw[i, t] / problem.weight[i]) * m.unserved_share[t] <= 0.0
        ),
    )
