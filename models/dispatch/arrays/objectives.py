"""Objectives of the stages; the twin of ``models.dispatch.objective``, whose docstrings are the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import discomfort_prices_eur_per_kwh, load_owners
from models.dispatch.facts import Facts, device_owners
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
from models.dispatch.solvers.protocol import Objective

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import ProgramBuilder
    from models.dispatch.arrays.columns import Columns
    from models.dispatch.problem import DispatchProblem, FloatArray, IntArray
    from models.dispatch.structure import Structure


def fixed_costs_eur(problem: DispatchProblem, facts: Facts) -> FloatArray:
    """[N] What fixed positions cost each member before any trade."""
    fixed = np.where(facts.is_flexible, 0.0, facts.fixed_kw)
    rate = np.maximum(fixed, 0.0) * problem.import_price_eur_per_kwh
    rate = rate - np.maximum(-fixed, 0.0) * problem.export_price_eur_per_kwh
    result: FloatArray = rate @ problem.step_h
    return result


def trade_prices(problem: DispatchProblem, facts: Facts) -> tuple[FloatArray, FloatArray]:
    """[N, T] What a bought, and a sold, kWh costs its member [EUR/kWh]; for fixed positions against the grid."""
    p_in, p_out = problem.import_price_eur_per_kwh, problem.export_price_eur_per_kwh
    bought, sold = problem.local_price_eur_per_kwh + problem.network_fee_eur_per_kwh, -problem.local_price_eur_per_kwh
    buy = np.where(facts.is_flexible, bought, bought - p_in)
    sell = np.where(facts.is_flexible, sold, sold + p_out)
    return buy, sell


def put_member_costs(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, columns: Columns, rows: IntArray, scale: FloatArray
) -> FloatArray:
    """scale_i C_i into rows [N]; returns the constants of the C_i [N]."""
    for owner, column, price in _cost_terms(problem, facts, columns):
        factor = scale[owner] if column.ndim == 1 else scale[owner][:, None]
        place = rows[owner] if column.ndim == 1 else rows[owner][:, None]
        builder.put(place, column, factor * price)
    return fixed_costs_eur(problem, facts)


def _cost_terms(
    problem: DispatchProblem, facts: Facts, columns: Columns
) -> list[tuple[IntArray, IntArray, FloatArray]]:
    """(owner of each row, columns, EUR per unit) of every term of the C_i."""
    step_h, everyone = problem.step_h, np.arange(problem.demand_kw.shape[0])
    buy, sell = trade_prices(problem, facts)
    return [
        (everyone, columns.grid_import, step_h * problem.import_price_eur_per_kwh),
        (everyone, columns.excess, step_h * problem.import_price_eur_per_kwh),
        (everyone, columns.grid_export, -step_h * problem.export_price_eur_per_kwh),
        (everyone, columns.pool_buy, step_h * buy),
        (everyone, columns.pool_sell, step_h * sell),
        *device_terms(problem, columns.discharge, columns.soc, columns.ev_shortfall),
    ]


def device_terms(
    problem: DispatchProblem, discharge: IntArray, soc: IntArray, ev_shortfall: IntArray
) -> list[tuple[IntArray, IntArray, FloatArray]]:
    """Wear, value of the stored energy at the end, missing EV energy."""
    battery_owner, ev_owner, _ = device_owners(problem)
    wear = np.array([battery.wear_eur_per_kwh for battery in problem.batteries], dtype=np.float64)
    value = np.array([battery.end_value_eur_per_kwh for battery in problem.batteries], dtype=np.float64)
    price = np.array([ev.shortfall_eur_per_kwh for ev in problem.evs], dtype=np.float64)
    return [
        (battery_owner, discharge, wear[:, None] * problem.step_h),
        (battery_owner, soc[:, -1], -value),
        (ev_owner, ev_shortfall, price),
    ]


def discomfort_term(problem: DispatchProblem, cut: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Twin of ``objective.discomfort_eur``: (owner of each row, columns, EUR per kW)."""
    return load_owners(problem), cut, discomfort_prices_eur_per_kwh(problem)[:, None] * problem.step_h


