"""The efficiency stage as a program of a third of the size, with the same optimum F*.

At one tariff for all, only totals matter to F. With n_it the net position of a member and N_t = sum_i n_it, the pool
shares min(sum n+, sum n-) where sharing is on (p+ - f >= p-), so that

    F = sum_t h_t (f sum_i n+_it + (p+ - f) N+_t - p- N-_t) + wear + ... + k (P - P0)       sharing on
    F = sum_t h_t ((p+ - p-) sum_i n+_it + p- N_t) + ...                                    sharing off

Both are convex where f >= 0 and, with sharing off, p+ >= p-: then no side has to be chosen and no trade is needed. n+
is a variable only where the sign of the position is open and its coefficient is not 0. No islanded steps, no soft
limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.arrays.builder import ProgramBuilder, WrittenProgram
from models.dispatch.arrays.columns import Columns, add_device_columns
from models.dispatch.arrays.community_rows import add_events, add_limits, add_peak
from models.dispatch.arrays.member_rows import add_ev, add_runs, add_storage, put_days, put_devices
from models.dispatch.arrays.objectives import (
    device_terms,
    discomfort_term,
    peak_floor_eur,
    put_readiness,
    put_throughput,
)
from models.dispatch.bounds import bound_event_excess_kw, bound_peak_kw
from models.dispatch.curtailment import load_owners
from models.dispatch.facts import SIGN_KW, Facts, device_owners
from models.dispatch.solvers.protocol import Objective
from models.dispatch.structure import decide_structure

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray, IntArray

INF = np.inf
NOTHING_EUR = 1e-12
"""A coefficient this small is none [EUR/kWh]."""


def is_separable(problem: DispatchProblem, facts: Facts) -> bool:
    """The small program has the same optimum."""
    wrong_way = ~facts.is_pool & (problem.export_price_eur_per_kwh > problem.import_price_eur_per_kwh)
    return bool(facts.has_grid.all()) and not bool(wrong_way.any())


def take_rate_eur_per_kwh(problem: DispatchProblem, facts: Facts) -> FloatArray:
    """[T] Coefficient of sum_i n+: the fee where sharing is on, else p+ - p-."""
    spread = problem.import_price_eur_per_kwh - problem.export_price_eur_per_kwh
    return np.where(facts.is_pool, problem.network_fee_eur_per_kwh, spread)


def write_efficient(problem: DispatchProblem, facts: Facts) -> WrittenProgram:
    """The small program of a separable problem.

    Its families are those of the devices in the whole model, and: columns ``taken`` (n+), ``net_in`` and ``net_out``
    (N+, N-); rows ``taken`` (n+ >= n), ``range`` (connection limits of n), ``net`` (N+ - N- = sum_i n).
    """
    structure = decide_structure(problem, facts)
    builder = ProgramBuilder()
    devices = add_device_columns(builder, problem, facts, structure)
    rate = take_rate_eur_per_kwh(problem, facts)
    tight_in = facts.natural_intake_kw > facts.intake_limit_kw + SIGN_KW
    tight_out = facts.natural_outlet_kw > facts.outlet_limit_kw + SIGN_KW
    has_taken = facts.is_open & (rate > NOTHING_EUR)
    taken = builder.add_columns("taken", has_taken, facts.intake_limit_kw)
    has_peak = np.full(problem.peak_floor_kw.shape, problem.peak_charge_eur_per_kw > 0.0)
    columns = devices.with_totals(
        community_import=builder.add_columns("net_in", facts.has_grid, facts.natural_intake_kw.sum(axis=0)),
        community_export=builder.add_columns("net_out", facts.has_grid, facts.natural_outlet_kw.sum(axis=0)),
        peak=builder.add_columns("peak", has_peak, bound_peak_kw(problem, facts), problem.peak_floor_kw),
        event_excess=builder.add_columns("event_excess", structure.event, bound_event_excess_kw(problem, facts)),
    )
    taken_row = builder.add_rows("taken", has_taken, facts.fixed_kw, INF)
    has_range = facts.is_flexible & (tight_out | (tight_in & ~has_taken))
    lowest = np.where(tight_out, -facts.outlet_limit_kw, -INF) - facts.fixed_kw
    highest = np.where(tight_in, facts.intake_limit_kw, INF) - facts.fixed_kw
    range_row = builder.add_rows("range", has_range, lowest, highest)
    net = facts.fixed_kw.sum(axis=0)
    net_row = builder.add_rows("net", facts.has_grid, net, net)
    builder.put(taken_row, taken, 1.0)
    builder.put(net_row, columns.community_import, 1.0)
    builder.put(net_row, columns.community_export, -1.0)
    by_step = np.broadcast_to(net_row, facts.fixed_kw.shape)
    owner, _, _ = device_owners(problem)
    for rows, sign in ((taken_row, -1.0), (range_row, 1.0), (by_step, -1.0)):
        put_devices(builder, problem, rows, columns, sign)
        builder.put(rows[owner], columns.discharge, -sign)
        builder.put(rows[load_owners(problem)], columns.cut, -sign)
    add_storage(builder, problem, facts, structure, columns)
    add_ev(builder, problem, structure, columns)
    add_runs(builder, problem, columns)
    put_days(builder, problem, structure, columns)
    add_limits(builder, problem, structure, columns)
    add_peak(builder, problem, structure, columns)
    add_events(builder, problem, structure, columns)
    _put_cost(builder, problem, facts, columns, taken)
    return builder.build()


def _put_cost(
    builder: ProgramBuilder,
    problem: DispatchProblem,
    facts: Facts,
    columns: Columns,
    taken: IntArray,
) -> None:
    """F by totals; a closed position takes its whole net, or nothing."""
    step_h, name, rate = problem.step_h, Objective.COST, take_rate_eur_per_kwh(problem, facts)
    p_in, p_out = problem.import_price_eur_per_kwh, problem.export_price_eur_per_kwh
    rest = np.where(facts.is_pool, p_in - problem.network_fee_eur_per_kwh, p_out)
    builder.cost(name, columns.community_import, step_h * rest)
    builder.cost(name, columns.community_export, -step_h * p_out)
    builder.cost(name, taken, step_h * rate)
    takes = (facts.intake_limit_kw > SIGN_KW) & ~facts.is_open
    by_member = np.where(takes, step_h * rate, 0.0)
    builder.add_offset(name, float((by_member * facts.fixed_kw).sum()) - peak_floor_eur(problem))
    battery_owner, ev_owner, run_owner = device_owners(problem)
    builder.cost(name, columns.charge, by_member[battery_owner])
    builder.cost(name, columns.discharge, -by_member[battery_owner])
    builder.cost(name, columns.ev_charge, by_member[ev_owner])
    builder.cost(name, columns.curtail, by_member)
    builder.cost(name, columns.cut, -by_member[load_owners(problem)])
    for s, run in enumerate(problem.runs):
        options = run.option_kw.shape[0]
        builder.cost(name, columns.start[s, :options], run.option_kw @ by_member[run_owner[s]])
    terms = device_terms(problem, columns.discharge, columns.soc, columns.ev_shortfall)
    for _, column, price in (*terms, discomfort_term(problem, columns.cut)):
        builder.cost(name, column, price)
    builder.cost(name, columns.peak, problem.peak_charge_eur_per_kw)
    builder.cost(name, columns.event_excess, step_h * problem.event_shortfall_eur_per_kwh)
    cost = builder.vector(name)
    builder.cost(Objective.EFFICIENCY, np.arange(builder.column_count), cost)
    builder.add_offset(Objective.EFFICIENCY, builder.offset(name))
    put_throughput(builder, problem, columns, Objective.EFFICIENCY)
    put_readiness(builder, problem, columns, Objective.EFFICIENCY)


def price_marginal_kwh(
    problem: DispatchProblem, facts: Facts, small: WrittenProgram, row_dual: FloatArray
) -> FloatArray:
    """[N, T] Cost to the community of one more kWh of demand at each member.

    The dual of N_t, plus what the member's own n+ adds: the dual of its row, or the whole rate where it always takes.
    """
    rate = take_rate_eur_per_kwh(problem, facts)
    padded = np.append(row_dual, 0.0)
    by_net = padded[small.rows["net"]] / problem.step_h
    own = (padded[small.rows["taken"]] - padded[small.rows["range"]]) / problem.step_h
    always = (facts.intake_limit_kw > SIGN_KW) & ~facts.is_open
    result: FloatArray = by_net + np.where(always, rate, 0.0) + own
    return result
