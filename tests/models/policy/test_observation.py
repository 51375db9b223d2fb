from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from models.domain.errors import PolicyError
from models.policy.observation import COMMUNITY_FEATURES, MEMBER_FEATURES, EquityState, find_unfamiliar, observe


def state(**changes: Any) -> EquityState:
    values: dict[str, Any] = {
        "weight": np.array([1.0, 2.0, 0.5]),
        "burden_frac": np.array([0.02, 0.10, np.nan]),
        "access_frac": np.array([0.5, np.nan, 0.1]),
        "is_priority": np.array([False, True, False]),
        "pv_kwp": np.array([4.0, 0.0, 0.0]),
        "battery_kwh": np.array([5.0, 0.0, 0.0]),
        "mean_demand_kw": np.array([0.5, 0.4, 0.0]),
        "last_share_frac": np.array([0.2, 0.5, 0.3]),
        "day_of_year": 1,
        "period_elapsed_frac": 0.5,
    }
    return EquityState(**(values | changes))


def column(name: str, **changes: Any) -> list[float]:
    index = [feature.name for feature in MEMBER_FEATURES].index(name)
    values: list[float] = observe(state(**changes)).members[:, index].tolist()
    return values


def test_every_member_is_a_row_and_every_feature_a_column() -> None:
    observation = observe(state())
    assert observation.members.shape == (3, len(MEMBER_FEATURES))
    assert observation.community.shape == (1, len(COMMUNITY_FEATURES))
    assert observation.members.dtype == observation.community.dtype == np.float32
    assert not observation.members.flags.writeable


def test_an_unknown_burden_is_the_mean_and_says_so() -> None:
    assert column("burden_frac") == pytest.approx([0.02, 0.10, 0.06])
    assert column("burden_gap_frac") == pytest.approx([-0.04, 0.04, 0.0], abs=1e-7)
    assert column("has_burden") == [1.0, 1.0, 0.0]
    assert observe(state()).community[0, -1] == pytest.approx(0.06)


def test_without_any_burden_all_are_zero() -> None:
    unknown = np.full(3, np.nan)
    assert column("burden_frac", burden_frac=unknown) == [0.0, 0.0, 0.0]
    assert column("has_burden", burden_frac=unknown) == [0.0, 0.0, 0.0]


def test_access_not_yet_known_is_the_mean() -> None:
    assert column("access_frac") == pytest.approx([0.5, 0.3, 0.1])


def test_assets_are_seen_per_demand_and_an_empty_home_stays_finite() -> None:
    assert column("pv_kwp_per_mean_kw") == pytest.approx([8.0, 0.0, 0.0])
    assert column("battery_kwh_per_mean_kw", battery_kwh=np.array([0.0, 0.0, 5.0])) == pytest.approx([0.0, 0.0, 100.0])


def test_the_season_goes_round() -> None:
    first, middle, last = (observe(state(day_of_year=day)).community[0, :2] for day in (1, 183, 366))
    assert first == pytest.approx([0.0, 1.0])
    assert middle == pytest.approx([0.0, -1.0], abs=0.02)
    assert last == pytest.approx(first, abs=0.02)


def test_incomes_and_tiers_are_not_among_what_a_policy_sees() -> None:
    names = [feature.name for feature in (*MEMBER_FEATURES, *COMMUNITY_FEATURES)]
    names += [field.name for field in fields(EquityState)]
    assert [name for name in names if "income" in name or "tier" in name] == []


@pytest.mark.parametrize("name", ["weight", "pv_kwp", "battery_kwh", "mean_demand_kw", "last_share_frac"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_figure_that_must_be_known_is_refused_when_it_is_not(name: str, bad: float) -> None:
    with pytest.raises(PolicyError, match="not finite"):
        observe(state(**{name: np.array([1.0, bad, 1.0])}))


@pytest.mark.parametrize("name", ["gain_frac", "core_excess_frac", "period_elapsed_frac", "gini_energy_burden"])
def test_a_figure_of_the_community_must_be_finite(name: str) -> None:
    with pytest.raises(PolicyError, match=f"{name}: found a value that is not finite"):
        observe(state(**{name: float("nan")}))


def test_arrays_of_different_members_are_refused() -> None:
    with pytest.raises(PolicyError, match="same members"):
        observe(state(burden_frac=np.array([0.1, 0.2])))


def test_what_lies_in_its_range_is_familiar() -> None:
    assert find_unfamiliar(observe(state())) == ()


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"burden_frac": np.array([0.1, 4.0, 0.1])}, "burden_frac"),
        ({"weight": np.array([1.0, 100.0, 1.0])}, "log_weight"),
        ({"access_frac": np.array([1.2, 0.0, 0.0])}, "access_frac"),
        ({"pv_kwp": np.array([0.0, 0.0, 500.0])}, "pv_kwp_per_mean_kw"),
        ({"core_excess_frac": 11.0}, "core_excess_frac"),
        ({"gini_energy_burden": -0.1}, "gini_energy_burden"),
    ],
)
def test_what_lies_outside_its_range_is_named(changes: dict[str, Any], name: str) -> None:
    assert name in find_unfamiliar(observe(state(**changes)))
