"""Room below the peak: in every form of the model, in the audit, in what binds, and in a bundle's bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.arrays.program import write_program
from models.dispatch.audit import audit_plan
from models.dispatch.binding import find_bindings
from models.dispatch.bundle_codec import pack, unpack
from models.dispatch.facts import derive_facts
from models.dispatch.figures import peaks_kw
from models.dispatch.problem import DispatchProblem
from models.dispatch.reserve import reserves_kw
from models.dispatch.validation import validate_problem
from models.domain.errors import ProblemError
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import plain_problem, random_problem

RESERVE_KW = np.array([0.5, 0.0, 2.0, 0.0])


def posed(**changes: Any) -> DispatchProblem:
    """A night with a peak charge; much may be missed in its third step."""
    parts: dict[str, Any] = {"peak_reserve_kw": RESERVE_KW} | changes
    return plain_problem(pv_kw=np.zeros((2, 4)), peak_charge_eur_per_kw=0.5, **parts)


def test_a_problem_without_a_reserve_keeps_nothing_free() -> None:
    assert not reserves_kw(posed(peak_reserve_kw=np.zeros(0))).any()
    assert np.array_equal(reserves_kw(posed()), RESERVE_KW)


def test_a_row_of_the_peak_counts_the_reserve_of_the_rest_of_its_interval() -> None:
    problem = posed(metered_h=0.25, metered_net_kwh=np.array([0.1, 0.2]), step_h=np.full(4, 0.5))
    program = write_program(problem, derive_facts(problem)).program
    upper = dict(zip(program.row_names, program.row_upper.tolist(), strict=True))
    # Two thirds of the interval are still to come; 0.3 kWh of it are metered.
    assert upper["peak_of[0]"] == pytest.approx(-0.3 / 0.75 - 0.5 * 2.0 / 3.0)
    assert [upper[f"peak_of[{t}]"] for t in (1, 2, 3)] == pytest.approx([0.0, -2.0, 0.0])


def test_a_reserve_can_set_a_peak_that_no_import_reaches() -> None:
    problem = posed(peak_floor_kw=np.array([50.0]))
    rows = write_program(problem, derive_facts(problem)).program.row_names
    assert not [name for name in rows if name.startswith("peak_of")]
    much = replace(problem, peak_reserve_kw=np.array([0.0, 49.0, 0.0, 0.0]))
    rows = write_program(much, derive_facts(much)).program.row_names
    assert [name for name in rows if name.startswith("peak_of")] == ["peak_of[1]"]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_no_step_with_its_reserve_exceeds_the_peak_of_the_plan(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    plan = plan_of(problem)
    assert plan.schedule is not None
    assert plan.figures is not None
    assert audit_plan(problem, plan) == ()
    net_kw = (plan.schedule.import_kw - plan.schedule.export_kw).sum(axis=0) + reserves_kw(problem)
    assert np.all(net_kw[1:] <= plan.figures.peak_kw[problem.peak_period[1:]] + 1e-4)


def test_the_audit_refuses_a_peak_that_leaves_the_reserve_out() -> None:
    problem = posed(peak_reserve_kw=np.array([0.0, 0.0, 9.0, 0.0]))
    plan = plan_of(problem)
    assert plan.schedule is not None
    assert plan.figures is not None
    assert audit_plan(problem, plan) == ()
    without = peaks_kw(replace(problem, peak_reserve_kw=np.zeros(0)), plan.schedule)
    hidden = replace(plan, figures=replace(plan.figures, peak_kw=without))
    assert "reported peak" in {violation.rule for violation in audit_plan(problem, hidden)}


def test_the_step_whose_reserve_sets_the_peak_binds() -> None:
    problem = posed(peak_reserve_kw=np.array([0.0, 0.0, 9.0, 0.0]))
    plan = plan_of(problem)
    (peak,) = (binding for binding in find_bindings(problem, plan, {}) if binding.limit == "peak")
    assert peak.steps == (2,)


def test_a_bundle_keeps_the_reserve_and_says_nothing_of_none() -> None:
    assert np.array_equal(unpack(DispatchProblem, pack(posed())).peak_reserve_kw, RESERVE_KW)
    none = pack(posed(peak_reserve_kw=np.zeros(0)))
    assert b"peak_reserve_kw" not in none
    assert unpack(DispatchProblem, none).peak_reserve_kw.shape == (0,)


@pytest.mark.parametrize("reserve_kw", [[-0.1, 0.0, 0.0, 0.0], [0.0, np.nan, 0.0, 0.0], [np.inf] * 4, [1.0]])
def test_a_reserve_that_is_none_is_refused(reserve_kw: list[float]) -> None:
    with pytest.raises(ProblemError, match="peak_reserve_kw"):
        validate_problem(posed(peak_reserve_kw=np.array(reserve_kw)))
