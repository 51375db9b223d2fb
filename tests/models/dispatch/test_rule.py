from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.figures import measure_schedule
from models.dispatch.problem import RunData
from models.dispatch.rule import follow_rule
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, car, plain_problem, random_problem


@given(seed=st.integers(0, 100_000), has_islands=st.booleans())
def test_the_rule_balances_every_member_in_every_step(seed: int, *, has_islands: bool) -> None:
    problem = random_problem(seed, has_islands=has_islands)
    s = follow_rule(problem)
    supply = s.import_kw + s.unserved_kw + problem.pv_kw - s.curtailed_kw
    use = problem.demand_kw + s.export_kw
    for b, unit in enumerate(problem.batteries):
        use[unit.member] += s.charge_kw[b] - s.discharge_kw[b]
    for e, ev in enumerate(problem.evs):
        use[ev.member] += s.ev_kw[e]
    for k, run in enumerate(problem.runs):
        use[run.member] += s.run_kw[k]
    np.testing.assert_allclose(supply, use, atol=1e-9)
    assert s.buy_kw.max(initial=0.0) == s.sell_kw.max(initial=0.0) == 0.0


@given(seed=st.integers(0, 100_000))
def test_the_rule_never_takes_a_battery_further_out_of_its_limits(seed: int) -> None:
    problem = random_problem(seed)
    s = follow_rule(problem)
    for b, unit in enumerate(problem.batteries):
        before = np.concatenate([[unit.soc_start_kwh], s.soc_kwh[b, :-1]])
        assert (s.soc_kwh[b] >= np.minimum(before, unit.soc_min_kwh) - 1e-9).all()
        assert (s.soc_kwh[b] <= np.maximum(before, unit.soc_max_kwh) + 1e-9).all()


def test_a_battery_serves_its_own_home_and_stores_its_own_surplus() -> None:
    problem = plain_problem(
        members=1,
        demand_kw=np.array([[0.0, 0.0, 1.0, 3.0]]),
        pv_kw=np.array([[1.5, 9.0, 0.0, 0.0]]),
        batteries=(battery(0),),
    )
    s = follow_rule(problem)
    assert s.charge_kw[0] == pytest.approx([1.5, 2.0, 0.0, 0.0])
    assert s.discharge_kw[0] == pytest.approx([0.0, 0.0, 1.0, 2.0])
    assert s.export_kw[0] == pytest.approx([0.0, 7.0, 0.0, 0.0])
    assert s.import_kw[0] == pytest.approx([0.0, 0.0, 0.0, 1.0])


def test_cars_charge_on_arrival_and_runs_start_first() -> None:
    option_kw = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    problem = plain_problem(
        evs=(car(arrival_step=1, departure_step=3, energy_needed_kwh=4.5, charge_efficiency_frac=0.9),),
        reference_ev_kw=np.full((1, 4), np.nan),
        runs=(RunData(member=1, option_kw=option_kw),),
    )
    s = follow_rule(problem)
    assert s.ev_kw[0] == pytest.approx([0.0, 7.4, 2.6, 0.0])
    trickle = plain_problem(evs=(car(energy_needed_kwh=0.1),), reference_ev_kw=np.full((1, 4), np.nan))
    assert follow_rule(trickle).ev_kw[0] == pytest.approx([1.4, 0.0, 0.0, 0.0])
    assert s.run_option.tolist() == [0]
    assert s.run_kw[0].tolist() == [0.0, 1.0, 0.0, 0.0]


@settings(deadline=None)
@given(seed=st.integers(0, 5_000))
def test_cooperating_is_never_dearer_than_everybody_alone(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    plan = plan_of(problem, mip_gap=1e-4)
    assert plan.figures is not None
    alone = measure_schedule(problem, follow_rule(problem)).cost_eur
    assert plan.figures.alone_cost_eur == pytest.approx(alone)
    assert plan.figures.efficient_cost_eur <= alone + 1e-3 * max(1.0, abs(alone))
