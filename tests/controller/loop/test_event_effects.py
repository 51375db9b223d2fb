"""Looking at events beside the cycle: once each, only in idle time, and never in the way of a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.loop.cycle import CycleReport
from controller.loop.event_effects import EventEffects
from controller.loop.planner import PlanDecision
from controller.loop.solver_messages import FailureKind
from controller.loop.solver_process import SolverFailure
from controller.loop.triggers import ReplanRequests, Trigger
from controller.record.event_records import EffectRow, EffectStage, is_called_off
from controller.record.records import Rung
from models.domain.demand_response import DemandEvent, EventSource
from models.domain.errors import StoreError
from tests.controller.loop.neighbours import (
    CLEO_HEATER,
    START,
    Answerer,
    ScriptedSolver,
    at,
    make_forecaster,
    make_site,
    plan_by_rule,
    say,
    see,
    usual_readings,
    with_heater,
)
from tests.controller.loop.reports import build, report
from tests.devices.example_site import SetClock

SITE = make_site(**with_heater())
ANNOUNCED, STARTED, ENDED, CANCELLED = EffectStage


class Shelf:
    """A store of looks; it holds no settled interval, as if the meters were late."""

    def __init__(self) -> None:
        self.looks: list[EffectRow] = []
        self.is_failing = False

    async def read(self, query: Callable[[Any], Any]) -> Any:
        return query(self)

    def select(self, query: str, _: tuple[object, ...]) -> Sequence[Any]:
        assert query.startswith("SELECT")
        return []

    def looks_ending(self, _: object, since_utc: datetime, until_utc: datetime) -> list[EffectRow]:
        return [look for look in self.looks if look.event.end_utc >= since_utc and look.event.start_utc < until_utc]

    def settled(self, *_: object) -> list[Any]:
        return []

    async def add_effects(self, rows: Sequence[EffectRow]) -> None:
        if self.is_failing:
            message = "the disk is full"
            raise StoreError(message)
        self.looks.extend(rows)


class Bench:
    """A comparer with all that is around it; time stands where it is put."""

    def __init__(self, *answers: Answerer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = SetClock(START)
        self.shelf = Shelf()
        self.solver = ScriptedSolver(*answers)
        self.requests = ReplanRequests(self.clock, debounce_s=2.0, min_gap_s=60.0)
        self.requests.note_plan(START)
        self.effects = EventEffects(
            SITE,
            self.clock,
            self.shelf,  # type: ignore[arg-type]
            self.solver,  # type: ignore[arg-type]
            self.requests,
        )
        monkeypatch.setattr("controller.loop.event_effects.read_effects_ending", self.shelf.looks_ending)

    def stages(self) -> list[EffectStage]:
        return [look.stage for look in self.shelf.looks]

    async def look(self, *events: DemandEvent, minutes: float = 0.0, **parts: Any) -> None:
        self.clock.instant_utc = at(minutes)
        await self.effects.look(cycle(*events, minutes=minutes, **parts))


def event(begin: float = 0.0, end: float = 60.0, *, key: str = "e") -> DemandEvent:
    return DemandEvent(start_utc=at(begin), end_utc=at(end), key=key, source=EventSource.MQTT, target_kw=4.0)


def cycle(*events: DemandEvent, minutes: float = 0.0, solve_s: float = 0.1, is_planned: bool = True) -> CycleReport:
    """A cycle's report whose plan knows the events."""
    readings = [*usual_readings(minutes), say(CLEO_HEATER, minutes, power_kw=1.0)]
    snapshot = replace(see(SITE, readings, minutes), interval_start_utc=at(minutes))
    forecaster = make_forecaster(SITE)
    forecaster.events = events
    built = build(SITE, snapshot, events=events)
    plan = plan_by_rule(built.problem) if is_planned else None
    decision = PlanDecision(rung=Rung.OPTIMAL, powers=(), plan=plan, built=built, solve_s=solve_s, faults=())
    return replace(report(snapshot, decision), outlook=forecaster.look_ahead(at(minutes), 0.0))


async def test_an_event_is_compared_when_it_is_announced_and_when_it_begins_and_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    await bench.look(event(30.0, 60.0))
    await bench.look(event(30.0, 60.0), minutes=15.0)
    assert bench.stages() == [ANNOUNCED]
    await bench.look(event(30.0, 60.0), minutes=30.0)
    await bench.look(event(30.0, 60.0), minutes=45.0)
    assert bench.stages() == [ANNOUNCED, STARTED]
    assert len(bench.solver.problems) == 2
    for look in bench.shelf.looks:
        assert look.with_event is not None
        assert look.without_event is not None
        assert look.decision_id == "1-test-0"


