"""Stories of what a control room does when homes, cars and the market do something."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config.schema import Site
from controller.loop.triggers import Trigger
from controller.record.reader import open_reader
from controller.record.records import Rung
from models.domain.setpoint import Reason
from tests.controller.loop.neighbours import START, make_site
from tests.scenario.control_room import ControlRoom
from tests.scenario.invariants import ALWAYS
from tests.scenario.story import Story

FLAT = {"kind": "flat", "price_eur_per_kwh": 0.3}
FEED_IN = {"kind": "flat", "price_eur_per_kwh": 0.08}


def village(**tariff: Any) -> Site:
    """The three neighbours with a short horizon; Anna has PV and a battery, Bert a battery, Cleo nothing."""
    prices = {"import_price": FLAT, "export_price": FEED_IN, "network_fee_eur_per_kwh": 0.02}
    return make_site(
        horizon={"fine_steps": 8, "coarse_steps": 10, "exact_steps": 4},
        tariff=prices | {"peak_charge_eur_per_kw": 10.0} | tariff,
    )


def test_a_peak_at_a_home_without_a_battery_is_shaved_by_the_neighbours(tmp_path: Path) -> None:
    (
        Story(village(), tmp_path, soc_kwh={"anna": 6.0, "bert": 8.0})
        .at(1)
        .expect_plan(Rung.OPTIMAL, because=Trigger.INTERVAL)
        .at(16)
        .input("cleo", demand_kw=7.0)
        .at(17)
        .expect("gw-grid/grid", at_least_kw=5.0)
        .at(24)
        .expect_plan(Rung.OPTIMAL, because=Trigger.DEVIATION)
        .expect("gw-bert/bat", at_most_kw=-2.0)
        .expect("gw-anna/bat", at_most_kw=-2.0)
        .expect("gw-grid/grid", at_most_kw=1.5)
        .play()
    )


def test_a_neighbours_sun_is_stored_before_it_is_sold_for_little(tmp_path: Path) -> None:
    room = (
        Story(village(), tmp_path, soc_kwh={"anna": 8.9, "bert": 2.0})
        .input("anna", pv_kw=4.5)
        .at(25)
        .expect("gw-bert/bat", at_least_kw=2.0)
        .expect("gw-grid/grid", at_least_kw=-1.5, at_most_kw=1.5)
        .at(31)
        .expect_plan(Rung.OPTIMAL)
        .play()
    )
    with open_reader(room.store_path) as reader:
        second = reader.settled(*ALWAYS)[1]
    anna, bert, _ = second.allocations
    assert anna.sold_wh > 300
    assert bert.shared_wh > 300
    assert bert.value_micro < 0 < anna.value_micro


def test_a_car_that_arrives_is_planned_at_once_and_charged_before_it_leaves(tmp_path: Path) -> None:
    (
        Story(village(), tmp_path)
        .at(17)
        .arrives("anna", "car", needs_kwh=3.0, leaves_at=60)
        .at(18)
        .expect_plan(Rung.OPTIMAL, because=Trigger.ASSET)
        .expect_setpoints("gw-anna/car", since=17.0, some=True)
        .at(60)
        .expect_that(_car_is_full)
        .at(65)
        .expect_plan(Rung.OPTIMAL)
        .expect_that(_charging_point_waits)
        .play()
    )


def _charging_point_waits(room: ControlRoom) -> None:
    assert {setpoint.power_kw for _, setpoint in room.setpoints("gw-anna/car", since=61.5)} == {0.0}


def _car_is_full(room: ControlRoom) -> None:
    needed_kwh = [room.reading("gw-anna/car").energy_needed_kwh]
    assert needed_kwh[0] == pytest.approx(0.0, abs=0.02)


def test_a_price_notice_is_answered_within_the_interval(tmp_path: Path) -> None:
    (
        Story(village(peak_charge_eur_per_kw=0.0), tmp_path, soc_kwh={"bert": 8.0})
        .input("cleo", demand_kw=3.0)
        .at(20)
        .hears_price(2.0, 0.05)
        .hears_price(0.3, 0.05, valid_at=60)
        .at(21)
        .expect_plan(Rung.OPTIMAL, because=Trigger.PRICE)
        .expect("gw-grid/grid", at_most_kw=0.5)
        .expect_that(lambda room: _newest_price_is(room, 2.0))
        .play()
    )


def _newest_price_is(room: ControlRoom, import_eur: float) -> None:
    outlook = room.reports[-1].outlook
    assert outlook is not None
    assert outlook.prices.import_price_eur_per_kwh[0] == pytest.approx(import_eur)


def test_a_limit_on_the_connection_is_kept_until_it_is_lifted(tmp_path: Path) -> None:
    (
        Story(village(peak_charge_eur_per_kw=0.0), tmp_path, soc_kwh={"anna": 8.0, "bert": 8.0})
        .input("cleo", demand_kw=6.0)
        .at(20)
        .hears_limit(2.0)
        .at(21)
        .expect_plan(Rung.OPTIMAL, because=Trigger.LIMIT)
        .expect("gw-grid/grid", at_most_kw=2.05)
        .at(25)
        .hears_limit(None)
        .at(26)
        .expect_plan(Rung.OPTIMAL, because=Trigger.LIMIT)
        .expect_that(lambda room: _import_limit_is(room, 60.0))
        .play()
    )


def _import_limit_is(room: ControlRoom, limit_kw: float) -> None:
    outlook = room.reports[-1].outlook
    assert outlook is not None
    assert outlook.limits.import_kw[0] == limit_kw


def test_sun_beyond_the_export_limit_is_curtailed_and_set_free_again(tmp_path: Path) -> None:
    community = {"id": "village", "name": "Village", "zone": "Europe/Berlin", "export_limit_kw": 1.0}
    site = village().model_copy(update={"community": village().community.model_validate(community)})
    room = (
        Story(site, tmp_path, soc_kwh={"anna": 9.0, "bert": 9.0})
        .input("anna", pv_kw=4.5)
        .at(29)
        .expect("gw-grid/grid", at_least_kw=-1.1)
        .expect("gw-anna/pv", at_least_kw=-2.5)
        .at(30)
        .input("anna", pv_kw=0.5, demand_kw=3.0)
        .at(50)
        .expect("gw-anna/pv", at_most_kw=-0.45)
        .play()
    )
    reasons = [setpoint.reason for _, setpoint in room.setpoints("gw-anna/pv")]
    assert Reason.CURTAIL_LIMIT in reasons
    assert reasons[-1] is Reason.NO_CURTAILMENT


def test_what_is_settled_is_what_the_homes_used_to_the_watt_hour(tmp_path: Path) -> None:
    room = (
        Story(village(), tmp_path)
        .input("anna", demand_kw=1.0, pv_kw=3.3)
        .input("cleo", demand_kw=2.0)
        .at(20)
        .input("anna", pv_kw=1.7)
        .at(33)
        .input("bert", demand_kw=4.4)
        .at(61)
        .expect_plan(Rung.OPTIMAL)
        .play()
    )
    with open_reader(room.store_path) as reader:
        settled = reader.settled(*ALWAYS)
    assert [one.start_utc for one in settled] == [START + number * timedelta(minutes=15) for number in range(4)]
    for one in settled:
        for row in one.metered:
            truth = room.homes.neighbourhood.interval_energy(
                row.member, one.start_utc, one.start_utc + timedelta(minutes=15)
            )
            for name in ("import", "export", "demand", "pv", "charge", "discharge"):
                assert getattr(row, f"{name}_wh") == pytest.approx(1000 * getattr(truth, f"{name}_kwh"), abs=1.0)
