"""The peak charge on bills: accrued each day for the period so far, final at the period's end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray, finite, freeze
from models.settlement.gain_split import weigh_values
from models.settlement.means import Means
from models.settlement.peak_game import PeakGame
from models.settlement.rounding import round_to_total
from models.settlement.shapley import Weighting
from models.settlement.valued_games import value_members


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledPeak:
    """The peak charge of a period so far, split among N members; arrays are read-only."""

    alone_eur: FloatArray
    """[N] charge on each member's own peak [currency]."""
    value_eur: FloatArray
    """[N] plain value of what coinciding less saves [currency]."""
    error_eur: FloatArray
    """[N] its standard error, 0 when exact [currency]."""
    share_eur: FloatArray
    """[N] share of the saving, with weights [currency]."""
    bill_minor: IntArray
    """[N] part of the community's charge; adds up to it [minor units]."""


def settle_peak(
    game: PeakGame, weight: FloatArray, weighting: Weighting, means: Means, minor_per_unit: int = 100
) -> SettledPeak:
    """Split the peak charge of the period so far.

    Args:
        game: the period's peak game.
        weight: [N] weights, > 0.
        weighting: how they enter.
        means: randomness and stopping rule for more than 20 members.
        minor_per_unit: minor units in one unit of the currency.

    Raises:
        SettlementError: A weight is not above 0.
    """
    plain = value_members(game, means)
    weighted = value_members(game, means, weight).value_eur if weighting is Weighting.KALAI_SAMET else None
    share = weigh_values(plain.value_eur, weight, weighting, weighted)
    freeze(share)
    return SettledPeak(
        alone_eur=game.alone_eur,
        value_eur=plain.value_eur,
        error_eur=plain.error_eur,
        share_eur=share,
        bill_minor=bill_peak(game.alone_eur, share, minor_per_unit),
    )


def bill_peak(alone_eur: FloatArray, share_eur: FloatArray, minor_per_unit: int = 100) -> IntArray:
    """Members' parts of the period's peak charge so far: stand-alone charge less share of what was saved.

    Args:
        alone_eur: [N] charge on each member's own peak [currency].
        share_eur: [N] shares of the peak game's gain, weights included [currency].
        minor_per_unit: minor units in one unit of the currency.

    Returns:
        [N] amounts that add up to the community's charge [minor units]. A member that saves more than its own peak
        costs has a negative one.
    """
    exact = (finite("alone_eur", alone_eur, share_eur.shape) - finite("share_eur", share_eur, share_eur.shape)) * (
        minor_per_unit
    )
    bill = round_to_total(exact, round(float(exact.sum())))
    freeze(bill)
    return bill


def accrue_peak(so_far_minor: IntArray, booked_minor: IntArray) -> IntArray:
    """What a day adds: the period's charge so far less what was booked for it; may be negative for some members."""
    return so_far_minor - booked_minor


def true_up(invoice_minor: int, booked_minor: int, throughput_wh: FloatArray) -> IntArray:
    """Split what the real invoice differs from the sum of the period's bills, in proportion to throughput.

    Args:
        invoice_minor: the utility's invoice [minor units].
        booked_minor: what the period's bills add up to [minor units].
        throughput_wh: [N] E+ + E- of the period, >= 0 [Wh].

    Returns:
        [N] amounts that add up to the difference [minor units].

    Raises:
        SettlementError: There is a difference, and no member to bear it.
    """
    difference = invoice_minor - booked_minor
    total = float(throughput_wh.sum())
    if difference and not throughput_wh.size:
        raise SettlementError("true-up: there is a difference to the invoice, and no member")
    part = throughput_wh / total if total > 0.0 else np.full(throughput_wh.size, 1.0 / max(throughput_wh.size, 1))
    return round_to_total(part * difference, difference)
