"""An event's figures: planned with it, planned without it, and metered."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from controller.loop.effect_figures import measure_meters, measure_plan, remove_event
from controller.record.event_records import HeldBack
from controller.record.records import MeteredRow, Prices, SettledInterval
from models.dispatch.figures import measure_schedule
from models.dispatch.result import Plan
from models.domain.demand_response import DemandEvent, EventSource, find_open_steps
from models.domain.interval import PlanSteps, Span
from models.domain.snapshot import MeterQuality
from tests.controller.loop.neighbours import (
    CLEO_HEATER,
    at,
    make_site,
    plan_by_rule,
    say,
    see,
    usual_readings,
    with_heater,
)
from tests.controller.loop.reports import build

SITE = make_site(
    **with_heater(
        tariff={
            "import_price": {"kind": "flat", "price_eur_per_kwh": 0.3},
            "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08},
        }
    )
)
MEMBERS = tuple(member.id for member in SITE.members)
READINGS = [*usual_readings(), say(CLEO_HEATER, power_kw=1.0)]
NOTHING = Prices(import_micro_per_kwh=0, export_micro_per_kwh=0, network_fee_micro_per_kwh=0, local_micro_per_kwh=0)


def event(begin: float = 0.0, end: float = 60.0, target_kw: float | None = None, key: str = "e") -> DemandEvent:
    return DemandEvent(start_utc=at(begin), end_utc=at(end), key=key, source=EventSource.MQTT, target_kw=target_kw)


def planned(*events: DemandEvent, net_kw: float = 5.0, cut_kw: float = 0.0) -> tuple[Any, Plan, PlanSteps]:
    """A problem with events and a plan of a constant net import that holds the heater back while it is open."""
    built = build(SITE, see(SITE, READINGS), events=events)
    plan, steps = plan_by_rule(built.problem), PlanSteps(starts_utc=(), step_h=built.problem.step_h)
    starts = [at(0)]
    for hours in built.problem.step_h[:-1]:
        starts.append(at((starts[-1] - at(0)).total_seconds() / 60.0 + 60.0 * float(hours)))
    steps = replace(steps, starts_utc=tuple(starts))
    assert plan.schedule is not None
    shape = plan.schedule.import_kw.shape
    drawn = np.zeros(shape)
    drawn[0] = net_kw
    cut = np.where(find_open_steps(events, steps), cut_kw, 0.0)[None, :]
    targets = built.problem.event_target_kw
    excess = np.maximum(net_kw - targets, 0.0) if targets.size else np.zeros(0)
    schedule = replace(
        plan.schedule,
        import_kw=drawn,
        export_kw=np.zeros(shape),
        curtailed_load_kw=cut if built.problem.curtailables else np.zeros((0, 0)),
        event_excess_kw=excess,
    )
    measured = measure_schedule(built.problem, schedule)
    assert plan.figures is not None
    figures = replace(
        plan.figures,
        cost_eur=measured.cost_eur,
        discomfort_eur=measured.discomfort_eur,
        event_shortfall_kwh=measured.event_shortfall_kwh,
    )
    return built.problem, replace(plan, schedule=schedule, figures=figures), steps


def test_a_window_counts_by_the_parts_of_steps_that_it_takes() -> None:
    one = event(7.5, 37.5, 4.0)
    problem, plan, steps = planned(one, net_kw=5.0, cut_kw=0.4)
    figures = measure_plan(problem, plan, one, steps, MEMBERS)
    assert figures is not None
    assert (figures.net_kwh, figures.peak_kw, figures.above_kwh) == pytest.approx((2.5, 5.0, 0.5))
    # It holds for all of the three quarter-hours that it touches.
    assert figures.held_back_kwh == pytest.approx({"cleo": 0.3})
    assert figures.discomfort == pytest.approx({"cleo": 0.06})


def test_the_cost_leaves_out_what_nobody_pays() -> None:
    one = event(0.0, 60.0, 4.0)
    problem, plan, steps = planned(one, net_kw=5.0, cut_kw=0.4)
    assert plan.figures is not None
    figures = measure_plan(problem, plan, one, steps, MEMBERS)
    assert figures is not None
    missed_eur = problem.event_shortfall_eur_per_kwh * 1.0
    assert figures.cost == pytest.approx(plan.figures.cost_eur - 0.4 * 0.2 - missed_eur)


def test_a_plan_without_a_schedule_has_no_figures() -> None:
    one = event()
    problem, plan, steps = planned(one)
    assert measure_plan(problem, replace(plan, schedule=None), one, steps, MEMBERS) is None


def test_without_an_event_the_others_still_hold() -> None:
    mild, strict = event(0.0, 30.0, 4.0, "mild"), event(15.0, 60.0, 3.0, "strict")
    problem, _, steps = planned(mild, strict)
    other = remove_event(problem, (mild, strict), strict, steps)
    assert other.event_target_kw[:4].tolist() == [4.0, 4.0, np.inf, np.inf]
    assert other.curtailables[0].is_open[:4].tolist() == [True, True, False, False]
    nothing = remove_event(problem, (strict,), strict, steps)
    assert nothing.event_target_kw.size == 0
    assert not nothing.curtailables[0].is_open.any()
    assert (problem.curtailables[0].is_open[:4]).all()


def interval(minute: float, *net_wh: int | None) -> SettledInterval:
    rows = [
        MeteredRow(member=member, quality=MeterQuality.MISSING)
        if wh is None
        else MeteredRow(member=member, quality=MeterQuality.MEASURED, import_wh=max(wh, 0), export_wh=max(-wh, 0))
        for member, wh in zip(MEMBERS, net_wh, strict=True)
    ]
    return SettledInterval(start_utc=at(minute), duration_s=900, key="equity", prices=NOTHING, metered=tuple(rows))


def stretch(begin_utc: datetime, end_utc: datetime, held_back_kw: float) -> HeldBack:
    span = Span(start_utc=begin_utc, end_utc=end_utc)
    return HeldBack(device=CLEO_HEATER, member="cleo", span=span, held_back_kw=held_back_kw)


def test_what_was_metered_counts_by_the_parts_of_intervals_that_the_event_took() -> None:
    settled = [interval(0, 500, 0, 500), interval(15, 250, -500, 0), interval(30, 0, 0, 2000)]
    held = [stretch(at(8), at(38), 1.0)]
    figures = measure_meters(SITE, event(7.5, 37.5, 2.0), settled, held)
    assert figures is not None
    # 4 kW, -1 kW and 8 kW, of the first and last quarter-hour a half each.
    assert figures.net_kwh == pytest.approx(0.5 - 0.25 + 1.0)
    assert figures.peak_kw == pytest.approx(8.0)
    assert figures.above_kwh == pytest.approx(2.0 * 0.125 + 6.0 * 0.125)
    assert figures.held_back_kwh == pytest.approx({"cleo": 0.5})
    assert figures.discomfort == pytest.approx({"cleo": 0.1})
    assert figures.cost is None


@pytest.mark.parametrize(
    "settled",
    [
        [],
        [interval(0, 1, 1, 1)],
        [interval(0, 1, 1, 1), interval(30, 1, 1, 1)],
        [interval(0, 1, 1, 1), interval(15, 1, None, 1), interval(30, 1, 1, 1)],
    ],
    ids=["none", "the first only", "a gap", "a silent meter"],
)
def test_an_event_with_unknown_meters_has_no_metered_figures(settled: list[SettledInterval]) -> None:
    assert measure_meters(SITE, event(0.0, 45.0), settled, []) is None
