"""Costs of coalitions that a settlement has solved, kept so that explaining it solves nothing again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.settlement.arrays import BoolArray, FloatArray
from models.settlement.coalition_program import CoalitionProgram
from models.settlement.linear_program import LinearSolver
from models.settlement.reoptimised_game import CostBatch, MapBatches, map_here


class RememberedCosts:
    """Passes batches of coalitions on and keeps the parts of their costs; stands in for any ``MapBatches``.

    For one day and one program: coalitions are told apart by their members alone.
    """

    def __init__(self, map_batches: MapBatches = map_here) -> None:
        self._map_batches = map_batches
        self._parts: dict[bytes, FloatArray] = {}

    @property
    def known(self) -> int:
        """Number of coalitions kept."""
        return len(self._parts)

    def __call__(
        self, cost: CostBatch, program: CoalitionProgram, batches: Sequence[BoolArray], solve: LinearSolver
    ) -> Sequence[FloatArray]:
        """Cost parts of each batch, [K, T + 1]; only coalitions not seen before are handed on."""
        keys = [[row.tobytes() for row in np.ascontiguousarray(batch)] for batch in batches]
        missing = [
            batch[[key not in self._parts for key in row_keys]] for batch, row_keys in zip(batches, keys, strict=True)
        ]
        wanted = [batch for batch in missing if len(batch)]
        if wanted:
            for batch, parts in zip(wanted, self._map_batches(cost, program, wanted, solve), strict=True):
                self._parts.update(
                    (members.tobytes(), row) for members, row in zip(np.ascontiguousarray(batch), parts, strict=True)
                )
        return [np.array([self._parts[key] for key in row_keys]) for row_keys in keys]
