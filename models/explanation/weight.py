"""Why a member's weight changed: the policy's step split among the inputs that it saw, then what the by-law did to it.

Exact Shapley attribution of ``log_weight_step``: in a set of inputs the member's own figures stand, in the others the
community's mean; everything derived from them (gaps, ratios) is worked out again each time. All sums are exact in
whole millionths of a log weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from models.domain.arrays import FloatArray
from models.policy.observation import EquityState, observe
from models.policy.weights import Proposal, WeightPolicy
from models.settlement.game import TabulatedGame
from models.settlement.rounding import round_to_total
from models.settlement.shapley import find_exact_values

MICRO = 1_000_000
"""Whole units in one unit of log weight."""


class WeightInput(StrEnum):
    """Raw figures of a member that a policy sees, by their names in ``EquityState``."""

    WEIGHT = "weight"
    BURDEN = "burden_frac"
    ACCESS = "access_frac"
    PRIORITY = "is_priority"
    PV = "pv_kwp"
    BATTERY = "battery_kwh"
    DEMAND = "mean_demand_kw"
    LAST_SHARE = "last_share_frac"


HUNDREDTHS = 100
"""Parts of a weight's change are told in whole hundredths of a weight."""

INPUT_SETS = 1 << len(WeightInput)
"""Sets of inputs that are evaluated for each member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """Why a log weight changed; the parts add up to the change [millionths]."""

    weight_before: float
    weight_after: float
    reference_micro: int
    """Step that a member with the community's mean in everything would get."""
    by_input_micro: Mapping[WeightInput, int]
    limit_micro: int
    """What the limit on one step took away, or gave back."""
    projection_micro: int
    """What bringing the mean to 1 and the bounds did."""

    @property
    def change_micro(self) -> int:
        """Change of the log weight."""
        return self.reference_micro + sum(self.by_input_micro.values()) + self.limit_micro + self.projection_micro


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSteps:
    """The same change in whole hundredths of a weight: before + all parts = after, each as it is told."""

    before: int
    reference: int
    by_input: Mapping[WeightInput, int]
    limit: int
    projection: int

    @property
    def asked(self) -> int:
        """The weight that the policy asked for."""
        return self.before + self.reference + sum(self.by_input.values())

    @property
    def after(self) -> int:
        """The weight that came into force."""
        return self.asked + self.limit + self.projection


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightCase:
    """A proposal that came into force, with what it was made from."""

    policy: WeightPolicy
    state: EquityState
    """That the policy saw, with the weights in force before."""
    proposal: Proposal


def explain_weight(case: WeightCase, member: int) -> WeightChange:
    """Take the change of one member's weight apart, with 256 evaluations of the policy.

    Args:
        case: the proposal.
        member: position of the member.

    Raises:
        PolicyError: the policy failed on a state between the member's and the mean.
    """
    return attribute_change(case, member, evaluate_steps(case, member, range(INPUT_SETS)))


def evaluate_steps(case: WeightCase, member: int, codes: Sequence[int]) -> list[float]:
    """The member's step for sets of inputs: those in a set (bit i: input i) are its own, the others the mean."""
    return [_step_with(case.policy, case.state, member, code) for code in codes]


def attribute_change(case: WeightCase, member: int, steps: Sequence[float]) -> WeightChange:
    """Split a change of weight, given the steps of all sets of inputs by code."""
    inputs, proposal = tuple(WeightInput), case.proposal
    reference = float(steps[0])
    values = find_exact_values(TabulatedGame(np.array(steps) - reference))
    step, limited = float(proposal.log_weight_step[member]), float(proposal.limited_step[member])
    before, after = float(case.state.weight[member]), float(proposal.weight[member])
    # Differences of rounded totals, so that the parts lead exactly to the rounded change.
    ends = [round(MICRO * value) for value in (reference, step, limited, math.log(after / before))]
    exact = MICRO * values
    # The recorded step and the re-computed one differ by float error only.
    exact[int(np.argmax(np.abs(exact)))] += ends[1] - ends[0] - float(exact.sum())
    parts = round_to_total(exact, ends[1] - ends[0])
    return WeightChange(
        weight_before=before,
        weight_after=after,
        reference_micro=ends[0],
        by_input_micro=dict(zip(inputs, (int(part) for part in parts), strict=True)),
        limit_micro=ends[2] - ends[1],
        projection_micro=ends[3] - ends[2],
    )


def find_weight_steps(change: WeightChange) -> WeightSteps:
    """A change of a log weight as parts of the weight itself.

    With the weight before ``w``, the policy's step ``s`` and what the limit left of it ``l``, the stages end at
    ``w exp(s)``, ``w exp(l)`` and the weight in force. A part ``p`` of the step is ``p L`` of the first stage, L the
    logarithmic mean of its ends, (w exp(s) - w) / s: so the parts lead exactly from one end to the other.
    """
    parts = np.array([change.reference_micro, *change.by_input_micro.values()], dtype=np.float64) / MICRO
    step = float(parts.sum())
    ends = [
        change.weight_before,
        change.weight_before * math.exp(step),
        change.weight_before * math.exp(step + change.limit_micro / MICRO),
        change.weight_after,
    ]
    # Differences of rounded weights, so that the parts lead exactly to the weight that is told.
    before, asked, limited, after = (round(HUNDREDTHS * weight) for weight in ends)
    slope = (ends[1] - ends[0]) / step if step else ends[0]
    exact = HUNDREDTHS * slope * parts
    exact[int(np.argmax(np.abs(exact)))] += asked - before - float(exact.sum())
    reference, *inputs = (int(part) for part in round_to_total(exact, asked - before))
    return WeightSteps(
        before=before,
        reference=reference,
        by_input=dict(zip(change.by_input_micro, inputs, strict=True)),
        limit=limited - asked,
        projection=after - limited,
    )


def _step_with(policy: WeightPolicy, state: EquityState, member: int, code: int) -> float:
    """The member's step when the inputs in the code are its own and the others the community's mean."""
    changed: dict[str, FloatArray] = {}
    for bit, name in enumerate(WeightInput):
        if not code >> bit & 1:
            values = np.asarray(getattr(state, name.value), dtype=np.float64).copy()
            values[member] = _mean(values)
            changed[name.value] = values
    return float(policy.log_weight_step(observe(replace(state, **changed)))[member])  # type: ignore[arg-type]


def _mean(values: FloatArray) -> float:
    """Mean of the known values; NaN where none is known."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
