"""The ladder in trouble: crashes, plans that are only the rule, limits that changed or are not kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.loop.solver_messages import FailureKind
from controller.loop.solver_process import SolverFailure
from controller.record.records import Rung
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan, Termination
from models.dispatch.rule import follow_rule, is_rule
from models.domain.market import LimitNotice
from models.domain.telemetry import Reading
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_WASHER,
    BERT_BATTERY,
    Answerer,
    at,
    describe_site,
    make_site,
    plan_by_rule,
    say,
    see,
    usual_readings,
    without,
)
from tests.controller.loop.planning_bench import SITE, Bench, fail, sent
from tests.models.dispatch.planners import plan_of


def crash_after(bench: Bench, passed_s: float) -> Answerer:
    def answer(_: DispatchProblem) -> SolverFailure:
        bench.now_s += passed_s
        return SolverFailure(kind=FailureKind.CRASHED, detail="the worker was ended by SIGSEGV")

    return answer


async def test_a_worker_that_crashed_early_is_asked_again_in_the_same_interval() -> None:
    bench = Bench()
    bench.solver.answer_with(crash_after(bench, 0.4 * SITE.solver.deadline_s), plan_by_rule)
    decision = await bench.decide()
    assert decision.rung is Rung.OPTIMAL
    assert decision.faults == ("solver crashed, asked again: the worker was ended by SIGSEGV",)
    assert bench.solver.deadlines_s == pytest.approx([SITE.solver.deadline_s, 0.6 * SITE.solver.deadline_s])


async def test_a_worker_that_crashed_twice_is_not_asked_a_third_time() -> None:
    bench = Bench(fail(FailureKind.CRASHED))
    assert (await bench.decide()).rung is Rung.RULE
    assert len(bench.solver.problems) == 2


@pytest.mark.parametrize("passed_frac, asked", [(0.49, 2), (0.51, 1)])
async def test_a_worker_that_crashed_late_is_not_asked_again(passed_frac: float, asked: int) -> None:
    bench = Bench()
    bench.solver.answer_with(crash_after(bench, passed_frac * SITE.solver.deadline_s), plan_by_rule)
    await bench.decide()
    assert len(bench.solver.problems) == asked


def last_resort(problem: DispatchProblem) -> Plan:
    """What comes back when the time was up before anything was found: the rule, with nothing proven."""
    plan = plan_by_rule(problem)
    return replace(plan, record=replace(plan.record, termination=Termination.INCUMBENT, gap_frac=1.0))


NOTHING_FOUND = "solver incumbent: nothing better than the self-consumption rule was found"


async def test_a_plan_that_is_only_the_rule_does_not_take_the_place_of_the_one_before() -> None:
    bench = Bench(plan_by_rule, last_resort)
    await bench.decide()
    before = bench.planner.running
    later = await bench.decide(15.0)
    assert (later.rung, later.plan, later.faults) == (Rung.PREVIOUS, None, (NOTHING_FOUND,))
    assert later.built is not None
    assert bench.planner.running is before


async def test_a_plan_that_is_only_the_rule_is_called_so() -> None:
    bench = Bench(last_resort)
    decision = await bench.decide()
    assert (decision.rung, decision.plan) == (Rung.RULE, None)
    assert decision.faults == (NOTHING_FOUND, "no running plan to shift")
    assert sent(decision) == {ANNA_BATTERY: 1.0, BERT_BATTERY: -1.5}
    assert bench.planner.running is None


async def test_what_a_real_solver_says_when_it_gets_no_time_is_known_as_the_rule() -> None:
    bench = Bench(plan_by_rule, lambda problem: plan_of(problem, "highs", deadline_s=0.0))
    await bench.decide(0.0, with_car(0.0))
    later = await bench.decide(15.0, with_car(15.0))
    assert (later.rung, later.faults) == (Rung.PREVIOUS, (NOTHING_FOUND,))


async def test_only_a_plan_that_moves_every_device_alike_is_the_rule() -> None:
    bench = Bench()
    await bench.decide(0.0, with_car(0.0))
    (problem,) = bench.solver.problems
    rule = follow_rule(problem)
    assert is_rule(problem, rule)
    for name in ("charge_kw", "discharge_kw", "ev_kw", "run_kw", "curtailed_kw"):
        assert not is_rule(problem, replace(rule, **{name: getattr(rule, name) + 0.1}))


async def test_a_plan_that_breaks_limits_says_so() -> None:
    bench = Bench(lambda problem: plan_of(problem, "highs"))
    bench.forecaster.limits = (limit(-5.0, 0.2, 5.0),)
    decision = await bench.decide(readings=without(usual_readings(), ANNA_BATTERY, BERT_BATTERY))
    assert decision.rung is Rung.OPTIMAL
    assert decision.plan is not None
    violated = decision.plan.record.violated
    assert len(violated) > 3
    named = tuple(f"limit not kept: {words}" for words in violated[:3])
    assert decision.faults == (*named, f"limit not kept: {len(violated) - 3} more")


async def test_a_plan_phase_that_fails_after_its_problem_leaves_that_problem() -> None:
    def explode(_: DispatchProblem) -> Plan:
        message = "out of order"
        raise ZeroDivisionError(message)

    bench = Bench(explode)
    with pytest.raises(ZeroDivisionError):
        await bench.decide()
    snapshot = see(SITE, usual_readings())
    limits = bench.forecaster.limits_now(snapshot.taken_utc)
    decision = bench.planner.fall_back(snapshot, limits)
    assert decision.built is not None
    assert decision.built.problem is bench.solver.problems[0]
    # The next one that fails before it has a problem must not take an old one for its own.
    assert bench.planner.fall_back(snapshot, limits).built is None


def limit(minutes: float, import_kw: float, export_kw: float) -> LimitNotice:
    return LimitNotice(ts_utc=at(minutes), valid_from_utc=at(minutes), import_kw=import_kw, export_kw=export_kw)


def with_car(minutes: float) -> list[Reading]:
    """Anna's car is there and needs much, and her washer is to start."""
    return [
        *without(usual_readings(minutes), ANNA_CAR, ANNA_WASHER),
        say(ANNA_CAR, minutes, is_plugged=True, power_kw=0.0, energy_needed_kwh=40.0, departure_utc=at(600)),
        say(ANNA_WASHER, minutes, is_requested=True, is_running=False, remaining_s=3600.0, latest_end_utc=at(400)),
    ]


