"""Constraints of one member: balance, side, storage, electric cars, runs. Every docstring is its equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyomo.environ as pyo

from models.dispatch.facts import SIGN_KW

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.model import ModelIndex
    from models.dispatch.problem import DispatchProblem


def add_members(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """All constraints that belong to one member or one device."""
    add_balance(m, problem, facts, index)
    add_side(m, facts, index)
    add_connection(m, facts, index)
    add_storage(m, problem, facts, index)
    add_ev(m, problem, index)
    add_runs(m, problem, index)
    if index.is_elastic:
        add_soft_storage(m, facts)


def add_balance(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """imp + buy - exp - sell - curt + unserved - sum ch + sum dis - sum ev - sum shift = d - g, flexible (i, t)."""
    steps = problem.step_h.shape[0]
    terms: dict[tuple[int, int], list[pyo.Expression]] = {pair: [] for pair in index.flexible}
    for variable, sign in (
        (m.grid_import, 1.0),
        (m.pool_buy, 1.0),
        (m.grid_export, -1.0),
        (m.pool_sell, -1.0),
        (m.curtail, -1.0),
        (m.unserved, 1.0),
        *([(m.excess, 1.0)] if index.is_elastic else []),
    ):
        for pair in variable:
            if pair in terms:
                terms[pair].append(sign * variable[pair])
    for b, battery in enumerate(problem.batteries):
        for t in range(steps):
            if (battery.member, t) in terms:
                terms[battery.member, t].append(m.discharge[b, t] - m.charge[b, t])
    for e, t in index.ev:
        terms[problem.evs[e].member, t].append(-m.ev_charge[e, t])
    for s, k in index.start:
        run = problem.runs[s]
        for t in range(steps):
            if run.option_kw[k, t] > 0.0:
                terms[run.member, t].append(-float(run.option_kw[k, t]) * m.start[s, k])

    def balance(_m: pyo.ConcreteModel, i: int, t: int) -> pyo.Expression:
        return sum(terms[i, t]) == float(facts.fixed_kw[i, t])

    m.balance = pyo.Constraint(index.flexible, rule=balance)


def taken_kw(m: pyo.ConcreteModel, i: int, t: int) -> pyo.Expression:
    """imp + buy of a flexible position."""
    terms = [variable[i, t] for variable in (m.grid_import, m.pool_buy) if (i, t) in variable]
    return sum(terms)


def given_kw(m: pyo.ConcreteModel, i: int, t: int) -> pyo.Expression:
    """exp + sell of a flexible position."""
    terms = [variable[i, t] for variable in (m.grid_export, m.pool_sell) if (i, t) in variable]
    return sum(terms)


def add_side(m: pyo.ConcreteModel, facts: Facts, index: ModelIndex) -> None:
    """One side of the meter at a time, in exact steps by a binary, beyond them relaxed.

    side_in     imp + buy <= D y
    side_out    exp + sell <= S (1 - y)
    side_tail   (imp + buy) / D + (exp + sell) / S <= 1      (the same two with y in [0, 1], y eliminated)
    """
    intake, outlet = facts.intake_limit_kw, facts.outlet_limit_kw
    m.side_in = pyo.Constraint(
        index.exact_side, rule=lambda m, i, t: taken_kw(m, i, t) - float(intake[i, t]) * m.side[i, t] <= 0.0
    )
    m.side_out = pyo.Constraint(
        index.exact_side,
        rule=lambda m, i, t: given_kw(m, i, t) + float(outlet[i, t]) * m.side[i, t] <= float(outlet[i, t]),
    )
    m.side_tail = pyo.Constraint(
        index.tail_side,
        rule=lambda m, i, t: taken_kw(m, i, t) / float(intake[i, t]) + given_kw(m, i, t) / float(outlet[i, t]) <= 1.0,
    )


def add_connection(m: pyo.ConcreteModel, facts: Facts, index: ModelIndex) -> None:
    """imp + buy <= D and exp + sell <= S where a connection limit can bind and no side row says so already."""
    is_open = facts.is_open
    tight_in = facts.natural_intake_kw > facts.intake_limit_kw + SIGN_KW
    tight_out = facts.natural_outlet_kw > facts.outlet_limit_kw + SIGN_KW
    intake = [pair for pair in index.flexible if tight_in[pair] and not is_open[pair]]
    outlet = [pair for pair in index.flexible if tight_out[pair] and not is_open[pair]]
    intake = [pair for pair in intake if pair in m.grid_import or pair in m.pool_buy]
    outlet = [pair for pair in outlet if pair in m.grid_export or pair in m.pool_sell]
    m.intake = pyo.Constraint(intake, rule=lambda m, i, t: taken_kw(m, i, t) <= float(facts.intake_limit_kw[i, t]))
    m.outlet = pyo.Constraint(outlet, rule=lambda m, i, t: given_kw(m, i, t) <= float(facts.outlet_limit_kw[i, t]))


def add_storage(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, index: ModelIndex) -> None:
    """State of charge and direction.

    storage          soc_t - soc_(t-1) - h_t (eta_c ch_t - dis_t / eta_d) = 0        soc_(-1) = the start
    direction_in     ch <= CH delta
    direction_out    dis <= DIS (1 - delta)                                          exact steps at negative prices
    direction_tail   ch / CH + dis / DIS <= 1                                        the same, relaxed
    """
    charge_limit, discharge_limit = facts.storage.charge_limit_kw, facts.storage.discharge_limit_kw

    def storage(m: pyo.ConcreteModel, b: int, t: int) -> pyo.Expression:
        battery, hours = problem.batteries[b], float(problem.step_h[t])
        change = hours * battery.charge_efficiency_frac * m.charge[b, t]
        change = change - hours / battery.discharge_efficiency_frac * m.discharge[b, t]
        if t == 0:
            return m.soc[b, t] - change == battery.soc_start_kwh
        return m.soc[b, t] - m.soc[b, t - 1] - change == 0.0

    m.storage = pyo.Constraint(index.battery, rule=storage)
    m.direction_in = pyo.Constraint(
        index.exact_direction,
        rule=lambda m, b, t: m.charge[b, t] - float(charge_limit[b, t]) * m.direction[b, t] <= 0.0,
    )
    m.direction_out = pyo.Constraint(
        index.exact_direction,
        rule=lambda m, b, t: (
            m.discharge[b, t] + float(discharge_limit[b, t]) * m.direction[b, t] <= float(discharge_limit[b, t])
        ),
    )
    m.direction_tail = pyo.Constraint(
        index.tail_direction,
        rule=lambda m, b, t: (
            m.charge[b, t] / float(charge_limit[b, t]) + m.discharge[b, t] / float(discharge_limit[b, t]) <= 1.0
        ),
    )


def add_ev(m: pyo.ConcreteModel, problem: DispatchProblem, index: ModelIndex) -> None:
    """Energy by departure, soft; charging is 0 or at least the minimum in exact steps.

    ev_energy   sum_t h_t eta ev_t + shortfall - surplus = needed       surplus <= one smallest pulse
    ev_most     ev <= EV on
    ev_least    ev >= EV_min on
    """
    steps_of: dict[int, list[int]] = {e: [] for e in range(len(problem.evs))}
    for e, t in index.ev:
        steps_of[e].append(t)

    def energy(m: pyo.ConcreteModel, e: int) -> pyo.Expression:
        ev = problem.evs[e]
        stored = sum(float(problem.step_h[t]) * ev.charge_efficiency_frac * m.ev_charge[e, t] for t in steps_of[e])
        return stored + m.ev_shortfall[e] - m.ev_surplus[e] == ev.energy_needed_kwh

    m.ev_energy = pyo.Constraint(range(len(problem.evs)), rule=energy)
    m.ev_most = pyo.Constraint(
        index.ev_on, rule=lambda m, e, t: m.ev_charge[e, t] - problem.evs[e].charge_limit_kw * m.ev_on[e, t] <= 0.0
    )
    m.ev_least = pyo.Constraint(
        index.ev_on, rule=lambda m, e, t: m.ev_charge[e, t] - problem.evs[e].charge_min_kw * m.ev_on[e, t] >= 0.0
    )


def add_runs(m: pyo.ConcreteModel, problem: DispatchProblem, index: ModelIndex) -> None:
    """sum_k s_k (+ skipped) = 1: each run takes exactly one of its start options, over the whole horizon."""

    def run_start(m: pyo.ConcreteModel, s: int) -> pyo.Expression:
        chosen = sum(m.start[s, k] for k in range(problem.runs[s].option_kw.shape[0]))
        return (chosen + m.skipped[s] if index.is_elastic else chosen) == 1.0

    m.run_start = pyo.Constraint(range(len(problem.runs)), rule=run_start)


def add_soft_storage(m: pyo.ConcreteModel, facts: Facts) -> None:
    """How far a battery that started outside its limits stays outside the way back.

    soc_low     soc + below >= the lower way back
    soc_high    soc - above <= the upper way back
    """
    lower, upper = facts.storage.soc_lower_kwh, facts.storage.soc_upper_kwh
    m.soc_low = pyo.Constraint(list(m.below), rule=lambda m, b, t: m.soc[b, t] + m.below[b, t] >= float(lower[b, t]))
    m.soc_high = pyo.Constraint(list(m.above), rule=lambda m, b, t: m.soc[b, t] - m.above[b, t] <= float(upper[b, t]))
