from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.record.outcomes import CycleRow, OutcomeCount, OutcomeRecord, SetpointOutcome
from controller.record.reader import open_reader
from controller.record.records import Rung
from controller.record.stored import PeriodTotals
from models.domain.errors import StoreError
from models.domain.setpoint import Outcome
from tests.controller.record.examples import (
    START,
    explanation,
    interval_start,
    open_store,
    record,
    setpoint,
    settled,
)

DAY = (START - timedelta(days=1), START + timedelta(days=1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.sqlite"


async def test_what_is_committed_is_read_back_unchanged(path: Path) -> None:
    store = await open_store(path)
    written = record(1)
    await store.commit_interval(written)
    assert await store.read(lambda reader: reader.decisions(*DAY)) == [written.decision]
    assert await store.read(lambda reader: reader.settled(*DAY)) == list(written.settled)
    assert [state for _, state in await store.read(lambda reader: reader.asset_states(*DAY))] == list(
        written.asset_states
    )
    stored = await store.read(lambda reader: reader.explanations("home-1", *DAY))
    assert [row.row for row in stored] == [replace(explanation(1), interval_start_utc=interval_start(1))]
    setpoints = await store.read(lambda reader: reader.setpoints(written.decision.decision_id))
    assert [row.setpoint for row in setpoints] == list(written.setpoints)
    assert {row.state for row in setpoints} == {"pending"}
    figures = await store.read(lambda reader: reader.figures(*DAY))
    assert figures[0][1]["fairness"] == written.fairness
    await store.close(START)


async def test_a_report_reads_beside_a_running_controller_and_cannot_write(path: Path) -> None:
    store = await open_store(path)
    await store.commit_interval(record(1))
    with open_reader(path) as reader:
        assert reader.last_decision() == record(1).decision
        await store.commit_interval(record(2))
        assert reader.last_decision() == record(2).decision
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM outbox")
    await store.close(START)


async def test_each_start_begins_a_higher_epoch(path: Path) -> None:
    epochs = []
    for _ in range(3):
        store = await open_store(path)
        epochs.append(store.epoch)
        await store.close(START)
    assert epochs == [1, 2, 3]


async def test_a_failing_part_leaves_nothing_of_the_interval(path: Path) -> None:
    store = await open_store(path)
    good = record(1)
    twice = replace(good, setpoints=(*good.setpoints, good.setpoints[0]))
    with pytest.raises(StoreError, match="UNIQUE"):
        await store.commit_interval(twice)
    assert await store.read(lambda reader: reader.decisions(*DAY)) == []
    assert await store.read(lambda reader: reader.settled(*DAY)) == []
    assert await store.read(lambda reader: reader.outbox_rows()) == 0
    await store.commit_interval(good)
    assert await store.read(lambda reader: len(reader.decisions(*DAY))) == 1
    await store.close(START)


async def test_a_replan_is_a_second_decision_of_its_interval(path: Path) -> None:
    store = await open_store(path)
    await store.commit_interval(record(1))
    await store.commit_interval(record(1, replan=1))
    assert await store.read(lambda reader: reader.plans_by_rung(*DAY)) == {"optimal": 1}
    assert await store.read(lambda reader: reader.replans(*DAY)) == 1
    assert await store.read(lambda reader: reader.last_decision()) == record(1, replan=1).decision
    await store.close(START)


async def test_every_setpoint_ends_exactly_once(path: Path) -> None:
    store = await open_store(path)
    written = record(1)
    await store.commit_interval(written)
    first, second, third = (s.setpoint_id for s in written.setpoints)

    def outcome(setpoint_id: str, end: Outcome | None) -> SetpointOutcome:
        applied_kw = 1.25 if end is Outcome.ACKNOWLEDGED else None
        return SetpointOutcome(setpoint_id=setpoint_id, outcome=end, applied_kw=applied_kw, at_utc=START)

    sent = OutcomeRecord(outcomes=tuple(outcome(i, None) for i in (first, second, third)))
    assert await store.record_outcomes(sent) == OutcomeCount(taken=3, ignored=0)
    ended = OutcomeRecord(outcomes=(outcome(first, Outcome.ACKNOWLEDGED), outcome(second, Outcome.REFUSED)))
    assert await store.record_outcomes(ended) == OutcomeCount(taken=2, ignored=0)
    late = OutcomeRecord(
        outcomes=(outcome(first, Outcome.EXPIRED), outcome(second, Outcome.ACKNOWLEDGED), outcome("x", None))
    )
    assert await store.record_outcomes(late) == OutcomeCount(taken=0, ignored=3)
    states = await store.read(lambda reader: reader.setpoint_states(*DAY))
    assert states == {"pending": 0, "sent": 1, "acknowledged": 1, "refused": 1, "expired": 0}
    stored = await store.read(lambda reader: reader.setpoints(written.decision.decision_id))
    assert [row.applied_kw for row in stored] == [1.25, None, None]
    assert await store.read(lambda reader: reader.counters()["setpoints.ignored_outcomes"]) == 3
    await store.close(START)


async def test_setpoints_left_open_by_an_earlier_start_are_expired(path: Path) -> None:
    store = await open_store(path)
    await store.commit_interval(record(1))
    await store.close(START)
    store = await open_store(path)
    states = await store.read(lambda reader: reader.setpoint_states(*DAY))
    assert states["expired"] == 3
    assert states["pending"] == 0
    await store.close(START)


async def test_a_setpoint_of_another_epoch_is_refused(path: Path) -> None:
    store = await open_store(path)
    with pytest.raises(StoreError, match="epoch 2, this is epoch 1"):
        await store.commit_interval(record(1, epoch=2))
    await store.close(START)


async def test_renewals_are_stored_before_they_are_sent_and_counted(path: Path) -> None:
    store = await open_store(path)
    await store.commit_interval(record(1))
    await store.add_setpoints("1-1-0", [setpoint("1-1-0", seq=500, index=1)])
    stored = await store.read(lambda reader: reader.setpoints("1-1-0"))
    assert [row.is_renewal for row in stored] == [False, False, False, True]
    with pytest.raises(StoreError, match="UNIQUE"):
        await store.add_setpoints("1-1-0", [replace(setpoint("1-1-0", seq=500, index=1), setpoint_id="other")])
    await store.close(START)


async def test_a_correction_is_the_next_revision_and_totals_take_the_newest(path: Path) -> None:
    store = await open_store(path)
    await store.commit_interval(record(1))
    corrected = settled(0, revision=1)
    cheaper = replace(corrected.allocations[1], billed_micro=1)
    await store.commit_settled([replace(corrected, allocations=(corrected.allocations[0], cheaper))])
    totals = await store.read(lambda reader: reader.period_totals(*DAY))
    assert totals["home-1"] == PeriodTotals(
        billed_micro=1, consumption_wh=251, use_wh=251, renewable_wh=100, shared_wh=100, sold_wh=0, intervals=1
    )
    assert list(totals) == ["home-0", "home-1"]
    assert await store.read(lambda reader: reader.newest_revision(interval_start(0))) == 1
    assert await store.read(lambda reader: reader.newest_revision(interval_start(7))) is None
    with pytest.raises(StoreError, match="next revision is 2, found 1"):
        await store.commit_settled([settled(0, revision=1)])
    await store.close(START)


async def test_metered_history_leaves_out_other_members_and_other_times(path: Path) -> None:
    store = await open_store(path)
    await store.commit_settled([settled(i) for i in range(4)], is_forwarded=False)
    rows = await store.read(lambda reader: reader.metered(interval_start(1), interval_start(3), ("home-1",)))
    assert [(start, row.member, row.import_wh) for start, row in rows] == [
        (interval_start(1), "home-1", 251),
        (interval_start(2), "home-1", 251),
    ]
    assert await store.read(lambda reader: reader.outbox_rows()) == 0
    await store.close(START)


async def test_the_peak_is_the_largest_interval_mean_of_the_communitys_net_import(path: Path) -> None:
    store = await open_store(path)
    assert await store.read(lambda reader: reader.peak_import_kw(*DAY)) == 0.0
    await store.commit_settled([settled(0), settled(1, members=5)])
    # 5 members: three import 251 + 252 + 253 Wh, one exports 400 Wh; a quarter of an hour.
    assert await store.read(lambda reader: reader.peak_import_kw(*DAY)) == pytest.approx(4 * 0.356)
    await store.close(START)


async def test_an_interval_keeps_its_length(path: Path) -> None:
    store = await open_store(path)
    await store.commit_settled([settled(0)])
    with pytest.raises(StoreError, match="stored with 900 s, found 300 s"):
        await store.commit_settled([replace(settled(0, revision=1), duration_s=300)])
    await store.close(START)


@pytest.mark.parametrize(
    "bad, words",
    [
        ({"income_eur": 1.0}, "income_eur"),
        ({"tier": 2.0}, "tier"),
        ({"cost_eur": float("nan")}, "cannot be stored"),
        ({"cost_eur": float("inf")}, "cannot be stored"),
    ],
)
async def test_figures_that_may_not_be_written_down_are_refused(path: Path, bad: dict[str, float], words: str) -> None:
    store = await open_store(path)
    good = record(1)
    with pytest.raises(StoreError, match=words):
        await store.commit_interval(replace(good, decision=replace(good.decision, figures=bad)))
    await store.close(START)


async def test_a_solve_without_a_gap_and_a_plan_without_a_solver_are_stored(path: Path) -> None:
    store = await open_store(path)
    without = record(1)
    await store.commit_interval(replace(without, decision=replace(without.decision, solve=None, rung=Rung.RULE)))
    second = record(2)
    assert second.decision.solve is not None
    hopeless = replace(second.decision.solve, gap_frac=float("inf"))
    await store.commit_interval(replace(second, decision=replace(second.decision, solve=hopeless)))
    found = await store.read(lambda reader: reader.decisions(*DAY))
    assert found[0].solve is None
    assert found[1].solve is not None
    assert found[1].solve.gap_frac != found[1].solve.gap_frac
    await store.close(START)


async def test_how_a_cycle_went_is_kept_with_its_decision(path: Path) -> None:
    store = await open_store(path)
    await store.commit_interval(record(1))
    cycle = CycleRow(
        decision_id="1-1-0",
        finished_utc=START,
        phase_s={"freeze": 0.001, "plan": 0.4},
        faults=("settle: meter of home-2 silent",),
        events={"deviation": 2},
    )
    await store.record_outcomes(OutcomeRecord(cycle=cycle))
    assert await store.read(lambda reader: reader.cycles(*DAY)) == [cycle]
    await store.close(START)


async def test_counters_add_up(path: Path) -> None:
    store = await open_store(path)
    await store.count({"dropped.stale": 2, "dropped.schema": 0})
    await store.count({"dropped.stale": 3})
    assert await store.read(lambda reader: reader.counters()) == {"dropped.stale": 5}
    await store.close(START)


async def test_a_closed_store_says_so(path: Path) -> None:
    store = await open_store(path)
    await store.close(START)
    await store.close(START)
    with pytest.raises(StoreError, match="is closed"):
        await store.commit_interval(record(1))


async def test_without_influxdb_nothing_is_queued(path: Path) -> None:
    store = await open_store(path, is_queued=False)
    await store.commit_interval(record(1))
    assert await store.read(lambda reader: reader.outbox_rows()) == 0
    await store.close(START)
