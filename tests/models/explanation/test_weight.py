from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.operation import ByLaw
from models.domain.arrays import FloatArray
from models.explanation.weight import MICRO, WeightCase, WeightInput, explain_weight, find_weight_steps
from models.policy.observation import EquityState, Observation, observe
from models.policy.rule import BurdenRule
from models.policy.weights import propose
from tests.models.explanation.weight_changes import change as make_change

LAW = ByLaw(tier_weights=(1.0, 1.2, 1.5, 2.0))


class EverythingPolicy:
    """Reads every column, with interactions, and the others' figures through the gaps."""

    def log_weight_step(self, observation: Observation) -> FloatArray:
        columns = observation.members.astype(np.float64)
        scale = 0.1 + np.arange(columns.shape[1]) / 20.0
        step: FloatArray = np.tanh(columns @ scale / 10.0) + 0.2 * columns[:, 1] * columns[:, 4] + columns[:, 2] / 5.0
        return step

    def find_unfamiliar(self, observation: Observation) -> tuple[str, ...]:  # noqa: ARG002
        return ()


def draw_state(members: int, seed: int) -> EquityState:
    rng = np.random.default_rng(seed)
    burden = rng.uniform(0.01, 0.2, members)
    burden[rng.random(members) < 0.2] = np.nan
    weight = rng.uniform(0.3, 3.0, members)
    return EquityState(
        weight=weight / weight.mean(),
        burden_frac=burden,
        access_frac=rng.uniform(0.0, 1.0, members),
        is_priority=rng.random(members) < 0.3,
        pv_kwp=np.where(rng.random(members) < 0.5, rng.uniform(2.0, 8.0, members), 0.0),
        battery_kwh=np.where(rng.random(members) < 0.3, 8.0, 0.0),
        mean_demand_kw=rng.uniform(0.2, 1.0, members),
        last_share_frac=rng.uniform(0.0, 0.4, members),
        day_of_year=100,
        period_elapsed_frac=0.5,
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 6), most=st.sampled_from([0.05, 0.25, 5.0]))
def test_the_parts_add_up_to_the_change_of_the_log_weight(seed: int, members: int, most: float) -> None:
    state, policy = draw_state(members, seed), EverythingPolicy()
    proposal = propose(policy, observe(state), state.weight, LAW, most)
    for member in range(members):
        change = explain_weight(WeightCase(policy=policy, state=state, proposal=proposal), member)
        assert change.change_micro == round(MICRO * math.log(proposal.weight[member] / state.weight[member]))
        by_inputs = change.reference_micro + sum(change.by_input_micro.values())
        assert by_inputs == pytest.approx(MICRO * proposal.log_weight_step[member], abs=1.0)
        assert (change.limit_micro == 0) == (abs(by_inputs) <= MICRO * most)


def test_an_input_that_the_policy_does_not_read_has_no_part() -> None:
    state = draw_state(5, 3)
    proposal = propose(BurdenRule(), observe(state), state.weight, LAW, 0.25)
    for member in range(5):
        change = explain_weight(WeightCase(policy=BurdenRule(), state=state, proposal=proposal), member)
        # The rule reads the weight and the burden alone.
        unread = (name for name in WeightInput if name not in (WeightInput.WEIGHT, WeightInput.BURDEN))
        assert all(change.by_input_micro[name] == 0 for name in unread)
        assert change.by_input_micro[WeightInput.WEIGHT] == pytest.approx(
            -MICRO * math.log(state.weight[member]), abs=2.0
        )


def test_a_member_at_the_mean_of_everything_owes_nothing_to_its_inputs() -> None:
    state = draw_state(5, 3)
    figures = {name.value: np.asarray(getattr(state, name.value), dtype=np.float64).copy() for name in WeightInput}
    for values in figures.values():
        values[0] = np.nanmean(values[1:])
    middle = replace(state, **figures)  # type: ignore[arg-type]
    policy = EverythingPolicy()
    proposal = propose(policy, observe(middle), middle.weight, LAW, 0.25)
    change = explain_weight(WeightCase(policy=policy, state=middle, proposal=proposal), 0)
    assert not any(change.by_input_micro.values())
    assert change.reference_micro == pytest.approx(MICRO * proposal.log_weight_step[0], abs=1.0)


def test_two_inputs_that_act_alike_have_the_same_part() -> None:
    class Sum(EverythingPolicy):
        def log_weight_step(self, observation: Observation) -> FloatArray:
            step: FloatArray = (observation.members[:, 4] * observation.members[:, 9]).astype(np.float64)
            return step

    state = draw_state(4, 9)
    same = replace(state, last_share_frac=state.access_frac)
    proposal = propose(Sum(), observe(same), same.weight, LAW, 5.0)
    change = explain_weight(WeightCase(policy=Sum(), state=same, proposal=proposal), 2)
    parts = change.by_input_micro
    assert parts[WeightInput.ACCESS] == pytest.approx(parts[WeightInput.LAST_SHARE], abs=1.0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 6), most=st.sampled_from([0.05, 0.25, 5.0]))
def test_parts_in_hundredths_lead_from_the_weight_before_to_the_weight_in_force(
    seed: int, members: int, most: float
) -> None:
    state, policy = draw_state(members, seed), EverythingPolicy()
    proposal = propose(policy, observe(state), state.weight, LAW, most)
    for member in range(members):
        change = explain_weight(WeightCase(policy=policy, state=state, proposal=proposal), member)
        steps = find_weight_steps(change)
        assert steps.before == round(100 * state.weight[member])
        assert steps.after == round(100 * proposal.weight[member])
        asked = state.weight[member] * math.exp(float(proposal.log_weight_step[member]))
        assert steps.asked == pytest.approx(100 * asked, abs=0.51)
        limited = state.weight[member] * math.exp(float(proposal.limited_step[member]))
        assert steps.asked + steps.limit == pytest.approx(100 * limited, abs=0.51)


def test_a_part_of_the_weight_has_the_sign_and_the_proportion_of_its_logarithm() -> None:
    steps = find_weight_steps(make_change({WeightInput.BURDEN: -1.2, WeightInput.PV: 0.4, WeightInput.ACCESS: 0.0}))
    # From 1 to exp(-0.8) = 0.449; the logarithmic mean of both is 0.688.
    assert steps.by_input[WeightInput.BURDEN] == pytest.approx(-82.6, abs=1.0)
    assert steps.by_input[WeightInput.PV] == pytest.approx(27.5, abs=1.0)
    assert steps.by_input[WeightInput.ACCESS] == 0
    assert steps.after == steps.asked == 45


def test_steps_that_cancel_are_told_at_the_weight_that_stays() -> None:
    steps = find_weight_steps(make_change({WeightInput.BURDEN: -0.3, WeightInput.PV: 0.3}, before=2.0))
    assert (steps.by_input[WeightInput.BURDEN], steps.by_input[WeightInput.PV]) == (-60, 60)
    assert steps.before == steps.after == 200
