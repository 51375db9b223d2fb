"""What goes unserved is shared to the last member: who cannot be helped does not decide for the others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.problem import DispatchProblem, FloatArray
from tests.models.dispatch.planners import audited
from tests.models.dispatch.random_problems import battery, plain_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])


def dark_island(demand_kw: FloatArray, sun_kw: float, limit_kw: FloatArray, weight: FloatArray) -> DispatchProblem:
    """Members without anything, and one whose sun is all there is; one price, no grid."""
    members = demand_kw.shape[0] + 1
    return plain_problem(
        members=members,
        steps=2,
        exact_steps=2,
        demand_kw=np.repeat(np.append(demand_kw, 0.0)[:, None], 2, axis=1),
        pv_kw=np.repeat(np.append(np.zeros(members - 1), sun_kw)[:, None], 2, axis=1),
        batteries=(),
        reference_battery_kw=np.empty((0, 2)),
        is_islanded=np.ones(2, dtype=np.bool_),
        member_import_limit_kw=np.append(limit_kw, 50.0),
        member_export_limit_kw=np.full(members, 50.0),
        weight=np.append(weight, 1.0),
    )


def fill_unserved_kw(demand_kw: FloatArray, sun_kw: float, limit_kw: FloatArray, weight: FloatArray) -> FloatArray:
    """Least largest share, then the next: u d / w, between what a connection leaves out and all of the demand."""
    least = np.maximum(demand_kw - limit_kw, 0.0)
    short_kw = max(float(demand_kw.sum()) - sun_kw, float(least.sum()))
    low, high = 0.0, 1e6
    for _ in range(200):
        level = 0.5 * (low + high)
        total = float(np.clip(level * demand_kw / weight, least, demand_kw).sum())
        low, high = (level, high) if total < short_kw else (low, level)
    return np.clip(high * demand_kw / weight, least, demand_kw)


@BOTH
def test_the_member_with_a_low_limit_does_not_decide_what_the_others_lack(name: str) -> None:
    # Member 0 gets 0.5 kW of its 3 at most; the 1.5 kW that are left leave a quarter of the others' need open.
    demand_kw, limit_kw = np.array([3.0, 1.0, 1.0]), np.array([0.5, 17.0, 17.0])
    schedule, _ = audited(dark_island(demand_kw, 2.0, limit_kw, np.ones(3)), name)
    assert schedule.unserved_kw[:, 0] == pytest.approx([2.5, 0.25, 0.25, 0.0], abs=1e-4)


@BOTH
@pytest.mark.parametrize(
    "weight, expected", [([1.0, 0.2, 1.8], [2.5, 0.45, 0.05]), ([1.0, 1.8, 0.2], [2.5, 0.05, 0.45])]
)
@pytest.mark.parametrize("local_price", [0.05, 0.3])
def test_weights_decide_among_the_others_and_prices_do_not(
    name: str, weight: list[float], expected: list[float], local_price: float
) -> None:
    demand_kw, limit_kw = np.array([3.0, 1.0, 1.0]), np.array([0.5, 17.0, 17.0])
    problem = dark_island(demand_kw, 2.0, limit_kw, np.array(weight))
    problem.local_price_eur_per_kwh[:] = local_price
    schedule, _ = audited(problem, name)
    assert schedule.unserved_kw[:3, 1] == pytest.approx(expected, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), name=st.sampled_from(["glpk", "highs"]))
def test_shares_are_those_of_water_filling(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    members = int(rng.integers(2, 7))
    demand_kw, weight = rng.uniform(0.2, 4.0, members), rng.uniform(0.3, 3.0, members)
    limit_kw = np.where(rng.random(members) < 0.4, rng.uniform(0.1, 2.0, members), 17.0)
    sun_kw = float(rng.uniform(0.0, 1.1) * demand_kw.sum())
    schedule, _ = audited(dark_island(demand_kw, sun_kw, limit_kw, weight), name)
    expected = fill_unserved_kw(demand_kw, sun_kw, limit_kw, weight)
    assert schedule.unserved_kw[:members, 0] == pytest.approx(expected, abs=2e-4)


@BOTH
def test_sharing_to_the_last_member_leaves_no_more_unserved_in_all(name: str) -> None:
    demand_kw, limit_kw = np.array([3.0, 1.0, 1.0, 2.0]), np.array([0.5, 17.0, 17.0, 1.5])
    problem = dark_island(demand_kw, 3.0, limit_kw, np.array([0.5, 1.0, 1.5, 1.0]))
    schedule, _ = audited(problem, name)
    assert schedule.unserved_kw.sum(axis=0) == pytest.approx([4.0, 4.0], abs=1e-4)


@BOTH
def test_a_battery_does_not_run_in_circles_for_a_fairer_share(name: str) -> None:
    problem = plain_problem(
        members=3,
        steps=4,
        exact_steps=4,
        pv_kw=np.zeros((3, 4)),
        batteries=(battery(1, soc_start_kwh=3.0),),
        is_islanded=np.ones(4, dtype=np.bool_),
    )
    schedule, _ = audited(problem, name)
    assert schedule.charge_kw.max() == pytest.approx(0.0, abs=1e-5)
    assert schedule.soc_kwh[0, -1] == pytest.approx(0.5, abs=1e-4)
