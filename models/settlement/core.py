"""How stable a split is: the core excess, and the least core.

The excess of a coalition is what it could gain on its own beyond what it gets: v(S) - x(S). A split is in the core
where no excess is above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from models.domain.errors import SolverError
from models.settlement.arrays import BoolArray, FloatArray, IntArray, freeze
from models.settlement.game import Game, add_over_subsets, decode_coalitions

TOLERANCE = 1e-9
"""Excess, as a share of the gain, below which a constraint counts as kept."""

CUTS_A_ROUND = 20
"""Most violated coalitions that enter the least core's program at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreExcess:
    """The coalition that would gain most by leaving."""

    excess_eur: float
    """What it would gain, >= 0 (nobody would: 0) [currency]."""
    coalition: BoolArray
    """[P] its members; nobody where nothing is to be gained."""
    bound_eur: float
    """No coalition gains more than this; equals ``excess_eur`` where the search was exact [currency]."""

    def as_share(self, gain_eur: float) -> float:
        """Excess as a share of the gain; 0 where there is no gain."""
        return self.excess_eur / gain_eur if gain_eur > 0.0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeastCore:
    """The least core: the smallest epsilon with x(S) >= v(S) - epsilon for every coalition but all and none."""

    epsilon_eur: float
    """Below or at 0: the core is not empty [currency]."""
    share_eur: FloatArray
    """[P] a split that reaches it [currency]."""
    constraints: int
    """Coalitions that had to enter the program."""


def find_core_excess(values: FloatArray, share_eur: FloatArray) -> CoreExcess:
    """The largest excess over all coalitions of a tabulated game.

    Args:
        values: [2^P] gain by code [currency].
        share_eur: [P] the split [currency].
    """
    excess = values - add_over_subsets(share_eur)
    worst = int(np.argmax(excess))
    if excess[worst] <= TOLERANCE * max(float(np.abs(values).max()), 1e-9):
        return no_excess(len(share_eur))
    coalition = decode_coalitions(np.array([worst]), len(share_eur))[0]
    freeze(coalition)
    return CoreExcess(excess_eur=float(excess[worst]), coalition=coalition, bound_eur=float(excess[worst]))


def no_excess(players: int, bound_eur: float = 0.0) -> CoreExcess:
    """Nobody is known to gain by leaving."""
    nobody = np.zeros(players, dtype=np.bool_)
    freeze(nobody)
    return CoreExcess(excess_eur=0.0, coalition=nobody, bound_eur=max(bound_eur, 0.0))


def climb_to_excess(game: Game, share_eur: FloatArray, start: BoolArray, most_rounds: int = 200) -> CoreExcess:
    """Search for a coalition with a large excess by adding or dropping the best player until none helps.

    Args:
        game: any number of players.
        share_eur: [P] the split [currency].
        start: [P] the coalition to start from.
        most_rounds: bound on steps.

    Returns:
        What was found; its bound is infinite, as the search proves nothing.
    """
    coalition = start.copy()
    best = float(game.evaluate(coalition[None, :])[0] - share_eur @ coalition)
    for _ in range(most_rounds):
        flips = coalition[None, :] ^ np.eye(game.players, dtype=np.bool_)
        excess = game.evaluate(flips) - flips @ share_eur
        choice = int(np.argmax(excess))
        if excess[choice] <= best + 1e-12:
            break
        coalition, best = flips[choice], float(excess[choice])
    if best <= 0.0:
        return no_excess(game.players, np.inf)
    freeze(coalition)
    return CoreExcess(excess_eur=best, coalition=coalition, bound_eur=np.inf)


def find_least_core(values: FloatArray) -> LeastCore:
    """The least core of a tabulated game, by constraint generation.

    A linear program over splits and epsilon starts with single players; the most violated coalitions enter until none
    is violated.

    Args:
        values: [2^P] gain by code [currency].

    Raises:
        SolverError: The program was not solved.
    """
    players = len(values).bit_length() - 1
    every = len(values) - 1
    cuts = [1 << player for player in range(players)] if players > 1 else []
    tolerance = TOLERANCE * max(float(np.abs(values).max()), 1e-9)
    while True:
        share, epsilon = _solve_master(values, np.array(cuts, dtype=np.int64), players)
        violation = values - add_over_subsets(share) - epsilon
        violation[[0, every]] = -np.inf
        worst = np.argsort(-violation, kind="stable")[:CUTS_A_ROUND]
        new = [int(code) for code in worst if violation[code] > tolerance and int(code) not in cuts]
        if not new:
            freeze(share)
            return LeastCore(epsilon_eur=epsilon, share_eur=share, constraints=len(cuts))
        cuts.extend(new)


def _solve_master(values: FloatArray, cuts: IntArray, players: int) -> tuple[FloatArray, float]:
    """Least epsilon subject to the coalitions so far: -x(S) - epsilon <= -v(S), x(all) = v(all)."""
    if not cuts.size:
        return values[-1:].copy(), 0.0
    coalitions = decode_coalitions(cuts, players).astype(np.float64)
    result = linprog(
        np.append(np.zeros(players), 1.0),
        A_ub=np.hstack([-coalitions, -np.ones((cuts.size, 1))]),
        b_ub=-values[cuts],
        A_eq=np.append(np.ones(players), 0.0)[None, :],
        b_eq=values[-1:],
        bounds=(None, None),
        method="highs",
    )
    if result.status != 0 or result.x is None:
        raise SolverError(f"least core: {result.message}")
    return np.asarray(result.x[:-1], dtype=np.float64), float(result.x[-1])
