from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from controller.loop.cycle import PHASES, CycleReport
from controller.loop.timer import Tick
from controller.loop.triggers import Trigger
from controller.record.records import Rung
from models.domain.market import LimitNotice
from models.domain.setpoint import Outcome
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    BERT_BATTERY,
    BERT_METER,
    CLEO_METER,
    START,
    at,
    count,
    say,
    usual_readings,
    without,
)
from tests.controller.loop.workshop import Workshop, break_it, in_workshop

PLANNED = [ANNA_BATTERY, BERT_BATTERY, ANNA_CAR]
"""Devices that a plan of the usual day speaks to; the charging point without a car is told to wait."""


def test_a_cycle_records_what_it_sends_and_how_that_went() -> None:
    async def play(shop: Workshop) -> None:
        report = await shop.tick(0)
        assert (report.decision.rung, report.is_committed, report.faults) == (Rung.OPTIMAL, True, ())
        assert set(report.phase_s) == set(PHASES)

    desk = in_workshop(play).desk
    (record,) = desk.store.intervals
    assert record.decision.decision_id == "1-20260612T1000Z-0"
    assert [setpoint.setpoint_id for setpoint in record.setpoints] == ["1-1", "1-2", "1-3"]
    assert [setpoint.device for _, setpoint in desk.devices.taken] == PLANNED
    assert desk.store.ends() == [(f"1-{number}", Outcome.ACKNOWLEDGED) for number in (1, 2, 3)]
    assert desk.store.outcomes[0].cycle is not None


def test_setpoints_are_durable_before_any_device_hears_of_them() -> None:
    async def play(shop: Workshop) -> None:
        heard_at_commit: list[int] = []
        commit = shop.desk.store.commit_interval

        async def watched(record: Any) -> None:
            heard_at_commit.append(len(shop.desk.devices.taken))
            await commit(record)

        shop.desk.store.commit_interval = watched  # type: ignore[method-assign]
        await shop.tick(0)
        assert heard_at_commit == [0]
        assert len(shop.desk.devices.taken) == len(PLANNED)

    in_workshop(play)


@pytest.mark.parametrize(
    "phase, broken",
    [
        ("settle", ("settler", "close")),
        ("weigh", ("weigher", "weigh")),
        ("plan", ("forecaster", "look_ahead")),
        ("plan", ("planner", "decide")),
    ],
)
def test_a_phase_that_fails_is_a_fault_and_the_cycle_goes_on(phase: str, broken: tuple[str, str]) -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        break_it(getattr(shop, broken[0]), broken[1])
        report = await shop.tick(15)
        assert report.is_committed
        assert report.faults[0] == f"{phase}: ZeroDivisionError: out of order"
        assert shop.desk.store.intervals[-1].decision.faults == report.faults
        # Without prices or a plan the plan before goes on; the other phases cost nothing at all.
        assert report.decision.rung is (Rung.PREVIOUS if phase == "plan" else Rung.OPTIMAL)
        assert [setpoint.device for setpoint in report.setpoints] == PLANNED
        assert (report.closed == ()) == (phase == "settle")

    in_workshop(play)


def test_a_forecast_that_fails_leaves_the_limits_in_force_to_the_rule() -> None:
    async def play(shop: Workshop) -> None:
        break_it(shop.forecaster, "look_ahead")
        shop.forecaster.limits = (LimitNotice(ts_utc=at(-5), valid_from_utc=at(-5), import_kw=0.0, export_kw=0.0),)
        report = await shop.tick(0, say(ANNA_CAR, 0.0, is_plugged=True, power_kw=0.0))
        assert report.decision.rung is Rung.RULE
        assert {one.device: one.power_kw for one in report.setpoints}[ANNA_CAR] == 0.0

    in_workshop(play)


