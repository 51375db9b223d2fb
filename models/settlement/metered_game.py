"""The metered game: what coalitions would have gained by sharing the flows just as they were metered.

With prices the same for all, c(S) = sum_t [p+ E+_S - p- E-_S - g min(E+_S, E-_S)] and g = max(0, p+ - f - p-), so

    v(S) = sum_t g_t min(E+_S,t , E-_S,t)  =  sum_t g_t E-_S,t + sum_t min(g_t (E+ - E-)_S,t , 0).

The first term is additive. In the second, intervals in which all members draw add nothing, and those in which all give
add just what the first took: only intervals with both sides are kept.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from models.settlement.arrays import BoolArray, EnergyArray, FloatArray, IntArray, freeze, non_negative
from models.settlement.game import add_over_subsets, by_player, check_table_size
from models.settlement.prices import IntervalPrices

WH_PER_KWH = 1000.0
LOW_PLAYERS = 9
"""Players whose subsets form one block of a table: 512 rows of 96 intervals stay in the processor's cache."""


class MeteredGame:
    """Gain from sharing metered flows, vectorised over coalitions and intervals."""

    def __init__(self, import_wh: EnergyArray, export_wh: EnergyArray, prices: IntervalPrices) -> None:
        """Prepare the game.

        Args:
            import_wh: [N, T] metered import, >= 0 [Wh].
            export_wh: [N, T] metered export, >= 0 [Wh].
            prices: prices of the T intervals.

        Raises:
            SettlementError: A flow is negative or not finite, or prices do not cover the same intervals.
        """
        shape = (np.asarray(import_wh).shape[0], prices.import_eur_per_kwh.size)
        margin = prices.margin_eur_per_kwh / WH_PER_KWH
        drawn = non_negative("import_wh", import_wh, shape) * margin
        given = non_negative("export_wh", export_wh, shape) * margin
        net = drawn - given
        has_both_sides = (net.min(axis=0, initial=0.0) < 0.0) & (net.max(axis=0, initial=0.0) > 0.0)
        # Where nobody draws on balance all of min(net, 0) is additive too.
        one_sided = np.minimum(net[:, ~has_both_sides], 0.0).sum(axis=1)
        self.additive_eur = np.asarray(given.sum(axis=1) + one_sided)
        """[N] each member's part of the additive term [currency]."""
        self.net_eur = np.ascontiguousarray(net[:, has_both_sides])
        """[N, T'] net imports, times the margin, in intervals with both sides [currency]."""
        freeze(self.additive_eur)
        freeze(self.net_eur)

    @property
    def players(self) -> int:
        """Number of members."""
        return len(self.additive_eur)

    def scaled(self, factor: float) -> MeteredGame:
        """The game with all gains times a factor >= 0."""
        game = copy(self)
        game.additive_eur = self.additive_eur * factor
        game.net_eur = self.net_eur * factor
        return game

    def evaluate(self, coalitions: BoolArray) -> FloatArray:
        """Gain of coalitions [K, N] -> [K] [currency]."""
        chosen = coalitions.astype(np.float64)
        shared = np.minimum(chosen @ self.net_eur, 0.0).sum(axis=1)
        return np.asarray(chosen @ self.additive_eur + shared)

    def tabulate(self) -> FloatArray:
        """Gain of all coalitions -> [2^N] [currency]; up to 20 members.

        Raises:
            SettlementError: Too many members for a table.
        """
        check_table_size(self.players)
        split = min(LOW_PLAYERS, self.players)
        low = add_over_subsets(self.net_eur[:split])
        high = add_over_subsets(self.net_eur[split:])
        table = np.empty((len(high), len(low)))
        block = np.empty_like(low)
        for row, base in zip(table, high, strict=True):
            np.add(low, base, out=block)
            np.minimum(block, 0.0, out=block)
            np.sum(block, axis=1, out=row)
        return _without_drift(table.ravel() + add_over_subsets(self.additive_eur))

    def walk(self, orders: IntArray) -> FloatArray:
        """Marginal contributions along orders [K, N] -> [K, N], indexed by member [currency]."""
        marginals = np.empty(orders.shape)
        summed = np.empty_like(self.net_eur)
        for row, order in zip(marginals, orders, strict=True):
            np.cumsum(self.net_eur[order], axis=0, out=summed)
            np.minimum(summed, 0.0, out=summed)
            row[:] = np.diff(summed.sum(axis=1), prepend=0.0) + self.additive_eur[order]
        return by_player(orders, marginals)


def _without_drift(table: FloatArray) -> FloatArray:
    """Set values that are float error of sums around 0 to 0, so that nobody's gain of nothing is exactly nothing."""
    largest = float(np.max(np.abs(table), initial=0.0))
    return np.where(np.abs(table) < 1e-13 * max(largest, 1.0), 0.0, table)
