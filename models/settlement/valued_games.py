"""A day's game, valued, with the means to test a split for stability; here the metered one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from models.settlement.arrays import FloatArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.core import CoreExcess, find_core_excess
from models.settlement.game import Game
from models.settlement.means import Means
from models.settlement.metered_core import bound_core_excess
from models.settlement.metered_game import MeteredGame
from models.settlement.valuation import (
    MOST_EXACT_METERED,
    Valuation,
    value_by_sampling,
    value_exactly,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuedGame:
    """Values of N members, and how to test a split of the realised gain for stability."""

    alone_eur: FloatArray
    """[N] A_i, wear included [currency]."""
    plain: Valuation
    weighted_eur: FloatArray | None
    """[N] Kalai-Samet values where asked for [currency]."""
    coalitions: int
    """Coalitions evaluated."""
    find_excess: Callable[[FloatArray], CoreExcess]
    """Core excess of a split [N] of the realised gain, on the game scaled to it."""


def value_metered(day: CoalitionDay, alone_eur: FloatArray, rate: FloatArray | None, means: Means) -> ValuedGame:
    """Value the metered game: exactly up to 20 members, by sampling above.

    Args:
        day: flows as metered.
        alone_eur: [N] stand-alone costs [currency].
        rate: [N] weights for Kalai-Samet values; ``None``: not asked for.
        means: randomness and stopping rule.
    """
    game = MeteredGame(day.import_wh, day.export_wh, day.prices)
    plain = value_members(game, means)
    weighted = None if rate is None else value_members(game, means, rate).value_eur
    is_small = game.players <= MOST_EXACT_METERED

    def find_excess(share_eur: FloatArray) -> CoreExcess:
        scale = scale_to(share_eur, plain.gain_eur)
        if is_small:
            return find_core_excess(game.tabulate() * scale, share_eur)
        return bound_core_excess(game.scaled(scale), share_eur)

    coalitions = 1 << game.players if is_small else plain.orders * game.players
    return ValuedGame(
        alone_eur=alone_eur, plain=plain, weighted_eur=weighted, coalitions=coalitions, find_excess=find_excess
    )


def value_members(game: Game, means: Means, rate: FloatArray | None = None) -> Valuation:
    """Values of the members in a game that is cheap to evaluate: exact up to 20 members, sampled above."""
    if game.players <= MOST_EXACT_METERED:
        return value_exactly(game, rate)
    return value_by_sampling(game, means.rule, means.rng, rate)


def scale_to(share_eur: FloatArray, game_eur: float) -> float:
    """Realised gain over the game's: what dispatch failed to realise is no reason to leave."""
    return max(float(share_eur.sum()), 0.0) / game_eur if game_eur > 0.0 else 0.0
