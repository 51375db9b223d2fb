"""Shapley values, exact: by Harsanyi dividends over the table of all coalitions.

The dividend d(S) = sum_(T in S) (-1)^(|S| - |T|) v(T) is what S gains that no smaller group in it does. The plain value
gives each of its members d(S) / |S|; the Kalai-Samet value gives w_i / w(S) of it (Kalai, Samet 1987), which is the
mean marginal contribution when i joins last of S with probability w_i / w(S).
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, finite
from models.settlement.game import Game, add_over_subsets, check_table_size


class Method(StrEnum):
    """How values were found."""

    EXACT = "exact"
    SAMPLED = "sampled"
    CLUSTERED = "clustered"
    """Exact over clusters as players, split inside by the metered game."""


class Weighting(StrEnum):
    """How members' weights enter the split of the gain."""

    PROPORTIONAL = "proportional"
    """share_i = v(M) w_i phi_i / sum_j w_j phi_j: efficient, nothing for null players, rises with one's own weight."""
    KALAI_SAMET = "kalai_samet"
    """The weighted Shapley value: unanimity games are split by weight."""
    CLASSICAL = "classical"
    """The plain Shapley value; weights have no effect. The axioms are tested on it."""


def find_dividends(values: FloatArray) -> FloatArray:
    """Harsanyi dividends of all coalitions, by code: the Moebius transform of v.

    Args:
        values: [2^P] v by code.

    Returns:
        [2^P] dividends by code.
    """
    dividends = np.array(values, dtype=np.float64)
    half = 1
    while half < len(dividends):
        pairs = dividends.reshape(-1, 2, half)
        pairs[:, 1] -= pairs[:, 0]
        half *= 2
    return dividends


def find_exact_values(game: Game, rate: FloatArray | None = None) -> FloatArray:
    """The Shapley value of each player, or with rates the Kalai-Samet value.

    Args:
        game: up to 20 players.
        rate: [P] weights of the players, > 0; equal where not given.

    Returns:
        [P] values; they add up to v of all [currency].

    Raises:
        SettlementError: Too many players, or a rate that is not above 0.
    """
    check_table_size(game.players)
    rates = check_rates(rate, game.players)
    if not game.players:
        return np.zeros(0)
    weight_of_coalition = add_over_subsets(rates)
    weight_of_coalition[0] = 1.0
    per_weight = find_dividends(game.tabulate()) / weight_of_coalition
    values = np.empty(game.players)
    for player in range(game.players):
        values[player] = per_weight.reshape(-1, 2, 1 << player)[:, 1].sum()
    return values * rates


def check_rates(rate: FloatArray | None, players: int) -> FloatArray:
    """Rates [P] of the players' clocks; 1 where not given.

    Raises:
        SettlementError: Another number of rates, or one that is not above 0.
    """
    if rate is None:
        return np.ones(players)
    rates = finite("rate", rate, (players,))
    if np.any(rates <= 0.0):
        raise SettlementError("rate: accepted are numbers above 0")
    return rates


def apply_weights(value_eur: FloatArray, weight: FloatArray) -> FloatArray:
    """The ``proportional`` split: share_i = v(M) w_i phi_i / sum_j w_j phi_j.

    Args:
        value_eur: [N] Shapley values phi, >= 0; sampling or solver error below 0 counts as 0 [currency].
        weight: [N] weights w, > 0.

    Returns:
        [N] shares with the same sum as the values; all 0 when no value is above 0 [currency].
    """
    weighted = check_rates(weight, len(value_eur)) * np.maximum(value_eur, 0.0)
    total = float(weighted.sum())
    return weighted * (float(value_eur.sum()) / total) if total > 0.0 else np.zeros(len(value_eur))
