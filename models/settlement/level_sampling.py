"""Plain Shapley values, sampled at levels: marginal contributions to random coalitions instead of along orders.

With every other player in S with probability u, phi_i is the mean over u in (0, 1) of what i adds to S (Owen's
multilinear extension). One coalition of N players gives a marginal contribution of each of them for N + 1 evaluations.
Coalitions come in pairs with their complements (levels u and 1 - u), the levels stratified. Where evaluating is dear
this needs far fewer evaluations than joining orders, whose first steps say little.
"""

from __future__ import annotations

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, FloatArray, freeze
from models.settlement.game import Game
from models.settlement.sampling import SampledValues, StoppingRule, estimate_error

STRATA = 4
"""Levels between 0 and 1/2 that a batch covers, one pair of coalitions in each."""


def sample_by_levels(game: Game, rule: StoppingRule, rng: np.random.Generator) -> SampledValues:
    """Mean marginal contributions to pairs of random coalitions, scaled to the gain of all.

    Standard errors are those of independent pairs, which the stratified levels stay below.

    Args:
        game: any number of players.
        rule: when to stop; its pairs are counted in whole batches of four.
        rng: seeded source of randomness.

    Raises:
        SettlementError: No player, or a target or number of pairs that is not above 0.
    """
    if not game.players or not rule.target_error_frac > 0.0 or rule.most_pairs < 1:
        raise SettlementError("sampling: accepted are one player or more, one pair or more and a target error above 0")
    total, squares = np.zeros(game.players), np.zeros(game.players)
    pairs, relative = 0, np.inf
    error = np.zeros(game.players)
    while pairs < rule.most_pairs and relative > rule.target_error_frac and (not pairs or rule.has_time()):
        level = (np.arange(STRATA) + rng.random(STRATA)) / (2 * STRATA)
        coalitions = rng.random((STRATA, game.players)) < level[:, None]
        marginals = _find_marginals(game, np.concatenate([coalitions, ~coalitions]))
        means = (marginals[:STRATA] + marginals[STRATA:]) / 2.0
        total += means.sum(axis=0)
        squares += (means**2).sum(axis=0)
        pairs += STRATA
        error, relative = estimate_error(total, squares, pairs)
        rule.report(pairs, relative)
    everyone = float(game.evaluate(np.ones((1, game.players), dtype=np.bool_))[0])
    scale = everyone / float(total.sum()) if total.sum() > 0.0 < everyone else 0.0
    result = SampledValues(
        value_eur=total * scale,
        standard_error_eur=error * scale * pairs,
        orders=2 * pairs,
        reached_target=relative <= rule.target_error_frac,
    )
    freeze(result.value_eur)
    freeze(result.standard_error_eur)
    return result


def _find_marginals(game: Game, coalitions: BoolArray) -> FloatArray:
    """What each player adds to the others of each coalition: [K, P] -> [K, P]."""
    count, players = coalitions.shape
    toggled = coalitions[:, None, :] ^ np.eye(players, dtype=np.bool_)
    gains = game.evaluate(np.concatenate([coalitions, toggled.reshape(-1, players)]))
    base, other = gains[:count, None], gains[count:].reshape(count, players)
    return np.where(coalitions, base - other, other - base)
