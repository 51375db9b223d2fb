from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fairness.benefit import (
    compare_asset_groups,
    count_losers,
    describe_benefits,
    find_cr20_of_benefit,
    find_gini_of_benefit,
    find_losers_percent,
    relate_benefit,
)


def test_relative_benefit_is_defined_only_for_a_positive_baseline() -> None:
    benefit = relate_benefit([100.0, 50.0, 0.0, -10.0, np.nan, 10.0], [80.0, 60.0, 0.0, -20.0, 1.0, np.nan])
    assert benefit[:2] == pytest.approx([20.0, -20.0])
    assert np.isnan(benefit[2:]).all()


def test_losers_are_counted_beside_the_clipped_gini_that_hides_them() -> None:
    benefit = [10.0, 10.0, -90.0, -90.0]
    assert find_losers_percent(benefit) == pytest.approx(50.0)
    assert find_gini_of_benefit(benefit) == find_gini_of_benefit([10.0, 10.0, 0.0, 0.0]) == pytest.approx(0.5)


def test_figures_of_a_sum_of_zero_are_undefined_not_zero() -> None:
    assert find_gini_of_benefit([0.0, -3.0]) is None
    assert find_cr20_of_benefit([0.0, -3.0]) is None
    assert find_losers_percent([np.nan]) is None
    assert compare_asset_groups([5.0, 0.0], [0.0, 1.0]) is None


@pytest.mark.parametrize("count,top", [(1, 1), (4, 1), (5, 1), (6, 2), (10, 2), (11, 3)])
def test_the_top_fifth_is_rounded_up(count: int, top: int) -> None:
    assert find_cr20_of_benefit(np.ones(count)) == pytest.approx(top / count)


def test_asset_groups_are_compared_by_their_means() -> None:
    assert compare_asset_groups([10.0, 20.0, 40.0, -5.0], [0.0, 0.0, 1.0, 1.0]) == pytest.approx(0.75)
    assert compare_asset_groups([10.0, np.nan, 40.0], [0.0, 0.0, 1.0]) == pytest.approx(0.25)


def test_the_comparison_is_undefined_without_groups() -> None:
    assert compare_asset_groups([10.0, 20.0], [0.0, np.nan]) is None
    assert compare_asset_groups([10.0, 20.0], [1.0, 1.0]) is None
    assert compare_asset_groups([10.0, np.nan], [1.0, 0.0]) is None


def test_losers_against_a_reference_split_ignore_less_than_half_a_cent() -> None:
    assert count_losers([1.0, 1.0, 0.996, np.nan], [1.0, 1.01, 1.0, 5.0]) == 1


def test_all_figures_come_together() -> None:
    figures = describe_benefits([100.0, 100.0, 100.0], [90.0, 80.0, 110.0], [0.0, 1.0, 0.0])
    assert figures.equity_losers_percent == pytest.approx(100.0 / 3)
    assert figures.equity_cr20_benefit == pytest.approx(2.0 / 3)
    assert figures.equity_bpr_asset_poor_over_rich == pytest.approx(0.25)
    assert figures.equity_gini_benefit == pytest.approx(4.0 / 9)


@given(st.lists(st.floats(-200.0, 100.0), min_size=1, max_size=30))
def test_the_gini_of_benefits_is_the_double_sum_of_its_definition(values: list[float]) -> None:
    clipped = np.maximum(np.array(values), 0.0)
    gini = find_gini_of_benefit(values)
    if clipped.sum() == 0.0:
        assert gini is None
    else:
        expected = np.abs(clipped[:, None] - clipped).sum() / (2 * clipped.size * clipped.sum())
        assert gini == pytest.approx(expected, abs=1e-9)
