from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.explanation.remembered_costs import RememberedCosts
from models.settlement.arrays import BoolArray, FloatArray
from models.settlement.coalition_program import CoalitionProgram
from models.settlement.linear_program import LinearSolver
from models.settlement.reoptimised_game import CostBatch, ReoptimisedGame, map_here
from tests.models.settlement.community_day import meter_day


class Counting:
    """A map of batches that counts the coalitions it solves."""

    def __init__(self) -> None:
        self.solved = 0

    def __call__(
        self, cost: CostBatch, program: CoalitionProgram, batches: Sequence[BoolArray], solve: LinearSolver
    ) -> Sequence[FloatArray]:
        self.solved += sum(len(batch) for batch in batches)
        return map_here(cost, program, batches, solve)


def test_a_second_game_of_the_same_day_solves_only_what_the_first_did_not() -> None:
    day = meter_day(4, np.random.default_rng(1), steps=12)
    counting = Counting()
    costs = RememberedCosts(counting)
    first = ReoptimisedGame(day, map_batches=costs)
    table = first.tabulate()
    assert counting.solved == costs.known == 16
    again = ReoptimisedGame(day, map_batches=costs)
    assert again.tabulate() == pytest.approx(table, abs=0.0)
    assert counting.solved == 16


def test_remembered_costs_are_those_of_a_game_without_memory() -> None:
    day = meter_day(3, np.random.default_rng(2), steps=12)
    plain, remembering = ReoptimisedGame(day), ReoptimisedGame(day, map_batches=RememberedCosts())
    coalitions = np.array([[True, True, False], [False, True, True], [True, True, True]])
    assert np.array_equal(plain.cost_parts(coalitions), remembering.cost_parts(coalitions))