def test_several_missed_ticks_cost_no_rung_and_a_restart_does() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        break_it(shop.solver, "solve")
        await shop.until(60)
        late = await shop.cycle.run_interval(Tick(interval_start_utc=at(60), missed=3))
        assert (late.decision.rung, late.missed) == (Rung.PREVIOUS, 3)
        # The plan is kept in memory only.
        shop.planner.running = None
        report = await shop.tick(75)
        assert report.decision.rung is Rung.RULE

    in_workshop(play)


def test_a_forecast_that_fails_at_the_very_start_leaves_the_rule() -> None:
    async def play(shop: Workshop) -> None:
        break_it(shop.forecaster, "look_ahead")
        report = await shop.tick(0)
        assert report.decision.rung is Rung.RULE
        assert len(shop.desk.devices.taken) == 2

    in_workshop(play)


def test_nothing_is_sent_and_nothing_renewed_when_the_store_fails() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        shop.desk.store.is_failing = True
        report = await shop.tick(15)
        assert not report.is_committed
        assert report.faults == ("commit: StoreError: the disk is full",)
        shop.desk.store.is_failing = False
        assert await shop.desk.dispatcher.renew() == 0
        assert (await shop.tick(30)).is_committed

    desk = in_workshop(play).desk
    assert [setpoint.setpoint_id for _, setpoint in desk.devices.taken] == ["1-1", "1-2", "1-3", "1-7", "1-8", "1-9"]


def test_a_dry_run_plans_and_records_and_sends_nothing() -> None:
    async def play(shop: Workshop) -> None:
        report = await shop.tick(0)
        assert report.decision.rung is Rung.OPTIMAL
        assert report.is_committed
        assert await shop.desk.dispatcher.renew() == 0

    desk = in_workshop(play, is_dry_run=True).desk
    assert desk.bus.sent == []
    # What is on record has an end as well.
    assert desk.store.ends() == [(f"1-{number}", Outcome.REFUSED) for number in (1, 2, 3)]
    assert len(desk.store.intervals) == 1


def test_an_interval_is_settled_once_and_only_at_its_tick() -> None:
    async def play(shop: Workshop) -> None:
        assert (await shop.tick(0)).closed == ()
        await shop.until(5)
        replan = await shop.cycle.replan((Trigger.PRICE,))
        assert replan is not None
        assert (replan.replan, replan.closed, replan.decision.rung) == (1, (), Rung.OPTIMAL)
        report = await shop.tick(15, count(CLEO_METER, 15, 301.5), count(ANNA_METER, 15, 100.0, 51.0))
        assert report.closed
        cleo = report.closed[0].settled.allocations[2]
        assert (cleo.shared_wh, cleo.grid_wh) == (1000, 500)
        assert shop.account.peak_kw == pytest.approx(2.0)

    store = in_workshop(play).desk.store
    ids = ["1-20260612T1000Z-0", "1-20260612T1000Z-1", "1-20260612T1015Z-0"]
    assert [record.decision.decision_id for record in store.intervals] == ids
    assert [len(record.settled) for record in store.intervals] == [0, 0, 1]
    assert store.intervals[1].decision.valid_from_utc == at(5)


def test_an_interval_in_which_nobody_was_metered_is_not_settled() -> None:
    async def play(shop: Workshop) -> None:
        await shop.clock.sleep_until_utc(at(15))
        report = await shop.cycle.run_interval(Tick(interval_start_utc=at(15), missed=2))
        assert (report.closed, report.missed, report.decision.rung) == ((), 2, Rung.DEVICE)

    assert in_workshop(play).desk.store.intervals[0].settled == ()


def test_a_replan_covers_the_rest_of_the_running_interval() -> None:
    async def play(shop: Workshop) -> None:
        assert await shop.cycle.replan((Trigger.PRICE,)) is None
        await shop.tick(0)
        await shop.until(6)
        report = await shop.cycle.replan((Trigger.PRICE, Trigger.ASSET))
        assert report is not None
        assert report.triggers == (Trigger.PRICE, Trigger.ASSET)
        assert report.outlook is not None
        assert report.outlook.steps.starts_utc[:2] == (at(6), at(15))
        await shop.until(15.01)
        assert await shop.cycle.replan((Trigger.PRICE,)) is None

    in_workshop(play)


