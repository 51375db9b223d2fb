"""A day's game, valued: by the metered game, or by the re-optimised one with clusters where there are many members."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.settlement.arrays import FloatArray, IntArray
from models.settlement.clustering import cluster_members
from models.settlement.coalition_day import CoalitionDay
from models.settlement.core import CoreExcess, find_core_excess
from models.settlement.linear_program import LinearSolver
from models.settlement.metered_core import bound_core_excess
from models.settlement.metered_game import MeteredGame
from models.settlement.reoptimised_game import MapBatches, ReoptimisedGame
from models.settlement.sampling import StoppingRule
from models.settlement.valuation import (
    MOST_EXACT_METERED,
    Valuation,
    value_by_clusters,
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


def value_metered(
    day: CoalitionDay, alone_eur: FloatArray, rate: FloatArray | None, rng: np.random.Generator, rule: StoppingRule
) -> ValuedGame:
    """Value the metered game: exactly up to 20 members, by sampling above.

    Args:
        day: flows as metered.
        alone_eur: [N] stand-alone costs [currency].
        rate: [N] weights for Kalai-Samet values; ``None``: not asked for.
        rng: seeded source of randomness.
        rule: when sampling stops.
    """
    game = MeteredGame(day.import_wh, day.export_wh, day.prices)
    plain = _value_members(game, rng, rule, None)
    weighted = None if rate is None else _value_members(game, rng, rule, rate).value_eur
    is_small = game.players <= MOST_EXACT_METERED

    def find_excess(share_eur: FloatArray) -> CoreExcess:
        scale = _scale(share_eur, plain.gain_eur)
        if is_small:
            return find_core_excess(game.tabulate() * scale, share_eur)
        return bound_core_excess(game.scaled(scale), share_eur)

    coalitions = 1 << game.players if is_small else plain.orders * game.players
    return ValuedGame(
        alone_eur=alone_eur, plain=plain, weighted_eur=weighted, coalitions=coalitions, find_excess=find_excess
    )


def value_reoptimised(
    day: CoalitionDay,
    rate: FloatArray | None,
    rng: np.random.Generator,
    rule: StoppingRule,
    *,
    solve: LinearSolver,
    map_batches: MapBatches,
    most: int,
) -> ValuedGame:
    """Value the re-optimised game: exactly up to ``most`` members, above that with as many clusters as players.

    Args:
        day: flows and devices as metered.
        rate: [N] weights for Kalai-Samet values; ``None``: not asked for.
        rng: seeded source of randomness.
        rule: when sampling the metered game, which splits clusters inside, stops.
        solve: solver of coalitions' programs.
        map_batches: how they are spread over cores.
        most: players valued exactly, at most 20.
    """
    groups = cluster_members(day.net_kwh, most, rng)
    game = ReoptimisedGame(day, groups, solve, map_batches)
    plain = _value_groups(game, groups, day, None, (rng, rule))
    weighted = None if rate is None else _value_groups(game, groups, day, rate, (rng, rule)).value_eur
    return ValuedGame(
        alone_eur=game.alone_eur,
        plain=plain,
        weighted_eur=weighted,
        coalitions=game.coalitions_solved,
        find_excess=lambda share_eur: _find_excess_of_groups(game, groups, share_eur),
    )


def _value_groups(
    game: ReoptimisedGame,
    groups: list[IntArray],
    day: CoalitionDay,
    rate: FloatArray | None,
    sampling: tuple[np.random.Generator, StoppingRule],
) -> Valuation:
    """Values of members from a game of groups; groups of several members are split by their metered values."""
    if len(groups) == day.shape[0]:
        return value_exactly(game, rate)
    metered = MeteredGame(day.import_wh, day.export_wh, day.prices)
    return value_by_clusters(game, groups, metered, _value_members(metered, *sampling, rate).value_eur, rate)


def _find_excess_of_groups(game: ReoptimisedGame, groups: list[IntArray], share_eur: FloatArray) -> CoreExcess:
    """Core excess over unions of groups; all of them are remembered from the valuation."""
    values = game.tabulate()
    together = np.array([share_eur[group].sum() for group in groups])
    return find_core_excess(values * _scale(share_eur, float(values[-1])), together)


def _value_members(
    game: MeteredGame, rng: np.random.Generator, rule: StoppingRule, rate: FloatArray | None
) -> Valuation:
    if game.players <= MOST_EXACT_METERED:
        return value_exactly(game, rate)
    return value_by_sampling(game, rule, rng, rate)


def _scale(share_eur: FloatArray, game_eur: float) -> float:
    """Realised gain over the game's: what dispatch failed to realise is no reason to leave."""
    return max(float(share_eur.sum()), 0.0) / game_eur if game_eur > 0.0 else 0.0
