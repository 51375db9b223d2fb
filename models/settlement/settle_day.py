"""Settlement of one day, from metered flows to bills: the six money steps in their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from models.settlement.arrays import FloatArray, freeze
from models.settlement.bills import DayBills, ExactBills, round_bills
from models.settlement.coalition_day import CoalitionDay
from models.settlement.core import CoreExcess
from models.settlement.gain_split import GainOutcome, GainSplit, split_gain, weigh_values
from models.settlement.means import Means
from models.settlement.prices import IntervalPrices
from models.settlement.provisional import charge_suppliers
from models.settlement.shapley import Weighting, apply_weights
from models.settlement.sharing import SharedEnergy, SharingKey, share_energy
from models.settlement.solidarity import Solidarity, SolidarityRule, apply_solidarity
from models.settlement.utility import charge_community, to_minor
from models.settlement.valuation import Valuation
from models.settlement.valued_games import ValuedGame, value_metered
from models.settlement.valued_reoptimised import value_reoptimised

WH_PER_KWH = 1000.0


class GameKind(StrEnum):
    """Which characteristic function values the day."""

    METERED = "metered"
    """Flows fixed as metered: the provisional figure."""
    REOPTIMISED = "reoptimised"
    """Every coalition under its own best dispatch: the final figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementTerms:
    """What the by-law and the weights in force say for N members."""

    key: SharingKey
    weighting: Weighting
    weight: FloatArray = field(repr=False)
    """[N] weights, > 0."""
    need: FloatArray
    """[N] persons."""
    static_share: FloatArray | None
    """[N] for the key ``static``."""
    solidarity: SolidarityRule
    carried_loss_eur: FloatArray
    """[N] earlier losses of the period not yet given back [currency]."""
    minor_per_unit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledDay:
    """A settled day: every figure on the way from energy to bills."""

    energy: SharedEnergy
    valuation: Valuation
    """Plain values of the members."""
    alone_eur: FloatArray
    """[N] A_i, wear included [currency]."""
    metered_cost_eur: float
    """The utility's tariff on the metered flows, and the metered wear [currency]."""
    split: GainSplit
    solidarity: Solidarity
    core: CoreExcess
    """Over the players that were valued; measured on the game scaled to the realised gain."""
    coalitions_evaluated: int
    bills: DayBills

    @property
    def gain_eur(self) -> float:
        """Realised gain G [currency]."""
        return float(self.alone_eur.sum()) - self.metered_cost_eur

    @property
    def share_eur(self) -> FloatArray:
        """[N] final share: of the gain, after solidarity; they add up to the realised gain [currency]."""
        return self.split.share_eur - self.solidarity.given_eur + self.solidarity.received_eur

    @property
    def unweighted_share_eur(self) -> FloatArray:
        """[N] what each would get under unit weights without solidarity; losers are counted against it [currency]."""
        plain = apply_weights(self.split.plain_eur, np.ones(len(self.alone_eur)))
        total = float(plain.sum())
        scaled = plain * (float(self.split.scaled_eur.sum()) / total) if total > 0.0 else self.split.scaled_eur
        return scaled + self.split.repaid_eur - self.split.loss_eur


def settle_day(day: CoalitionDay, terms: SettlementTerms, game: GameKind, means: Means) -> SettledDay:
    """Settle one day.

    Args:
        day: flows and devices as metered; intervals outside a member's membership have no flows.
        terms: by-law and weights.
        game: which game values the day.
        means: randomness, stopping rule, solver, cores.

    Raises:
        SettlementError: The data are not acceptable, with the place.
        SolverError: A coalition's program was not solved.
    """
    energy = share_energy(
        np.asarray(day.import_wh),
        np.asarray(day.export_wh),
        terms.key,
        weight=terms.weight,
        need=terms.need,
        static_share=terms.static_share,
        is_open=day.prices.is_open,
    )
    valued = _value(day, terms, game, means)
    utility = charge_community(energy, day.prices)
    metered_cost = float(utility) + float(day.wear_eur.sum())
    gain = float(valued.alone_eur.sum()) - metered_cost
    weighted = weigh_values(valued.plain.value_eur, terms.weight, terms.weighting, valued.weighted_eur)
    throughput = np.asarray(energy.import_wh + energy.export_wh, dtype=np.float64).sum(axis=1)
    split = split_gain(
        gain_eur=gain,
        plain_eur=valued.plain.value_eur,
        weighted_eur=weighted,
        throughput_wh=throughput,
        carried_loss_eur=terms.carried_loss_eur,
    )
    islanded = charge_islanded(energy, day.prices)
    solidarity = _support(valued, split, terms, islanded - day.wear_eur)
    exact = ExactBills(stand_alone_eur=valued.alone_eur, wear_eur=day.wear_eur, islanded_eur=islanded)
    minor = terms.minor_per_unit
    return SettledDay(
        energy=energy,
        valuation=valued.plain,
        alone_eur=valued.alone_eur,
        metered_cost_eur=metered_cost,
        split=split,
        solidarity=solidarity,
        core=valued.find_excess(split.scaled_eur - solidarity.given_eur + solidarity.received_eur),
        coalitions_evaluated=valued.coalitions,
        bills=round_bills(exact, split, solidarity, to_minor(utility, minor), minor),
    )


def charge_islanded(energy: SharedEnergy, prices: IntervalPrices) -> FloatArray:
    """[N] what members pay for energy shared while the grid was away; adds up to 0 [currency]."""
    net = (energy.received_wh - energy.supplied_wh)[:, prices.is_islanded].sum(axis=1)
    return np.asarray(net * (prices.islanded_eur_per_kwh / WH_PER_KWH))


def _value(day: CoalitionDay, terms: SettlementTerms, game: GameKind, means: Means) -> ValuedGame:
    rate = terms.weight if terms.weighting is Weighting.KALAI_SAMET else None
    if game is GameKind.REOPTIMISED:
        return value_reoptimised(day, rate, means)
    alone = charge_suppliers(day.import_wh, day.export_wh, day.prices).sum(axis=1) + day.wear_eur
    freeze(alone)
    return value_metered(day, alone, rate, means)


def _support(valued: ValuedGame, split: GainSplit, terms: SettlementTerms, other_eur: FloatArray) -> Solidarity:
    """Solidarity on the day's gain; what is given back for earlier losses, or a loss, is not touched."""
    cost = valued.alone_eur + other_eur - split.share_eur
    pool = split.scaled_eur if split.outcome is GainOutcome.GAIN else np.zeros(len(cost))
    return apply_solidarity(np.maximum(pool, 0.0), cost, terms.solidarity)
