"""The ladder: optimal, incumbent, previous, rule, device; and no plan that the audit refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from controller.loop.solver_messages import FailureKind
from controller.record.records import Rung
from models.dispatch.concealment import restate_burden
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan, Schedule, Termination
from models.domain.setpoint import Reason
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    BERT_BATTERY,
    BERT_METER,
    Answerer,
    at,
    make_account,
    plan_by_rule,
    say,
    see,
    usual_readings,
    weights_of,
    without,
)
from tests.controller.loop.planning_bench import SITE, Bench, fail, sent


def incumbent(problem: DispatchProblem) -> Plan:
    plan = plan_by_rule(problem)
    return replace(plan, record=replace(plan.record, termination=Termination.INCUMBENT, gap_frac=0.05))


def infeasible(problem: DispatchProblem) -> Plan:
    plan = plan_by_rule(problem)
    record = replace(plan.record, termination=Termination.INFEASIBLE, violated=("import limit of member 0",))
    return Plan(record=record, schedule=None, figures=None, marginal_price_eur_per_kwh=None)


def spoilt(**spoil: Callable[[np.ndarray], np.ndarray]) -> Answerer:
    """A plan in which some arrays of the schedule are not what they should be."""

    def answer(problem: DispatchProblem) -> Plan:
        plan = plan_by_rule(problem)
        assert plan.schedule is not None
        changed: dict[str, Any] = {name: change(getattr(plan.schedule, name).copy()) for name, change in spoil.items()}
        return replace(plan, schedule=replace(plan.schedule, **changed))

    return answer


async def test_a_proven_plan_is_optimal() -> None:
    decision = await Bench().decide()
    assert (decision.rung, decision.faults) == (Rung.OPTIMAL, ())
    assert decision.plan is not None
    assert decision.built is not None
    assert set(sent(decision)) == {ANNA_BATTERY, BERT_BATTERY}


async def test_a_plan_stopped_by_the_clock_is_an_incumbent() -> None:
    decision = await Bench(incumbent).decide()
    assert decision.rung is Rung.INCUMBENT
    assert decision.plan is not None
    assert decision.plan.record.gap_frac == 0.05


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_without_an_answer_the_plan_before_is_followed_step_by_step(kind: FailureKind) -> None:
    bench = Bench(plan_by_rule, fail(kind))
    first = await bench.decide()
    later = await bench.decide(32.0)
    assert later.rung is Rung.PREVIOUS
    assert later.faults[-1] == f"solver {kind}: as told"
    assert later.plan is None
    assert first.plan is not None
    assert first.plan.schedule is not None
    net_kw = first.plan.schedule.charge_kw - first.plan.schedule.discharge_kw
    assert sent(later) == pytest.approx({ANNA_BATTERY: net_kw[0, 2], BERT_BATTERY: net_kw[1, 2]}, abs=1e-3)


async def test_the_plan_before_moves_only_devices_that_still_speak() -> None:
    bench = Bench(plan_by_rule, fail())
    await bench.decide()
    later = await bench.decide(16.0, without(usual_readings(16.0), ANNA_BATTERY))
    assert later.rung is Rung.PREVIOUS
    assert set(sent(later)) == {BERT_BATTERY}


@pytest.mark.parametrize("minutes, rung", [(239.9, Rung.PREVIOUS), (240.0, Rung.RULE)])
async def test_the_plan_before_is_followed_only_within_its_fine_steps(minutes: float, rung: Rung) -> None:
    bench = Bench(plan_by_rule, fail())
    await bench.decide()
    assert (await bench.decide(minutes)).rung is rung


async def test_a_replan_does_not_stretch_the_fine_steps() -> None:
    bench = Bench(plan_by_rule, fail())
    await bench.decide(7.0)
    assert (await bench.decide(239.9)).rung is Rung.PREVIOUS
    assert (await bench.decide(241.0)).rung is Rung.RULE


async def test_a_car_that_came_since_is_not_held_back_by_a_plan_that_did_not_know_it() -> None:
    bench = Bench(plan_by_rule, fail())
    first = await bench.decide()
    assert [power.power_kw for power in first.powers if power.device == ANNA_CAR] == [0.0]
    came = [*without(usual_readings(16.0), ANNA_CAR), say(ANNA_CAR, 16.0, is_plugged=True)]
    later = await bench.decide(16.0, came)
    assert later.rung is Rung.PREVIOUS
    assert ANNA_CAR not in [power.device for power in later.powers]


async def test_without_a_plan_before_every_battery_serves_its_home() -> None:
    decision = await Bench(fail()).decide()
    assert decision.rung is Rung.RULE
    assert sent(decision) == {ANNA_BATTERY: 1.0, BERT_BATTERY: -1.5}
    assert {power.reason for power in decision.powers} == {Reason.FALLBACK_RULE}
    assert decision.faults == ("solver deadline: as told", "no running plan to shift")


async def test_without_a_fresh_meter_devices_are_left_to_themselves() -> None:
    bench = Bench(fail())
    decision = await bench.decide(readings=without(usual_readings(), ANNA_METER, BERT_METER))
    assert (decision.rung, decision.powers) == (Rung.DEVICE, ())
    assert decision.faults[-1] == "no meter fresh enough for the rule"


async def test_with_no_fresh_reading_at_all_no_solver_is_asked() -> None:
    bench = Bench()
    await bench.decide()
    decision = await bench.decide(15.0, [])
    assert (decision.rung, decision.powers) == (Rung.DEVICE, ())
    assert decision.faults == ("no device has a fresh reading",)
    assert len(bench.solver.problems) == 1


async def test_a_solver_that_recovers_is_used_again_at_once() -> None:
    bench = Bench(plan_by_rule, fail(), plan_by_rule)
    rungs = [(await bench.decide(minutes)).rung for minutes in (0.0, 15.0, 30.0)]
    assert rungs == [Rung.OPTIMAL, Rung.PREVIOUS, Rung.OPTIMAL]


async def test_an_infeasible_plan_says_what_cannot_be_kept() -> None:
    decision = await Bench(infeasible).decide()
    assert decision.rung is Rung.RULE
    assert decision.faults[0] == "solver infeasible: import limit of member 0"


ABSENT = ("run_option", "run_kw", "ev_kw", "ev_shortfall_kwh", "curtailed_load_kw", "event_excess_kw")
"""Arrays of devices and events that the example does not have."""
ARRAYS = [field.name for field in fields(Schedule) if field.name not in ABSENT]


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -7.0, 1e6])
async def test_one_corrupted_number_in_a_plan_is_refused_and_never_sent(name: str, value: float) -> None:
    def corrupt(array: np.ndarray) -> np.ndarray:
        array[0, 0] = value
        return array

    bench = Bench(spoilt(**{name: corrupt}))
    decision = await bench.decide()
    assert decision.rung is Rung.RULE
    assert decision.plan is None
    assert decision.faults[0].startswith("audit refused the plan: ")
    assert bench.planner.running is None
    assert sent(decision) == {ANNA_BATTERY: 1.0, BERT_BATTERY: -1.5}


async def test_a_plan_of_the_wrong_shape_is_refused() -> None:
    decision = await Bench(spoilt(charge_kw=lambda array: array[:, :-1])).decide()
    assert decision.faults[0].startswith("audit refused the plan: shape")


async def test_a_worst_burden_that_was_restated_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def restate_wrongly(problem: DispatchProblem, plan: Plan) -> Plan:
        right = restate_burden(problem, plan)
        assert right.figures is not None
        assert right.figures.worst_burden_frac is not None
        wrong_frac = right.figures.worst_burden_frac + 0.01
        return replace(right, figures=replace(right.figures, worst_burden_frac=wrong_frac))

    assert (await Bench().decide()).faults == ()
    monkeypatch.setattr("controller.loop.planner.restate_burden", restate_wrongly)
    decision = await Bench().decide()
    assert decision.plan is None
    assert decision.faults[0].startswith("audit refused the plan: reported burden")


async def test_a_refused_plan_does_not_replace_the_one_before() -> None:
    bench = Bench(plan_by_rule, spoilt(charge_kw=lambda array: array + np.nan))
    await bench.decide()
    before = bench.planner.running
    assert (await bench.decide(15.0)).rung is Rung.PREVIOUS
    assert bench.planner.running is before


async def test_a_problem_that_cannot_be_built_costs_a_rung_and_no_more() -> None:
    bench = Bench()
    snapshot = see(SITE, usual_readings())
    outlook = bench.forecaster.look_ahead(snapshot.taken_utc, 0.0)
    limits = bench.forecaster.limits_now(snapshot.taken_utc)
    decision = bench.planner.fall_back(snapshot, limits)
    assert decision.rung is Rung.RULE
    await bench.planner.decide(snapshot, outlook, weights_of(SITE), make_account(SITE))
    assert bench.planner.fall_back(snapshot, limits).rung is Rung.PREVIOUS


async def test_the_plan_before_is_the_reference_of_the_next() -> None:
    bench = Bench()
    await bench.decide()
    await bench.decide(15.0)
    first, second = bench.solver.problems
    assert np.isnan(first.reference_battery_kw).all()
    plan = plan_by_rule(first)
    assert plan.schedule is not None
    net_kw = plan.schedule.charge_kw - plan.schedule.discharge_kw
    assert second.reference_battery_kw[:, :8] == pytest.approx(net_kw[:, 1:9])


async def test_a_battery_that_says_nothing_of_its_charge_is_not_moved() -> None:
    readings = [*without(usual_readings(), ANNA_BATTERY), say(ANNA_BATTERY, power_kw=0.0)]
    decision = await Bench().decide(readings=readings)
    assert decision.rung is Rung.OPTIMAL
    assert set(sent(decision)) == {BERT_BATTERY}
    assert at(0) == decision.built.problem.start_utc  # type: ignore[union-attr]
