from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.operation import Solver
from controller.loop.bundling import bundle_watcher
from controller.loop.planner import PlanDecision, Planner
from controller.loop.setpoints import controlled_devices
from controller.loop.solver_messages import FailureKind
from controller.loop.solver_process import SolverFailure
from controller.record.bundles import BundleFolder, BundleKeeper
from controller.record.records import Rung
from models.dispatch.bundle import Bundle, decode
from models.dispatch.bundle_codec import pack
from models.dispatch.concealment import is_concealed
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from tests.controller.loop.neighbours import (
    START,
    Answerer,
    ScriptedSolver,
    keys_of,
    make_account,
    make_forecaster,
    make_site,
    plan_by_rule,
    see,
    usual_readings,
    weights_of,
)
from tests.controller.loop.reports import report

SITE = make_site()


def fail(_problem: DispatchProblem) -> Plan | SolverFailure:
    return SolverFailure(kind=FailureKind.DEADLINE, detail="no answer within 20 s")


def unbalanced(problem: DispatchProblem) -> Plan:
    plan = plan_by_rule(problem)
    assert plan.schedule is not None
    return replace(plan, schedule=replace(plan.schedule, import_kw=plan.schedule.import_kw + 1.0))


async def decide(answer: Answerer = plan_by_rule) -> tuple[PlanDecision, DispatchProblem]:
    """A decision, and the problem that the solver was asked."""
    solver = ScriptedSolver(answer)
    planner = Planner(SITE, solver, lambda: 0.0)  # type: ignore[arg-type]
    outlook = make_forecaster(SITE).look_ahead(START, 0.0)
    decision = await planner.decide(see(SITE, usual_readings()), outlook, weights_of(SITE), make_account(SITE))
    return decision, solver.problems[0]


def incomes_eur() -> np.ndarray:
    """What the plain problem holds: from the first plan's start to its end."""
    outlook = make_forecaster(SITE).look_ahead(START, 0.0)
    return make_account(SITE).income_eur(outlook.steps.end_utc, opened_utc=START)


async def keep(path: Path, decision: PlanDecision) -> list[Bundle]:
    keeper = BundleKeeper(BundleFolder(path, days=1, limit_bytes=1_000_000))
    bundle_watcher(keeper, Solver(name="highs"), {"numpy": "2.4"})(report(see(SITE, usual_readings()), decision))
    await keeper.close()
    return read(path)


def read(path: Path) -> list[Bundle]:
    return [decode(file.read_bytes()) for file in sorted(path.glob("*.cwbundle"))]


async def test_the_solver_never_sees_an_income_or_a_bill() -> None:
    decision, asked = await decide()
    assert is_concealed(asked)
    assert decision.built is not None
    assert decision.built.problem is asked
    incomes = incomes_eur()
    assert (incomes[:2] > 1.0).all(), "the example must have incomes"
    known = asked.income_eur[np.isfinite(asked.income_eur)]
    assert not np.isclose(known[:, None], incomes[None, :]).any()


async def test_the_highest_burden_on_record_is_that_of_the_true_incomes() -> None:
    decision, asked = await decide()
    assert decision.plan is not None
    assert decision.plan.figures is not None
    found = decision.plan.figures.worst_burden_frac
    concealed = plan_by_rule(asked).figures
    assert concealed is not None
    assert found is not None
    assert found != concealed.worst_burden_frac
    assert found == pytest.approx(np.nanmax(decision.plan.figures.member_cost_eur / incomes_eur()))


async def test_a_cycle_leaves_its_problem_and_plan_as_a_bundle(tmp_path: Path) -> None:
    decision, asked = await decide()
    (bundle,) = await keep(tmp_path, decision)
    assert (bundle.decision_id, bundle.rung, bundle.settings.solver) == ("1-test-0", "optimal", "highs")
    assert bundle.plan is not None
    assert bundle.plan.schedule is not None
    assert decision.plan is not None
    assert decision.plan.schedule is not None
    np.testing.assert_array_equal(bundle.problem.demand_kw, asked.demand_kw)
    np.testing.assert_array_equal(bundle.plan.schedule.import_kw, decision.plan.schedule.import_kw)


@pytest.mark.parametrize("answer", [fail, unbalanced])
async def test_an_interval_whose_solve_failed_leaves_its_problem_without_a_plan(
    tmp_path: Path, answer: Answerer
) -> None:
    decision, asked = await decide(answer)
    assert decision.rung is not Rung.OPTIMAL
    (bundle,) = await keep(tmp_path, decision)
    assert bundle.plan is None
    assert bundle.rung == decision.rung.value
    np.testing.assert_array_equal(bundle.problem.pv_kw, asked.pv_kw)


async def test_a_cycle_that_came_to_no_problem_leaves_no_bundle(tmp_path: Path) -> None:
    nothing = PlanDecision(rung=Rung.DEVICE, powers=(), plan=None, built=None, solve_s=0.0, faults=())
    assert await keep(tmp_path, nothing) == []


async def test_no_id_of_a_member_or_device_is_in_a_bundle(tmp_path: Path) -> None:
    (bundle,) = await keep(tmp_path, (await decide())[0])
    content = pack(bundle).decode("latin-1")
    for name in ("anna", "bert", "cleo", "Village", *(device.gateway for device in keys_of(SITE))):
        assert name not in content
    for device in controlled_devices(SITE):
        assert f'"{device.key.device}"' not in content


async def test_why_a_cycle_leaves_nothing_to_replay_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nothing = PlanDecision(rung=Rung.DEVICE, powers=(), plan=None, built=None, solve_s=0.0, faults=())
    silent = replace(report(see(SITE, []), nothing), faults=("no device has a fresh reading",))
    usual = report(see(SITE, usual_readings()), (await decide())[0])
    keeper = BundleKeeper(BundleFolder(tmp_path, days=1, limit_bytes=1_000_000))
    watch = bundle_watcher(keeper, Solver(name="highs"), {})
    for one in (silent, silent, usual, silent):
        watch(one)
    await keeper.close()
    words = "1-test-0 has no problem to replay: no device has a fresh reading"
    assert [record.getMessage() for record in caplog.records] == [words, words]
    assert len(read(tmp_path)) == 1
