"""Who gets which part of the realised gain: weights, scaling, losses and their offset (money steps 3 and 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from models.settlement.arrays import FloatArray, finite, freeze, non_negative
from models.settlement.shapley import Weighting, apply_weights

LEAST_GAME_EUR = 0.01
"""A game worth no more than a cent has no shape to scale: whatever was realised is split by throughput."""

LEAST_LOSS_EUR = 1e-6
"""Below this a negative gain is the float error of a day's sums, and no loss to flag."""


class GainOutcome(StrEnum):
    """What a day brought."""

    GAIN = "gain"
    NO_GAIN = "no_gain"
    """The game was worth nothing."""
    LOSS = "loss"
    """The metered day cost more than members alone would have paid; flagged, and offset by later gains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GainSplit:
    """Split of the realised gain among N members before solidarity; arrays are read-only [currency]."""

    outcome: GainOutcome
    plain_eur: FloatArray
    """[N] the game's value before weights."""
    weighted_eur: FloatArray
    """[N] with weights; the same sum."""
    scaled_eur: FloatArray
    """[N] weighted, scaled to the gain that is left after offsetting earlier losses."""
    repaid_eur: FloatArray
    """[N] earlier losses given back."""
    loss_eur: FloatArray
    """[N] >= 0, today's loss borne."""

    @property
    def share_eur(self) -> FloatArray:
        """[N] share of the realised gain: scaled + repaid - loss; they add up to it."""
        return self.scaled_eur + self.repaid_eur - self.loss_eur


def weigh_values(
    plain_eur: FloatArray, weight: FloatArray, weighting: Weighting, weighted_value_eur: FloatArray | None
) -> FloatArray:
    """Values after weights [N].

    Args:
        plain_eur: [N] plain Shapley values [currency].
        weight: [N] weights, > 0.
        weighting: how they enter.
        weighted_value_eur: [N] Kalai-Samet values, needed for ``kalai_samet`` only [currency].

    Raises:
        SettlementError: The Kalai-Samet values are missing, or a weight is not above 0.
    """
    if weighting is Weighting.PROPORTIONAL:
        return apply_weights(plain_eur, weight)
    if weighting is Weighting.CLASSICAL:
        return apply_weights(plain_eur, np.ones(len(plain_eur)))
    values = finite("weighted_value_eur", np.nan if weighted_value_eur is None else weighted_value_eur, plain_eur.shape)
    return apply_weights(values, np.ones(len(plain_eur)))


def split_gain(
    *,
    gain_eur: float,
    plain_eur: FloatArray,
    weighted_eur: FloatArray,
    throughput_wh: FloatArray,
    carried_loss_eur: FloatArray,
) -> GainSplit:
    """Split the realised gain G.

    G >= 0 and v(M) > 0.01: earlier losses are given back first, the rest goes by the weighted values scaled by
    (G - repaid) / v(M). Otherwise nobody gained by the game: G, positive or a loss, goes by throughput E+ + E-.

    Args:
        gain_eur: realised gain G, stand-alone costs less metered cost [currency].
        plain_eur: [N] values of the game before weights [currency].
        weighted_eur: [N] values with weights, >= 0 up to solver error [currency].
        throughput_wh: [N] E+ + E- of the day, >= 0 [Wh].
        carried_loss_eur: [N] earlier losses of the period not yet given back, >= 0 [currency].

    Raises:
        SettlementError: A shape or value outside what is said above.
    """
    shape = np.shape(plain_eur)
    gain = float(finite("gain_eur", gain_eur, ()))
    plain, weighted = finite("plain_eur", plain_eur, shape), finite("weighted_eur", weighted_eur, shape)
    carried = non_negative("carried_loss_eur", carried_loss_eur, shape)
    by_throughput = _proportions(non_negative("throughput_wh", throughput_wh, shape))
    game_eur = float(weighted.sum())
    repaid = carried * (min(1.0, max(gain, 0.0) / float(carried.sum())) if carried.any() else 0.0)
    left = max(gain, 0.0) - float(repaid.sum())
    if gain <= -LEAST_LOSS_EUR:
        outcome = GainOutcome.LOSS
        scaled = np.zeros(shape)
    elif game_eur > LEAST_GAME_EUR:
        outcome = GainOutcome.GAIN
        scaled = weighted * (max(left, 0.0) / game_eur)
    else:
        outcome = GainOutcome.NO_GAIN
        scaled = by_throughput * max(left, 0.0)
    split = GainSplit(
        outcome=outcome,
        plain_eur=plain.copy(),
        weighted_eur=weighted.copy(),
        scaled_eur=scaled,
        repaid_eur=repaid,
        loss_eur=by_throughput * max(-gain, 0.0),
    )
    for array in (split.plain_eur, split.weighted_eur, split.scaled_eur, split.repaid_eur, split.loss_eur):
        freeze(array)
    return split


def _proportions(amounts: FloatArray) -> FloatArray:
    """Parts of 1 in proportion to the amounts; equal where there is nothing to go by."""
    total = float(amounts.sum())
    return amounts / total if total > 0.0 else np.full(amounts.shape, 1.0 / max(amounts.size, 1))
