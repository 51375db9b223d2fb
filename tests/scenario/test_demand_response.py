"""Stories of a community that is asked to draw less: Cleo's heater is held back, and only as far as she allows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.schema import Site
from controller.apps.stored_past import load_history
from controller.loop.triggers import Trigger
from controller.record.event_records import EffectRow, EffectStage
from controller.record.event_rows import read_effects, read_held_back
from controller.record.reader import open_reader
from controller.record.records import Rung
from models.domain.demand_response import EventSource
from models.domain.interval import Span
from models.domain.setpoint import Reason
from tests.controller.loop.neighbours import HEATER, at, make_site, with_heater
from tests.scenario.control_room import ControlRoom
from tests.scenario.invariants import ALWAYS
from tests.scenario.story import Story

HEAT = "gw-cleo/heat"
PRICES = {
    "import_price": {"kind": "flat", "price_eur_per_kwh": 0.3},
    "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08},
    "network_fee_eur_per_kwh": 0.02,
    "peak_charge_eur_per_kw": 0.0,
}


def village(*, limit_kwh: float = 2.0, discomfort: float = 0.5, **tariff: Any) -> Site:
    """The three neighbours; Cleo's heater draws 30 % of her demand, and going without is worth more than the price."""
    parts = with_heater(
        horizon={"fine_steps": 8, "coarse_steps": 10, "exact_steps": 4},
        tariff=PRICES | tariff,
        demand_response={"shortfall_eur_per_kwh": 5.0},
    )
    heater = HEATER | {"limit_kwh_per_day": limit_kwh, "discomfort_eur_per_kwh": discomfort}
    kept = ("id", "income_eur_per_month")
    bare = [{key: value for key, value in member.items() if key in kept} for member in parts["members"][:2]]
    cleo = parts["members"][2] | {"curtailable_loads": [heater]}
    return make_site(**parts | {"members": [*bare, cleo]})


def story(site: Site, folder: Path) -> Story:
    """Cleo uses 4 kW, of which 1.2 kW go into her heater; the others use little, and nobody has a battery."""
    return Story(site, folder).input("cleo", demand_kw=4.0)


def caps(room: ControlRoom, since: float = 0.0, until: float = 1e9) -> list[float]:
    return [setpoint.power_kw for _, setpoint in room.setpoints(HEAT, since=since, until=until)]


def effects(room: ControlRoom) -> dict[tuple[str, EffectStage], EffectRow]:
    with open_reader(room.store_path) as reader:
        return {(look.event.key, look.stage): look for look in read_effects(reader.select, *ALWAYS)}


def held_back_kwh(room: ControlRoom) -> float:
    """What the store says was held back."""
    with open_reader(room.store_path) as reader:
        stretches = read_held_back(reader.select, Span(start_utc=at(-60), end_utc=at(600)))
    return sum(one.span.hours * one.held_back_kw for one in stretches)


def withheld_kwh(room: ControlRoom, until: float) -> float:
    """What the simulated heater really was kept from drawing."""
    room.homes.neighbourhood.advance_to(at(until))
    return room.homes.neighbourhood.interval_energy("cleo", at(0), at(until)).held_back_kwh


