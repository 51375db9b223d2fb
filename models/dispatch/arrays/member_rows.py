"""Rows of one member or device; the twin of ``models.dispatch.constraints``, whose docstrings are the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import day_limits_kwh, load_days, load_owners
from models.dispatch.facts import Facts, device_owners

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import ProgramBuilder
    from models.dispatch.arrays.columns import Columns
    from models.dispatch.problem import DispatchProblem, FloatArray, IntArray
    from models.dispatch.structure import Structure

INF = np.inf


def add_member_rows(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure, columns: Columns
) -> None:
    """All rows of members and devices."""
    add_balance(builder, problem, facts, structure, columns)
    add_side(builder, problem, facts, structure, columns)
    intake = builder.add_rows("intake", structure.intake_row, -INF, facts.intake_limit_kw)
    outlet = builder.add_rows("outlet", structure.outlet_row, -INF, facts.outlet_limit_kw)
    for rows, grid, pool in (
        (intake, columns.grid_import, columns.pool_buy),
        (outlet, columns.grid_export, columns.pool_sell),
    ):
        builder.put(rows, grid, 1.0)
        builder.put(rows, pool, 1.0)
    add_storage(builder, problem, facts, structure, columns)
    add_ev(builder, problem, structure, columns)
    add_runs(builder, problem, columns)
    add_cuts(builder, problem, structure, columns)
    soc_low = builder.add_rows("soc_low", structure.outside, facts.storage.soc_lower_kwh, INF)
    soc_high = builder.add_rows("soc_high", structure.outside, -INF, facts.storage.soc_upper_kwh)
    for rows, slack, sign in ((soc_low, columns.below, 1.0), (soc_high, columns.above, -1.0)):
        builder.put(rows, columns.soc, 1.0)
        builder.put(rows, slack, sign)


def put_devices(
    builder: ProgramBuilder, problem: DispatchProblem, rows: IntArray, columns: Columns, sign: float
) -> None:
    """Put sign (ch + ev + shift + curt) of each position into rows [N, T]."""
    battery_owner, ev_owner, run_owner = device_owners(problem)
    builder.put(rows[battery_owner], columns.charge, sign)
    builder.put(rows[ev_owner], columns.ev_charge, sign)
    builder.put(rows, columns.curtail, sign)
    for s, run in enumerate(problem.runs):
        options = run.option_kw.shape[0]
        builder.put(rows[run_owner[s]][None, :], columns.start[s, :options, None], sign * run.option_kw)


def add_balance(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure, columns: Columns
) -> None:
    """Twin of ``constraints.add_balance``."""
    rows = builder.add_rows("balance", structure.flexible, facts.fixed_kw, facts.fixed_kw)
    battery_owner, _, _ = device_owners(problem)
    for column in (columns.grid_import, columns.pool_buy, columns.unserved, columns.excess):
        builder.put(rows, column, 1.0)
    for column in (columns.grid_export, columns.pool_sell):
        builder.put(rows, column, -1.0)
    put_devices(builder, problem, rows, columns, -1.0)
    builder.put(rows[battery_owner], columns.discharge, 1.0)
    builder.put(rows[load_owners(problem)], columns.cut, 1.0)


def add_side(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure, columns: Columns
) -> None:
    """Twin of ``constraints.add_side``."""
    intake, outlet, net = facts.intake_limit_kw, facts.outlet_limit_kw, facts.fixed_kw
    exact, tail = structure.side_exact, structure.side_tail
    side_in = builder.add_rows("side_in", exact, -INF, 0.0)
    side_out = builder.add_rows("side_out", exact, -INF, outlet)
    link = builder.add_rows("side_link", exact, -INF, 0.0)
    side_tail = builder.add_rows("side_tail", tail, -INF, np.maximum(net, 0.0))
    takes_more = 1.0 - np.divide(np.minimum(net, 0.0), intake, out=np.zeros_like(net), where=tail)
    gives_share = np.divide(np.maximum(net, 0.0), outlet, out=np.zeros_like(net), where=tail)
    for column in (columns.grid_import, columns.pool_buy):
        builder.put(side_in, column, 1.0)
        builder.put(link, column, 1.0)
        builder.put(side_tail, column, takes_more)
    for column in (columns.grid_export, columns.pool_sell):
        builder.put(side_out, column, 1.0)
        builder.put(side_tail, column, gives_share)
    builder.put(side_in, columns.side, -intake)
    builder.put(side_out, columns.side, outlet)
    builder.put(link, columns.side, -net)
    for rows in (link, side_tail):
        put_devices(builder, problem, rows, columns, -1.0)


def add_storage(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure, columns: Columns
) -> None:
    """Twin of ``constraints.add_storage``."""
    charge_limit, discharge_limit = facts.storage.charge_limit_kw, facts.storage.discharge_limit_kw
    put_storage(builder, problem, columns.charge, columns.discharge, columns.soc)
    direction_in = builder.add_rows("direction_in", structure.direction_exact, -INF, 0.0)
    direction_out = builder.add_rows("direction_out", structure.direction_exact, -INF, discharge_limit)
    tail = structure.direction_tail
    direction_tail = builder.add_rows("direction_tail", tail, -INF, 1.0)
    builder.put(direction_in, columns.charge, 1.0)
    builder.put(direction_in, columns.direction, -charge_limit)
    builder.put(direction_out, columns.discharge, 1.0)
    builder.put(direction_out, columns.direction, discharge_limit)
    for column, limit in ((columns.charge, charge_limit), (columns.discharge, discharge_limit)):
        builder.put(direction_tail, column, np.divide(1.0, limit, out=np.zeros_like(limit), where=tail))


def put_storage(
    builder: ProgramBuilder, problem: DispatchProblem, charge: IntArray, discharge: IntArray, soc: IntArray
) -> None:
    """soc_t - soc_(t-1) - h_t (eta_c ch_t - dis_t / eta_d) = 0, the start on the right-hand side of step 0."""
    start, eta_c, eta_d = battery_numbers(problem)
    rhs = np.zeros(charge.shape)
    rhs[:, 0] = start
    rows = builder.add_rows("storage", np.ones(charge.shape, dtype=np.bool_), rhs, rhs)
    builder.put(rows, soc, 1.0)
    builder.put(rows[:, 1:], soc[:, :-1], -1.0)
    builder.put(rows, charge, -problem.step_h * eta_c[:, None])
    builder.put(rows, discharge, problem.step_h / eta_d[:, None])


def battery_numbers(problem: DispatchProblem) -> tuple[FloatArray, FloatArray, FloatArray]:
    """[B] start [kWh], charging and discharging efficiency."""
    start = np.array([battery.soc_start_kwh for battery in problem.batteries], dtype=np.float64)
    eta_c = np.array([battery.charge_efficiency_frac for battery in problem.batteries], dtype=np.float64)
    eta_d = np.array([battery.discharge_efficiency_frac for battery in problem.batteries], dtype=np.float64)
    return start, eta_c, eta_d


def add_ev(builder: ProgramBuilder, problem: DispatchProblem, structure: Structure, columns: Columns) -> None:
    """Twin of ``constraints.add_ev``."""
    needed = np.array([ev.energy_needed_kwh for ev in problem.evs], dtype=np.float64)
    efficiency = np.array([ev.charge_efficiency_frac for ev in problem.evs], dtype=np.float64)
    rows = builder.add_rows("ev_energy", np.ones(needed.shape, dtype=np.bool_), needed, needed)
    builder.put(rows[:, None], columns.ev_charge, problem.step_h * efficiency[:, None])
    builder.put(rows, columns.ev_shortfall, 1.0)
    builder.put(rows, columns.ev_surplus, -1.0)
    most = builder.add_rows("ev_most", structure.ev_on, -INF, 0.0)
    least = builder.add_rows("ev_least", structure.ev_on, 0.0, INF)
    highest = np.array([ev.charge_limit_kw for ev in problem.evs], dtype=np.float64)[:, None]
    lowest = np.array([ev.charge_min_kw for ev in problem.evs], dtype=np.float64)[:, None]
    for pulse, limit in ((most, highest), (least, lowest)):
        builder.put(pulse, columns.ev_charge, 1.0)
        builder.put(pulse, columns.ev_on, -limit)


def add_runs(builder: ProgramBuilder, problem: DispatchProblem, columns: Columns) -> None:
    """Twin of ``constraints.add_runs``."""
    rows = builder.add_rows("run_start", np.ones(len(problem.runs), dtype=np.bool_), 1.0, 1.0)
    builder.put(rows[:, None], columns.start, 1.0)
    builder.put(rows, columns.skipped, 1.0)


def add_cuts(builder: ProgramBuilder, problem: DispatchProblem, structure: Structure, columns: Columns) -> None:
    """Twin of ``constraints.add_cuts``."""
    owner = load_owners(problem)
    put_days(builder, problem, structure, columns)
    served = builder.add_rows("served", structure.served, -INF, problem.demand_kw)
    builder.put(served, columns.unserved, 1.0)
    builder.put(served[owner], columns.cut, 1.0)


def put_days(builder: ProgramBuilder, problem: DispatchProblem, structure: Structure, columns: Columns) -> None:
    """sum_(t in day) h_t cut_ct <= limit of the day."""
    days = load_days(problem)
    rows = builder.add_rows("cut_day", structure.cut_day, -INF, day_limits_kwh(problem))
    builder.put(rows[np.arange(days.shape[0])[:, None], days], columns.cut, problem.step_h)
