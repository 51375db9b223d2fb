"""The Shapley value of every member by the method that its community's size allows, saying which and how exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.settlement.arrays import FloatArray, IntArray, freeze
from models.settlement.clustering import split_inside
from models.settlement.game import Game, GroupedGame
from models.settlement.level_sampling import sample_by_levels
from models.settlement.sampling import StoppingRule, sample_values
from models.settlement.shapley import Method, find_exact_values

MOST_EXACT_METERED = 20
"""Members up to which the metered game is valued exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """Values of N members; arrays are read-only."""

    value_eur: FloatArray
    """[N] they add up to the gain of all [currency]."""
    error_eur: FloatArray
    """[N] standard error of sampling; 0 when exact. For clusters, the error that the same clusters make in the metered
    game, where it is known: a sign only, as it was two to five times too small in the re-optimised one [currency]."""
    method: Method
    players: int
    """Players of the game that was valued: members or clusters."""
    orders: int
    """Joining orders walked, or coalitions drawn at levels; 0 when exact."""

    @property
    def gain_eur(self) -> float:
        """Gain of all together, v(M) [currency]."""
        return float(self.value_eur.sum())


def value_exactly(game: Game, rate: FloatArray | None = None) -> Valuation:
    """Exact values of the players of a game, at most 20.

    Raises:
        SettlementError: Too many players, or a rate that is not above 0.
    """
    values = find_exact_values(game, rate)
    return _frozen(values, np.zeros(game.players), Method.EXACT, game.players)


def value_by_sampling(
    game: Game, rule: StoppingRule, rng: np.random.Generator, rate: FloatArray | None = None
) -> Valuation:
    """Sampled values of the players of a game.

    Raises:
        SettlementError: No player, or a rate or target that is not above 0.
    """
    sampled = sample_values(game, rule, rng, rate)
    return _frozen(sampled.value_eur, sampled.standard_error_eur, Method.SAMPLED, game.players, sampled.orders)


def value_by_levels(game: Game, rule: StoppingRule, rng: np.random.Generator) -> Valuation:
    """Plain values of the players of a game that is dear to evaluate, sampled at stratified levels.

    Raises:
        SettlementError: No player, or a target or number of pairs that is not above 0.
    """
    sampled = sample_by_levels(game, rule, rng)
    return _frozen(sampled.value_eur, sampled.standard_error_eur, Method.SAMPLED, game.players, sampled.orders)


def value_by_clusters(
    game: Game,
    groups: Sequence[IntArray],
    metered: Game,
    metered_value_eur: FloatArray,
    weight: FloatArray | None = None,
) -> Valuation:
    """Exact values of clusters, split inside in proportion to the metered values of their members.

    Args:
        game: the game whose players are the clusters.
        groups: members of each cluster.
        metered: the metered game, whose players are the members.
        metered_value_eur: [N] its values, under the same weights [currency].
        weight: [N] weights of the members for the Kalai-Samet value (a cluster has their sum); none for the plain one.

    Raises:
        SettlementError: Too many clusters, or a weight that is not above 0.
    """
    rate = None if weight is None else np.array([weight[group].sum() for group in groups])
    values = split_inside(find_exact_values(game, rate), groups, metered_value_eur)
    same = split_inside(find_exact_values(GroupedGame(metered, groups), rate), groups, metered_value_eur)
    return _frozen(values, np.abs(same - metered_value_eur), Method.CLUSTERED, game.players)


def _frozen(value: FloatArray, error: FloatArray, method: Method, players: int, orders: int = 0) -> Valuation:
    freeze(value)
    freeze(error)
    return Valuation(value_eur=value, error_eur=error, method=method, players=players, orders=orders)
