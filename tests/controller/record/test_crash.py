from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from controller.record.outcomes import OutcomeRecord, SetpointOutcome
from controller.record.reader import open_reader
from models.domain.setpoint import Outcome
from tests.controller.record.examples import START, interval_start, open_store, record, settled

KILLS = 40
MEMBERS = 6
LINES_OF_A_CYCLE = MEMBERS + (MEMBERS - 1) + 1 + 3 * MEMBERS + 3
"""meter, allocation (the last meter is silent), interval, storage + dispatch + explanation, three community points."""


def write_until_killed(path: Path, progress: Connection) -> None:
    """Commit interval after interval, telling the parent of each commit only when it has returned."""

    async def write() -> None:
        store = await open_store(path)
        last = await store.read(lambda reader: reader.last_decision())
        index = 1 if last is None else int(last.decision_id.split("-")[1]) + 1
        while True:
            cycle = record(index, members=MEMBERS, epoch=store.epoch)
            await store.commit_interval(cycle)
            progress.send(index)
            ends = (
                SetpointOutcome(setpoint_id=s.setpoint_id, outcome=Outcome.ACKNOWLEDGED, at_utc=START)
                for s in cycle.setpoints
            )
            await store.record_outcomes(OutcomeRecord(outcomes=tuple(ends)))
            index += 1

    asyncio.run(write())


def test_no_kill_leaves_a_partial_interval_or_takes_a_committed_one(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    rng = np.random.default_rng(7)
    context = multiprocessing.get_context("fork")
    told = 0
    for _ in range(KILLS):
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=write_until_killed, args=(path, sending))
        process.start()
        sending.close()
        wanted = told + int(rng.integers(1, 4))
        while told < wanted:
            told = receiving.recv()
        receiving.poll(float(rng.uniform(0.0, 0.02)))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        while receiving.poll(0):
            try:
                told = receiving.recv()
            except EOFError:
                break
        receiving.close()
        assert_whole(path, told)
    assert told >= KILLS


def assert_whole(path: Path, told: int) -> None:
    with open_reader(path) as reader:
        decisions = reader.decisions(START, interval_start(100_000))
        indices = [int(decision.decision_id.split("-")[1]) for decision in decisions]
        # The one that was being committed may be there as well, whole, though it was not told of.
        assert indices in (list(range(1, told + 1)), list(range(1, told + 2)))
        closed = reader.settled(START, interval_start(100_000))
        assert closed == [settled(index - 1, members=MEMBERS) for index in indices]
        for decision in decisions[-3:]:
            states = [row.state for row in reader.setpoints(decision.decision_id)]
            assert len(states) == MEMBERS
            assert len(set(states)) == 1
        assert reader.outbox_rows() == LINES_OF_A_CYCLE * len(indices)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counts = connection.execute(
            "SELECT count(*) FROM decisions WHERE"
            " (SELECT count(*) FROM explanations e WHERE e.decision_id = decisions.decision_id) <> ?"
            " OR (SELECT count(*) FROM asset_states a WHERE a.decision_id = decisions.decision_id) <> ?",
            (MEMBERS, MEMBERS),
        ).fetchone()
        assert counts == (0,)
