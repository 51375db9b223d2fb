"""The re-optimised game: what coalitions would have gained with their own best dispatch of the day.

v(S) = sum_(i in S) A_i - c(S), with A_i what member i would have paid alone and c(S) the optimum of the coalition's
program. Players are groups of members: single members, or clusters of a large community.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, FloatArray, IntArray, freeze
from models.settlement.coalition_day import CoalitionDay
from models.settlement.coalition_program import CoalitionProgram, build_program
from models.settlement.game import check_table_size, decode_coalitions, spread_groups, walk_by_evaluation
from models.settlement.linear_program import LinearSolver, solve_by_scipy

CostBatch = Callable[[CoalitionProgram, BoolArray, LinearSolver], FloatArray]
MapBatches = Callable[[CostBatch, CoalitionProgram, Sequence[BoolArray], LinearSolver], Sequence[FloatArray]]
"""Runs a function on batches of coalitions, perhaps on other cores; answers in the order of the batches."""

BATCH = 32
"""Coalitions handed to a worker at once: about a second of work, against milliseconds of transport."""

MOST_REMEMBERED = 200_000
"""Coalitions whose costs are kept; 97 numbers each, so about 150 MiB."""


def map_here(
    cost: CostBatch, program: CoalitionProgram, batches: Sequence[BoolArray], solve: LinearSolver
) -> Sequence[FloatArray]:
    """Run all batches in this thread, one after the other."""
    return [cost(program, batch, solve) for batch in batches]


def cost_coalitions(program: CoalitionProgram, coalitions: BoolArray, solve: LinearSolver) -> FloatArray:
    """Least costs of coalitions of members, in parts.

    Args:
        program: the whole community's.
        coalitions: [K, N] members of each.
        solve: the solver.

    Returns:
        [K, T + 1] cost in each interval, and of wear in the last column; a row's sum is c(S) [currency].

    Raises:
        SolverError: A program was not solved.
    """
    steps = program.constant_eur.shape[1]
    parts = np.empty((len(coalitions), steps + 1))
    for row, members in zip(parts, coalitions, strict=True):
        cut, columns = program.cut(members)
        energy = solve(cut)
        wear = program.column_wear_eur[columns] * energy
        by_step = np.bincount(program.column_step[columns], cut.cost * energy - wear, minlength=steps)
        row[:steps] = by_step + program.constant_eur[members].sum(axis=0)
        row[steps] = wear.sum()
    return parts


class ReoptimisedGame:
    """Gain of coalitions under their own best dispatch; remembers every coalition that it has solved."""

    def __init__(
        self,
        day: CoalitionDay,
        groups: Sequence[IntArray] | None = None,
        solve: LinearSolver = solve_by_scipy,
        map_batches: MapBatches = map_here,
    ) -> None:
        """Build the community's program and solve every member's stand-alone day.

        Args:
            day: the day as metered.
            groups: for each player the indices of its members; each member is a player where not given.
            solve: solver of one program.
            map_batches: how batches are spread over cores.

        Raises:
            SettlementError: The day's data are not acceptable, or groups are not a partition.
            SolverError: A program was not solved.
        """
        members = day.shape[0]
        self._groups = [np.array([i]) for i in range(members)] if groups is None else list(groups)
        if sorted(np.concatenate(self._groups).tolist()) != list(range(members)):
            raise SettlementError("groups: every member has to be in exactly one of them")
        self._program = build_program(day)
        self._solve = solve
        self._map_batches = map_batches
        self._parts: dict[bytes, FloatArray] = {}
        self.coalitions_solved = 0
        """Programs solved so far."""
        alone = self.cost_parts(np.eye(members, dtype=np.bool_)).sum(axis=1)
        self.alone_eur = alone + _share_with_oneself(day, self._program.is_flexible)
        """[N] A_i: what each member would have paid alone under its own best dispatch, wear included [currency]."""
        freeze(self.alone_eur)

    @property
    def players(self) -> int:
        """Number P of groups."""
        return len(self._groups)

    def cost_parts(self, members: BoolArray) -> FloatArray:
        """Least costs of coalitions of members [K, N] in parts -> [K, T + 1]; see ``cost_coalitions``."""
        keys = [row.tobytes() for row in np.ascontiguousarray(members)]
        missing = {key: k for k, key in enumerate(keys) if key not in self._parts}
        new = members[list(missing.values())]
        batches = [new[start : start + BATCH] for start in range(0, len(new), BATCH)]
        solved = [
            row for part in self._map_batches(cost_coalitions, self._program, batches, self._solve) for row in part
        ]
        self.coalitions_solved += len(solved)
        fresh = dict(zip(missing, solved, strict=True))
        result = np.array([fresh[key] if key in fresh else self._parts[key] for key in keys])
        if len(self._parts) + len(fresh) <= MOST_REMEMBERED:
            self._parts.update(fresh)
        return result.reshape(len(keys), self._program.constant_eur.shape[1] + 1)

    def evaluate(self, coalitions: BoolArray) -> FloatArray:
        """Gain of coalitions of players [K, P] -> [K] [currency]."""
        members = spread_groups(coalitions, self._groups)
        gain = members @ self.alone_eur - self.cost_parts(members).sum(axis=1)
        return np.where(members.any(axis=1), gain, 0.0)

    def tabulate(self) -> FloatArray:
        """Gain of all coalitions -> [2^P] [currency].

        Raises:
            SettlementError: Too many players for a table.
        """
        check_table_size(self.players)
        return self.evaluate(decode_coalitions(np.arange(1 << self.players), self.players))

    def walk(self, orders: IntArray) -> FloatArray:
        """Marginal contributions along orders [K, P] -> [K, P], indexed by player [currency]."""
        return walk_by_evaluation(self.evaluate, orders)


def _share_with_oneself(day: CoalitionDay, is_flexible: BoolArray) -> FloatArray:
    """[N] what a coalition of one gains by netting imports and exports within an interval, which no supplier does."""
    own = np.where(is_flexible, 0.0, np.minimum(day.import_wh, day.export_wh) / 1000.0)
    return np.asarray(own @ day.prices.margin_eur_per_kwh)
