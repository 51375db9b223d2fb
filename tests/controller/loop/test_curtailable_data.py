"""What a plan is told of loads that may be held back: what they want, when, and how much of the day is left."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.tariff import PriceWindow, TimeOfUsePrice
from controller.loop.curtailable_data import HeldSoFar
from controller.loop.held_back import Cap
from controller.loop.problem_builder import BuiltProblem
from models.dispatch.validation import validate_problem
from models.domain.demand_response import DemandEvent, EventSource
from models.domain.snapshot import CountedEnergy, MeterQuality
from models.domain.telemetry import Reading
from tests.controller.loop.neighbours import (
    CLEO_HEATER,
    CLEO_METER,
    START,
    at,
    make_site,
    say,
    see,
    usual_readings,
    with_heater,
)
from tests.controller.loop.reports import build

SITE = make_site(**with_heater())
CLEO = 2
HEATER_KW = 3.0
"""Its rating."""


def event(begin: float = 0.0, end: float = 60.0, target_kw: float | None = None) -> DemandEvent:
    return DemandEvent(start_utc=at(begin), end_utc=at(end), key="e", source=EventSource.MQTT, target_kw=target_kw)


def heard(power_kw: float | None = 1.0) -> list[Reading]:
    return [*usual_readings(), say(CLEO_HEATER, power_kw=power_kw)]


def built(*events: DemandEvent, power_kw: float | None = 1.0, **parts: Any) -> BuiltProblem:
    return build(SITE, see(SITE, heard(power_kw)), events=events, **parts)


def test_without_an_event_no_load_takes_part() -> None:
    plain = built()
    assert plain.problem.curtailables == ()
    assert plain.curtailables == ()
    assert plain.problem.event_target_kw.size == 0


def test_an_event_opens_its_steps_and_the_load_wants_what_it_draws_now_and_its_share_later() -> None:
    made = built(event(0.0, 60.0))
    (load,) = made.problem.curtailables
    assert [device.key for device in made.curtailables] == [CLEO_HEATER]
    assert (load.member, load.discomfort_eur_per_kwh) == (CLEO, 0.2)
    assert load.is_open[:5].tolist() == [True, True, True, True, False]
    assert load.wanted_kw[0] == 1.0
    assert load.wanted_kw[1:] == pytest.approx(np.minimum(0.3 * made.problem.demand_kw[CLEO, 1:], HEATER_KW))
    assert made.problem.event_target_kw.size == 0
    assert made.problem.event_shortfall_eur_per_kwh == SITE.demand_response.shortfall_eur_per_kwh


def test_what_a_load_is_seen_to_draw_is_demand_whatever_was_forecast() -> None:
    usual, much = built(), built(event(), power_kw=2.8)
    assert much.problem.demand_kw[CLEO, 0] == 2.8 > usual.problem.demand_kw[CLEO, 0]
    assert much.problem.curtailables[0].wanted_kw[0] == 2.8
    assert (much.problem.demand_kw[:, 1:] == usual.problem.demand_kw[:, 1:]).all()


def test_a_reading_beyond_the_rating_counts_as_the_rating() -> None:
    assert built(event(), power_kw=7.0).problem.curtailables[0].wanted_kw[0] == HEATER_KW


def test_a_silent_load_is_left_alone() -> None:
    silent = build(SITE, see(SITE, usual_readings()), events=(event(),))
    assert silent.problem.curtailables == ()


def test_a_load_that_does_not_say_its_power_is_left_alone() -> None:
    made = built(event(), power_kw=None)
    assert made.problem.curtailables == ()
    assert made.curtailables == ()


def test_a_load_that_went_off_by_itself_wants_nothing_whatever_it_was_held_back_by() -> None:
    held = HeldSoFar(caps={CLEO_HEATER: Cap(allowed_kw=0.8, held_back_kw=1.1)})
    assert built(event(), power_kw=0.0, held=held).problem.curtailables[0].wanted_kw[0] == 0.0


def test_the_least_target_of_overlapping_events_is_asked_of_the_community() -> None:
    made = built(event(0.0, 30.0, 4.0), event(15.0, 45.0, 1.5))
    assert made.problem.event_target_kw[:4].tolist() == [4.0, 1.5, 1.5, np.inf]
    assert made.events == (event(0.0, 30.0, 4.0), event(15.0, 45.0, 1.5))


def test_what_was_held_back_today_is_off_the_limit_of_today_alone() -> None:
    held = HeldSoFar(by_day_kwh={CLEO_HEATER: {date(2026, 6, 12): 1.4, date(2026, 6, 11): 9.0}})
    (load,) = built(event(), held=held).problem.curtailables
    assert load.limit_kwh == pytest.approx([0.6, 2.0])
    first_of_tomorrow = int(np.argmax(load.day == 1))
    assert built().problem.step_h[:first_of_tomorrow].sum() == pytest.approx(12.0)


def test_a_load_that_keeps_to_its_cap_is_taken_to_want_what_it_wanted_before() -> None:
    held = HeldSoFar(caps={CLEO_HEATER: Cap(allowed_kw=0.4, held_back_kw=1.1)})
    assert built(event(), power_kw=0.4, held=held).problem.curtailables[0].wanted_kw[0] == pytest.approx(1.5)
    # One that draws more than its cap does not keep to it: what it draws is what it wants.
    assert built(event(), power_kw=1.5, held=held).problem.curtailables[0].wanted_kw[0] == 1.5


def test_what_was_not_drawn_for_an_event_counts_as_demand_of_the_running_interval() -> None:
    energy = CountedEnergy(import_kwh=0.1, export_kwh=0.0, quality=MeterQuality.MEASURED, span_s=600.0)
    readings = [say(CLEO_METER, 10, power_kw=0.5), say(CLEO_HEATER, 10, power_kw=0.0)]
    snapshot = see(SITE, readings, 10.0, running={CLEO_METER: energy})
    held = HeldSoFar(running_kwh=np.array([0.0, 0.0, 0.2]))
    assert build(SITE, snapshot, events=(event(),)).problem.demand_kw[CLEO, 0] == pytest.approx(0.6)
    assert build(SITE, snapshot, events=(event(),), held=held).problem.demand_kw[CLEO, 0] == pytest.approx(1.8)


@given(
    power_kw=st.none() | st.floats(0.0, 10.0),
    begin=st.integers(-120, 1300),
    length=st.integers(1, 600),
    target_kw=st.none() | st.floats(-20.0, 20.0),
    cap=st.none() | st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0)),
    used_kwh=st.floats(0.0, 10.0),
)
def test_whatever_is_said_the_problem_is_one_that_the_model_accepts(
    power_kw: float | None,
    begin: int,
    length: int,
    target_kw: float | None,
    cap: tuple[float, float] | None,
    used_kwh: float,
) -> None:
    held = HeldSoFar(
        caps={} if cap is None else {CLEO_HEATER: Cap(allowed_kw=cap[0], held_back_kw=cap[1])},
        by_day_kwh={CLEO_HEATER: {date(2026, 6, 12): used_kwh}},
    )
    made = built(event(begin, begin + length, target_kw), power_kw=power_kw, held=held)
    validate_problem(made.problem)
    assert len(made.curtailables) == len(made.problem.curtailables)


def test_dear_hours_of_the_day_open_loads_by_themselves_where_there_are_any() -> None:
    window = PriceWindow.model_validate({"start": "18:00", "end": "20:00", "price_eur_per_kwh": 0.5})
    price = TimeOfUsePrice(kind="time_of_use", base_eur_per_kwh=0.25, windows=(window,))

    def events_of(**parts: Any) -> list[tuple[EventSource, timedelta, timedelta]]:
        site = make_site(**parts)
        site = site.model_copy(update={"tariff": site.tariff.model_copy(update={"import_price": price})})
        found = build(site, see(site, heard() if "members" in parts else usual_readings())).events
        return [(one.source, one.start_utc - START, one.end_utc - START) for one in found]

    # Noon in Berlin: six hours to the dear window, which is in the horizon once.
    dear = [(EventSource.PRICE, timedelta(hours=6), timedelta(hours=8))]
    assert events_of(**with_heater()) == dear
    assert events_of(**with_heater(demand_response={"price_threshold_std": None})) == []
    assert events_of(**with_heater(demand_response={"price_threshold_std": 6.0})) == []
    assert events_of() == []
