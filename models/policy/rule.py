"""The rule "weight follows burden": who spends a larger part of the income on energy counts for more.

Reference for the exported graph, and the first of the rules that every trained policy is shown against.
"""

from __future__ import annotations

import math

import numpy as np

from models.domain.arrays import FloatArray
from models.policy.observation import MEMBER_FEATURES, Observation, find_unfamiliar

EXPONENT = 1.0
"""a of w ~ burden^a: twice the burden, twice the weight."""
BURDEN_FLOOR_FRAC = 0.005
"""Added to every burden, so that a net earner's burden of 0 has a logarithm (half a percent of the income)."""
LOG_TARGET_BOUND = math.log(5.0)
"""The rule asks for no weight beyond 1/5 or 5, the widest range that a by-law sets by default."""

_COLUMN = {feature.name: index for index, feature in enumerate(MEMBER_FEATURES)}


class BurdenRule:
    """The rule as a policy."""

    def log_weight_step(self, observation: Observation) -> FloatArray:
        """[N] the way from the present log weight to the rule's one, neither limited nor projected."""
        return propose_by_burden(observation)

    def find_unfamiliar(self, observation: Observation) -> tuple[str, ...]:
        """Names of features out of range."""
        return find_unfamiliar(observation)


def propose_by_burden(observation: Observation) -> FloatArray:
    """[N] step of each log weight.

    ``log w* = clip(a log((b + b0) / (mean b + b0)), -L, L)``, and 0 for members without a burden; the step is
    ``log w* - log w``. Reads log_weight, burden_frac, burden_gap_frac and has_burden.
    """
    log_weight, burden, gap, has_burden = (
        observation.members[:, _COLUMN[name]] for name in ("log_weight", "burden_frac", "burden_gap_frac", "has_burden")
    )
    floor, zero = np.float32(BURDEN_FLOOR_FRAC), np.float32(0.0)
    ratio = (np.maximum(burden, zero) + floor) / (np.maximum(burden - gap, zero) + floor)
    target = np.clip(np.float32(EXPONENT) * np.log(ratio), -LOG_TARGET_BOUND, LOG_TARGET_BOUND) * has_burden
    step: FloatArray = (target - log_weight).astype(np.float64)
    return step
