from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.schema import Site
from controller.record.anchor import read_anchors
from controller.record.day_rows import read_settled_days
from controller.record.ledger_audit import audit_ledger
from controller.record.outbox import OutboxLimits
from controller.record.reader import open_reader
from controller.record.settlement_process import SettlementFailure, SettlementProcess
from controller.record.settlement_run import SettlementRun
from controller.record.store import Store
from devices.clock import VirtualClock
from devices.virtual_loop import run_virtual
from models.domain.interval import settlement_day
from models.domain.tariff import PriceBook
from models.settlement.ledger import Stage
from models.settlement.settle_day import GameKind
from tests.controller.record.settled_days import DAY, SITE, intervals, job_of, newest, open_filled, settle, silence

BEFORE = DAY - timedelta(days=1)
EVENING = settlement_day(DAY, SITE.zone).end_utc - timedelta(hours=1)
BROKEN = (sys.executable, "-c", "import sys; sys.exit('out of luck')")
SLEEPING = (sys.executable, "-c", "import time; time.sleep(60)")


async def open_store(path: Path, clock: VirtualClock, outbox: OutboxLimits | None = None) -> Store:
    return await Store.open(
        path,
        site_id=SITE.community.id,
        language="en",
        started_utc=clock.now_utc(),
        rng=np.random.default_rng(1),
        outbox=outbox,
    )


def in_time(
    path: Path,
    play: Callable[[SettlementRun, VirtualClock], Coroutine[Any, Any, None]],
    *,
    site: Site = SITE,
    start_utc: datetime = EVENING,
    command: tuple[str, ...] | None = None,
    deadline_s: float = 60.0,
    outbox: OutboxLimits | None = None,
) -> SettlementRun:
    """A run over a store in virtual time; computations are done by a real process."""

    async def main(clock: VirtualClock) -> SettlementRun:
        store = await open_store(path, clock, outbox)
        process = SettlementProcess(clock, deadline_s=deadline_s, **({} if command is None else {"command": command}))
        run = SettlementRun(
            site=site,
            clock=clock,
            store=store,
            process=process,
            read_prices=lambda: PriceBook(tariff=site.tariff, zone=site.zone),
        )
        try:
            await play(run, clock)
        finally:
            await store.close(clock.now_utc())
        return run

    return run_virtual(main, start_utc=start_utc, patience_s=120.0)


async def run_until(run: SettlementRun, clock: VirtualClock, until_utc: datetime) -> None:
    task = asyncio.create_task(run.run())
    await clock.sleep_until_utc(until_utc)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def stages(path: Path) -> dict[date, Stage]:
    with open_reader(path) as reader:
        assert audit_ledger(reader.select, read_anchors(path)).faults == ()
        return read_settled_days(reader.select, date.min, date.max)


def test_a_day_is_settled_after_its_end_first_as_metered_then_finally(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY)).close()
    at_midnight: list[int] = []

    async def play(run: SettlementRun, clock: VirtualClock) -> None:
        run.watchers.append(lambda posted: at_midnight.append(posted.day.revision))
        await run_until(run, clock, EVENING + timedelta(hours=1, minutes=10))
        assert at_midnight == []
        await run_until(run, clock, EVENING + timedelta(hours=1, minutes=20))

    in_time(path, play)
    assert at_midnight == [0, 1]
    assert stages(path) == {DAY: Stage.FINAL}
    assert newest(path).game is GameKind.REOPTIMISED
    assert len(read_anchors(path)) == 2


def test_days_that_were_missed_are_settled_at_the_start_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(BEFORE), intervals(DAY)).close()
    order: list[date] = []

    async def play(run: SettlementRun, _: VirtualClock) -> None:
        run.watchers.append(lambda posted: order.append(posted.day.local_day))
        await run.settle_ended()

    in_time(path, play, start_utc=EVENING + timedelta(days=2))
    assert order == [BEFORE, BEFORE, DAY, DAY]
    assert stages(path) == {BEFORE: Stage.FINAL, DAY: Stage.FINAL}


def test_what_is_settled_for_good_is_left_alone_and_a_provisional_day_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_filled(path, intervals(BEFORE), intervals(DAY))
    settle(connection, day=BEFORE)
    connection.close()

    async def play(run: SettlementRun, _: VirtualClock) -> None:
        await run.settle_ended()
        await run.settle_ended()

    in_time(path, play, start_utc=EVENING + timedelta(days=1))
    assert newest(path, BEFORE).revision == 1
    assert newest(path, DAY).revision == 1


