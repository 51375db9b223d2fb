"""Optima of tiny problems against enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.arrays.program import write_program
from models.dispatch.directions import find_burning
from models.dispatch.facts import derive_facts
from models.dispatch.layout import locate
from models.dispatch.problem import DispatchProblem, RunData
from models.dispatch.solvers.protocol import Objective
from tests.models.dispatch.planners import audited, plan_of, solver
from tests.models.dispatch.random_problems import battery, car, plain_problem, random_problem


def cost_of_nets_eur(problem: DispatchProblem, net_kw: np.ndarray) -> float:
    """What the utility and the fee cost for given nets, the pool sharing all that it can [EUR]."""
    taken, given_ = np.maximum(net_kw, 0.0).sum(axis=0), np.maximum(-net_kw, 0.0).sum(axis=0)
    p_in, p_out, fee = (
        problem.import_price_eur_per_kwh,
        problem.export_price_eur_per_kwh,
        problem.network_fee_eur_per_kwh,
    )
    shared = np.where(p_in - fee >= p_out, np.minimum(taken, given_), 0.0)
    rate = p_in * (taken - shared) - p_out * (given_ - shared) + fee * shared
    peak = max(float((taken - given_).max()), float(problem.peak_floor_kw[0])) - float(problem.peak_floor_kw[0])
    return float(rate @ problem.step_h) + problem.peak_charge_eur_per_kw * peak


def cheapest_by_grid_eur(problem: DispatchProblem, levels: np.ndarray) -> float:
    """F of the best battery schedule whose net powers lie on a grid."""
    (unit,) = problem.batteries
    best = np.inf
    for powers in product(levels, repeat=problem.step_h.shape[0]):
        net = np.array(powers)
        charge, discharge = np.maximum(net, 0.0), np.maximum(-net, 0.0)
        stored = unit.charge_efficiency_frac * charge - discharge / unit.discharge_efficiency_frac
        soc = unit.soc_start_kwh + np.cumsum(problem.step_h * stored)
        if soc.min() < unit.soc_min_kwh - 1e-9 or soc.max() > unit.soc_max_kwh + 1e-9:
            continue
        nets = problem.demand_kw - problem.pv_kw
        nets[unit.member] += net
        wear = unit.wear_eur_per_kwh * float(discharge @ problem.step_h)
        best = min(best, cost_of_nets_eur(problem, nets) + wear - unit.end_value_eur_per_kwh * float(soc[-1]))
    return best


@pytest.mark.parametrize("solver_name", ["glpk", "highs"])
@pytest.mark.parametrize("peak_charge", [0.0, 0.5])
@pytest.mark.parametrize("fee", [0.0, 0.03])
def test_the_efficient_cost_is_that_of_the_best_schedule_on_a_grid(
    solver_name: str, peak_charge: float, fee: float
) -> None:
    problem = plain_problem(
        members=2,
        steps=4,
        peak_charge_eur_per_kw=peak_charge,
        network_fee_eur_per_kwh=np.full(4, fee),
        import_price_eur_per_kwh=np.array([0.2, 0.2, 0.4, 0.3]),
        demand_kw=np.array([[1.0, 1.0, 2.0, 3.0], [0.5, 0.5, 1.0, 1.0]]),
        pv_kw=np.array([[0.0, 0.0, 0.0, 0.0], [3.0, 2.0, 0.0, 0.0]]),
        batteries=(battery(1, charge_efficiency_frac=1.0, discharge_efficiency_frac=1.0, soc_start_kwh=1.0),),
    )
    # Lossless, and every datum a multiple of 0.25 kW: the optimum stands on the grid.
    best = cheapest_by_grid_eur(problem, np.arange(-2.0, 2.01, 0.25))
    _, figures = audited(problem, solver_name)
    assert figures.efficient_cost_eur == pytest.approx(best, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_no_schedule_on_a_grid_is_cheaper_than_the_efficient_cost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = plain_problem(
        steps=3,
        import_price_eur_per_kwh=rng.uniform(0.15, 0.4, 3),
        export_price_eur_per_kwh=rng.uniform(0.0, 0.1, 3),
        demand_kw=rng.uniform(0.0, 3.0, (2, 3)),
        pv_kw=rng.uniform(0.0, 3.0, (2, 3)),
        peak_charge_eur_per_kw=0.2,
        batteries=(battery(int(rng.integers(2)), end_value_eur_per_kwh=float(rng.uniform(0.0, 0.3))),),
    )
    _, figures = audited(problem)
    best = cheapest_by_grid_eur(problem, np.linspace(-2.0, 2.0, 21))
    assert figures.efficient_cost_eur <= best + 1e-6
    assert best - figures.efficient_cost_eur < 0.2


def test_the_start_of_a_run_is_the_cheapest_of_all_its_options() -> None:
    option_kw = np.array([[2.0, 2.0, 0, 0, 0], [0, 2.0, 2.0, 0, 0], [0, 0, 2.0, 2.0, 0], [0, 0, 0, 2.0, 2.0]])
    problem = plain_problem(
        steps=5,
        exact_steps=1,
        import_price_eur_per_kwh=np.array([0.4, 0.35, 0.2, 0.25, 0.3]),
        runs=(RunData(member=0, option_kw=option_kw), RunData(member=1, option_kw=option_kw)),
    )
    costs = {}
    for first, second in product(range(4), repeat=2):
        runs = tuple(
            RunData(member=member, option_kw=option_kw[[option]]) for member, option in ((0, first), (1, second))
        )
        costs[first, second] = audited(replace(problem, runs=runs))[1].efficient_cost_eur
    _, figures = audited(problem)
    assert figures.efficient_cost_eur == pytest.approx(min(costs.values()), abs=1e-5)


def test_a_car_charges_with_the_best_of_all_patterns_of_pulses() -> None:
    problem = plain_problem(
        members=1,
        steps=3,
        exact_steps=3,
        import_price_eur_per_kwh=np.array([0.30, 0.25, 0.40]),
        evs=(car(charge_min_kw=2.0, charge_limit_kw=4.0, energy_needed_kwh=2.5, charge_efficiency_frac=1.0),),
        reference_ev_kw=np.full((1, 3), np.nan),
    )
    # 4 kW in the second half-hour bring 2 kWh; the missing 0.5 kWh need a pulse of at least 1 kWh: it may overshoot.
    base = float(problem.demand_kw[0] * problem.step_h @ problem.import_price_eur_per_kwh)
    _, figures = audited(problem)
    patterns = []
    levels = [0.0, 2.0, 2.5, 3.0, 3.5, 4.0]
    for powers in product(levels, repeat=3):
        energy = 0.5 * sum(powers)
        if energy <= 2.5 + 1.0:
            cost = 0.5 * float(np.array(powers) @ problem.import_price_eur_per_kwh)
            patterns.append(base + cost + max(2.5 - energy, 0.0) * 1.0)
    assert figures.efficient_cost_eur == pytest.approx(min(patterns), abs=1e-6)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_the_equity_stage_finds_the_best_of_all_patterns_of_sides(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    steps = problem.step_h.shape[0]
    problem = replace(
        problem,
        exact_steps=2,
        evs=(),
        runs=(),
        reference_ev_kw=np.empty((0, steps)),
        export_price_eur_per_kwh=np.full(steps, 0.05),
        import_price_eur_per_kwh=np.full(steps, 0.3),
        local_price_eur_per_kwh=np.full(steps, 0.16),
        access_share_frac=0.0,
    )
    plan = plan_of(problem, "highs")
    assert plan.figures is not None
    written = write_program(problem, derive_facts(problem))
    program, layout = written.program, locate(problem, written.columns, written.rows)
    integers = np.flatnonzero(program.is_integer)
    session = solver("highs").open(program)
    gain = max(0.0, plan.figures.alone_cost_eur - plan.figures.efficient_cost_eur)
    budget = plan.figures.efficient_cost_eur + problem.equity_budget_frac * gain
    rhs = budget - program.objectives[Objective.COST][1] + 1e-6 * max(1.0, abs(budget))
    session.set_row_bounds(np.array([program.budget_row]), np.array([-np.inf]), np.array([rhs]))
    session.set_objective(*program.objectives[Objective.EQUITY])
    best, burns = np.inf, False
    for pattern in product([0.0, 1.0], repeat=integers.shape[0]):
        session.set_column_bounds(integers, np.array(pattern), np.array(pattern))
        solution = session.solve_relaxed(deadline_s=10.0)
        if solution.has_point and solution.objective < best:
            best, burns = solution.objective, bool(find_burning(problem, layout, solution.x).any())
    # A pattern of sides may let a battery charge and discharge at once; the plan may not, and its gap says so.
    allowed = 2.0 * plan.record.gap_frac * max(abs(best), 1.0) if burns else 0.0
    assert best - 1e-4 <= plan.record.objective_eur <= best + allowed + 1e-4
