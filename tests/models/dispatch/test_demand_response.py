"""Loads held back for demand-response events: what a plan does with them, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from models.dispatch.figures import measure_schedule
from models.dispatch.problem import DispatchProblem
from models.dispatch.rule import follow_rule
from tests.models.dispatch.planners import audited, plan_of
from tests.models.dispatch.random_problems import battery, load, plain_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])
NOBODY: dict[str, Any] = {"batteries": (), "reference_battery_kw": np.empty((0, 4)), "pv_kw": np.zeros((2, 4))}


def consumers(target_kw: float | np.ndarray = np.inf, **changes: Any) -> DispatchProblem:
    """Two consumers of 1 kW at 0.30 EUR/kWh in four half-hours; 0.8 kW of each may be held back."""
    base: dict[str, Any] = {
        "demand_kw": np.ones((2, 4)),
        "curtailables": (load(member=0), load(member=1)),
        "event_target_kw": np.broadcast_to(target_kw, (4,)).copy(),
        "event_shortfall_eur_per_kwh": 1.0,
    }
    return plain_problem(**(NOBODY | base | changes))


def priced(discomfort_eur_per_kwh: float, **changes: Any) -> tuple[Any, ...]:
    return tuple(load(member=i, discomfort_eur_per_kwh=discomfort_eur_per_kwh, **changes) for i in range(2))


@BOTH
def test_a_load_whose_discomfort_is_dearer_than_energy_is_not_held_back_without_a_target(name: str) -> None:
    schedule, figures = audited(consumers(curtailables=priced(0.31)), name)
    assert schedule.curtailed_load_kw.max() == pytest.approx(0.0, abs=1e-7)
    assert figures.discomfort_eur == pytest.approx([0.0, 0.0], abs=1e-9)


@BOTH
def test_a_load_whose_discomfort_is_cheaper_than_energy_is_held_back_wherever_an_event_is_on(name: str) -> None:
    is_open = np.array([False, True, True, False])
    schedule, figures = audited(consumers(curtailables=priced(0.1, is_open=is_open)), name)
    assert schedule.curtailed_load_kw == pytest.approx(np.array([[0.0, 0.8, 0.8, 0.0]] * 2), abs=1e-6)
    assert figures.discomfort_eur == pytest.approx([0.1 * 0.8] * 2)
    # Money is paid for what is drawn: 4 kWh less 1.6 kWh; discomfort is in F, and in nobody's cost.
    assert float(figures.member_cost_eur.sum()) == pytest.approx(0.3 * 2.4)
    assert figures.cost_eur == pytest.approx(0.3 * 2.4 + 0.16)


@BOTH
def test_a_load_that_is_held_back_for_nothing_keeps_running(name: str) -> None:
    """Energy that costs what it is worth without: no reason to go without it."""
    schedule, _ = audited(consumers(curtailables=priced(0.3)), name)
    assert schedule.curtailed_load_kw.max() == pytest.approx(0.0, abs=1e-7)


@BOTH
def test_each_local_day_has_its_own_limit(name: str) -> None:
    """0.3 kWh are left of the running day, 0.5 kWh of the next, which begins at step 1."""
    own = load(member=0, day=np.array([0, 1, 1, 1]), limit_kwh=np.array([0.3, 0.5]))
    p_in = np.array([0.3, 0.3, 0.5, 0.4])
    problem = consumers(curtailables=(own,), import_price_eur_per_kwh=p_in, local_price_eur_per_kwh=p_in / 2.0)
    schedule, _ = audited(problem, name)
    # The dearest steps of each day first: 0.4 kWh at 0.50, the last 0.1 kWh at 0.40.
    assert schedule.curtailed_load_kw[0] == pytest.approx([0.6, 0.0, 0.8, 0.2], abs=1e-6)


@BOTH
def test_an_events_target_is_met_where_missing_it_is_dearer_than_discomfort(name: str) -> None:
    target_kw = np.array([np.inf, 1.2, np.inf, np.inf])
    schedule, figures = audited(consumers(target_kw, curtailables=priced(0.6)), name)
    net_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0)
    assert net_kw == pytest.approx([2.0, 1.2, 2.0, 2.0], abs=1e-6)
    assert figures.event_shortfall_kwh == pytest.approx(np.zeros(4), abs=1e-6)


@BOTH
def test_an_events_target_is_missed_where_discomfort_is_dearer(name: str) -> None:
    target_kw = np.array([np.inf, 1.2, np.inf, np.inf])
    schedule, figures = audited(consumers(target_kw, curtailables=priced(1.31)), name)
    assert schedule.curtailed_load_kw.max() == pytest.approx(0.0, abs=1e-7)
    assert schedule.event_excess_kw == pytest.approx([0.0, 0.8, 0.0, 0.0], abs=1e-6)
    assert figures.event_shortfall_kwh == pytest.approx([0.0, 0.4, 0.0, 0.0], abs=1e-6)
    assert figures.cost_eur == pytest.approx(0.3 * 4.0 + 0.4)


@BOTH
def test_a_target_below_what_is_possible_is_missed_by_the_least_and_nothing_else_gives_way(name: str) -> None:
    plan = plan_of(consumers(-50.0, curtailables=priced(0.9)), name)
    assert plan.softened == ()
    assert plan.schedule is not None
    assert plan.schedule.curtailed_load_kw == pytest.approx(np.full((2, 4), 0.8), abs=1e-6)
    assert plan.schedule.event_excess_kw == pytest.approx(np.full(4, 50.4), abs=1e-5)


@BOTH
def test_a_negative_target_feeds_in_what_is_stored(name: str) -> None:
    problem = plain_problem(
        demand_kw=np.full((2, 4), 0.25),
        pv_kw=np.zeros((2, 4)),
        batteries=(battery(1, soc_start_kwh=5.0),),
        event_target_kw=np.array([np.inf, np.inf, -1.0, np.inf]),
        event_shortfall_eur_per_kwh=1.0,
    )
    schedule, figures = audited(problem, name)
    assert (schedule.import_kw - schedule.export_kw).sum(axis=0)[2] == pytest.approx(-1.0, abs=1e-6)
    assert figures.event_shortfall_kwh.max() == pytest.approx(0.0, abs=1e-6)
    without, _ = audited(replace(problem, event_target_kw=np.zeros(0)), name)
    assert (without.import_kw - without.export_kw).sum(axis=0)[2] > -1e-6


@BOTH
def test_on_an_island_no_target_holds(name: str) -> None:
    is_islanded = np.array([False, True, False, False])
    problem = consumers(
        0.5, is_islanded=is_islanded, batteries=(battery(1),), reference_battery_kw=np.full((1, 4), np.nan)
    )
    schedule, figures = audited(problem, name)
    assert schedule.event_excess_kw[1] == 0.0
    assert figures.event_shortfall_kwh[1] == 0.0
    assert schedule.event_excess_kw.shape == (4,)


@BOTH
def test_on_an_island_what_may_be_held_back_is_before_anything_goes_unserved(name: str) -> None:
    is_islanded = np.array([True, False, False, False])
    problem = consumers(
        curtailables=(load(member=0, discomfort_eur_per_kwh=5.0),),
        is_islanded=is_islanded,
        pv_kw=np.array([[0.0] * 4, [1.3, 0.0, 0.0, 0.0]]),
    )
    schedule, _ = audited(problem, name)
    # 2 kW of need, 1.3 kW of sun: 0.7 kW of the heat pump wait, and everything else is served.
    assert schedule.curtailed_load_kw[0, 0] == pytest.approx(0.7, abs=1e-5)
    assert schedule.unserved_kw.max() == pytest.approx(0.0, abs=1e-4)


@BOTH
def test_on_an_island_demand_is_not_both_held_back_and_unserved(name: str) -> None:
    problem = consumers(is_islanded=np.ones(4, dtype=np.bool_), curtailables=priced(0.0, wanted_kw=np.ones(4)))
    schedule, _ = audited(problem, name)
    held_back_kw = schedule.curtailed_load_kw + schedule.unserved_kw
    assert held_back_kw == pytest.approx(np.ones((2, 4)), abs=1e-5)
    assert schedule.sell_kw.max() == pytest.approx(0.0, abs=1e-6)


@BOTH
@pytest.mark.parametrize("favoured", [0, 1])
def test_weights_steer_whose_load_is_held_back(name: str, favoured: int) -> None:
    weight = np.full(2, 0.5)
    weight[favoured] = 1.5
    target_kw = np.array([np.inf, 1.2, np.inf, np.inf])
    problem = consumers(target_kw, curtailables=priced(0.5), weight=weight)
    schedule, _ = audited(problem, name)
    assert schedule.curtailed_load_kw[favoured, 1] == pytest.approx(0.0, abs=1e-6)
    assert schedule.curtailed_load_kw[1 - favoured, 1] == pytest.approx(0.8, abs=1e-6)


@BOTH
def test_the_burden_is_of_money_and_leaves_discomfort_out(name: str) -> None:
    problem = consumers(curtailables=priced(0.2), burden_price_frac=0.5, income_eur=np.array([100.0, 200.0]))
    _, figures = audited(problem, name)
    # 2 kWh less 1.6 kWh at 0.30 EUR/kWh
    assert figures.worst_burden_frac == pytest.approx(0.3 * 0.4 / 100.0)
    assert figures.discomfort_eur == pytest.approx([0.2 * 1.6] * 2)


@BOTH
def test_access_is_to_a_share_of_what_is_drawn(name: str) -> None:
    protected: dict[str, Any] = {
        "is_priority": np.array([True, False]),
        "access_share_frac": 0.5,
        "access_shortfall_eur_per_kwh": 0.5,
    }
    _, kept = audited(consumers(curtailables=(), **protected), name)
    _, held_back = audited(consumers(**protected), name)
    assert kept.access_shortfall_kwh == pytest.approx([0.5 * 2.0, 0.0])
    assert held_back.access_shortfall_kwh == pytest.approx([0.5 * 0.4, 0.0])


def test_alone_nobody_holds_a_load_back_and_everybody_pays_for_what_is_missed() -> None:
    problem = consumers(1.5)
    schedule = follow_rule(problem)
    assert schedule.curtailed_load_kw.shape == (2, 4)
    assert schedule.curtailed_load_kw.max() == 0.0
    assert measure_schedule(problem, schedule).cost_eur == pytest.approx(0.3 * 4.0 + 1.0 * 0.5 * 2.0)
    _, figures = audited(problem)
    assert figures.alone_cost_eur == pytest.approx(2.2)
    assert figures.efficient_cost_eur < figures.alone_cost_eur


def cost_of_cuts_eur(problem: DispatchProblem, cut_kw: np.ndarray) -> float:
    """F of a community without storage that holds these powers back, one load a member; infinite beyond a limit."""
    owner, bill = [own.member for own in problem.curtailables], 0.0
    for power_kw, own in zip(cut_kw, problem.curtailables, strict=True):
        energy_kwh = power_kw * problem.step_h
        if any(energy_kwh[own.day == day].sum() > limit + 1e-9 for day, limit in enumerate(own.limit_kwh)):
            return np.inf
        bill += own.discomfort_eur_per_kwh * float(energy_kwh.sum())
    net_kw = problem.demand_kw - problem.pv_kw
    net_kw[owner] -= cut_kw
    taken_kw, given_kw = np.maximum(net_kw, 0.0).sum(axis=0), np.maximum(-net_kw, 0.0).sum(axis=0)
    shared_kw = np.minimum(taken_kw, given_kw)
    rate = problem.import_price_eur_per_kwh * (taken_kw - shared_kw)
    rate = (
        rate - problem.export_price_eur_per_kwh * (given_kw - shared_kw) + problem.network_fee_eur_per_kwh * shared_kw
    )
    missed_kw = np.maximum(taken_kw - given_kw - problem.event_target_kw, 0.0)
    peak_kw = max(float((taken_kw - given_kw).max()) - float(problem.peak_floor_kw[0]), 0.0)
    rate = rate + problem.event_shortfall_eur_per_kwh * missed_kw
    return bill + float(rate @ problem.step_h) + problem.peak_charge_eur_per_kw * peak_kw


@BOTH
@pytest.mark.parametrize("peak_charge", [0.0, 0.4])
@pytest.mark.parametrize("discomfort", [(0.1, 0.25), (0.45, 0.7), (0.0, 1.5)])
def test_the_efficient_cost_is_that_of_the_best_of_all_cuts(
    name: str, peak_charge: float, discomfort: tuple[float, float]
) -> None:
    problem = plain_problem(
        steps=3,
        import_price_eur_per_kwh=np.array([0.3, 0.4, 0.2]),
        local_price_eur_per_kwh=np.array([0.18, 0.23, 0.13]),
        demand_kw=np.array([[1.0, 2.0, 1.5], [1.0, 1.0, 1.0]]),
        pv_kw=np.array([[0.0, 0.0, 0.0], [1.5, 0.5, 0.0]]),
        batteries=(),
        reference_battery_kw=np.empty((0, 3)),
        peak_charge_eur_per_kw=peak_charge,
        event_target_kw=np.array([-0.5, 1.5, np.inf]),
        event_shortfall_eur_per_kwh=0.5,
        curtailables=(
            load(3, 0, wanted_kw=np.array([0.5, 1.0, 1.0]), discomfort_eur_per_kwh=discomfort[0],
                 day=np.array([0, 0, 1]), limit_kwh=np.array([0.5, 0.25])),
            load(3, 1, wanted_kw=np.full(3, 0.5), discomfort_eur_per_kwh=discomfort[1],
                 is_open=np.array([True, True, False])),
        ),
    )  # fmt: skip
    # Every datum is a multiple of 0.25 kW, and so is a vertex of the program.
    levels = [np.arange(0.0, most + 0.01, 0.25) for most in (0.5, 1.0, 1.0, 0.5, 0.5)]
    best = min(cost_of_cuts_eur(problem, np.array([cuts[:3], [*cuts[3:], 0.0]])) for cuts in product(*levels))
    _, figures = audited(problem, name)
    assert figures.efficient_cost_eur == pytest.approx(best, abs=1e-6)


@BOTH
def test_two_loads_of_one_member_are_held_back_the_cheaper_first(name: str) -> None:
    dear, cheap = load(discomfort_eur_per_kwh=0.7, wanted_kw=np.full(4, 0.4)), load(discomfort_eur_per_kwh=0.5)
    problem = consumers(1.0, demand_kw=np.array([[1.5] * 4, [0.5] * 4]), curtailables=(dear, cheap))
    schedule, _ = audited(problem, name)
    assert schedule.curtailed_load_kw == pytest.approx(np.array([[0.2] * 4, [0.8] * 4]), abs=1e-6)
