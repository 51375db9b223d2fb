"""What each stage keeps of the one before: budget, fairness, tie-break, deadline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.audit import audit_plan
from models.dispatch.planning import solve
from models.dispatch.result import Termination
from models.dispatch.solvers.protocol import LinearProgram, LinearSolution, SolverSession
from models.dispatch.stages import UNKNOWN_GAP_FRAC
from tests.models.dispatch.planners import audited, plan_of, solver
from tests.models.dispatch.random_problems import battery, car, clock, plain_problem, random_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_equity_costs_no_more_than_its_budget(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    plan = plan_of(problem)
    assert plan.figures is not None
    gain = max(0.0, plan.figures.alone_cost_eur - plan.figures.efficient_cost_eur)
    allowed = problem.equity_budget_frac * gain
    assert -1e-4 <= plan.figures.price_of_equity_eur <= allowed + 1e-4


@BOTH
def test_without_a_budget_equity_only_chooses_among_the_efficient_schedules(name: str) -> None:
    problem = plain_problem(members=4, weight=np.array([0.2, 0.2, 1.8, 1.8]), equity_budget_frac=0.0)
    _, figures = audited(problem, name)
    assert figures.price_of_equity_eur == pytest.approx(0.0, abs=1e-5)


@BOTH
def test_scarce_local_energy_goes_to_the_higher_weight(name: str) -> None:
    problem = plain_problem(
        members=3,
        demand_kw=np.array([[2.0] * 4, [2.0] * 4, [0.0] * 4]),
        pv_kw=np.array([[0.0] * 4, [0.0] * 4, [1.5] * 4]),
        weight=np.array([0.5, 1.5, 1.0]),
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
    )
    schedule, _ = audited(problem, name)
    assert schedule.buy_kw[1] == pytest.approx([1.5] * 4)
    assert schedule.buy_kw[0] == pytest.approx([0.0] * 4, abs=1e-6)


@BOTH
def test_the_highest_burden_draws_local_energy_to_itself(name: str) -> None:
    problem = plain_problem(
        members=3,
        demand_kw=np.array([[2.0] * 4, [2.0] * 4, [0.0] * 4]),
        pv_kw=np.array([[0.0] * 4, [0.0] * 4, [1.5] * 4]),
        weight=np.array([0.95, 1.05, 1.0]),
        income_eur=np.array([100.0, 1000.0, 1000.0]),
        billed_eur=np.full(3, 20.0),
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
    )
    without, _ = audited(problem, name)
    with_burden, figures = audited(replace(problem, burden_price_frac=1.0), name)
    assert without.buy_kw[0].sum() == pytest.approx(0.0, abs=1e-6)
    assert with_burden.buy_kw[0] == pytest.approx([1.5] * 4)
    assert figures.worst_burden_frac == pytest.approx((20.0 + figures.member_cost_eur[0]) / 100.0)


@BOTH
def test_a_priority_member_gets_its_share_of_renewable_energy(name: str) -> None:
    problem = plain_problem(
        members=3,
        demand_kw=np.array([[2.0] * 4, [2.0] * 4, [0.0] * 4]),
        pv_kw=np.array([[0.0] * 4, [0.0] * 4, [1.5] * 4]),
        weight=np.array([0.5, 1.5, 1.0]),
        is_priority=np.array([True, False, False]),
        access_share_frac=0.5,
        access_shortfall_eur_per_kwh=1.0,
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
    )
    schedule, figures = audited(problem, name)
    assert float(schedule.buy_kw[0] @ problem.step_h) == pytest.approx(2.0)
    assert figures.access_shortfall_kwh[0] == pytest.approx(0.0, abs=1e-5)


@BOTH
def test_among_equal_schedules_the_one_closest_to_the_running_schedule_is_taken(name: str) -> None:
    # Two batteries alike behind one meter: it does not matter which of them takes the surplus of the second step.
    twin = battery(1, charge_efficiency_frac=1.0, discharge_efficiency_frac=1.0, end_value_eur_per_kwh=0.25)
    problem = plain_problem(
        steps=4,
        exact_steps=4,
        demand_kw=np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]),
        pv_kw=np.array([[0.0, 0.0, 0.0, 0.0], [1.0, 3.0, 1.0, 1.0]]),
        batteries=(twin, twin),
    )
    for first, second in ((2.0, 0.0), (0.0, 2.0), (0.5, 1.5)):
        running = np.array([[0.0, first, 0.0, 0.0], [0.0, second, 0.0, 0.0]])
        schedule, _ = audited(replace(problem, reference_battery_kw=running), name)
        assert schedule.charge_kw - schedule.discharge_kw == pytest.approx(running, abs=1e-5)


@BOTH
def test_of_equal_schedules_the_one_that_stores_earlier_is_taken(name: str) -> None:
    # The same surplus in the first and the last step, and room for one of them.
    problem = plain_problem(
        steps=4,
        exact_steps=4,
        demand_kw=np.zeros((2, 4)),
        pv_kw=np.array([[0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 2.0]]),
        step_h=np.ones(4),
        export_price_eur_per_kwh=np.full(4, 0.05),
        batteries=(battery(1, soc_start_kwh=2.0, soc_max_kwh=3.9, charge_efficiency_frac=0.95),),
    )
    schedule, _ = audited(problem, name)
    assert schedule.charge_kw[0] == pytest.approx([2.0, 0.0, 0.0, 0.0], abs=1e-5)
    assert schedule.soc_kwh[0, 0] == pytest.approx(3.9)


@BOTH
def test_a_car_that_may_charge_at_any_time_charges_at_once(name: str) -> None:
    problem = plain_problem(steps=4, exact_steps=4, evs=(car(member=0, charge_min_kw=0.0, departure_step=3),))
    schedule, _ = audited(problem, name)
    assert schedule.ev_kw[0, 1:] == pytest.approx(np.zeros(3), abs=1e-5)


@BOTH
def test_room_is_kept_below_the_peak_for_what_forecasts_miss(name: str) -> None:
    # The battery could level the whole night; where much may be missed it leaves room instead.
    problem = plain_problem(
        steps=4,
        exact_steps=4,
        demand_kw=np.full((2, 4), 1.0),
        pv_kw=np.zeros((2, 4)),
        peak_charge_eur_per_kw=1.0,
        batteries=(battery(1, end_value_eur_per_kwh=0.0),),
    )
    reserve_kw = np.array([0.0, 1.0, 0.0, 0.5])
    schedule, figures = audited(replace(problem, peak_reserve_kw=reserve_kw), name)
    net_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0)
    assert (net_kw + reserve_kw).max() == pytest.approx(figures.peak_kw[0], abs=1e-4)
    assert net_kw[1] < net_kw[3] - 0.4 < net_kw[0] - 0.8
    plain, without = audited(problem, name)
    assert (plain.import_kw - plain.export_kw).sum(axis=0).max() == pytest.approx(without.peak_kw[0], abs=1e-4)
    assert without.peak_kw[0] < figures.peak_kw[0]


@BOTH
def test_the_tie_break_costs_nothing(name: str) -> None:
    problem = random_problem(11, is_tame=True)
    reference = np.random.default_rng(0).uniform(-2.0, 2.0, problem.reference_battery_kw.shape)
    with_reference = plan_of(replace(problem, reference_battery_kw=reference), name)
    without = plan_of(replace(problem, reference_battery_kw=np.full(reference.shape, np.nan)), name)
    assert with_reference.record.objective_eur == pytest.approx(without.record.objective_eur, abs=1e-5)
    assert with_reference.figures is not None
    assert without.figures is not None
    assert with_reference.figures.cost_eur <= without.figures.efficient_cost_eur + 0.6 * abs(
        without.figures.alone_cost_eur - without.figures.efficient_cost_eur
    ) + 1e-4  # fmt: skip


class _OutOfTime:
    """A solver whose time is up whenever the whole program is asked for."""

    name = "out of time"

    def open(self, program: LinearProgram) -> SolverSession:
        session = solver("highs").open(program)
        if program.budget_row >= 0:
            session.solve_relaxed = lambda *, deadline_s: _nothing(deadline_s)  # type: ignore[method-assign]
        return session


def _nothing(_deadline_s: float) -> LinearSolution:
    none = np.empty(0)
    return LinearSolution(
        termination=Termination.NO_SOLUTION, objective=np.nan, bound=-np.inf, x=none, row_dual=none, reduced_cost=none
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_when_the_time_is_up_before_equity_the_efficient_schedule_is_the_answer(seed: int) -> None:
    problem = replace(random_problem(seed, is_tame=True), evs=(), runs=())
    steps = problem.step_h.shape[0]
    # Sharing on everywhere, so that the efficiency stage has its small program.
    problem = replace(
        problem,
        export_price_eur_per_kwh=np.full(steps, 0.05),
        import_price_eur_per_kwh=np.full(steps, 0.3),
        local_price_eur_per_kwh=np.full(steps, 0.16),
        reference_ev_kw=np.empty((0, steps)),
    )
    plan = solve(problem, solver=_OutOfTime(), deadline_s=9.0, mip_gap=1e-4, now_s=clock())
    assert plan.record.termination is Termination.INCUMBENT
    assert plan.record.gap_frac == UNKNOWN_GAP_FRAC
    assert plan.figures is not None
    assert plan.figures.price_of_equity_eur == pytest.approx(0.0, abs=1e-4)
    assert [str(violation) for violation in audit_plan(problem, plan)] == []


def test_a_problem_without_a_small_program_has_the_rules_schedule_when_the_time_is_up() -> None:
    problem = replace(plain_problem(), export_price_eur_per_kwh=np.full(4, 0.5))
    plan = solve(problem, solver=_OutOfTime(), deadline_s=9.0, mip_gap=1e-4, now_s=clock())
    assert plan.record.termination is Termination.INCUMBENT
    assert plan.record.gap_frac == UNKNOWN_GAP_FRAC
    assert plan.figures is not None
    assert plan.figures.cost_eur == pytest.approx(plan.figures.alone_cost_eur)
    assert audit_plan(problem, plan) == ()


def test_the_marginal_price_is_what_one_more_kilowatt_hour_costs() -> None:
    problem = random_problem(7, is_tame=True)
    plan = plan_of(problem, "highs")
    assert plan.figures is not None
    assert plan.marginal_price_eur_per_kwh is not None
    step = 1e-4
    base = plan.figures.efficient_cost_eur
    for member, place in ((0, 0), (problem.demand_kw.shape[0] - 1, 1)):
        costs = []
        for sign in (1.0, -1.0):
            demand = problem.demand_kw.copy()
            demand[member, place] += sign * step
            changed = replace(problem, demand_kw=np.maximum(demand, 0.0))
            other = plan_of(changed, "highs")
            assert other.figures is not None
            costs.append(sign * (other.figures.efficient_cost_eur - base) / (step * problem.step_h[place]))
        price = float(plan.marginal_price_eur_per_kwh[member, place])
        assert min(costs) - 2e-3 <= price <= max(costs) + 2e-3
