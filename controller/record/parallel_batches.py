"""Coalitions' programs on all cores with joblib, or on a Dask cluster as joblib's backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import joblib

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, FloatArray
from models.settlement.coalition_program import CoalitionProgram
from models.settlement.linear_program import LinearSolver
from models.settlement.reoptimised_game import CostBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelBatches:
    """Is a ``MapBatches``: the same answers in the same order, whatever the number of cores."""

    jobs: int = -1
    """Processes; -1: one for each core."""
    is_on_cluster: bool = False
    """Dask workers of the present client instead of processes here."""
    report: Callable[[int], None] = field(default=lambda _coalitions: None)
    """Told how many coalitions each answered call had."""

    def __call__(
        self, cost: CostBatch, program: CoalitionProgram, batches: Sequence[BoolArray], solve: LinearSolver
    ) -> Sequence[FloatArray]:
        """Costs of every batch."""
        if len(batches) < 2 or (self.jobs == 1 and not self.is_on_cluster):
            return [self._note(cost(program, batch, solve)) for batch in batches]
        with joblib.parallel_config(backend="dask" if self.is_on_cluster else "loky", n_jobs=self.jobs):
            answers = joblib.Parallel(return_as="generator")(
                joblib.delayed(cost)(program, batch, solve) for batch in batches
            )
            return [self._note(answer) for answer in answers]

    def _note(self, answer: FloatArray) -> FloatArray:
        self.report(len(answer))
        return answer


def connect_cluster(address: str) -> AbstractContextManager[object]:
    """A Dask client, which joblib then uses until it is closed.

    Raises:
        SettlementError: Dask is not installed, or no scheduler answers there.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise SettlementError("--dask needs Dask: pip install 'commonwatt[dask]'") from error
    try:
        client: AbstractContextManager[object] = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SettlementError(f"--dask {address}: no scheduler answers there ({error})") from error
    return client
