"""kill -9 at any moment while days are settled: the ledger, the bills and the explanations are there whole or not."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from controller.record.connection import open_writable, transaction
from controller.record.ledger_audit import audit_ledger
from controller.record.reader import open_reader
from controller.record.settled_day import write_settlement
from controller.record.settlement_job import ComputedDay, DayJob, compute_day
from tests.controller.record.settled_days import DAY, SITE, intervals, job_of, open_filled

KILLS = 25
DAYS = [DAY + timedelta(days=k) for k in range(12)]


def settle_until_killed(path: Path, jobs: list[tuple[DayJob, ComputedDay]], progress: Connection) -> None:
    """Post one day after the other, from where the store stands, telling of each only when it is committed."""
    connection = open_writable(path, is_checked=False)
    (settled,) = connection.execute("SELECT count(*) FROM day_settlements").fetchone()
    for job, computed in jobs[settled:]:
        with transaction(connection):
            write_settlement(connection, job, computed, job.starts_utc[-1])
        progress.send(job.local_day)
    signal.pause()


def test_no_kill_leaves_a_half_written_ledger(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_filled(path, *(intervals(day) for day in DAYS))
    jobs = []
    for day in DAYS:
        job = job_of(connection, day=day)
        jobs.append((job, compute_day(job)))
    connection.close()
    rng = np.random.default_rng(11)
    context = multiprocessing.get_context("fork")
    told: list[date] = []
    kills = 0
    while kills < KILLS:
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=settle_until_killed, args=(path, jobs, sending))
        process.start()
        sending.close()
        # From before the first statement of a day's transaction to after its commit.
        receiving.poll(float(rng.uniform(0.0, 0.03)))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
        while receiving.poll(0):
            try:
                told.append(receiving.recv())
            except EOFError:
                break
        receiving.close()
        told = assert_whole(path, told)
        if len(told) >= len(DAYS) - 1:
            path = start_anew(tmp_path, kills)
            told = []
    assert kills == KILLS


def start_anew(tmp_path: Path, number: int) -> Path:
    path = tmp_path / f"s{number}.sqlite"
    open_filled(path, *(intervals(day) for day in DAYS)).close()
    return path


def assert_whole(path: Path, told: list[date]) -> list[date]:
    with open_reader(path) as reader:
        settled = [
            date.fromisoformat(row["day"]) for row in reader.select("SELECT day FROM day_settlements ORDER BY day", ())
        ]
        # The one that was being committed may be there as well, whole, though it was not told of.
        assert settled[: len(told)] == told
        assert len(settled) <= len(told) + 1
        assert audit_ledger(reader.select, []).faults == ()
        for table, rows in (("day_bills", len(SITE.members)), ("day_explanations", 2 * len(SITE.members))):
            found = reader.select(f"SELECT count(*) AS rows FROM {table}", ())[0]["rows"]  # noqa: S608
            assert found == rows * len(settled)
        assert reader.select("PRAGMA integrity_check", ())[0][0] == "ok"
    return settled
