"""What is written down about demand response: the audit, bundles, comparisons, and what binds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.dispatch.audit import audit_plan
from models.dispatch.binding import Binding, find_bindings
from models.dispatch.bundle import decode, encode, hash_problem
from models.dispatch.bundle_codec import pack
from models.dispatch.comparison import compare_plans, equity_objective_eur
from models.dispatch.concealment import conceal
from models.dispatch.duals import measure_duals
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan, PlanFigures, Schedule
from models.dispatch.solvers.highs import HighsSolver
from models.domain.errors import BundleError
from tests.benchmarks.random_community import RandomCommunity
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import load, plain_problem
from tests.models.dispatch.recorded_plans import bundle_of, recorded

OLD_BUNDLE = Path(__file__).parent / "recorded" / "before_events.bundle"


@cache
def example() -> tuple[DispatchProblem, Plan]:
    """Two consumers; a target that is met in step 1 and missed in step 2; load 0 reaches its limit of day 1."""
    problem = plain_problem(
        demand_kw=np.ones((2, 4)),
        pv_kw=np.zeros((2, 4)),
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
        curtailables=(
            load(member=0, day=np.array([0, 0, 1, 1]), limit_kwh=np.array([10.0, 0.3]), discomfort_eur_per_kwh=0.5),
            load(member=1, is_open=np.array([True, True, True, False]), discomfort_eur_per_kwh=0.6),
        ),
        event_target_kw=np.array([np.inf, 1.0, 0.2, np.inf]),
        event_shortfall_eur_per_kwh=1.0,
    )
    plan = plan_of(problem)
    assert audit_plan(problem, plan) == ()
    return problem, plan


def parts() -> tuple[DispatchProblem, Plan, Schedule, PlanFigures]:
    problem, plan = example()
    assert plan.schedule is not None
    assert plan.figures is not None
    return problem, plan, plan.schedule, plan.figures


def rules(problem: DispatchProblem, plan: Plan) -> set[str]:
    return {violation.rule for violation in audit_plan(problem, plan)}


def moved(values: np.ndarray, place: tuple[int, ...], by: float) -> np.ndarray:
    changed = values.copy()
    changed[place] += by
    return changed


def test_the_example_meets_what_the_tests_ask_of_it() -> None:
    _, _, schedule, figures = parts()
    assert schedule.curtailed_load_kw == pytest.approx(np.array([[0.0, 0.8, 0.6, 0.0], [0.0, 0.2, 0.8, 0.0]]), abs=1e-6)
    assert schedule.event_excess_kw == pytest.approx([0.0, 0.0, 0.4, 0.0], abs=1e-6)
    assert figures.event_shortfall_kwh == pytest.approx([0.0, 0.0, 0.2, 0.0], abs=1e-6)
    assert figures.discomfort_eur == pytest.approx([0.5 * 0.7, 0.6 * 0.5], abs=1e-6)


@pytest.mark.parametrize(
    "load_index, step, by_kw, rule",
    [
        (0, 1, 0.1, "held back beyond what is wanted"),
        (1, 3, 0.1, "held back beyond what is wanted"),
        (0, 3, 0.1, "held back beyond the day's limit"),
        (0, 0, -0.1, "never negative"),
    ],
)
def test_a_schedule_doctored_in_balance_is_refused_for_what_it_holds_back(
    load_index: int, step: int, by_kw: float, rule: str
) -> None:
    """Import falls by what the load is said not to draw, so that the balance closes."""
    problem, plan, schedule, _ = parts()
    cut_kw = moved(schedule.curtailed_load_kw, (load_index, step), by_kw)
    import_kw = moved(schedule.import_kw, (problem.curtailables[load_index].member, step), -by_kw)
    doctored = replace(plan, schedule=replace(schedule, curtailed_load_kw=cut_kw, import_kw=import_kw))
    found = rules(problem, doctored)
    assert rule in found
    assert "balance" not in found


def test_a_cut_that_is_not_in_the_balance_is_refused() -> None:
    problem, plan, schedule, _ = parts()
    cut_kw = moved(schedule.curtailed_load_kw, (1, 0), 0.1)
    assert "balance" in rules(problem, replace(plan, schedule=replace(schedule, curtailed_load_kw=cut_kw)))


@pytest.mark.parametrize("step, by_kw", [(2, -0.1), (1, 0.1), (0, 0.1)])
def test_an_excess_that_is_not_the_nets_is_refused(step: int, by_kw: float) -> None:
    problem, plan, schedule, _ = parts()
    doctored = replace(
        plan, schedule=replace(schedule, event_excess_kw=moved(schedule.event_excess_kw, (step,), by_kw))
    )
    assert rules(problem, doctored) == {"excess above the event's target"}


def test_demand_that_is_held_back_cannot_go_unserved_too() -> None:
    problem, plan, schedule, _ = parts()
    island = replace(problem, is_islanded=np.array([False, True, False, False]))
    unserved_kw = moved(schedule.unserved_kw, (0, 1), 0.3)
    import_kw = moved(schedule.import_kw, (0, 1), -0.3)
    doctored = replace(plan, schedule=replace(schedule, unserved_kw=unserved_kw, import_kw=import_kw))
    assert "unserved beyond demand" in rules(island, doctored)


@pytest.mark.parametrize("name", ["discomfort_eur", "event_shortfall_kwh"])
def test_a_reported_figure_that_is_wrong_or_of_another_shape_is_refused(name: str) -> None:
    problem, plan, _, figures = parts()
    rule = "reported discomfort" if name == "discomfort_eur" else "reported event shortfall"
    for wrong in (getattr(figures, name) + 0.01, np.zeros(0), np.append(getattr(figures, name), 0.0)):
        changed: dict[str, Any] = {name: wrong}
        assert rule in rules(problem, replace(plan, figures=replace(figures, **changed)))


def test_a_cost_without_its_discomfort_or_its_missed_target_is_refused() -> None:
    problem, plan, _, figures = parts()
    for part in (float(figures.discomfort_eur.sum()), 0.2):
        less = replace(figures, cost_eur=figures.cost_eur - part)
        assert "reported cost" in rules(problem, replace(plan, figures=less))


def test_arrays_of_events_have_their_shape_or_are_empty() -> None:
    problem, plan, schedule, _ = parts()
    for name in ("curtailed_load_kw", "event_excess_kw"):
        changed: dict[str, Any] = {name: np.zeros((0, 0)) if name == "curtailed_load_kw" else np.zeros(0)}
        assert rules(problem, replace(plan, schedule=replace(schedule, **changed))) == {"shape"}


def named(bindings: tuple[Binding, ...], limit: str) -> list[Binding]:
    return [binding for binding in bindings if binding.limit == limit]


def test_targets_and_loads_that_bind_are_named_with_their_steps_and_worth() -> None:
    problem, plan, _, _ = parts()
    bindings = find_bindings(problem, plan, measure_duals(problem, plan, HighsSolver(), deadline_s=10.0))
    (met,), (missed,) = named(bindings, "event target"), named(bindings, "event target missed")
    assert (met.place, met.steps, missed.steps) == ("", (1,), (2,))
    # What the next load to be held back costs above its energy, and the price of missing; half an hour each.
    assert met.dual_eur == pytest.approx(0.5 * (0.6 - 0.3), abs=1e-4)
    assert missed.dual_eur == pytest.approx(0.5 * 1.0)
    (day,) = named(bindings, "most that is held back on a day")
    assert (day.place, day.steps, day.value, day.unit) == ("load 0 of member 0", (2,), 0.3, "kWh")
    assert day.dual_eur == pytest.approx(1.0 + 0.3 - 0.5, abs=1e-4)
    entirely = {(binding.place, binding.steps) for binding in named(bindings, "held back entirely")}
    assert entirely == {("load 0 of member 0", (1,)), ("load 1 of member 1", (2,))}


def test_without_events_nothing_about_them_binds() -> None:
    problem, _, _, _ = parts()
    plain = replace(problem, curtailables=(), event_target_kw=np.zeros(0))
    words = {binding.limit for binding in find_bindings(plain, plan_of(plain))}
    assert not any("event" in limit or "held back" in limit for limit in words)


def test_a_bundle_with_events_comes_back_as_it_was() -> None:
    problem, plan, schedule, _ = parts()
    bundle = bundle_of(conceal(problem), plan)
    again = decode(encode(bundle))
    assert again == bundle
    assert again.plan is not None
    assert again.plan.schedule is not None
    assert again.plan.schedule.curtailed_load_kw.tobytes() == schedule.curtailed_load_kw.tobytes()
    assert again.problem.event_target_kw.tolist() == problem.event_target_kw.tolist()
    assert audit_plan(again.problem, again.plan) == ()
    (first, _), (wanted, _) = again.problem.curtailables, problem.curtailables
    assert first.is_open.dtype == np.bool_
    np.testing.assert_array_equal(first.day, wanted.day)


def test_a_bundle_written_before_there_were_events_still_loads_and_keeps_its_bytes() -> None:
    content = OLD_BUNDLE.read_bytes()
    bundle = decode(content)
    assert bundle.problem.curtailables == ()
    assert bundle.problem.event_target_kw.shape == (0,)
    assert bundle.plan is not None
    assert bundle.plan.schedule is not None
    assert bundle.plan.schedule.curtailed_load_kw.shape == (0, 0)
    again = plan_of(bundle.problem, mip_gap=bundle.settings.mip_gap_frac)
    efficient = compare_plans(bundle.problem, bundle.plan, again, mip_gap_frac=0.002).worths[0]
    assert efficient.is_close
    assert encode(bundle) == content


def test_a_problem_without_events_has_the_bytes_and_the_hash_it_always_had() -> None:
    old, new = decode(OLD_BUNDLE.read_bytes()).problem, recorded().problem
    assert hash_problem(old) == hash_problem(new)
    for word in (b"curtailables", b"event_target_kw", b"event_shortfall"):
        assert word not in pack(new)
        assert word in pack(parts()[0])


@pytest.mark.parametrize(
    "part, name, values, words",
    [
        ("schedule", "curtailed_load_kw", np.zeros((1, 4)), r"load_kw: found shape \(1, 4\); accepted: \(2, 4\)"),
        ("schedule", "event_excess_kw", np.zeros(3), r"event_excess_kw: found shape \(3,\); accepted: \(4,\)"),
        ("figures", "discomfort_eur", np.zeros(1), r"discomfort_eur: found shape \(1,\); accepted: \(2,\)"),
        ("figures", "event_shortfall_kwh", np.full(4, np.nan), "event_shortfall_kwh: found a value that is not finite"),
    ],
)  # fmt: skip
def test_a_bundled_plan_that_does_not_fit_its_events_is_refused(
    part: str, name: str, values: np.ndarray, words: str
) -> None:
    problem, plan, _, _ = parts()
    changed: dict[str, Any] = {part: replace(getattr(plan, part), **{name: values})}
    with pytest.raises(BundleError, match=words):
        decode(encode(bundle_of(problem, replace(plan, **changed))))


def test_a_plan_with_cuts_of_a_problem_without_loads_is_refused() -> None:
    bundle = recorded()
    assert bundle.plan is not None
    assert bundle.plan.schedule is not None
    cuts = replace(bundle.plan.schedule, curtailed_load_kw=np.zeros((1, 36)))
    with pytest.raises(BundleError, match=r"curtailed_load_kw: found shape \(1, 36\); accepted: \(0, 0\)"):
        decode(encode(replace(bundle, plan=replace(bundle.plan, schedule=cuts))))


def test_the_same_plan_compares_as_the_same_and_another_by_step() -> None:
    problem, plan, schedule, figures = parts()
    assert compare_plans(problem, plan, plan_of(problem, "highs"), mip_gap_frac=1e-4).is_same_worth
    excess = replace(schedule, event_excess_kw=moved(schedule.event_excess_kw, (2,), 0.5))
    (entry,) = compare_plans(problem, plan, replace(plan, schedule=excess), mip_gap_frac=1e-4).entries
    assert (entry.quantity, entry.row, entry.step, entry.count) == ("event_excess_kw", -1, 2, 1)
    for worse in (
        replace(figures, discomfort_eur=figures.discomfort_eur + 0.1),
        replace(figures, event_shortfall_kwh=figures.event_shortfall_kwh + 0.1),
    ):
        other = compare_plans(problem, plan, replace(plan, figures=worse), mip_gap_frac=1e-6)
        assert [worth.name for worth in other.worths if not worth.is_close] == ["equity objective"]


def test_the_equity_objective_is_the_solvers() -> None:
    problem, plan, _, figures = parts()
    hair_eur = 1e-5 * float((parts()[2].curtailed_load_kw @ problem.step_h).sum())
    assert equity_objective_eur(problem, figures) + hair_eur == pytest.approx(plan.record.objective_eur, abs=1e-6)


def test_concealing_keeps_loads_and_targets() -> None:
    problem = RandomCommunity(6, 2, has_events=True).problem(40)
    concealed = conceal(problem)
    assert concealed.curtailables is problem.curtailables
    assert concealed.event_target_kw is problem.event_target_kw
    assert conceal(concealed) is concealed


def test_a_day_limit_over_several_steps_is_worth_its_row() -> None:
    problem, _, _, _ = parts()
    own = replace(problem.curtailables[0], day=np.zeros(4, dtype=np.int64), limit_kwh=np.array([0.6]))
    shared = replace(problem, curtailables=(own,), event_target_kw=np.full(4, 1.0))
    plan = plan_of(shared)
    (day,) = named(find_bindings(shared, plan, measure_duals(shared, plan, HighsSolver(), deadline_s=10.0)),
                   "most that is held back on a day")  # fmt: skip
    assert day.dual_eur == pytest.approx(1.0 + 0.3 - 0.5, abs=1e-4)
    (unknown,) = named(find_bindings(shared, plan), "most that is held back on a day")
    assert unknown.dual_eur is None
