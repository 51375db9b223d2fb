from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.members import Member
from config.operation import ByLaw
from models.domain.arrays import FloatArray
from models.domain.errors import PolicyError
from models.policy.observation import EquityState, Observation, observe
from models.policy.rule import BurdenRule, propose_by_burden
from models.policy.weights import (
    WeightDecision,
    WeightPolicy,
    WeightsInForce,
    WeightSource,
    carry_weights,
    configure_weights,
    decide_weights,
    propose,
)

LAW = ByLaw(tier_weights=(1.0, 1.2, 1.5, 2.0))
BURDEN = np.array([0.02, 0.04, 0.08, np.nan])
UNIT = WeightsInForce(weight=np.ones(4), source=WeightSource.CONFIGURED)


class FixedPolicy:
    """Answers what it was given."""

    def __init__(self, answer: FloatArray | PolicyError, unfamiliar: tuple[str, ...] = ()) -> None:
        self.answer, self.unfamiliar = answer, unfamiliar

    def log_weight_step(self, observation: Observation) -> FloatArray:  # noqa: ARG002
        if isinstance(self.answer, PolicyError):
            raise self.answer
        return self.answer

    def find_unfamiliar(self, observation: Observation) -> tuple[str, ...]:  # noqa: ARG002
        return self.unfamiliar


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


def decide(policy: WeightPolicy | PolicyError | None, **changes: Any) -> WeightDecision:
    options: dict[str, Any] = {"mode": "live", "is_epoch_start": True, "by_law": LAW, "max_log_step": 0.25} | changes
    return decide_weights(state(), UNIT, policy, **options)


def member(name: str, tier: int = 0) -> Member:
    return Member.model_validate({"id": name, "priority_tier": tier})


def test_a_live_proposal_comes_into_force_at_the_start_of_an_epoch() -> None:
    decision = decide(BurdenRule())
    assert decision.has_changed
    assert decision.in_force.source is WeightSource.POLICY
    assert decision.proposal is not None
    assert np.array_equal(decision.in_force.weight, decision.proposal.weight)
    assert decision.in_force.weight[2] > 1.0 > decision.in_force.weight[0]
    assert decision.problem is None


@pytest.mark.parametrize("mode, is_epoch_start", [("live", False), ("shadow", True), ("shadow", False)])
def test_otherwise_the_proposal_is_recorded_and_the_weights_hold(
    mode: Literal["live", "shadow"],
    is_epoch_start: bool,
) -> None:
    decision = decide(BurdenRule(), mode=mode, is_epoch_start=is_epoch_start)
    assert decision.in_force is UNIT
    assert decision.proposal is not None
    assert not decision.has_changed
    assert decision.problem is None


def test_mode_off_asks_the_policy_nothing() -> None:
    decision = decide(FixedPolicy(PolicyError("asked")), mode="off")
    assert (decision.in_force, decision.proposal, decision.problem) == (UNIT, None, None)


@pytest.mark.parametrize(
    "policy, problem",
    [
        (None, "no policy model is loaded"),
        (PolicyError("has SHA-256 12ab"), "has SHA-256 12ab"),
        (FixedPolicy(PolicyError("failed")), "failed"),
        (FixedPolicy(np.full(4, np.nan)), "not finite"),
        (FixedPolicy(np.zeros(3)), "3,.* values for .4,"),
    ],
)
def test_a_policy_that_fails_changes_nothing_and_is_reported(policy: Any, problem: str) -> None:
    decision = decide(policy)
    assert decision.in_force is UNIT
    assert decision.proposal is None
    assert decision.problem is not None
    assert re.search(problem, decision.problem)


def test_a_state_that_cannot_be_observed_is_reported_too() -> None:
    broken = state(burden=np.array([np.inf, 0.1, 0.1, 0.1]))
    decision = decide_weights(
        broken, UNIT, BurdenRule(), mode="live", is_epoch_start=True, by_law=LAW, max_log_step=0.25
    )  # fmt: skip
    assert decision.in_force is UNIT
    assert "burden_frac" in (decision.problem or "")


def test_out_of_its_range_a_policy_is_recorded_but_not_followed() -> None:
    decision = decide(FixedPolicy(np.array([0.1, 0.0, 0.0, 0.0]), unfamiliar=("burden_frac",)))
    assert decision.in_force is UNIT
    assert decision.proposal is not None
    assert decision.problem == "out of the policy's range: burden_frac"


def test_a_proposal_tells_what_was_limited() -> None:
    proposal = propose(FixedPolicy(np.array([3.0, 0.1, 0.0, -3.0])), observe(state()), np.ones(4), LAW, 0.25)
    assert proposal.is_step_limited.tolist() == [True, False, False, True]
    assert proposal.limited_step.tolist() == [0.25, 0.1, 0.0, -0.25]
    assert proposal.weight.mean() == pytest.approx(1.0)
    assert proposal.weight == pytest.approx(proposal.scale * np.exp([0.25, 0.1, 0.0, -0.25]))
    assert not proposal.is_at_bound.any()


@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), st.integers(1, 40))
def test_whatever_a_policy_asks_for_the_weights_stay_lawful(step: list[float], epochs: int) -> None:
    in_force, policy = UNIT, FixedPolicy(np.array(step))
    for _ in range(epochs):
        in_force = decide_weights(
            state(weight=in_force.weight), in_force, policy,
            mode="live", is_epoch_start=True, by_law=LAW, max_log_step=0.5,
        ).in_force  # fmt: skip
    assert in_force.weight.mean() == pytest.approx(1.0, abs=1e-9)
    assert (in_force.weight >= LAW.weight_min).all()
    assert (in_force.weight <= LAW.weight_max).all()


def test_under_a_steady_burden_the_rule_settles_within_days() -> None:
    in_force = UNIT
    for _ in range(20):
        in_force = decide_weights(
            state(weight=in_force.weight), in_force, BurdenRule(),
            mode="live", is_epoch_start=True, by_law=LAW, max_log_step=0.25,
        ).in_force  # fmt: skip
    wanted = np.exp(propose_by_burden(observe(state())))
    assert in_force.weight == pytest.approx(wanted / wanted.mean(), abs=1e-4)


def test_configured_weights_rise_with_the_tier_and_have_mean_one() -> None:
    weights = configure_weights([member("a"), member("b", 3), member("c", 1)], LAW)
    assert weights.source is WeightSource.CONFIGURED
    assert weights.weight == pytest.approx(np.array([1.0, 2.0, 1.2]) / 1.4)


def test_carried_weights_belong_to_their_members_and_newcomers_get_the_configured_one() -> None:
    weights = carry_weights({"a": 0.5, "gone": 4.0, "b": 1.5}, [member("b"), member("new"), member("a")], LAW)
    assert weights.source is WeightSource.CARRIED
    assert weights.weight == pytest.approx([1.5, 1.0, 0.5])


def test_with_nothing_to_carry_the_weights_are_the_configured_ones() -> None:
    assert carry_weights({"gone": 1.0}, [member("a"), member("b")], LAW).source is WeightSource.CONFIGURED


def test_a_carried_weight_that_is_broken_is_refused() -> None:
    with pytest.raises(PolicyError, match="positive and finite"):
        carry_weights({"a": float("nan")}, [member("a"), member("b")], LAW)