async def test_one_that_is_on_when_it_is_heard_of_is_solved_once_for_both_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    await bench.look(event())
    assert bench.stages() == [ANNOUNCED, STARTED]
    (problem,) = bench.solver.problems
    assert problem.event_target_kw.size == 0
    assert not problem.curtailables[0].is_open.any()


async def test_an_event_beyond_the_horizon_waits_for_a_plan_that_reaches_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    far = event(22.0 * 60.0, 30.0 * 60.0)
    await bench.look(far)
    assert bench.stages() == []
    await bench.look(far, minutes=8.0 * 60.0)
    assert bench.stages() == [ANNOUNCED]


async def test_while_a_replan_waits_nothing_is_solved_and_the_next_plan_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    bench.requests.request(Trigger.DEVIATION)
    await bench.look(event())
    assert (bench.stages(), bench.solver.problems) == ([], [])
    bench.requests.note_plan(START + timedelta(days=1))
    await bench.look(event(), minutes=15.0)
    assert bench.stages() == [ANNOUNCED, STARTED]


async def test_a_plan_that_took_longer_than_there_is_time_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    await bench.look(event(), solve_s=19.0)
    assert bench.stages() == []


async def test_the_solver_is_given_no_longer_than_until_another_plan_may_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[float] = []
    bench = Bench(monkeypatch=monkeypatch)
    solve = bench.solver.solve

    async def watched(problem: Any, *, deadline_s: float) -> Any:
        limits.append(deadline_s)
        return await solve(problem, deadline_s=deadline_s)

    bench.solver.solve = watched  # type: ignore[method-assign]
    bench.clock.instant_utc = START
    late = cycle(event())
    # Five seconds before the next interval's plan.
    bench.clock.instant_utc = START + timedelta(minutes=15, seconds=SITE.control.tick_delay_s - 5.0)
    await bench.effects.look(late)
    assert limits == pytest.approx([5.0])


@pytest.mark.parametrize("answer", [lambda _: SolverFailure(kind=FailureKind.DEADLINE, detail="late")])
async def test_a_comparison_that_fails_is_on_record_as_such_and_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch, answer: Answerer
) -> None:
    bench = Bench(answer, monkeypatch=monkeypatch)
    await bench.look(event())
    await bench.look(event(), minutes=15.0)
    assert bench.stages() == [ANNOUNCED, STARTED]
    assert [look.without_event for look in bench.shelf.looks] == [None, None]
    assert bench.shelf.looks[0].with_event is not None
    assert len(bench.solver.problems) == 1


async def test_an_event_that_has_gone_from_the_outlook_was_called_off(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    await bench.look(event(30.0, 90.0))
    await bench.look(minutes=15.0)
    await bench.look(minutes=30.0)
    assert bench.stages() == [ANNOUNCED, CANCELLED]


async def test_one_called_off_and_announced_again_is_closed_once_it_took_place(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    await bench.look(event(30.0, 90.0))
    await bench.look(minutes=15.0)
    assert is_called_off(bench.shelf.looks)
    await bench.look(event(30.0, 90.0), minutes=30.0)
    assert not is_called_off(bench.shelf.looks)
    await bench.look(minutes=300.0)
    assert bench.stages() == [ANNOUNCED, CANCELLED, STARTED, ENDED]
    assert not is_called_off(bench.shelf.looks)


async def test_an_event_of_many_days_is_compared_once_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, day = Bench(monkeypatch=monkeypatch), 24 * 60.0
    long = event(0.0, 5 * day)
    await bench.look(long)
    await bench.look(long, minutes=4 * day)
    assert bench.stages() == [ANNOUNCED, STARTED]
    assert len(bench.solver.problems) == 1
    await bench.look(minutes=5 * day + 200.0)
    assert bench.stages() == [ANNOUNCED, STARTED, ENDED]


async def test_an_event_whose_meters_never_come_is_closed_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    await bench.look(event(0.0, 30.0))
    await bench.look(minutes=45.0)
    assert bench.stages() == [ANNOUNCED, STARTED]
    await bench.look(minutes=5.0 * 60.0)
    await bench.look(minutes=6.0 * 60.0)
    assert bench.stages() == [ANNOUNCED, STARTED, ENDED]
    assert bench.shelf.looks[-1].metered is None


async def test_a_cycle_without_a_plan_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    await bench.look(event(), is_planned=False)
    assert bench.stages() == []


async def test_the_newest_cycle_is_looked_at_and_none_that_is_not_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch=monkeypatch)
    bench.effects.note(replace(cycle(event()), is_committed=False))
    bench.effects.note(replace(cycle(event(key="old")), decision_id="old"))
    bench.effects.note(replace(cycle(event(key="new")), decision_id="new"))
    waiting = bench.effects._waiting
    assert waiting.qsize() == 1
    assert waiting.get_nowait().decision_id == "new"
