"""What computing a settlement may use: randomness, time, a solver, other cores. Same means, same result."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from models.settlement.linear_program import LinearSolver, solve_by_scipy
from models.settlement.reoptimised_game import MapBatches, map_here
from models.settlement.sampling import StoppingRule
from models.settlement.shapley import Method

MOST_EXACT_REOPTIMISED = 12
"""Players up to which the re-optimised game is valued exactly: 4096 linear programs."""

MOST_SAMPLED_REOPTIMISED = 100
"""Members up to which the re-optimised game is sampled: in two communities of 30, 40 pairs (2344 programs) were off by
3 and 2 % of the mean value on average, 12 clusters (4096 programs) by 16 and 9 %."""

FEWER_CLUSTERS = ((100, 12), (300, 9))
"""Clusters up to so many members: programs take 0.1 s at 100 members, 1.3 s at 300, 8 s at 1000."""

FEWEST_CLUSTERS = 6
"""Clusters of still larger communities: 64 programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Means of one settlement. With a stopping rule that looks at a clock, results may differ from run to run."""

    rng: np.random.Generator
    rule: StoppingRule = field(default_factory=lambda: StoppingRule(target_error_frac=0.02))
    """When sampling the metered game stops."""
    solve: LinearSolver = solve_by_scipy
    map_batches: MapBatches = map_here
    most_players: int = MOST_EXACT_REOPTIMISED
    """Players of the re-optimised game that are valued exactly; most clusters that a larger community gets."""
    method: Method | None = None
    """How the re-optimised game of more members is valued; ``None``: sampled up to 100 members, clustered above."""
    most_pairs: int = 40
    """Pairs of coalitions, or of orders, when the re-optimised game is sampled."""

    def choose_clusters(self, members: int) -> int:
        """Clusters of a community of so many members."""
        fitting = [clusters for most, clusters in FEWER_CLUSTERS if members <= most]
        return min(self.most_players, fitting[0] if fitting else FEWEST_CLUSTERS)

    def choose_method(self, members: int) -> Method:
        """How the re-optimised game of so many members is valued."""
        if members <= self.most_players:
            return Method.EXACT
        if self.method is not None:
            return self.method
        return Method.SAMPLED if members <= MOST_SAMPLED_REOPTIMISED else Method.CLUSTERED