def add_objectives(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure, columns: Columns
) -> int:
    """One objective for each stage; returns the budget row."""
    put_cost(builder, problem, columns)
    cost = builder.vector(Objective.COST)
    budget = builder.add_rows("budget", np.ones((), dtype=np.bool_), -np.inf, np.inf)
    builder.put(budget, np.arange(builder.column_count), cost)
    builder.cost(Objective.EFFICIENCY, np.arange(builder.column_count), cost)
    builder.add_offset(Objective.EFFICIENCY, -peak_floor_eur(problem))
    put_throughput(builder, problem, columns, Objective.EFFICIENCY)
    put_readiness(builder, problem, columns, Objective.EFFICIENCY)
    put_equity(builder, problem, facts, columns)
    if structure.is_elastic:
        put_violation(builder, problem, columns)
    return int(budget)


def peak_floor_eur(problem: DispatchProblem) -> float:
    """The k P0: the part of the peak charge that is paid for anyway."""
    return problem.peak_charge_eur_per_kw * float(problem.peak_floor_kw.sum())


def put_cost(builder: ProgramBuilder, problem: DispatchProblem, columns: Columns) -> None:
    """Twin of ``objective.community_cost_eur``."""
    step_h, name = problem.step_h, Objective.COST
    builder.cost(name, columns.community_import, step_h * problem.import_price_eur_per_kwh)
    builder.cost(name, columns.community_export, -step_h * problem.export_price_eur_per_kwh)
    builder.cost(name, columns.shared, step_h * problem.network_fee_eur_per_kwh)
    for _, column, price in device_terms(problem, columns.discharge, columns.soc, columns.ev_shortfall):
        builder.cost(name, column, price)
    _, column, price = discomfort_term(problem, columns.cut)
    builder.cost(name, column, price)
    builder.cost(name, columns.peak, problem.peak_charge_eur_per_kw)
    builder.cost(name, columns.event_excess, step_h * problem.event_shortfall_eur_per_kwh)
    builder.add_offset(name, -peak_floor_eur(problem))


def put_throughput(builder: ProgramBuilder, problem: DispatchProblem, columns: Columns, name: Objective) -> None:
    """Twin of ``objective.throughput_eur``."""
    for column in (columns.charge, columns.discharge, columns.cut):
        builder.cost(name, column, THROUGHPUT_EUR_PER_KWH * problem.step_h)


def put_readiness(builder: ProgramBuilder, problem: DispatchProblem, columns: Columns, name: Objective) -> None:
    """Twin of ``objective.readiness_eur``."""
    step_h = problem.step_h
    builder.cost(name, columns.soc, -READINESS_EUR_PER_KWH_H * step_h)
    builder.cost(name, columns.ev_charge, READINESS_EUR_PER_KWH_H * (np.cumsum(step_h) - step_h) * step_h)


def put_equity(builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, columns: Columns) -> None:
    """sum_i w_i (C_i + D_i) + k (P - P0) + rho z' + price of missing access and targets."""
    name, weight = Objective.EQUITY, problem.weight
    for owner, column, price in (*_cost_terms(problem, facts, columns), discomfort_term(problem, columns.cut)):
        factor = weight[owner] if column.ndim == 1 else weight[owner][:, None]
        builder.cost(name, column, factor * price)
    builder.add_offset(name, float(weight @ fixed_costs_eur(problem, facts)) - peak_floor_eur(problem))
    builder.cost(name, columns.peak, problem.peak_charge_eur_per_kw)
    builder.cost(name, columns.burden, problem.burden_price_frac)
    builder.cost(name, columns.access_missing, problem.access_shortfall_eur_per_kwh)
    builder.cost(name, columns.event_excess, problem.step_h * problem.event_shortfall_eur_per_kwh)
    put_throughput(builder, problem, columns, name)
    put_readiness(builder, problem, columns, name)


def put_violation(builder: ProgramBuilder, problem: DispatchProblem, columns: Columns) -> None:
    """Twin of ``objective.violation``."""
    step_h, name = problem.step_h, Objective.SERVICE
    is_near = np.arange(step_h.shape[0]) < problem.exact_steps
    for column in (columns.excess, columns.over_import, columns.over_export):
        builder.cost(name, column, np.where(is_near, EXCESS_PRICE, TAIL_EXCESS_PRICE) * step_h)
    for column in (columns.below, columns.above):
        builder.cost(name, column, OUTSIDE_PRICE)
    energy = np.array([float((run.option_kw @ step_h).max()) for run in problem.runs], dtype=np.float64)
    builder.cost(name, columns.skipped, SKIPPED_PRICE * energy)
    builder.cost(name, columns.unserved, UNSERVED_PRICE * step_h)
    builder.cost(name, columns.unserved_share, SHARE_PRICE * step_h * problem.demand_kw.sum(axis=0))
    put_throughput(builder, problem, columns, name)
