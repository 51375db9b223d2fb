from __future__ import annotations

import numpy as np
import pytest

from controller.record.parallel_batches import ParallelBatches, connect_cluster
from controller.record.settlement_job import compute_day
from models.domain.errors import SettlementError
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


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_bills(tmp_path_factory: pytest.TempPathFactory) -> None:
    distributed = pytest.importorskip("distributed", reason="Dask is optional: pip install 'commonwatt[dask]'")
    connection = open_filled(tmp_path_factory.mktemp("s") / "s.sqlite", intervals(DAY))
    job = job_of(connection, wish=FINAL)
    connection.close()
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        connect_cluster(cluster.scheduler_address)
        clustered = compute_day(job, ParallelBatches(is_on_cluster=True))
    assert clustered.settled.bills.bill_minor.tolist() == compute_day(job).settled.bills.bill_minor.tolist()


def test_a_cluster_that_is_not_there_is_said_in_words() -> None:
    with pytest.raises(SettlementError, match=r"--dask"):
        connect_cluster("tcp://127.0.0.1:1")
