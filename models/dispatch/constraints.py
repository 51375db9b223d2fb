"""Constraints of one member: balance, side, storage, electric cars, runs, cuts. Every docstring is its equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyomo.environ as pyo

from models.dispatch.structure import Structure, pairs, steps

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem


def add_members(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """All constraints that belong to one member or one device."""
    add_balance(m, problem, facts, structure)
    add_side(m, problem, facts, structure)
    add_connection(m, facts, structure)
    add_storage(m, problem, facts, structure)
    add_ev(m, problem)
    add_runs(m, problem, structure)
    add_cuts(m, problem, structure)
    if structure.is_elastic:
        add_soft_storage(m, facts)


def _device_terms(
    m: pyo.ConcreteModel, problem: DispatchProblem, structure: Structure
) -> dict[tuple[int, int], list[pyo.Expression]]:
    """Sum ch + ev + shift (+ curt) of each flexible position, without discharging."""
    terms: dict[tuple[int, int], list[pyo.Expression]] = {pair: [] for pair in pairs(structure.flexible)}
    for b, battery in enumerate(problem.batteries):
        for t in range(problem.step_h.shape[0]):
            if (battery.member, t) in terms:
                terms[battery.member, t].append(m.charge[b, t])
    for e, t in m.ev_charge:
        terms[problem.evs[e].member, t].append(m.ev_charge[e, t])
    for s, k in m.start:
        run = problem.runs[s]
        for t in steps(run.option_kw[k] > 0.0):
            terms[run.member, t].append(float(run.option_kw[k, t]) * m.start[s, k])
    for pair in m.curtail:
        terms[pair].append(m.curtail[pair])
    return terms


def add_balance(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """Balance: imp + buy - exp - sell - curt + unserved - sum (ch - dis + ev + shift - cut) = d - g where flexible."""
    terms = {pair: [-term for term in taking] for pair, taking in _device_terms(m, problem, structure).items()}
    for b, battery in enumerate(problem.batteries):
        for t in range(problem.step_h.shape[0]):
            if (battery.member, t) in terms:
                terms[battery.member, t].append(m.discharge[b, t])
    for c, t in m.cut:
        terms[problem.curtailables[c].member, t].append(m.cut[c, t])
    supplies = [m.grid_import, m.pool_buy, m.unserved] + ([m.excess] if structure.is_elastic else [])
    for variable in supplies:
        for pair in variable:
            if pair in terms:
                terms[pair].append(variable[pair])
    m.balance = pyo.Constraint(
        list(terms), rule=lambda m, i, t: sum(terms[i, t]) - given_kw(m, i, t) == float(facts.fixed_kw[i, t])
    )


def taken_kw(m: pyo.ConcreteModel, i: int, t: int) -> pyo.Expression:
    """Take: imp + buy of a flexible position."""
    terms = [variable[i, t] for variable in (m.grid_import, m.pool_buy) if (i, t) in variable]
    return sum(terms)


def given_kw(m: pyo.ConcreteModel, i: int, t: int) -> pyo.Expression:
    """Give: exp + sell of a flexible position."""
    terms = [variable[i, t] for variable in (m.grid_export, m.pool_sell) if (i, t) in variable]
    return sum(terms)


def add_side(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
    """Keep to one side of the meter at a time, in exact steps by a binary, beyond them relaxed.

    With r = d - g:

    side_in     imp + buy <= D y
    side_out    exp + sell <= S (1 - y)
    side_link   imp + buy <= r y + ch + ev + shift + curt
    side_tail   the same with y relaxed and eliminated:
                imp + buy + (r / S) (exp + sell) <= r + ch + ev + shift + curt        where r >= 0
                (1 - r / D) (imp + buy) <= ch + ev + shift + curt                     where r < 0

    ``side_link`` follows from the first two and the balance, for whole y. Without it the relaxed model imports and
    sells at once at half the battery's power for nothing; with it only by running energy through the battery, at a
    loss.
    """
    intake, outlet = facts.intake_limit_kw, facts.outlet_limit_kw
    device = _device_terms(m, problem, structure)
    exact = pairs(structure.side_exact)
    m.side_in = pyo.Constraint(
        exact, rule=lambda m, i, t: taken_kw(m, i, t) - float(intake[i, t]) * m.side[i, t] <= 0.0
    )
    m.side_out = pyo.Constraint(
        exact, rule=lambda m, i, t: given_kw(m, i, t) + float(outlet[i, t]) * m.side[i, t] <= float(outlet[i, t])
    )

    def link(m: pyo.ConcreteModel, i: int, t: int) -> pyo.Expression:
        net_kw = float(facts.fixed_kw[i, t])
        return taken_kw(m, i, t) - net_kw * m.side[i, t] - sum(device[i, t]) <= 0.0

    def tail(m: pyo.ConcreteModel, i: int, t: int) -> pyo.Expression:
        net_kw = float(facts.fixed_kw[i, t])
        if net_kw >= 0.0:
            share = net_kw / float(outlet[i, t])
            return taken_kw(m, i, t) + share * given_kw(m, i, t) - sum(device[i, t]) <= net_kw
        return (1.0 - net_kw / float(intake[i, t])) * taken_kw(m, i, t) - sum(device[i, t]) <= 0.0

    m.side_link = pyo.Constraint(exact, rule=link)
    m.side_tail = pyo.Constraint(pairs(structure.side_tail), rule=tail)


def add_connection(m: pyo.ConcreteModel, facts: Facts, structure: Structure) -> None:
    """A connection limit that can bind where no binary's row says so already.

    intake    imp + buy <= D
    outlet    exp + sell <= S
    """
    intake, outlet = facts.intake_limit_kw, facts.outlet_limit_kw
    m.intake = pyo.Constraint(
        pairs(structure.intake_row), rule=lambda m, i, t: taken_kw(m, i, t) <= float(intake[i, t])
    )
    m.outlet = pyo.Constraint(
        pairs(structure.outlet_row), rule=lambda m, i, t: given_kw(m, i, t) <= float(outlet[i, t])
    )


def add_storage(m: pyo.ConcreteModel, problem: DispatchProblem, facts: Facts, structure: Structure) -> None:
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

    m.storage = pyo.Constraint(list(m.charge), rule=storage)
    m.direction_in = pyo.Constraint(
        pairs(structure.direction_exact),
        rule=lambda m, b, t: m.charge[b, t] - float(charge_limit[b, t]) * m.direction[b, t] <= 0.0,
    )
    m.direction_out = pyo.Constraint(
        pairs(structure.direction_exact),
        rule=lambda m, b, t: (
            m.discharge[b, t] + float(discharge_limit[b, t]) * m.direction[b, t] <= float(discharge_limit[b, t])
        ),
    )
    m.direction_tail = pyo.Constraint(
        pairs(structure.direction_tail),
        rule=lambda m, b, t: (
            m.charge[b, t] / float(charge_limit[b, t]) + m.discharge[b, t] / float(discharge_limit[b, t]) <= 1.0
        ),
    )


def add_ev(m: pyo.ConcreteModel, problem: DispatchProblem) -> None:
    """Energy by departure, soft; charging is 0 or at least the minimum in exact steps.

    ev_energy   sum_t h_t eta ev_t + shortfall - surplus = needed       surplus <= one smallest pulse
    ev_most     ev <= EV on
    ev_least    ev >= EV_min on
    """
    steps_of: dict[int, list[int]] = {e: [] for e in range(len(problem.evs))}
    for e, t in m.ev_charge:
        steps_of[e].append(t)

    def energy(m: pyo.ConcreteModel, e: int) -> pyo.Expression:
        ev = problem.evs[e]
        stored = sum(float(problem.step_h[t]) * ev.charge_efficiency_frac * m.ev_charge[e, t] for t in steps_of[e])
        return stored + m.ev_shortfall[e] - m.ev_surplus[e] == ev.energy_needed_kwh

    m.ev_energy = pyo.Constraint(range(len(problem.evs)), rule=energy)
    m.ev_most = pyo.Constraint(
        list(m.ev_on), rule=lambda m, e, t: m.ev_charge[e, t] - problem.evs[e].charge_limit_kw * m.ev_on[e, t] <= 0.0
    )
    m.ev_least = pyo.Constraint(
        list(m.ev_on), rule=lambda m, e, t: m.ev_charge[e, t] - problem.evs[e].charge_min_kw * m.ev_on[e, t] >= 0.0
    )


def add_runs(m: pyo.ConcreteModel, problem: DispatchProblem, structure: Structure) -> None:
    """sum_k s_k (+ skipped) = 1: each run takes exactly one of its start options, over the whole horizon."""

    def run_start(m: pyo.ConcreteModel, s: int) -> pyo.Expression:
        chosen = sum(m.start[s, k] for k in range(problem.runs[s].option_kw.shape[0]))
        return (chosen + m.skipped[s] if structure.is_elastic else chosen) == 1.0

    m.run_start = pyo.Constraint(range(len(problem.runs)), rule=run_start)


def add_cuts(m: pyo.ConcreteModel, problem: DispatchProblem, structure: Structure) -> None:
    """How much may be held back; 0 <= cut <= wanted, in open steps, is a bound.

    cut_day     sum_(t in day) h_t cut_ct <= limit of the day        where it can bind
    served      unserved_it + sum_c cut_ct <= d_it                   in islanded steps
    """
    of_day: dict[tuple[int, int], list[pyo.Expression]] = {}
    of_member: dict[tuple[int, int], list[pyo.Var]] = {}
    for c, t in m.cut:
        load = problem.curtailables[c]
        of_day.setdefault((c, int(load.day[t])), []).append(float(problem.step_h[t]) * m.cut[c, t])
        of_member.setdefault((load.member, t), []).append(m.cut[c, t])
    m.cut_day = pyo.Constraint(
        pairs(structure.cut_day),
        rule=lambda _, c, day: sum(of_day[c, day]) <= float(problem.curtailables[c].limit_kwh[day]),
    )
    m.served = pyo.Constraint(
        pairs(structure.served),
        rule=lambda m, i, t: m.unserved[i, t] + sum(of_member[i, t]) <= float(problem.demand_kw[i, t]),
    )


def add_soft_storage(m: pyo.ConcreteModel, facts: Facts) -> None:
    """How far a battery that started outside its limits stays outside the way back.

    soc_low     soc + below >= the lower way back
    soc_high    soc - above <= the upper way back
    """
    lower, upper = facts.storage.soc_lower_kwh, facts.storage.soc_upper_kwh
    m.soc_low = pyo.Constraint(list(m.below), rule=lambda m, b, t: m.soc[b, t] + m.below[b, t] >= float(lower[b, t]))
    m.soc_high = pyo.Constraint(list(m.above), rule=lambda m, b, t: m.soc[b, t] - m.above[b, t] <= float(upper[b, t]))
