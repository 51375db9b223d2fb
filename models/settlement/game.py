"""Cooperative games: what a coalition of players gains together, whoever computes it.

Coalitions are boolean masks [K, P], or codes from 0 to 2^P - 1 whose bit i says whether player i is in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, FloatArray, IntArray

MOST_PLAYERS_IN_A_TABLE = 20
"""2^20 coalitions are 8 MiB of values; each further player doubles time and memory."""


class Game(Protocol):
    """A characteristic function v with v(nobody) = 0."""

    @property
    def players(self) -> int:
        """Number P of players."""

    def evaluate(self, coalitions: BoolArray) -> FloatArray:
        """Gain of coalitions [K, P] -> [K] [currency]."""

    def tabulate(self) -> FloatArray:
        """Gain of all coalitions, by code -> [2^P] [currency]."""

    def walk(self, orders: IntArray) -> FloatArray:
        """Marginal contributions when players join in the given orders.

        Args:
            orders: [K, P] permutations of the players, first to join first.

        Returns:
            [K, P] v(those before and the player) - v(those before), indexed by player [currency].
        """


@dataclass(frozen=True, slots=True)
class TabulatedGame:
    """A game whose values are all known, such as an example from a book."""

    values: FloatArray
    """[2^P] by code; the first is 0."""

    def __post_init__(self) -> None:
        size = len(self.values)
        if size < 2 or size & (size - 1) or self.values[0] != 0.0 or not np.all(np.isfinite(self.values)):
            raise SettlementError("values of a game: accepted are 2^P finite numbers, the first of them 0")

    @property
    def players(self) -> int:
        """Number P of players."""
        return len(self.values).bit_length() - 1

    def evaluate(self, coalitions: BoolArray) -> FloatArray:
        """Gain of coalitions [K, P] -> [K]."""
        return np.asarray(self.values[encode_coalitions(coalitions)])

    def tabulate(self) -> FloatArray:
        """Gain of all coalitions -> [2^P]."""
        return self.values

    def walk(self, orders: IntArray) -> FloatArray:
        """Marginal contributions along orders [K, P] -> [K, P], indexed by player."""
        codes = np.cumsum(np.int64(1) << orders, axis=1)
        return by_player(orders, np.diff(self.values[codes], axis=1, prepend=0.0))


@dataclass(frozen=True, slots=True)
class GroupedGame:
    """A game whose players are groups of another game's players, which always come together."""

    inner: Game
    groups: Sequence[IntArray]
    """Players of the inner game in each group; every one in exactly one."""

    @property
    def players(self) -> int:
        """Number P of groups."""
        return len(self.groups)

    def evaluate(self, coalitions: BoolArray) -> FloatArray:
        """Gain of coalitions of groups [K, P] -> [K]."""
        return self.inner.evaluate(spread_groups(coalitions, self.groups))

    def tabulate(self) -> FloatArray:
        """Gain of all coalitions -> [2^P].

        Raises:
            SettlementError: Too many groups for a table.
        """
        check_table_size(self.players)
        return self.evaluate(decode_coalitions(np.arange(1 << self.players), self.players))

    def walk(self, orders: IntArray) -> FloatArray:
        """Marginal contributions along orders [K, P] -> [K, P], indexed by group."""
        return walk_by_evaluation(self.evaluate, orders)


def spread_groups(coalitions: BoolArray, groups: Sequence[IntArray]) -> BoolArray:
    """Coalitions of groups [K, P] as coalitions of their N members [K, N]."""
    members = np.zeros((len(coalitions), sum(len(group) for group in groups)), dtype=np.bool_)
    for player, group in enumerate(groups):
        members[:, group] = coalitions[:, [player]]
    return members


def walk_by_evaluation(evaluate: Callable[[BoolArray], FloatArray], orders: IntArray) -> FloatArray:
    """Marginal contributions along orders [K, P] of a game that can only evaluate coalitions -> [K, P]."""
    players = orders.shape[1]
    rank = np.argsort(orders, axis=1)
    joined = rank[:, None, :] <= np.arange(players)[None, :, None]
    gains = evaluate(joined.reshape(-1, players)).reshape(orders.shape)
    return by_player(orders, np.diff(gains, axis=1, prepend=0.0))


def encode_coalitions(coalitions: BoolArray) -> IntArray:
    """Codes [K] of coalitions [K, P]."""
    bits = np.int64(1) << np.arange(coalitions.shape[1], dtype=np.int64)
    return np.asarray(coalitions.astype(np.int64) @ bits, dtype=np.int64)


def decode_coalitions(codes: IntArray, players: int) -> BoolArray:
    """Coalitions [K, P] of codes [K]."""
    return np.asarray((codes[:, None] >> np.arange(players)) & 1, dtype=np.bool_)


def by_player(orders: IntArray, marginals: FloatArray) -> FloatArray:
    """Turn marginals [K, P] in joining order into marginals indexed by player."""
    result = np.empty_like(marginals)
    np.put_along_axis(result, orders, marginals, axis=1)
    return result


def add_over_subsets(parts: FloatArray) -> FloatArray:
    """Sum of the parts of each coalition's members, by code: [P] -> [2^P] (or [P, T] -> [2^P, T])."""
    check_table_size(len(parts))
    sums = np.zeros((1, *parts.shape[1:]))
    for part in parts:
        sums = np.concatenate([sums, sums + part])
    return sums


def check_table_size(players: int) -> None:
    """Refuse to tabulate too many players.

    Raises:
        SettlementError: More players than a table can hold.
    """
    if players > MOST_PLAYERS_IN_A_TABLE:
        raise SettlementError(f"a table of all coalitions of {players} players; accepted are {MOST_PLAYERS_IN_A_TABLE}")