def test_days_before_anything_was_shared_are_not_settled(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    history = [replace(one, allocations=()) for one in intervals(BEFORE)]
    open_filled(path, history).close()

    async def play(run: SettlementRun, _: VirtualClock) -> None:
        await run.settle_ended()

    run = in_time(path, play, start_utc=EVENING + timedelta(days=1))
    assert stages(path) == {}
    assert run.refused == {}


def test_a_site_whose_final_game_is_the_metered_one_settles_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY)).close()
    site = SITE.model_copy(update={"settlement": SITE.settlement.model_copy(update={"final_game": "metered"})})

    async def play(run: SettlementRun, _: VirtualClock) -> None:
        await run.settle_before(DAY + timedelta(days=1))

    in_time(path, play, site=site)
    assert newest(path).stage is Stage.FINAL
    assert newest(path).revision == 0


@pytest.mark.parametrize(
    "command, deadline_s, words",
    [(BROKEN, 60.0, "out of luck"), (SLEEPING, 0.5, r"not done within 0\.5 s"), (("/no/such",), 5.0, "no process")],
)
def test_a_worker_that_fails_leaves_the_day_open_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, command: tuple[str, ...], deadline_s: float, words: str
) -> None:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY)).close()

    async def play(run: SettlementRun, _: VirtualClock) -> None:
        await run.settle_before(DAY + timedelta(days=1))
        await run.settle_before(DAY + timedelta(days=1))

    with caplog.at_level(logging.WARNING):
        run = in_time(path, play, command=command, deadline_s=deadline_s)
    assert stages(path) == {}
    assert list(run.refused) == [DAY]
    warnings = [record.getMessage() for record in caplog.records if "could not be settled" in record.getMessage()]
    assert len(warnings) == 1
    assert re.search(words, warnings[0])


def test_a_day_that_cannot_be_settled_stops_no_other(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    member = SITE.members[1].id
    open_filled(path, intervals(BEFORE, change=silence(member, *range(96))), intervals(DAY)).close()

    async def play(run: SettlementRun, _: VirtualClock) -> None:
        await run.settle_ended()

    run = in_time(path, play, start_utc=EVENING + timedelta(days=1))
    assert stages(path) == {DAY: Stage.FINAL}
    assert f"{member}, interval 0: no meter value" in run.refused[BEFORE]


def test_the_members_explanations_wait_for_the_database_in_the_same_transaction(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY)).close()

    async def play(run: SettlementRun, _: VirtualClock) -> None:
        await run.settle_before(DAY + timedelta(days=1))

    in_time(path, play, outbox=OutboxLimits())
    with open_reader(path) as reader:
        lines = [row["line"] for row in reader.select("SELECT line FROM outbox", ())]
    # One for each member and topic: the final revision's points replace those of the provisional one.
    assert sum(line.startswith("explanation,") for line in lines) == 2 * len(SITE.members)
    (fairness,) = [line for line in lines if not line.startswith("explanation,")]
    assert fairness.startswith("fairness,site=lindenhof,span=day ")
    assert "revision=1i" in fairness
    assert not any(member.id + "," in line for member in SITE.members for line in lines)


def test_a_process_says_what_the_data_lack(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    job = job_of(connection)
    connection.close()
    bad = replace(job, terms=replace(job.terms, weight=-job.terms.weight))

    async def main(clock: VirtualClock) -> object:
        return await SettlementProcess(clock, deadline_s=60.0).compute(bad)

    answer = run_virtual(main, start_utc=datetime(2026, 6, 13, tzinfo=UTC))
    assert isinstance(answer, SettlementFailure)
    assert "accepted are numbers above 0" in answer.detail


def test_a_worker_is_gone_after_its_deadline(tmp_path: Path) -> None:
    connection = open_filled(tmp_path / "s.sqlite", intervals(DAY))
    job = job_of(connection)
    connection.close()
    note = tmp_path / "pid"
    command = (
        sys.executable,
        "-c",
        f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)",
    )

    async def main(clock: VirtualClock) -> object:
        return await SettlementProcess(clock, deadline_s=1.5, command=command).compute(job)

    run_virtual(main, start_utc=datetime(2026, 6, 13, tzinfo=UTC))
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
