from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.schema import Site
from models.domain.errors import ProfileError
from models.profiles.generator import generate_assets

MakeSite = Callable[..., Site]
START = datetime(2026, 3, 1, 23, tzinfo=UTC)
END = START + timedelta(days=84)


@given(seed=st.integers(0, 10_000), departure=st.sampled_from(["00:00", "05:30", "07:00", "14:00", "22:45"]))
@settings(max_examples=12, deadline=None)
def test_a_cars_sessions_follow_each_other_and_can_be_served(make_site: MakeSite, seed: int, departure: str) -> None:
    car = {"id": "car", "capacity_kwh": 40.0, "charge_limit_kw": 3.7, "typical_departure": departure}
    sessions, _ = generate_assets(make_site([{"id": "a", "evs": [car]}]), START, END, seed=seed)
    assert len(sessions) > 30
    for session in sessions:
        parked_h = (session.departure_utc - session.arrival_utc).total_seconds() / 3600.0
        assert parked_h >= 4.0
        assert 0.0 <= session.energy_needed_kwh <= min(40.0, parked_h * 3.7 * 0.92)
    for earlier, later in pairwise(sessions):
        assert earlier.departure_utc < later.arrival_utc


def test_cars_leave_around_their_usual_time_and_need_their_usual_energy(make_site: MakeSite) -> None:
    cars = [{"id": f"m{n}", "evs": [{"id": "car", "capacity_kwh": 60.0, "typical_daily_kwh": 9.0}]} for n in range(12)]
    site = make_site(cars)
    sessions, _ = generate_assets(site, START, END, seed=1)
    clock_h = [s.departure_utc.astimezone(site.zone).hour + s.departure_utc.minute / 60.0 for s in sessions]
    assert all(6.0 <= hour <= 8.0 for hour in clock_h)
    daily_kwh = sum(s.energy_needed_kwh for s in sessions) / 12 / 84
    assert daily_kwh == pytest.approx(9.0, rel=0.12)
    by_weekday = [sum(s.arrival_utc.astimezone(site.zone).weekday() == day for s in sessions) for day in range(7)]
    assert min(by_weekday[:5]) > max(by_weekday[5:])


@given(
    seed=st.integers(0, 10_000), window=st.sampled_from([("08:00", "20:00"), ("20:00", "06:00"), ("00:00", "00:00")])
)
@settings(max_examples=12, deadline=None)
def test_a_run_always_fits_between_request_and_latest_end(
    make_site: MakeSite, seed: int, window: tuple[str, str]
) -> None:
    load = {"id": "w", "power_kw": 2.0, "duration_min": 120, "window_start": window[0], "window_end": window[1]}
    _, runs = generate_assets(make_site([{"id": "a", "shiftable_loads": [load]}]), START, END, seed=seed)
    assert 40 <= len(runs) <= 75
    for run in runs:
        assert run.latest_end_utc - run.requested_utc >= timedelta(seconds=run.duration_s)
        assert (run.power_kw, run.duration_s) == (2.0, 7200)
    for earlier, later in pairwise(runs):
        assert earlier.latest_end_utc <= later.requested_utc


def test_a_run_that_loses_its_room_when_clocks_go_forward_is_not_asked_for(make_site: MakeSite) -> None:
    load = {
        "id": "w",
        "power_kw": 1.0,
        "duration_min": 180,
        "window_start": "01:00",
        "window_end": "04:00",
        "runs_per_day_frac": 1.0,
    }
    site = make_site([{"id": "a", "kind": "business", "shiftable_loads": [load]}])
    changed = datetime(2026, 3, 28, 23, tzinfo=UTC)
    _, runs = generate_assets(site, changed, changed + timedelta(hours=23), seed=1)
    assert runs == ()
    _, runs = generate_assets(site, changed + timedelta(hours=23), changed + timedelta(hours=47), seed=1)
    assert len(runs) == 1


def test_a_run_longer_than_its_window_is_refused_by_name(make_site: MakeSite) -> None:
    load = {"id": "wash", "power_kw": 1.0, "duration_min": 90, "window_start": "10:00", "window_end": "11:00"}
    with pytest.raises(ProfileError, match=r"members/a/shiftable_loads/wash: found a run of 90 min in a window of 60"):
        generate_assets(make_site([{"id": "a", "shiftable_loads": [load]}]), START, END, seed=1)


def test_a_car_that_needs_nothing_has_no_sessions(make_site: MakeSite) -> None:
    car = {"id": "car", "capacity_kwh": 40.0, "typical_daily_kwh": 0.0}
    assert generate_assets(make_site([{"id": "a", "evs": [car]}]), START, END, seed=1) == ((), ())
