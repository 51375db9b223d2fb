"""The peak charge as a game of its own over the billing period: v(S) = k (sum_(i in S) peak_i - peak_S).

A coalition's peak is its own largest metered net import of the period. Daily increments above a running peak are not a
game with a fair value, so the period so far is valued as a whole and a day accrues the difference to the day before.
"""

from __future__ import annotations

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, EnergyArray, FloatArray, IntArray, finite, freeze
from models.settlement.game import add_over_subsets, by_player, check_table_size
from models.settlement.metered_game import LOW_PLAYERS

WH_PER_KWH = 1000.0


class PeakGame:
    """Peak charge saved by peaks that do not coincide."""

    def __init__(self, net_wh: EnergyArray, step_h: float, peak_charge_eur_per_kw: float) -> None:
        """Prepare the game.

        Args:
            net_wh: [N, T] metered net import of the period so far, 0 outside membership [Wh].
            step_h: length of an interval, > 0 [h].
            peak_charge_eur_per_kw: charge k on the period's peak, >= 0 [currency/kW].

        Raises:
            SettlementError: A value outside what is said above.
        """
        if not (step_h > 0.0 and peak_charge_eur_per_kw >= 0.0):
            raise SettlementError("peak game: accepted are an interval above 0 h and a charge >= 0")
        shape = (np.asarray(net_wh).shape[0], np.asarray(net_wh).shape[1])
        self._net_eur = finite("net_wh", net_wh, shape) * (peak_charge_eur_per_kw / (WH_PER_KWH * step_h))
        self.alone_eur = np.maximum(self._net_eur.max(axis=1, initial=0.0), 0.0)
        """[N] what each member would pay for its own peak [currency]."""
        freeze(self._net_eur)
        freeze(self.alone_eur)

    @property
    def players(self) -> int:
        """Number of members."""
        return len(self.alone_eur)

    def evaluate(self, coalitions: BoolArray) -> FloatArray:
        """Gain of coalitions [K, N] -> [K] [currency]."""
        chosen = coalitions.astype(np.float64)
        return np.asarray(chosen @ self.alone_eur - (chosen @ self._net_eur).max(axis=1, initial=0.0))

    def tabulate(self) -> FloatArray:
        """Gain of all coalitions -> [2^N] [currency]; up to 20 members.

        Raises:
            SettlementError: Too many members for a table.
        """
        check_table_size(self.players)
        split = min(LOW_PLAYERS, self.players)
        low = add_over_subsets(self._net_eur[:split])
        high = add_over_subsets(self._net_eur[split:])
        peaks = np.stack([(low + base).max(axis=1, initial=0.0) for base in high])
        return np.asarray(add_over_subsets(self.alone_eur) - peaks.ravel())

    def walk(self, orders: IntArray) -> FloatArray:
        """Marginal contributions along orders [K, N] -> [K, N], indexed by member [currency]."""
        marginals = np.empty(orders.shape)
        summed = np.empty_like(self._net_eur)
        for row, order in zip(marginals, orders, strict=True):
            np.cumsum(self._net_eur[order], axis=0, out=summed)
            row[:] = self.alone_eur[order] - np.diff(summed.max(axis=1, initial=0.0), prepend=0.0)
        return by_player(orders, marginals)
