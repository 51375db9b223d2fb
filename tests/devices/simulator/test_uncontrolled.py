from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from config.schema import Site
from devices.simulator.home_state import UNCONTROLLED
from devices.simulator.neighbourhood import Neighbourhood
from devices.simulator.uncontrolled import UncontrolledRun, run_uncontrolled
from models.profiles.profiles import CommunityProfile
from tests.devices.simulator.village import (
    BATTERY,
    BOILER,
    EV,
    START,
    WASHER,
    at,
    make_member,
    make_profile,
    make_run,
    make_session,
    make_site,
)

MINUTES = 8 * 60
ENERGIES = tuple(
    field.name for field in fields(UncontrolledRun) if field.name.endswith("_kwh") and field.name != "ev_missed_kwh"
)


def make_world(seed: int = 1) -> tuple[Site, CommunityProfile]:
    """Two homes, one with everything, with random minutes."""
    rng = np.random.default_rng(seed)
    site = make_site(make_member("anna", batteries=[BATTERY], evs=[EV], shiftable_loads=[WASHER]), make_member("bert"))
    profile = make_profile(
        rng.gamma(1.0, 0.8, (2, MINUTES)).tolist(),
        rng.uniform(0.0, 4.0, (2, MINUTES)).tolist(),
        sessions=[make_session(50, 400, 20.0)],
        runs=[make_run(100, 420)],
    )
    return site, profile


def test_demand_and_pv_are_the_profiles() -> None:
    site, profile = make_world()
    run = run_uncontrolled(site, profile)
    assert (run.member_ids, run.start_utc, run.interval_s) == (("anna", "bert"), START, 900)
    assert run.demand_kwh == pytest.approx(profile.demand_kw.reshape(2, -1, 15).mean(axis=2) / 4.0)
    assert run.pv_kwh == pytest.approx(profile.pv_kw.reshape(2, -1, 15).mean(axis=2) / 4.0)


def test_every_interval_balances() -> None:
    run = run_uncontrolled(*make_world())
    used_kwh = run.demand_kwh + run.charge_kwh - run.discharge_kwh + run.ev_kwh + run.runs_kwh
    assert run.import_kwh - run.export_kwh == pytest.approx(used_kwh - run.pv_kwh, abs=1e-9)
    assert all(np.all(getattr(run, name) >= 0.0) for name in ENERGIES)


def test_it_is_the_same_home_as_the_one_on_the_broker_without_setpoints() -> None:
    site, profile = make_world()
    run = run_uncontrolled(site, profile)
    live = Neighbourhood(site, profile, behaviour=UNCONTROLLED)
    live.advance_to(profile.end_utc)
    for row, name in enumerate(run.member_ids):
        for interval in range(MINUTES // 15):
            truth = live.interval_energy(name, at(15 * interval), at(15 * interval + 15))
            assert run.import_kwh[row, interval] == pytest.approx(truth.import_kwh, abs=1e-9)
            assert run.export_kwh[row, interval] == pytest.approx(truth.export_kwh, abs=1e-9)


@pytest.mark.parametrize("cut_min", [60, 120, 165, 405])
def test_two_runs_that_carry_the_state_are_one(cut_min: int) -> None:
    site, profile = make_world()
    whole = run_uncontrolled(site, profile)
    first = run_uncontrolled(site, profile, end_utc=at(cut_min))
    second = run_uncontrolled(site, profile, start_utc=at(cut_min), states=first.end_states)
    for name in ENERGIES:
        joined = np.concatenate([getattr(first, name), getattr(second, name)], axis=1)
        assert joined == pytest.approx(getattr(whole, name), abs=1e-9), name
    assert second.end_states == whole.end_states


def test_nobody_holds_a_load_back() -> None:
    site, profile = make_world()
    owned = make_member("anna", batteries=[BATTERY], evs=[EV], shiftable_loads=[WASHER], curtailable_loads=[BOILER])
    run, plain = run_uncontrolled(make_site(owned, make_member("bert")), profile), run_uncontrolled(site, profile)
    for name in ENERGIES:
        assert np.array_equal(getattr(run, name), getattr(plain, name)), name


def test_the_car_charges_on_arrival_and_the_run_starts_on_request() -> None:
    run = run_uncontrolled(*make_world())
    assert run.ev_kwh[0, 4] == pytest.approx(7.0 / 4.0)
    assert run.ev_kwh.sum() == pytest.approx(20.0 / 0.9)
    assert run.runs_kwh[0, 7:10] == pytest.approx(np.array([0.5, 0.5, 0.5]))
    assert run.ev_missed_kwh == pytest.approx(0.0, abs=1e-6)


def test_the_peak_is_the_largest_interval_mean_of_the_sum() -> None:
    site = make_site(make_member("anna"), make_member("bert"))
    profile = make_profile([[3.0] * 30, [0.0] * 15 + [5.0] * 15], [[0.0] * 30, [1.0] * 30])
    assert run_uncontrolled(site, profile).peak_import_kw == pytest.approx(3.0 + 5.0 - 1.0)


def test_a_community_that_only_exports_has_no_peak() -> None:
    profile = make_profile([[0.0] * 15], [[2.0] * 15])
    assert run_uncontrolled(make_site(make_member("anna")), profile).peak_import_kw == 0.0


@pytest.mark.parametrize(
    "span, message",
    [
        ({"start_utc": at(7)}, "start: found 2026-06-12T10:07:00"),
        ({"end_utc": at(10_000)}, "end: found"),
        ({"start_utc": at(60), "end_utc": at(60)}, "end: found .* accepted is any interval after"),
    ],
)
def test_spans_off_the_grid_of_intervals_are_named(span: dict[str, Any], message: str) -> None:
    site, profile = make_world()
    with pytest.raises(ValueError, match=message):
        run_uncontrolled(site, profile, **span)
