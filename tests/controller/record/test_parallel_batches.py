from __future__ import annotations

import os
from typing import cast

import distributed
import numpy as np
import pytest

from controller.record.parallel_batches import ParallelBatches, connect_cluster
from controller.record.settlement_job import compute_day
from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, FloatArray
from models.settlement.coalition_program import CoalitionProgram
from models.settlement.linear_program import LinearSolver
from tests.controller.record.settled_days import DAY, FINAL, intervals, job_of, open_filled


def test_cores_and_processes_change_nothing_but_the_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    connection = open_filled(tmp_path_factory.mktemp("s") / "s.sqlite", intervals(DAY))
    job = job_of(connection, wish=FINAL)
    connection.close()
    told: list[int] = []
    here = compute_day(job)
    spread = compute_day(job, ParallelBatches(jobs=2, report=told.append))
    assert np.array_equal(here.settled.valuation.value_eur, spread.settled.valuation.value_eur)
    assert here.settled.bills.bill_minor.tolist() == spread.settled.bills.bill_minor.tolist()
    assert here.explanations == spread.explanations
    assert sum(told) >= spread.settled.coalitions_evaluated - 1


def process_of_each(_program: CoalitionProgram, batch: BoolArray, _solve: LinearSolver) -> FloatArray:
    return np.full(len(batch), float(os.getpid()))


@pytest.mark.slow
def test_a_dask_cluster_computes_and_gives_the_same_bills(tmp_path_factory: pytest.TempPathFactory) -> None:
    connection = open_filled(tmp_path_factory.mktemp("s") / "s.sqlite", intervals(DAY))
    job = job_of(connection, wish=FINAL)
    connection.close()
    told: list[int] = []
    on_cluster = ParallelBatches(is_on_cluster=True, report=told.append)
    with (
        distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        connect_cluster(cluster.scheduler_address),
    ):
        batches = [np.ones((size, 3), dtype=np.bool_) for size in (1, 2, 3, 4)]
        answers = on_cluster(process_of_each, cast("CoalitionProgram", None), batches, cast("LinearSolver", None))
        clustered = compute_day(job, on_cluster)
    assert [len(answer) for answer in answers] == told[:4] == [1, 2, 3, 4]
    assert float(os.getpid()) not in {pid for answer in answers for pid in answer.tolist()}
    assert clustered.settled.bills.bill_minor.tolist() == compute_day(job).settled.bills.bill_minor.tolist()


def test_a_cluster_that_is_not_there_is_said_in_words() -> None:
    with pytest.raises(SettlementError, match=r"--dask"):
        connect_cluster("tcp://127.0.0.1:1")