def test_an_event_is_planned_at_once_caps_the_heater_while_it_is_on_and_then_lets_go(tmp_path: Path) -> None:
    room = (
        story(village(), tmp_path)
        .at(17)
        .hears_event(30.0, 60.0, 3.0)
        .at(20)
        .expect_plan(Rung.OPTIMAL, because=Trigger.EVENT)
        .expect_setpoints(HEAT, since=0.0, some=False)
        .expect(HEAT, at_least_kw=1.19)
        .at(32)
        .expect_setpoints(HEAT, since=30.0, some=True)
        .expect(HEAT, at_most_kw=0.01)
        .at(59)
        .expect(HEAT, at_most_kw=0.01)
        .at(63)
        .expect(HEAT, at_least_kw=1.19)
        .at(91)
        .expect_setpoints(HEAT, since=76.0, some=False)
        .until(92)
        .play()
    )
    assert list(dict.fromkeys(one.reason for _, one in room.setpoints(HEAT))) == [
        Reason.HOLD_BACK_EVENT,
        Reason.NO_CURTAILMENT,
    ]
    assert held_back_kwh(room) == pytest.approx(withheld_kwh(room, 92.0), rel=0.02)
    looks = effects(room)
    assert [stage for _, stage in looks] == [EffectStage.ANNOUNCED, EffectStage.STARTED, EffectStage.ENDED]
    planned = looks["e1", EffectStage.STARTED]
    assert planned.with_event is not None
    assert planned.without_event is not None
    held_kwh = planned.with_event.held_back_kwh["cleo"]
    assert 0.4 < held_kwh < 0.61
    assert planned.with_event.discomfort == pytest.approx({"cleo": 0.5 * held_kwh})
    assert planned.without_event.held_back_kwh == {}
    saved_kwh = planned.without_event.net_kwh - planned.with_event.net_kwh
    assert saved_kwh == pytest.approx(held_kwh, rel=0.02)
    # What was not drawn was not paid for; discomfort is no money.
    saved = planned.without_event.cost - planned.with_event.cost  # type: ignore[operator]
    assert saved == pytest.approx(0.3 * saved_kwh, rel=0.05)
    metered = looks["e1", EffectStage.ENDED].metered
    assert metered is not None
    # 4 kW and twice 0.3 kW, less 1.2 kW, for half an hour; the heater was held back for a few seconds less.
    assert metered.net_kwh == pytest.approx(1.7, abs=0.01)
    assert metered.above_kwh == pytest.approx(0.2, abs=0.01)
    # Forecasts learn what Cleo wanted, not what she was given: the running controller and the next one alike.
    assert room.controller is not None
    learnt = room.controller.cycle.closer._forecaster.history.history(at(92), of_pv=False)
    with open_reader(room.store_path) as reader:
        read_back = load_history(reader, room.site, at(92)).history(at(92), of_pv=False)
    for history in (learnt, read_back):
        assert history.mean_kw[2, -4:] == pytest.approx([4.0] * 4, abs=0.01)


def test_an_event_that_is_called_off_frees_the_heater_at_once(tmp_path: Path) -> None:
    room = (
        story(village(), tmp_path)
        .at(10)
        .hears_event(15.0, 90.0, 3.0)
        .at(17)
        .expect(HEAT, at_most_kw=0.01)
        .hears_event(15.0, 90.0, is_cancelled=True)
        .at(20)
        .expect_plan(Rung.OPTIMAL, because=Trigger.EVENT)
        .expect(HEAT, at_least_kw=1.19)
        .until(50)
        .play()
    )
    assert set(caps(room, since=19.0)) == {HEATER["power_kw"]}
    stages = [stage for _, stage in effects(room)]
    assert stages == [EffectStage.ANNOUNCED, EffectStage.STARTED, EffectStage.CANCELLED]


def test_of_two_events_at_once_each_is_compared_with_the_other_one_kept(tmp_path: Path) -> None:
    room = (
        story(village(), tmp_path)
        .at(5)
        .hears_event(15.0, 45.0, 3.8, name="mild")
        .hears_event(30.0, 60.0, 3.0, name="strict")
        .until(76)
        .play()
    )
    looks = effects(room)
    mild, strict = (looks[name, EffectStage.STARTED] for name in ("mild", "strict"))
    assert 0.1 < caps(room, since=16.0, until=30.0)[0] < 1.0
    assert caps(room, since=31.0, until=45.0)[0] == pytest.approx(0.0, abs=0.01)
    assert mild.with_event is not None
    assert mild.without_event is not None
    # Without the mild event the strict one still holds its second half, and the other way about.
    assert 0.1 < mild.without_event.held_back_kwh["cleo"] < mild.with_event.held_back_kwh["cleo"] - 0.05
    assert strict.with_event is not None
    assert strict.without_event is not None
    assert strict.without_event.held_back_kwh.get("cleo", 0.0) < strict.with_event.held_back_kwh["cleo"] - 0.2
    assert {stage for _, stage in looks} == {EffectStage.ANNOUNCED, EffectStage.STARTED, EffectStage.ENDED}


