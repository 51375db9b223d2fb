"""Which weights are in force: the policy's, the last good ones, or the configured ones.

Every interval the policy proposes and the proposal is recorded; the weights change only at the start of an epoch (by
default the settlement day) and only in mode ``live``. A policy that is missing, fails or sees what it does not know
changes nothing: the weights in force hold, and the record says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

import numpy as np

from config.members import Member
from config.operation import ByLaw
from models.domain.arrays import BoolArray, FloatArray, freeze
from models.domain.errors import PolicyError
from models.policy.observation import EquityState, Observation, observe
from models.policy.projection import limit_step, project_weights


class WeightPolicy(Protocol):
    """What any policy offers."""

    def log_weight_step(self, observation: Observation) -> FloatArray:
        """[N] proposed step of each log weight; raises PolicyError."""

    def find_unfamiliar(self, observation: Observation) -> tuple[str, ...]:
        """Names of features outside the range in which the policy may be trusted."""


class WeightSource(StrEnum):
    """Where weights come from."""

    CONFIGURED = "configured"
    """The by-law's weights by tier."""
    CARRIED = "carried"
    """Last in force in an earlier run."""
    POLICY = "policy"
    """A proposal that came into force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsInForce:
    """The weights that count."""

    weight: FloatArray
    """[N] mean 1, within the by-law's range."""
    source: WeightSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a policy proposed, and what the limits left of it."""

    log_weight_step: FloatArray
    """[N] as proposed."""
    limited_step: FloatArray
    """[N] no larger than the limit."""
    weight: FloatArray
    """[N] that would come into force: mean 1, within the by-law's range."""
    scale: float
    """Factor that brought the mean to 1."""
    is_step_limited: BoolArray
    """[N]"""
    is_at_bound: BoolArray
    """[N] held to the by-law's least or largest weight."""
    unfamiliar: tuple[str, ...]
    """Features out of range; with any of them the proposal is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightDecision:
    """Outcome of the phase *weigh* of one interval."""

    in_force: WeightsInForce
    """From now on."""
    proposal: Proposal | None
    problem: str | None
    """Why a proposal is missing or was not used where it should have been; ``None`` when all is well."""
    has_changed: bool
    """The proposal came into force just now."""


def configure_weights(members: Sequence[Member], by_law: ByLaw) -> WeightsInForce:
    """The by-law's weights by tier, with mean 1: where everything starts, and the last resort."""
    by_tier = np.array([by_law.tier_weights[member.priority_tier.reveal()] for member in members])
    return _project(by_tier, by_law, WeightSource.CONFIGURED)


def carry_weights(known: Mapping[str, float], members: Sequence[Member], by_law: ByLaw) -> WeightsInForce:
    """Weights of an earlier run for the members of today; who is new begins with the configured weight.

    Args:
        known: weight by member id, as last in force; members that have left do not matter.
        members: those of today.
        by_law: its range holds for the result.

    Raises:
        PolicyError: a known weight is not positive and finite.
    """
    configured = configure_weights(members, by_law)
    if not any(member.id in known for member in members):
        return configured
    weight = [known.get(member.id, default) for member, default in zip(members, configured.weight, strict=True)]
    return _project(np.array(weight, dtype=np.float64), by_law, WeightSource.CARRIED)


def propose(
    policy: WeightPolicy,
    observation: Observation,
    weight: FloatArray,
    by_law: ByLaw,
    max_log_step: float,
) -> Proposal:
    """The policy's proposal, limited and projected.

    Args:
        policy: any policy.
        observation: of the members that the weights belong to.
        weight: [N] in force.
        by_law: range of the weights.
        max_log_step: largest change of a log weight in one epoch.

    Raises:
        PolicyError: the policy failed, or its answer does not fit.
    """
    unfamiliar = policy.find_unfamiliar(observation)
    step = policy.log_weight_step(observation)
    if step.shape != weight.shape:
        raise PolicyError(f"log_weight_step: found {step.shape} values for {weight.shape} members")
    limited = limit_step(step, max_log_step)
    projection = project_weights(weight * np.exp(limited), by_law.weight_min, by_law.weight_max)
    return Proposal(
        log_weight_step=freeze(step),
        limited_step=freeze(limited),
        weight=projection.weight,
        scale=projection.scale,
        is_step_limited=np.abs(step) > max_log_step,
        is_at_bound=projection.is_at_bound,
        unfamiliar=unfamiliar,
    )


def decide_weights(
    state: EquityState,
    in_force: WeightsInForce,
    policy: WeightPolicy | PolicyError | None,
    *,
    mode: Literal["live", "shadow", "off"],
    is_epoch_start: bool,
    by_law: ByLaw,
    max_log_step: float,
) -> WeightDecision:
    """The weights of this interval; never raises for what a policy does.

    Args:
        state: where the community stands, with the weights in force.
        in_force: last good weights, or the configured ones.
        policy: loaded, or the error that loading it gave.
        mode: ``live`` uses proposals, ``shadow`` records them, ``off`` asks for none. In the latter two a run begins
            with the configured weights, not with carried ones.
        is_epoch_start: a new epoch begins with this interval.
        by_law: range of the weights.
        max_log_step: largest change of a log weight in one epoch.
    """
    if mode == "off":
        return WeightDecision(in_force=in_force, proposal=None, problem=None, has_changed=False)
    if policy is None or isinstance(policy, PolicyError):
        return WeightDecision(
            in_force=in_force,
            proposal=None,
            problem=str(policy or "no policy model is loaded"),
            has_changed=False,
        )
    try:
        proposal = propose(policy, observe(state), in_force.weight, by_law, max_log_step)
    except PolicyError as error:
        return WeightDecision(in_force=in_force, proposal=None, problem=str(error), has_changed=False)
    problem = f"out of the policy's range: {', '.join(proposal.unfamiliar)}" if proposal.unfamiliar else None
    comes_into_force = mode == "live" and is_epoch_start and problem is None
    if comes_into_force:
        in_force = WeightsInForce(weight=proposal.weight, source=WeightSource.POLICY)
    return WeightDecision(in_force=in_force, proposal=proposal, problem=problem, has_changed=comes_into_force)


def _project(weight: FloatArray, by_law: ByLaw, source: WeightSource) -> WeightsInForce:
    projection = project_weights(weight, by_law.weight_min, by_law.weight_max)
    return WeightsInForce(weight=projection.weight, source=source)
