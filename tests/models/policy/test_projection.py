from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.domain.arrays import FloatArray
from models.domain.errors import PolicyError
from models.policy.projection import limit_step, project_weights

weights = arrays(np.float64, st.integers(1, 60), elements=st.floats(1e-6, 1e6))
least = st.floats(0.01, 1.0)
most = st.floats(1.0, 20.0)


@given(weights, least, most)
def test_the_mean_is_one_and_every_weight_within_its_bounds(weight: FloatArray, low: float, high: float) -> None:
    projected = project_weights(weight, low, high).weight
    assert projected.mean() == pytest.approx(1.0, abs=1e-9)
    assert (projected >= low).all()
    assert (projected <= high).all()


@given(weights, least, most)
def test_the_order_of_members_is_kept(weight: FloatArray, low: float, high: float) -> None:
    projected = project_weights(weight, low, high).weight
    order = np.argsort(weight, kind="stable")
    assert (np.diff(projected[order]) >= 0.0).all()


@given(weights, least, most, st.floats(1e-3, 1e3))
def test_the_scale_of_the_weights_does_not_matter(weight: FloatArray, low: float, high: float, factor: float) -> None:
    one, other = project_weights(weight, low, high), project_weights(weight * factor, low, high)
    assert other.weight == pytest.approx(one.weight, abs=1e-9)


@given(weights, least, most)
def test_projecting_twice_changes_nothing(weight: FloatArray, low: float, high: float) -> None:
    once = project_weights(weight, low, high).weight
    assert project_weights(once, low, high).weight == pytest.approx(once, abs=1e-9)


@given(weights, least, most, st.integers(0, 2**32))
def test_members_in_another_order_get_the_same_weights(weight: FloatArray, low: float, high: float, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(weight))
    projected = project_weights(weight, low, high).weight
    assert project_weights(weight[order], low, high).weight == pytest.approx(projected[order], abs=1e-9)


@given(weights, least, most)
def test_the_scale_tells_how_every_weight_came_about(weight: FloatArray, low: float, high: float) -> None:
    projection = project_weights(weight, low, high)
    assert np.clip(projection.scale * weight, low, high) == pytest.approx(projection.weight, rel=1e-9)
    assert np.array_equal(projection.is_at_bound, (projection.weight == low) | (projection.weight == high))


@given(st.integers(1, 100), least, most)
def test_equal_weights_become_one(members: int, low: float, high: float) -> None:
    assert project_weights(np.full(members, 7.0), low, high).weight == pytest.approx(np.ones(members))


def test_worked_example() -> None:
    # s = 0.5: 0.5 * (8, 1, 1, 0.1) clipped to 0.2..2 is (2, 0.5, 0.5, 0.2); the free ones must sum to 1.8: s = 0.9.
    projection = project_weights(np.array([8.0, 1.0, 1.0, 0.1]), 0.2, 2.0)
    assert projection.weight == pytest.approx([2.0, 0.9, 0.9, 0.2])
    assert projection.scale == pytest.approx(0.9)
    assert projection.is_at_bound.tolist() == [True, False, False, True]


@pytest.mark.parametrize("low, high", [(1.0, 5.0), (0.2, 1.0), (1.0, 1.0)])
def test_a_bound_at_one_leaves_no_choice(low: float, high: float) -> None:
    assert project_weights(np.array([0.1, 3.0, 9.0]), low, high).weight == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_weights_that_are_not_positive_and_finite_are_refused(bad: float) -> None:
    with pytest.raises(PolicyError, match="positive and finite"):
        project_weights(np.array([1.0, bad]), 0.2, 5.0)
    with pytest.raises(PolicyError, match="at least one"):
        project_weights(np.array([]), 0.2, 5.0)


@pytest.mark.parametrize("low, high", [(1.1, 5.0), (0.2, 0.9), (0.0, 5.0), (float("nan"), 5.0)])
def test_bounds_that_do_not_enclose_one_are_refused(low: float, high: float) -> None:
    with pytest.raises(PolicyError, match="do not enclose 1"):
        project_weights(np.array([1.0, 2.0]), low, high)


@given(arrays(np.float64, 20, elements=st.floats(-1e6, 1e6)), st.floats(0.01, 2.0))
def test_no_step_exceeds_the_limit_and_small_ones_stay(step: FloatArray, limit: float) -> None:
    limited = limit_step(step, limit)
    assert (np.abs(limited) <= limit).all()
    assert np.array_equal(limited[np.abs(step) <= limit], step[np.abs(step) <= limit])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_step_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(PolicyError, match="not finite"):
        limit_step(np.array([0.0, bad]), 0.25)
