"""Shapley values, sampled: mean marginal contributions over random joining orders, with standard errors.

Each player has an exponential clock of its rate, and the players join from the largest clock to the smallest, so that
among any group a player is last with probability rate / sum of the group's rates: the Kalai-Samet value; equal rates
give the plain value. Orders come in antithetic pairs (u and 1 - u in every clock).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray, freeze
from models.settlement.game import Game
from models.settlement.shapley import check_rates

LEAST_PAIRS = 16
"""With fewer pairs a standard error is itself too uncertain to stop on."""

BATCH_PAIRS = 16
"""Pairs between two looks at the stopping rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRule:
    """When sampling ends; the first of the three that holds."""

    target_error_frac: float
    """Largest standard error as a share of the mean value's magnitude, > 0."""
    most_pairs: int = 100_000
    """Bound on antithetic pairs."""
    has_time: Callable[[], bool] = lambda: True
    """False when the time budget is spent; the caller owns the clock."""
    report: Callable[[int, float], None] = lambda _pairs, _error_frac: None
    """Told after each batch: pairs so far, and the largest standard error as a share of the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledValues:
    """Sampled values of P players; arrays are read-only."""

    value_eur: FloatArray
    """[P] mean marginal contributions; they add up to v of all [currency]."""
    standard_error_eur: FloatArray
    """[P] standard error of each [currency]."""
    orders: int
    """Orders walked, or coalitions drawn: two for each pair."""
    reached_target: bool
    """The target error was reached, not the bound on pairs or time."""


def draw_orders(rate: FloatArray, pairs: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Joining orders of antithetic pairs, each [pairs, P], first to join first."""
    uniform = rng.random((pairs, len(rate)))
    # 1 - u is in (0, 1]; u may be 0, whose clock would be infinite: nudge it, as one draw in 2^53 does not matter.
    clocks = -np.log(np.maximum(uniform, 2.0**-54)) / rate
    mirrored = -np.log1p(-uniform) / rate
    return np.argsort(-clocks, axis=1, kind="stable"), np.argsort(-mirrored, axis=1, kind="stable")


def sample_values(
    game: Game, rule: StoppingRule, rng: np.random.Generator, rate: FloatArray | None = None
) -> SampledValues:
    """Mean marginal contributions over antithetic pairs of random orders.

    Args:
        game: any number of players.
        rule: when to stop.
        rng: seeded source of randomness.
        rate: [P] rates of the clocks, > 0; equal where not given.

    Raises:
        SettlementError: No player, or a rate or target that is not above 0.
    """
    rates = check_rates(rate, game.players)
    if not game.players or not rule.target_error_frac > 0.0 or rule.most_pairs < 1:
        raise SettlementError("sampling: accepted are one player or more, one pair or more and a target error above 0")
    total, squares = np.zeros(game.players), np.zeros(game.players)
    pairs = 0
    error, relative = np.zeros(game.players), np.inf
    while pairs < rule.most_pairs and relative > rule.target_error_frac and (pairs < LEAST_PAIRS or rule.has_time()):
        batch = min(BATCH_PAIRS, rule.most_pairs - pairs)
        first, second = draw_orders(rates, batch, rng)
        means = (game.walk(first) + game.walk(second)) / 2.0
        total += means.sum(axis=0)
        squares += (means**2).sum(axis=0)
        pairs += batch
        error, relative = estimate_error(total, squares, pairs)
        rule.report(pairs, relative)
    result = SampledValues(
        value_eur=total / pairs,
        standard_error_eur=error,
        orders=2 * pairs,
        reached_target=relative <= rule.target_error_frac,
    )
    freeze(result.value_eur)
    freeze(result.standard_error_eur)
    return result


def estimate_error(total: FloatArray, squares: FloatArray, pairs: int) -> tuple[FloatArray, float]:
    """Standard errors [P], and the largest as a share of the mean value (infinite while there are too few pairs)."""
    mean = total / pairs
    variance = np.maximum(squares / pairs - mean**2, 0.0) * pairs / max(pairs - 1, 1)
    error = np.sqrt(variance / pairs)
    if pairs < LEAST_PAIRS:
        return error, np.inf
    size, largest = abs(float(mean.mean())), float(error.max())
    if largest <= 1e-12 * max(1.0, float(np.abs(mean).max())):
        return error, 0.0
    return error, largest / size if size > 0.0 else np.inf
