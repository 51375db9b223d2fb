"""Core excess of the metered game for communities too large for a table, with a proven bound.

v(z) - x z is concave in fractions z of members, so its largest value over z in [0, 1]^N is a linear program: a bound on
the excess of every coalition. Rounding that z gives coalitions from which a search climbs to a true excess.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array, hstack, identity

from models.settlement.arrays import FloatArray, freeze
from models.settlement.core import CoreExcess, climb_to_excess, no_excess
from models.settlement.linear_program import LinearProgram, LinearSolver, solve_by_scipy
from models.settlement.metered_game import MeteredGame

THRESHOLDS = (0.01, 0.5, 0.99)
"""Fractions from which on a member is rounded into a coalition."""


def bound_core_excess(game: MeteredGame, share_eur: FloatArray, solve: LinearSolver = solve_by_scipy) -> CoreExcess:
    """Find a coalition with a large excess, and a bound that no coalition passes.

    Args:
        game: the metered game.
        share_eur: [N] the split [currency].
        solve: solver of the linear program.

    Raises:
        SolverError: The program was not solved.
    """
    fractions, bound = _relax(game, share_eur, solve)
    found = [climb_to_excess(game, share_eur, fractions >= threshold) for threshold in THRESHOLDS]
    best = max(found, key=lambda excess: excess.excess_eur)
    if best.excess_eur <= 0.0:
        return no_excess(game.players, bound)
    freeze(best.coalition)
    return CoreExcess(excess_eur=best.excess_eur, coalition=best.coalition, bound_eur=max(bound, best.excess_eur))


def _relax(game: MeteredGame, share_eur: FloatArray, solve: LinearSolver) -> tuple[FloatArray, float]:
    """The relaxed problem: max (a - x) z + sum_t r_t, r_t <= 0, r_t <= D_t z, 0 <= z <= 1."""
    members, steps = game.net_eur.shape
    program = LinearProgram(
        cost=np.concatenate([share_eur - game.additive_eur, -np.ones(steps)]),
        matrix=csc_array(hstack([csc_array(game.net_eur.T), -identity(steps)])),
        row_lower=np.zeros(steps),
        row_upper=np.full(steps, np.inf),
        lower=np.concatenate([np.zeros(members), np.full(steps, -np.inf)]),
        upper=np.concatenate([np.ones(members), np.zeros(steps)]),
    )
    solution = solve(program)
    return solution[:members], float(-(program.cost @ solution))
