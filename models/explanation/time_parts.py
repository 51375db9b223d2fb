"""When a member's plain share arose: each coalition's cost is a sum over intervals, and so is its value.

The parts of the optima that the settlement found are averaged over the same coalitions as the share itself: all of
them where it is exact, the same draws where it is sampled. So the parts add up to the share, and none is pro-rated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, FloatArray, IntArray
from models.settlement.clustering import cluster_members, split_inside
from models.settlement.coalition_day import CoalitionDay
from models.settlement.coalition_program import build_program
from models.settlement.game import TabulatedGame, add_over_subsets, decode_coalitions, spread_groups
from models.settlement.level_sampling import STRATA
from models.settlement.means import Means
from models.settlement.metered_game import MeteredGame
from models.settlement.prices import IntervalPrices
from models.settlement.reoptimised_game import ReoptimisedGame
from models.settlement.sampling import BATCH_PAIRS, draw_orders
from models.settlement.settle_day import GameKind, SettledDay
from models.settlement.shapley import Method, find_exact_values
from models.settlement.valued_reoptimised import describe_members

LARGEST_ERROR = 1e-6
"""Parts that miss the share by more, relative to the gain of all, were not averaged over its coalitions."""


def split_by_time(day: CoalitionDay, settled: SettledDay, game: GameKind, means: Means, window: IntArray) -> FloatArray:
    """Parts of the plain shares by time.

    Args:
        day: the day as metered.
        settled: its settlement.
        game: which game valued it.
        means: as for the settlement, with a fresh generator of the same seed.
        window: [T] index from 0 of the part of the day that each interval lies in.

    Returns:
        [N, W + 1] by part of the day, and of battery wear last; rows add up to ``settled.split.plain_eur`` [currency].

    Raises:
        SettlementError: The means are not those of the settlement.
    """
    windows = int(window.max()) + 1
    if game is GameKind.METERED:
        by_window = _split_metered(day, settled, means, window, windows)
        parts = np.column_stack([by_window, np.zeros(day.shape[0])])
    else:
        parts = _split_reoptimised(day, settled, means, window, windows)
    plain = settled.split.plain_eur
    if np.max(np.abs(parts.sum(axis=1) - plain), initial=0.0) > LARGEST_ERROR * max(1.0, float(np.abs(plain).sum())):
        raise SettlementError("parts by time miss the shares: the means are not those of the settlement")
    return parts


def _split_metered(day: CoalitionDay, settled: SettledDay, means: Means, window: IntArray, windows: int) -> FloatArray:
    games = [_cut_game(day, window == part) for part in range(windows)]
    if settled.valuation.method is Method.EXACT:
        return np.column_stack([find_exact_values(game) for game in games])
    members, pairs = day.shape[0], settled.valuation.orders // 2
    total = np.zeros((members, windows))
    for done in range(0, pairs, BATCH_PAIRS):
        batch = min(BATCH_PAIRS, pairs - done)
        orders = np.concatenate(draw_orders(np.ones(members), batch, means.rng))
        for part, game in enumerate(games):
            total[:, part] += game.walk(orders).sum(axis=0)
    return total / (2 * pairs)


def _cut_game(day: CoalitionDay, chosen: BoolArray) -> MeteredGame:
    prices = day.prices
    cut = IntervalPrices(
        import_eur_per_kwh=prices.import_eur_per_kwh[chosen],
        export_eur_per_kwh=prices.export_eur_per_kwh[chosen],
        fee_eur_per_kwh=prices.fee_eur_per_kwh[chosen],
        is_islanded=prices.is_islanded[chosen],
        islanded_eur_per_kwh=prices.islanded_eur_per_kwh,
    )
    return MeteredGame(day.import_wh[:, chosen], day.export_wh[:, chosen], cut)


def _split_reoptimised(
    day: CoalitionDay, settled: SettledDay, means: Means, window: IntArray, windows: int
) -> FloatArray:
    game = ReoptimisedGame(day, None, means.solve, means.map_batches)
    # Intervals into windows; the last column of a cost is wear and stays apart.
    gather = np.zeros((window.size + 1, windows + 1))
    gather[np.arange(window.size), window] = 1.0
    gather[-1, -1] = 1.0
    everyone = np.eye(day.shape[0], dtype=np.bool_)
    alone = game.cost_parts(everyone) @ gather
    alone[:, :-1] += _own_sharing(day) @ gather[:-1, :-1]
    if settled.valuation.method is Method.SAMPLED:
        return _average_levels(game, alone, gather, settled, means)
    members = day.shape[0]
    wanted = members if settled.valuation.method is Method.EXACT else means.choose_clusters(members)
    groups = cluster_members(describe_members(day), wanted, means.rng)
    by_group = _value_exactly(game, groups, alone, gather)
    if len(groups) == members:
        return by_group
    # A cluster's value is split inside in proportion to its members' metered values, and so is each part of it.
    return np.column_stack([split_inside(part, groups, settled.split.plain_eur) for part in by_group.T])


def _own_sharing(day: CoalitionDay) -> FloatArray:
    """[N, T] what a coalition of one gains by netting imports and exports within an interval [currency]."""
    own = np.where(build_program(day).is_flexible, 0.0, np.minimum(day.import_wh, day.export_wh) / 1000.0)
    return np.asarray(own * day.prices.margin_eur_per_kwh)


def _value_exactly(
    game: ReoptimisedGame, groups: Sequence[IntArray], alone: FloatArray, gather: FloatArray
) -> FloatArray:
    """[P, W + 1] exact values of groups, part by part."""
    players = len(groups)
    coalitions = decode_coalitions(np.arange(1 << players), players)
    together = np.array([alone[group].sum(axis=0) for group in groups])
    gain = add_over_subsets(together) - game.cost_parts(spread_groups(coalitions, groups)) @ gather
    gain[0] = 0.0
    return np.column_stack([find_exact_values(TabulatedGame(values)) for values in gain.T])


def _average_levels(
    game: ReoptimisedGame, alone: FloatArray, gather: FloatArray, settled: SettledDay, means: Means
) -> FloatArray:
    """[N, W + 1] mean marginal contributions to the coalitions that ``sample_by_levels`` drew, part by part."""
    members = len(alone)
    total = np.zeros_like(alone)
    for _ in range(settled.valuation.orders // (2 * STRATA)):
        level = (np.arange(STRATA) + means.rng.random(STRATA)) / (2 * STRATA)
        coalitions = np.asarray(means.rng.random((STRATA, members)) < level[:, None])
        for base in np.concatenate([coalitions, ~coalitions]):
            cost = _cost(game, np.vstack([base, np.logical_xor(base, np.eye(members, dtype=np.bool_))]), gather)
            without, with_member = (
                np.where(base[:, None], cost[1:], cost[0]),
                np.where(base[:, None], cost[0], cost[1:]),
            )
            total += alone - (with_member - without)
    gain, found = float(settled.split.plain_eur.sum()), float(total.sum())
    return total * (gain / found if found > 0.0 else 0.0)


def _cost(game: ReoptimisedGame, coalitions: BoolArray, gather: FloatArray) -> FloatArray:
    cost = game.cost_parts(coalitions) @ gather
    return np.where(coalitions.any(axis=1, keepdims=True), cost, 0.0)