async def test_the_first_start_without_a_plan_keeps_a_small_connection() -> None:
    members = describe_site()["members"]
    members[0] = members[0] | {"import_limit_kw": 4.0}
    decision = await Bench(fail(), site=make_site(members=members)).decide(0.0, with_car(0.0))
    assert decision.rung is Rung.RULE
    powers = {power.device: power.power_kw for power in decision.powers}
    # At -1 kW the battery takes the surplus: 4 kW are left, of which the car, which needs more, takes all.
    assert powers == {ANNA_BATTERY: 1.0, BERT_BATTERY: -1.5, ANNA_CAR: 4.0, ANNA_WASHER: 0.0}


async def test_the_first_start_without_a_plan_on_an_island_moves_batteries_only() -> None:
    bench = Bench(fail())
    bench.forecaster.limits = (limit(-5.0, 0.0, 0.0),)
    decision = await bench.decide(0.0, with_car(0.0))
    powers = {power.device: power.power_kw for power in decision.powers}
    assert powers == {ANNA_BATTERY: 1.0, BERT_BATTERY: -1.5, ANNA_CAR: 0.0, ANNA_WASHER: 0.0}


async def test_the_plan_before_does_not_go_on_without_grid() -> None:
    bench = Bench(plan_by_rule, fail())
    await bench.decide(0.0, with_car(0.0))
    bench.forecaster.limits = (limit(10.0, 0.0, 0.0),)
    later = await bench.decide(16.0, with_car(16.0))
    assert later.rung is Rung.RULE
    assert later.faults[-1] == "the running plan counts on the grid for now"
    powers = {power.device: power.power_kw for power in later.powers}
    assert (powers[ANNA_CAR], powers[ANNA_WASHER]) == (0.0, 0.0)
