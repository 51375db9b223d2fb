from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from config.schema import Site
from controller.loop.cycle import CycleReport
from controller.loop.peak_guard import SLACK_KW, PeakGuard
from controller.loop.planner import PlanDecision
from controller.loop.state_store import StateStore
from controller.loop.triggers import ReplanRequests, Trigger
from controller.loop.watch import Watch
from controller.record.records import Rung
from models.dispatch.problem import DispatchProblem
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import (
    ANNA_METER,
    BERT_METER,
    CLEO_METER,
    at,
    count,
    describe_site,
    keys_of,
    make_site,
    see,
    usual_readings,
    without,
)
from tests.controller.loop.reports import decide, report
from tests.devices.example_site import SetClock

METERS = (ANNA_METER, BERT_METER, CLEO_METER)
START_KWH = {ANNA_METER: (100.0, 50.0), BERT_METER: (200.0, 0.0), CLEO_METER: (300.0, 0.0)}
PEAK_KW = 5.0


def make_charged_site(charge_eur_per_kw: float = 4.0) -> Site:
    tariff = describe_site()["tariff"] | {"peak_charge_eur_per_kw": charge_eur_per_kw}
    return make_site(tariff=tariff, control={"deviation_kw": 500.0})


def planned(site: Site, **problem_parts: object) -> CycleReport:
    """A plan that pays for a peak of 5 kW, made of the usual readings."""
    snapshot = see(site, usual_readings())
    decision = decide(site, snapshot)
    assert decision.plan is not None
    assert decision.plan.figures is not None
    assert decision.built is not None
    problem: DispatchProblem = replace(decision.built.problem, **problem_parts)  # type: ignore[arg-type]
    figures = replace(decision.plan.figures, peak_kw=np.array([PEAK_KW]))
    plan, built = replace(decision.plan, figures=figures), replace(decision.built, problem=problem)
    return report(snapshot, replace(decision, plan=plan, built=built))


def drawn(key: DeviceKey, mean_kw: float, minutes: float) -> Reading:
    import_kwh, export_kwh = START_KWH[key]
    return count(key, minutes, import_kwh + mean_kw * minutes / 60.0, export_kwh)


def tell(guard: PeakGuard, mean_kw: dict[DeviceKey, float], minutes: float, least_s: float = 180.0) -> list[bool]:
    return [guard.is_exceeded_with(drawn(key, kw, minutes), least_s=least_s) for key, kw in mean_kw.items()]


def guard_of(told: CycleReport) -> PeakGuard:
    guard = PeakGuard(METERS)
    guard.note_cycle(told)
    return guard


def test_many_small_deviations_that_add_up_above_the_peak_are_seen_with_the_last_meter() -> None:
    guard = guard_of(planned(make_charged_site()))
    assert tell(guard, dict.fromkeys(METERS, 1.8), 3.0) == [False, False, True]


@pytest.mark.parametrize("over_kw, is_seen", [(SLACK_KW - 0.01, False), (SLACK_KW + 0.01, True)])
def test_what_is_within_the_slack_asks_for_nothing(over_kw: float, is_seen: bool) -> None:
    guard = guard_of(planned(make_charged_site()))
    third_kw = (PEAK_KW + over_kw) / 3.0
    assert tell(guard, dict.fromkeys(METERS, third_kw), 3.0)[-1] is is_seen


def test_one_homes_surplus_makes_room_for_anothers_import() -> None:
    guard = guard_of(planned(make_charged_site()))
    assert tell(guard, {ANNA_METER: -6.0, BERT_METER: 4.0, CLEO_METER: 5.0}, 4.0) == [False, False, False]


def test_it_is_said_once_for_each_plan() -> None:
    told = planned(make_charged_site())
    guard = guard_of(told)
    assert tell(guard, dict.fromkeys(METERS, 3.0), 3.0)[-1]
    assert not any(tell(guard, dict.fromkeys(METERS, 3.0), 4.0))
    guard.note_cycle(told)
    assert tell(guard, dict.fromkeys(METERS, 3.0), 5.0)[-1]


def test_a_short_rush_is_left_alone() -> None:
    guard = guard_of(planned(make_charged_site()))
    assert not any(tell(guard, dict.fromkeys(METERS, 9.0), 2.9))


def test_what_was_metered_before_the_plan_counts_over_the_whole_interval() -> None:
    # 10 min at 8 kW are metered; the rest at 2 kW makes a mean of 6 kW, at -1 kW one of 5 kW.
    parts = {"metered_net_kwh": np.array([8.0 / 6.0, 0.0, 0.0]), "metered_h": 1.0 / 6.0}
    site = make_charged_site()
    whole = planned(site).decision.built
    assert whole is not None
    step_h = whole.problem.step_h.copy()
    step_h[0] = 5.0 / 60.0
    told = planned(site, **parts, step_h=step_h)
    assert tell(guard_of(told), dict.fromkeys(METERS, 2.0 / 3.0), 3.0)[-1]
    assert not any(tell(guard_of(told), dict.fromkeys(METERS, -1.0 / 3.0), 3.0))


@pytest.mark.parametrize("reason", ["no charge", "island", "no plan", "a silent meter"])
def test_nothing_is_watched_where_no_peak_is_to_be_kept(reason: str) -> None:
    site = make_charged_site(0.0 if reason == "no charge" else 4.0)
    told = planned(site)
    assert told.decision.built is not None
    if reason == "island":
        told = planned(site, is_islanded=np.ones(len(told.decision.built.problem.step_h), dtype=np.bool_))
    if reason == "no plan":
        nothing = PlanDecision(rung=Rung.DEVICE, powers=(), plan=None, built=None, solve_s=0.0, faults=())
        told = report(told.snapshot, nothing)
    if reason == "a silent meter":
        told = report(see(site, without(usual_readings(), BERT_METER)), told.decision)
    assert not any(tell(guard_of(told), dict.fromkeys(METERS, 30.0), 5.0))


def test_the_watch_asks_for_a_plan_when_the_community_heads_above_its_peak() -> None:
    site = make_charged_site()
    clock = SetClock(at(0))
    state = StateStore(keys_of(site), interval_min=15, stale_after_s=30.0)
    requests = ReplanRequests(clock, debounce_s=2.0, min_gap_s=60.0)
    watch = Watch(site, clock, state, requests)
    watch.note_cycle(planned(site))
    clock.instant_utc = at(0) + timedelta(minutes=3)
    for key in METERS:
        watch.note_reading(None, drawn(key, 2.5, 3.0))
    assert list(requests._pending) == [Trigger.PEAK]
