from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.dispatch.binding import Binding, find_bindings
from models.dispatch.comparison import equity_objective_eur
from models.dispatch.duals import measure_duals
from models.dispatch.problem import DispatchProblem
from models.dispatch.solvers.glpk import GlpkSolver
from models.dispatch.solvers.highs import HighsSolver
from models.dispatch.solvers.protocol import Solver
from tests.models.dispatch.recorded_plans import hungry, solve_with, solved


def tightened(limit_kw: float) -> DispatchProblem:
    """The community may import no more than this."""
    return replace(hungry(), community_import_limit_kw=np.full(hungry().step_h.shape, limit_kw))


def net_import_kw(problem: DispatchProblem) -> np.ndarray:
    plan = solve_with(problem)
    assert plan.schedule is not None
    return np.asarray((plan.schedule.import_kw - plan.schedule.export_kw).sum(axis=0))


def bindings_of(problem: DispatchProblem, solver: Solver | None = None) -> tuple[Binding, ...]:
    plan = solve_with(problem)
    assert plan.is_usable
    return find_bindings(problem, plan, measure_duals(problem, plan, solver or GlpkSolver(), deadline_s=30.0))


def named(bindings: tuple[Binding, ...], limit: str, place: str = "") -> Binding:
    (found,) = [binding for binding in bindings if (binding.limit, binding.place) == (limit, place)]
    return found


def least_import_limit_kw() -> float:
    """A limit that a plan of the example can keep, but not without effort."""
    return 0.8 * float(net_import_kw(hungry()).max())


def test_the_communitys_limit_binds_in_the_steps_in_which_it_is_met() -> None:
    limit_kw = least_import_limit_kw()
    problem = tightened(limit_kw)
    found = named(bindings_of(problem), "import limit")
    assert found.steps == tuple(np.flatnonzero(net_import_kw(problem) >= limit_kw - 1e-4))
    assert found.value == pytest.approx(limit_kw)
    assert found.dual_eur is not None
    assert found.dual_eur > 0.0


def test_the_worth_of_a_limit_is_what_one_more_unit_saves_the_equity_stage() -> None:
    step = int(net_import_kw(hungry()).argmax())
    limit_kw = np.full(hungry().step_h.shape, 1e3)
    limit_kw[step] = least_import_limit_kw()
    problem = replace(hungry(), community_import_limit_kw=limit_kw, equity_budget_frac=1.0)
    found = named(bindings_of(problem), "import limit")
    objectives = []
    for more_kw in (0.0, 0.005):
        limit_kw = limit_kw.copy()
        limit_kw[step] += more_kw
        figures = solve_with(replace(problem, community_import_limit_kw=limit_kw)).figures
        assert figures is not None
        objectives.append(equity_objective_eur(problem, figures))
    assert found.steps == (step,)
    assert found.dual_eur == pytest.approx((objectives[0] - objectives[1]) / 0.005, rel=0.02)


def test_both_solvers_find_the_same_worth_of_the_communitys_limit() -> None:
    problem = tightened(least_import_limit_kw())
    worths = [named(bindings_of(problem, solver), "import limit").dual_eur for solver in (GlpkSolver(), HighsSolver())]
    assert worths[0] == pytest.approx(worths[1], rel=1e-4)


def test_without_a_tight_limit_none_of_the_communitys_limits_binds() -> None:
    bindings = bindings_of(solved()[0])
    assert [binding for binding in bindings if binding.limit in ("import limit", "export limit")] == []


def test_a_battery_that_is_full_is_named_with_the_steps_in_which_it_is() -> None:
    problem, plan = solved()
    assert plan.schedule is not None
    highest = [binding for binding in find_bindings(problem, plan) if binding.limit == "highest state of charge"]
    assert highest, "the example must fill a battery"
    for binding in highest:
        battery = int(binding.place.split()[1])
        full = np.flatnonzero(plan.schedule.soc_kwh[battery] >= problem.batteries[battery].soc_max_kwh - 1e-4)
        assert binding.steps == tuple(full)
        assert binding.dual_eur is None, "nothing is known without duals"


def test_equity_that_uses_its_whole_budget_says_so() -> None:
    generous, tight = solved()[0], replace(solved()[0], equity_budget_frac=0.0)
    budget = named(bindings_of(tight), "equity budget")
    assert (budget.value, budget.unit, budget.steps) == (0.0, "EUR", ())
    assert budget.dual_eur is not None
    wide = bindings_of(replace(generous, equity_budget_frac=1.0))
    assert [binding for binding in wide if binding.limit == "equity budget"] == []


def test_a_protected_member_that_misses_its_share_is_named_at_the_price_of_missing() -> None:
    problem = replace(
        solved()[0],
        is_priority=np.array([False, False, True, False, False]),
        consumption_kwh=np.array([0.0, 0.0, 500.0, 0.0, 0.0]),
        renewable_kwh=np.zeros(5),
    )
    missed = named(bindings_of(problem), "renewable access missed", "member 2")
    assert missed.value > 100.0
    assert missed.dual_eur == pytest.approx(problem.access_shortfall_eur_per_kwh)


def test_a_member_at_its_connections_limit_is_named() -> None:
    problem, plan = solved()
    assert plan.schedule is not None
    peaks_kw = (plan.schedule.import_kw + plan.schedule.buy_kw).max(axis=1)
    bindings = find_bindings(replace(problem, member_import_limit_kw=peaks_kw), plan)
    assert {binding.place for binding in bindings if binding.limit == "import limit"} >= {
        f"member {i}" for i in range(5) if peaks_kw[i] > 0.01
    }


def test_the_peak_that_is_paid_for_is_told_from_the_one_that_is_paid_anyway() -> None:
    problem = hungry()
    paid_anyway = replace(problem, peak_floor_kw=np.array([1e3]))
    floor_kw = 0.9 * float(net_import_kw(problem).max())
    shaved = replace(problem, peak_floor_kw=np.array([floor_kw]), peak_charge_eur_per_kw=100.0)
    assert named(bindings_of(shaved), "peak that is paid for anyway").value == pytest.approx(floor_kw)
    assert not {binding.limit for binding in bindings_of(paid_anyway)} & {"peak", "peak that is paid for anyway"}
    no_floor = replace(problem, peak_floor_kw=np.array([0.0]), peak_charge_eur_per_kw=5.0)
    assert named(bindings_of(no_floor), "peak").dual_eur


def test_duals_of_a_plan_that_exceeds_limits_are_unknown() -> None:
    problem = tightened(0.01)
    plan = solve_with(problem)
    assert plan.softened
    assert measure_duals(problem, plan, GlpkSolver(), deadline_s=30.0) is None
    assert find_bindings(problem, plan)


def test_a_plan_without_a_schedule_has_nothing_that_could_bind() -> None:
    problem, plan = solved()
    with pytest.raises(ValueError, match="a plan with a schedule"):
        find_bindings(problem, replace(plan, schedule=None, figures=None))
