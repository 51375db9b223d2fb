from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from config.operation import ByLaw
from controller.loop.cycle import CycleReport
from controller.loop.planner import PlanDecision
from controller.loop.weigher import Weigher, Weighing
from controller.loop.weight_explanations import WeightExplainer
from controller.record.reader import Reader
from controller.record.records import ExplanationRow, IntervalRecord, Rung
from controller.record.store import Store
from models.explanation.weight import WeightCase
from models.policy.observation import EquityState, observe
from models.policy.rule import BurdenRule
from models.policy.weights import propose
from tests.controller.loop.neighbours import START, make_account, make_site, see, usual_readings
from tests.controller.loop.reports import report
from tests.controller.record.examples import open_store, record

SITE = make_site()
NOTHING = PlanDecision(rung=Rung.DEVICE, powers=(), plan=None, built=None, solve_s=0.0, faults=())
DECISION = replace(record(1).decision, decision_id="1-test-0", interval_start_utc=START)


def case() -> WeightCase:
    zeros = np.zeros(3)
    state = EquityState(
        weight=np.ones(3),
        burden_frac=np.array([0.02, 0.04, 0.08]),
        access_frac=zeros,
        is_priority=np.array([True, False, False]),
        pv_kwp=zeros,
        battery_kwh=zeros,
        mean_demand_kw=np.ones(3),
        last_share_frac=zeros,
        day_of_year=100,
        period_elapsed_frac=0.5,
    )
    proposal = propose(BurdenRule(), observe(state), state.weight, ByLaw(tier_weights=(1.0, 1.2, 1.5, 2.0)), 0.25)
    return WeightCase(policy=BurdenRule(), state=state, proposal=proposal)


def finished(one: WeightCase | None, *, is_committed: bool = True) -> CycleReport:
    weighing = Weighing(proposed=None, problem=None, has_changed=one is not None, case=one, figures={})
    done = report(see(SITE, usual_readings()), NOTHING)
    return replace(done, weighing=weighing, is_committed=is_committed)


def told(member: str, reader: Reader) -> list[ExplanationRow]:
    rows = reader.explanations(member, START, START.replace(hour=23))
    return [stored.row for stored in rows if stored.row.topic == "weight"]


async def explained(store: Store, *reports: CycleReport) -> list[dict[str, float | None]]:
    """Numbers by member of what is on record after the explainer had time to work."""
    explainer = WeightExplainer(SITE, store)
    for one in reports:
        explainer.note(one)
    working = asyncio.create_task(explainer.run())
    async with asyncio.timeout(20.0):
        await explainer.idle.wait()
    working.cancel()
    found = []
    for member in SITE.members:
        rows = await store.read(partial(told, member.id))
        found += [dict(row.numbers) for row in rows]
        assert all("weight" in row.texts["en"] for row in rows)
    return found


async def test_a_change_of_weights_is_explained_to_every_member(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await store.commit_interval(IntervalRecord(decision=DECISION))
    numbers = await explained(store, finished(case()))
    assert len(numbers) == 3
    for one, before, after in zip(numbers, case().state.weight, case().proposal.weight, strict=True):
        parts = sum(value or 0.0 for name, value in one.items() if name.endswith("_log_step") and "change" not in name)
        assert parts == pytest.approx(one["change_log_step"], abs=1e-9)
        assert one["change_log_step"] == pytest.approx(np.log(after / before), abs=1e-6)
        assert one["weight_after"] == after
        told = sum(round(100 * (value or 0.0)) for name, value in one.items() if name.endswith("_weight_step"))
        assert round(100 * before) + told == round(100 * after)
        assert (one["weight_so_far"], one["weight_from_now_on"]) == (round(before, 2), round(after, 2))
    await store.close(START)


async def test_nothing_is_explained_where_nothing_changed_or_nothing_is_on_record(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await store.commit_interval(IntervalRecord(decision=DECISION))
    assert await explained(store, finished(None), finished(case(), is_committed=False)) == []
    await store.close(START)


async def test_a_decision_that_is_not_on_record_is_reported_and_the_explainer_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    with caplog.at_level(logging.WARNING):
        assert await explained(store, finished(case())) == []
    assert "1-test-0 is not on record" in caplog.text
    await store.close(START)


async def test_of_two_changes_that_wait_the_newer_one_is_explained(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await store.commit_interval(IntervalRecord(decision=DECISION))
    older = replace(finished(case()), decision_id="1-older-0")
    assert len(await explained(store, older, finished(case()))) == 3
    await store.close(START)


def test_the_weigher_hands_over_a_case_only_when_new_weights_come_into_force() -> None:
    weigher = Weigher(make_site(policy={"mode": "live"}), BurdenRule())
    account = make_account(SITE, START)
    first, second = weigher.weigh(START, account), weigher.weigh(START, account)
    assert first.has_changed == (first.case is not None)
    assert second.case is None
