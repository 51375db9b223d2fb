from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fairness.indices import measure_gini, measure_jain, measure_theil
from models.fairness.spread import describe_spread

BURDEN = [0.02, 0.1, np.nan, -0.05]
ACCESS = [0.5, 1.0, 0.25, np.nan]


def test_ginis_are_told_from_the_seventh_day_and_never_as_zero_before() -> None:
    early, late = describe_spread(BURDEN, ACCESS, 6), describe_spread(BURDEN, ACCESS, 7)
    assert (early.gini_energy_burden, early.gini_renewable_access) == (None, None)
    assert late.gini_energy_burden == pytest.approx(measure_gini([0.02, 0.1, 0.0]))
    assert late.gini_renewable_access == pytest.approx(measure_gini([0.5, 1.0, 0.25]))


def test_the_worst_off_stand_beside_the_indices_from_the_first_day() -> None:
    figures = describe_spread(BURDEN, ACCESS, 1)
    assert figures.worst_energy_burden == pytest.approx(0.1)
    assert figures.least_renewable_access == pytest.approx(0.25)
    assert figures.members_with_burden == 3
    assert figures.jain_energy_burden == pytest.approx(measure_jain([0.02, 0.1, 0.0]))
    assert figures.theil_renewable_access == pytest.approx(measure_theil([0.5, 1.0, 0.25]))


def test_what_nobody_knows_is_undefined_and_not_zero() -> None:
    figures = describe_spread([np.nan, np.nan], [np.nan, np.nan], 20).as_dict()
    assert figures.pop("day_of_period") == 20.0
    assert figures.pop("members_with_burden") == 0.0
    assert set(figures.values()) == {None}


def test_a_community_of_net_earners_has_a_burden_of_zero() -> None:
    figures = describe_spread([-0.1, -0.2], [1.0, 1.0], 9)
    assert (figures.worst_energy_burden, figures.gini_energy_burden) == (0.0, 0.0)


@given(st.lists(st.floats(-1.0, 2.0), min_size=1, max_size=9), st.integers(7, 31))
def test_figures_stay_in_their_ranges(burdens: list[float], day: int) -> None:
    figures = describe_spread(burdens, np.ones(len(burdens)), day)
    assert figures.gini_energy_burden is not None
    assert 0.0 <= figures.gini_energy_burden <= 1.0
    assert figures.worst_energy_burden == pytest.approx(max(0.0, *burdens))
    assert all(value is None or np.isfinite(value) for value in figures.as_dict().values())