def test_no_more_is_held_back_in_a_day_than_its_owner_allows_restart_or_not(tmp_path: Path) -> None:
    room = (
        story(village(limit_kwh=1.0), tmp_path)
        .at(5)
        .hears_event(15.0, 45.0, 2.0)
        .at(29)
        .controller_restarts()
        .at(34)
        .expect_that(_knows_the_event)
        .at(61)
        .hears_event(75.0, 120.0, 2.0, name="e2")
        .until(130)
        .play()
    )
    # The first event wants 0.6 kWh and the second 0.9 kWh.
    withheld = withheld_kwh(room, 130.0)
    assert withheld == pytest.approx(1.0, abs=0.02)
    assert held_back_kwh(room) == pytest.approx(withheld, abs=0.02)
    assert withheld_kwh(room, 60.0) > 0.4


def _knows_the_event(room: ControlRoom) -> None:
    outlook = room.reports[-1].outlook
    assert outlook is not None
    assert [(event.key, event.target_kw) for event in outlook.events] == [("e1", 2.0)]


def test_without_a_target_a_load_is_held_back_only_where_that_saves_more_than_it_is_worth(tmp_path: Path) -> None:
    for discomfort, is_held in ((0.5, False), (0.1, True)):
        folder = tmp_path / str(discomfort)
        folder.mkdir()
        room = story(village(discomfort=discomfort), folder).at(5).hears_event(15.0, 45.0).until(35).play()
        assert any(kw < 1.0 for kw in caps(room)) == is_held


def test_while_the_solver_is_down_the_plan_before_holds_and_afterwards_nobody_goes_without(tmp_path: Path) -> None:
    (
        story(village(), tmp_path)
        .at(5)
        .hears_event(15.0, 60.0, 3.0)
        .at(20)
        .solver_breaks()
        .at(33)
        .expect_plan(Rung.PREVIOUS)
        .expect(HEAT, at_most_kw=0.5)
        .at(63)
        .expect(HEAT, at_least_kw=1.19)
        .play()
    )


def test_a_silent_heater_is_not_kept_from_heating(tmp_path: Path) -> None:
    (
        story(village(), tmp_path)
        .at(5)
        .hears_event(15.0, 90.0, 3.0)
        .at(17)
        .expect_setpoints(HEAT, since=15.0, some=True)
        .falls_silent("gw-cleo")
        .at(20)
        .expect_that(_heats)
        .at(40)
        .expect_setpoints(HEAT, since=20.0, some=False)
        .play()
    )


def _heats(room: ControlRoom) -> None:
    room.homes.neighbourhood.advance_to(room.clock.now_utc())
    (heater,) = room.homes.neighbourhood.homes["cleo"].assets.curtailables
    assert heater.power_kw == pytest.approx(1.2)


def test_a_dear_hour_of_the_day_is_an_event_of_its_own(tmp_path: Path) -> None:
    dear = {"start": "12:30", "end": "13:00", "price_eur_per_kwh": 0.9}
    price = {"kind": "time_of_use", "base_eur_per_kwh": 0.2, "windows": [dear]}
    room = story(village(import_price=price), tmp_path).at(33).expect(HEAT, at_most_kw=0.01).until(76).play()
    assert room.setpoints(HEAT)[0][1].reason is Reason.HOLD_BACK_PRICE
    (key,) = dict.fromkeys(key for key, _ in effects(room))
    ended = effects(room)[key, EffectStage.ENDED]
    assert ended.event.source is EventSource.PRICE
    assert (ended.event.start_utc, ended.event.end_utc) == (at(30), at(60))
    assert ended.metered is not None
    assert ended.metered.held_back_kwh["cleo"] == pytest.approx(0.6, rel=0.05)
    assert ended.at_utc - ended.event.end_utc < timedelta(minutes=16)
