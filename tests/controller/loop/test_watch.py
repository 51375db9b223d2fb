from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from config.schema import Site
from controller.loop.planner import PlanDecision
from controller.loop.state_store import StateStore
from controller.loop.triggers import ReplanRequests, Trigger
from controller.loop.watch import LEAST_WATCH_FRAC, Watch
from controller.record.records import Rung
from models.domain.telemetry import Reading
from tests.controller.loop.neighbours import (
    ANNA_CAR,
    ANNA_WASHER,
    BERT_METER,
    CLEO_METER,
    at,
    count,
    keys_of,
    make_site,
    say,
    see,
    usual_readings,
    without,
)
from tests.controller.loop.reports import decide, planned_net_kw, report
from tests.devices.example_site import SetClock


class Watched:
    """A watch after a plan has been made from the usual readings at the interval's start."""

    def __init__(self, site: Site, readings: list[Reading]) -> None:
        self.clock = SetClock(at(0))
        self.clock.monotonic_s = (self.clock.instant_utc - at(0)).total_seconds  # type: ignore[method-assign]
        self.state = StateStore(keys_of(site), interval_min=15, stale_after_s=30.0)
        self.requests = ReplanRequests(self.clock, debounce_s=2.0, min_gap_s=60.0)
        self.watch = Watch(site, self.clock, self.state, self.requests)
        for reading in readings:
            self.state.offer(reading, 0.0)
        snapshot = see(site, readings)
        self.decision = decide(site, snapshot)
        self.report = report(snapshot, self.decision)
        self.watch.note_cycle(self.report)
        self.clock.instant_utc = at(1)

    def hear(self, *readings: Reading) -> list[Trigger]:
        for reading in readings:
            previous = self.state.newest(reading.device)
            self.state.offer(reading, (reading.ts_utc - at(0)).total_seconds())
            self.watch.note_reading(previous, reading)
        return list(self.requests._pending)


@pytest.fixture
def site() -> Site:
    return make_site(control={"deviation_kw": 2.0})


def drawing(start_kwh: float, mean_kw: float, minutes: float) -> dict[str, Any]:
    return {"import_kwh": start_kwh + mean_kw * minutes / 60.0, "export_kwh": 0.0}


@pytest.mark.parametrize("off_kw, asks", [(1.9, []), (2.1, [Trigger.DEVIATION]), (8.0, [Trigger.DEVIATION])])
def test_a_mean_over_three_minutes_that_is_far_from_the_plan_asks(
    site: Site, off_kw: float, asks: list[Trigger]
) -> None:
    watched = Watched(site, usual_readings())
    assert watched.decision.plan is not None
    mean_kw = planned_net_kw(watched.decision.plan, 2) + off_kw
    assert watched.hear(count(CLEO_METER, 3.0, **drawing(300.0, mean_kw, 3.0))) == asks


def test_a_kettle_is_no_deviation(site: Site) -> None:
    watched = Watched(site, usual_readings())
    minutes = LEAST_WATCH_FRAC * 15.0 - 0.01
    assert watched.hear(count(CLEO_METER, minutes, **drawing(300.0, 15.0, minutes))) == []


def test_a_deviation_is_told_once_for_each_plan(site: Site) -> None:
    watched = Watched(site, usual_readings())
    assert watched.hear(count(CLEO_METER, 4.0, **drawing(300.0, 15.0, 4.0))) == [Trigger.DEVIATION]
    watched.requests.note_plan(at(2))
    watched.requests._pending.clear()
    assert watched.hear(count(CLEO_METER, 5.0, **drawing(300.0, 15.0, 5.0))) == []


def test_export_counts_against_import(site: Site) -> None:
    watched = Watched(site, usual_readings())
    assert watched.hear(count(CLEO_METER, 6.0, 301.0, 2.0)) == [Trigger.DEVIATION]


def test_nothing_deviates_from_no_plan(site: Site) -> None:
    watched = Watched(site, usual_readings())
    nothing = PlanDecision(rung=Rung.DEVICE, powers=(), plan=None, built=None, solve_s=0.0, faults=())
    watched.watch.note_cycle(report(see(site, usual_readings()), nothing))
    assert watched.hear(count(CLEO_METER, 6.0, **drawing(300.0, 15.0, 6.0))) == []


def test_a_meter_without_counters_is_not_watched(site: Site) -> None:
    readings = [*without(usual_readings(), CLEO_METER), say(CLEO_METER, power_kw=0.7)]
    watched = Watched(site, readings)
    assert watched.hear(say(CLEO_METER, 5.0, power_kw=15.0)) == []


def test_a_device_that_was_silent_joins_when_it_speaks(site: Site) -> None:
    watched = Watched(site, without(usual_readings(), BERT_METER))
    assert watched.hear(count(BERT_METER, 1.0, 1.0)) == [Trigger.JOINED]
    watched.requests._pending.clear()
    assert watched.hear(count(BERT_METER, 1.2, 1.0)) == []


def test_a_device_that_falls_silent_leaves_once(site: Site) -> None:
    watched = Watched(site, usual_readings())
    watched.hear(*(reading for reading in usual_readings(0.9) if reading.device != BERT_METER))
    assert watched.watch.check_absences() == (BERT_METER,)
    assert list(watched.requests._pending) == [Trigger.LEFT]
    assert watched.watch.check_absences() == ()
    assert Trigger.JOINED in watched.hear(count(BERT_METER, 1.0, 200.1))


def test_a_device_that_was_never_there_does_not_leave(site: Site) -> None:
    watched = Watched(site, [reading for reading in usual_readings() if reading.device != BERT_METER])
    watched.hear(*without(usual_readings(0.9), BERT_METER))
    assert watched.watch.check_absences() == ()


@pytest.mark.parametrize(
    "reading, asks",
    [
        (say(ANNA_CAR, 1.0, is_plugged=True), [Trigger.ASSET]),
        (say(ANNA_CAR, 1.0, is_plugged=False), []),
        (say(ANNA_CAR, 1.0, power_kw=0.0), []),
        (say(ANNA_WASHER, 1.0, is_requested=True), [Trigger.ASSET]),
        (say(ANNA_WASHER, 1.0, is_requested=False, is_running=True), []),
    ],
)
def test_a_car_that_comes_and_a_run_that_is_asked_for_ask_for_a_plan(
    site: Site, reading: Reading, asks: list[Trigger]
) -> None:
    assert Watched(site, usual_readings()).hear(reading) == asks


def test_what_the_plan_has_seen_is_not_asked_again(site: Site) -> None:
    watched = Watched(site, usual_readings())
    watched.hear(say(ANNA_CAR, 0.9, is_plugged=True))
    watched.requests.note_plan(watched.clock.instant_utc + timedelta(seconds=1))
    assert list(watched.requests._pending) == []
    assert watched.hear(say(ANNA_CAR, 1.0, is_plugged=True)) == []
