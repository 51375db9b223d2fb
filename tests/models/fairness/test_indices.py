from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fairness.indices import find_worst, measure_gini, measure_jain, measure_theil

amounts = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40)


def test_equal_values_are_perfectly_fair() -> None:
    assert measure_gini([3.0, 3.0, 3.0]) == pytest.approx(0.0)
    assert measure_jain([3.0, 3.0, 3.0]) == pytest.approx(1.0)
    assert measure_theil([3.0, 3.0, 3.0]) == pytest.approx(0.0)


def test_one_with_everything_reaches_the_end_of_each_range() -> None:
    values = [0.0, 0.0, 0.0, 8.0]
    assert measure_gini(values) == pytest.approx(0.75)
    assert measure_jain(values) == pytest.approx(0.25)
    assert measure_theil(values) == pytest.approx(math.log(4))


def test_all_zero_is_equal_and_nobody_is_undefined() -> None:
    assert (measure_gini([0.0, 0.0]), measure_jain([0.0, 0.0]), measure_theil([0.0, 0.0])) == (0.0, 1.0, 0.0)
    assert (measure_gini([]), measure_jain([np.nan]), measure_theil([]), find_worst([np.nan])) == (None,) * 4


def test_missing_members_are_left_out_and_negative_values_count_as_zero() -> None:
    assert measure_gini([1.0, np.nan, 3.0]) == pytest.approx(measure_gini([1.0, 3.0]) or 0.0)
    assert measure_gini([-5.0, 1.0]) == pytest.approx(0.5)
    assert find_worst([-5.0, np.nan, -1.0]) == -1.0


def test_a_known_example_of_the_gini_coefficient() -> None:
    assert measure_gini([1.0, 2.0, 3.0, 4.0]) == pytest.approx(0.25)


def test_infinite_values_are_refused() -> None:
    with pytest.raises(ValueError, match="infinity"):
        measure_gini([1.0, np.inf])


@given(amounts)
def test_the_gini_coefficient_is_the_double_sum_of_its_definition(values: list[float]) -> None:
    array = np.array(values)
    total = array.sum()
    expected = 0.0 if total == 0.0 else np.abs(array[:, None] - array).sum() / (2 * array.size * total)
    assert measure_gini(values) == pytest.approx(expected, abs=1e-9)


@given(amounts, st.floats(0.01, 1000.0))
def test_indices_stay_in_their_ranges_and_do_not_depend_on_the_unit(values: list[float], factor: float) -> None:
    array = np.array(values)
    # Denormal numbers lose their ratios when scaled.
    array[array < 1e-200] = 0.0
    gini, jain, theil = measure_gini(array), measure_jain(array), measure_theil(array)
    assert gini is not None
    assert jain is not None
    assert theil is not None
    count = array.size
    assert 0.0 <= gini <= 1.0 - 1.0 / count + 1e-9
    assert 1.0 / count - 1e-9 <= jain <= 1.0 + 1e-9
    assert 0.0 <= theil <= math.log(count) + 1e-9
    assert measure_gini(array * factor) == pytest.approx(gini, abs=1e-9)
    assert measure_jain(array * factor) == pytest.approx(jain, abs=1e-9)
    assert measure_theil(array * factor) == pytest.approx(theil, abs=1e-6)


@given(st.lists(st.floats(1.0, 1000.0), min_size=2, max_size=20))
def test_a_transfer_from_the_richest_to_the_poorest_never_raises_inequality(values: list[float]) -> None:
    array = np.sort(np.array(values))
    moved = array.copy()
    amount = (array[-1] - array[0]) / 4.0
    moved[0] += amount
    moved[-1] -= amount
    assert (measure_gini(moved) or 0.0) <= (measure_gini(array) or 0.0) + 1e-9
    assert (measure_theil(moved) or 0.0) <= (measure_theil(array) or 0.0) + 1e-9
    assert (measure_jain(moved) or 0.0) >= (measure_jain(array) or 0.0) - 1e-9
