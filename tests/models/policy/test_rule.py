from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.domain.arrays import FloatArray
from models.policy.observation import EquityState, observe
from models.policy.rule import BurdenRule, propose_by_burden

BURDEN = np.array([0.02, 0.04, 0.08, np.nan])


def state(weight: FloatArray | None = None, burden: FloatArray = BURDEN) -> EquityState:
    members = len(burden)
    zeros = np.zeros(members)
    return EquityState(
        weight=np.ones(members) if weight is None else weight,
        burden_frac=burden,
        access_frac=zeros,
        is_priority=np.zeros(members, dtype=bool),
        pv_kwp=zeros,
        battery_kwh=zeros,
        mean_demand_kw=np.ones(members),
        last_share_frac=zeros,
        day_of_year=100,
        period_elapsed_frac=0.5,
    )


def test_the_rule_asks_for_more_weight_where_the_burden_is_higher() -> None:
    step = propose_by_burden(observe(state()))
    assert step[0] < step[1] < step[2]
    assert step[3] == 0.0
    mean = (0.02 + 0.04 + 0.08) / 3
    assert step[2] == pytest.approx(np.log((0.08 + 0.005) / (mean + 0.005)), abs=1e-5)


def test_the_rule_stands_still_where_it_wants_to_be() -> None:
    wanted = np.exp(propose_by_burden(observe(state())))
    assert propose_by_burden(observe(state(weight=wanted))) == pytest.approx(np.zeros(4), abs=1e-5)


@pytest.mark.parametrize("burden", [np.zeros(3), np.full(3, np.nan), np.array([0.0, 0.0, 2.0])])
def test_the_rule_is_finite_for_burdens_of_nothing_and_of_everything(burden: FloatArray) -> None:
    step = propose_by_burden(observe(state(burden=burden)))
    assert np.isfinite(step).all()
    assert (np.abs(step) <= np.log(5.0) + 1e-6).all()


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(0.0, 2.0)))
def test_a_higher_burden_never_means_a_lower_weight(burden: FloatArray) -> None:
    step = propose_by_burden(observe(state(burden=burden)))
    assert (np.diff(step[np.argsort(burden, kind="stable")]) >= -1e-6).all()


def test_twice_the_burden_is_about_twice_the_weight() -> None:
    step = propose_by_burden(observe(state(burden=np.array([0.1, 0.2]))))
    assert np.exp(step[1] - step[0]) == pytest.approx(0.205 / 0.105, rel=1e-4)


def test_the_rule_is_a_policy_with_the_ranges_of_this_version() -> None:
    observation = observe(state())
    assert np.array_equal(BurdenRule().log_weight_step(observation), propose_by_burden(observation))
    assert BurdenRule().find_unfamiliar(observation) == ()
    assert BurdenRule().find_unfamiliar(observe(state(burden=np.full(4, 3.0)))) == ("burden_frac", "mean_burden_frac")