def test_a_setpoint_is_not_renewed_beyond_the_moment_when_the_next_plan_must_be_there() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        control, solver = shop.site.control, shop.site.solver
        last_min = 15.0 + (control.tick_delay_s + solver.deadline_s) / 60.0
        await shop.until(last_min - 0.01)
        assert await shop.desk.dispatcher.renew() == len(PLANNED)
        await shop.until(last_min)
        assert await shop.desk.dispatcher.renew() == 0

    in_workshop(play)


def test_cycles_run_one_at_a_time() -> None:
    async def play(shop: Workshop) -> None:
        shop.desk.devices.silent = [BERT_BATTERY]
        await shop.until(0)
        first = asyncio.create_task(shop.cycle.run_interval(Tick(interval_start_utc=START, missed=0)))
        await asyncio.sleep(0)
        replan = await shop.cycle.replan((Trigger.ASSET,))
        assert first.done()
        assert replan is not None
        # Each waited for the silent battery's acknowledgement until its deadline.
        assert shop.clock.monotonic_s() == 2 * shop.site.control.acknowledgement_deadline_s

    in_workshop(play)


def test_watchers_hear_of_every_cycle() -> None:
    heard: list[CycleReport] = []

    async def play(shop: Workshop) -> None:
        shop.cycle.watchers.append(heard.append)
        assert [await shop.tick(0), await shop.tick(15)] == heard

    in_workshop(play)


def test_the_last_interval_is_settled_before_a_stop_and_nothing_is_planned() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        await shop.until(15)
        await shop.cycle.close_interval(at(15))

    store = in_workshop(play).desk.store
    assert len(store.intervals) == 1
    assert [one.start_utc for one in store.settled] == [START]


def test_the_first_plan_of_a_month_starts_with_no_peak() -> None:
    midnight_min = 18 * 1440.0 + 720.0

    async def play(shop: Workshop) -> None:
        july = at(midnight_min)
        shop.account.peak_kw = 36.0
        shop.desk.hear(*usual_readings(midnight_min - 15))
        await shop.until(midnight_min, count(BERT_METER, midnight_min, 205.0))
        await shop.cycle.run_interval(Tick(interval_start_utc=july, missed=0))
        (problem,) = shop.solver.problems
        assert problem.peak_floor_kw.tolist() == [0.0]
        assert shop.account.period.start_utc == july
        # The last interval of June was still settled into June's account, before it was closed.
        assert shop.desk.store.intervals[0].settled[0].start_utc == july - timedelta(minutes=15)

    in_workshop(play, start_utc=at(midnight_min - 15))


def test_a_silent_home_costs_the_others_nothing() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        await shop.clock.sleep_until_utc(at(15))
        shop.desk.hear(*without(usual_readings(15), BERT_METER, BERT_BATTERY))
        report = await shop.cycle.run_interval(Tick(interval_start_utc=at(15), missed=0))
        assert report.decision.rung is Rung.OPTIMAL
        assert [setpoint.device for setpoint in report.setpoints] == [ANNA_BATTERY, ANNA_CAR]
        assert report.closed
        assert [row.member for row in report.closed[0].settled.allocations] == ["anna", "cleo"]

    in_workshop(play)


def test_a_battery_that_is_silent_about_its_charge_is_not_moved_by_anyone() -> None:
    async def play(shop: Workshop) -> None:
        report = await shop.tick(0, say(BERT_BATTERY, 0.0, power_kw=0.0))
        assert [setpoint.device for setpoint in report.setpoints] == [ANNA_BATTERY, ANNA_CAR]

    in_workshop(play)
