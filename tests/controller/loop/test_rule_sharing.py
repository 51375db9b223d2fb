"""Cars and runs under the rule: never above a connection's or the community's limit, the neediest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import Site
from controller.loop.outlook import PresentLimits
from controller.loop.rule_sharing import share_room
from controller.loop.setpoints import controlled_devices
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import CAR, WASHER, at, make_site, say, see

FIRST, SECOND, RUN = DeviceKey("gw-anna", "car"), DeviceKey("gw-bert", "car"), DeviceKey("gw-anna", "wash")


def homes(import_limit_kw: float = 17.0) -> Site:
    """Anna has a car and a washer, Bert a car, Cleo nothing."""
    return make_site(
        members=[
            {"id": "anna", "import_limit_kw": import_limit_kw, "evs": [CAR], "shiftable_loads": [WASHER]},
            {"id": "bert", "import_limit_kw": import_limit_kw, "evs": [CAR]},
            {"id": "cleo", "import_limit_kw": import_limit_kw},
        ]
    )


def share(
    readings: list[Reading],
    net_kw: Mapping[str, float | None] | None = None,
    *,
    site: Site | None = None,
    import_kw: float = 60.0,
    is_islanded: bool = False,
) -> dict[DeviceKey, float]:
    where = site or homes()
    limits = PresentLimits(import_kw=import_kw, export_kw=60.0, is_islanded=is_islanded)
    nets: dict[str, float | None] = {"anna": 0.0, "bert": 0.0, "cleo": 0.0, **(net_kw or {})}
    return share_room(where, controlled_devices(where), see(where, readings), limits, nets)


def car(key: DeviceKey, needed_kwh: float = 8.0, **said: Any) -> Reading:
    """A car that leaves in ten hours."""
    return say(key, is_plugged=True, energy_needed_kwh=needed_kwh, departure_utc=at(600), **said)


def washer(latest_end_min: float = 300.0, **said: Any) -> Reading:
    return say(RUN, is_requested=True, remaining_s=3600.0, latest_end_utc=at(latest_end_min), **said)


def test_a_car_and_a_run_do_not_exceed_their_homes_connection() -> None:
    both = [car(FIRST), washer()]
    assert share(both, site=homes(4.0), net_kw={"anna": 1.0}) == {RUN: 2.0, FIRST: 0.0}
    assert share(both[:1], site=homes(4.0), net_kw={"anna": 1.0}) == {FIRST: 3.0}
    assert share(both, site=homes(4.0), net_kw={"anna": 2.5}) == {RUN: 0.0, FIRST: 1.5}


def test_what_a_car_draws_already_is_its_own_room() -> None:
    assert share([car(FIRST, power_kw=3.0)], site=homes(4.0), net_kw={"anna": 3.5}) == {FIRST: 3.5}


def test_below_its_least_current_a_car_waits() -> None:
    assert share([car(FIRST)], site=homes(4.0), net_kw={"anna": 2.7}) == {FIRST: 0.0}


@pytest.mark.parametrize("first_kwh, second_kwh, first_kw, second_kw", [(5.0, 20.0, 2.0, 7.0), (20.0, 5.0, 7.0, 2.0)])
def test_a_community_limit_serves_the_neediest_first(
    first_kwh: float, second_kwh: float, first_kw: float, second_kw: float
) -> None:
    cars = [car(FIRST, first_kwh), car(SECOND, second_kwh)]
    assert share(cars, {"cleo": 1.0}, import_kw=10.0) == {FIRST: first_kw, SECOND: second_kw}


def test_equal_needs_are_served_in_the_sites_order() -> None:
    assert share([car(SECOND), car(FIRST)], import_kw=8.0) == {FIRST: 7.0, SECOND: 0.0}


def test_a_run_that_has_to_start_now_goes_before_a_car_with_time() -> None:
    assert share([car(FIRST), washer(60.0)], import_kw=5.0) == {RUN: 2.0, FIRST: 3.0}
    assert share([car(FIRST, 60.0), washer(1000.0)], import_kw=8.0) == {FIRST: 7.0, RUN: 0.0}


def test_a_silent_home_counts_with_all_that_it_may_draw_and_gets_nothing() -> None:
    assert share([car(FIRST), car(SECOND)], {"bert": None}, import_kw=20.0) == {FIRST: 3.0}


def test_without_grid_cars_runs_and_free_charging_points_wait() -> None:
    readings = [car(FIRST), washer(), say(SECOND, is_plugged=False)]
    assert share(readings, is_islanded=True) == {FIRST: 0.0, SECOND: 0.0, RUN: 0.0}
    assert share(readings, {"bert": None}, is_islanded=True) == {FIRST: 0.0, RUN: 0.0}


def test_a_run_under_way_and_a_car_that_is_away_are_left_alone() -> None:
    assert share([washer(is_running=True), say(FIRST, is_plugged=False)]) == {}


@given(
    anna_kw=st.floats(-5.0, 20.0), bert_kw=st.floats(-5.0, 20.0), cleo_kw=st.floats(0.0, 20.0),
    limit_kw=st.floats(1.0, 20.0), community_kw=st.floats(0.0, 60.0), kwh=st.floats(0.0, 50.0),
)  # fmt: skip
def test_what_is_granted_never_exceeds_a_limit(
    anna_kw: float, bert_kw: float, cleo_kw: float, limit_kw: float, community_kw: float, kwh: float
) -> None:
    net_kw = {"anna": anna_kw, "bert": bert_kw, "cleo": cleo_kw}
    granted = share([car(FIRST, kwh), car(SECOND), washer()], net_kw, site=homes(limit_kw), import_kw=community_kw)
    assert set(granted) == {FIRST, SECOND, RUN}
    for home, keys in (("anna", (FIRST, RUN)), ("bert", (SECOND,))):
        taken_kw = sum(granted[key] for key in keys)
        assert taken_kw == 0.0 or net_kw[home] + taken_kw <= limit_kw + 1e-6
    total_kw = sum(granted.values())
    assert total_kw == 0.0 or sum(net_kw.values()) + total_kw <= community_kw + 1e-6
    assert granted[RUN] in (0.0, 2.0)
    assert all(power == 0.0 or 1.4 <= power <= 7.0 for power in (granted[FIRST], granted[SECOND]))
