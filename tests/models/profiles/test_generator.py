from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.schema import Site
from models.domain.errors import ProfileError
from models.profiles.generator import generate

MakeSite = Callable[..., Site]
MIDSUMMER = datetime(2026, 6, 9, 22, tzinfo=UTC)
DAY = timedelta(days=1)
PERSONS = [1, 2, 3, 4, 5, 1, 2, 3, 4, 2]


@pytest.fixture(scope="module")
def site(make_site: MakeSite) -> Site:
    return make_site([{"id": f"m{n}", "persons": persons, "pv_kwp": 5.0} for n, persons in enumerate(PERSONS)])


@pytest.fixture(scope="module")
def year_kw(make_site: MakeSite) -> np.ndarray:
    homes = [{"id": f"m{n}", "persons": persons} for n, persons in enumerate(PERSONS)]
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return generate(make_site(homes), start, start + 365 * DAY, seed=5, step_s=3600).demand_kw


@given(seed=st.integers(0, 2**40), step_s=st.sampled_from([60, 300, 900, 3600]))
@settings(max_examples=10, deadline=None)
def test_the_same_seed_gives_the_same_profile_on_any_step(make_site: MakeSite, seed: int, step_s: int) -> None:
    pair = make_site([{"id": "a", "pv_kwp": 3.0}, {"id": "b", "persons": 4}])
    fine = generate(pair, MIDSUMMER, MIDSUMMER + DAY, seed=seed)
    again = generate(pair, MIDSUMMER, MIDSUMMER + DAY, seed=seed, step_s=step_s)
    np.testing.assert_allclose(fine.averaged(step_s).demand_kw, again.demand_kw, atol=1e-12)
    np.testing.assert_allclose(fine.averaged(step_s).pv_kw, again.pv_kw, atol=1e-12)


def test_another_seed_gives_another_profile(site: Site) -> None:
    first, second = (generate(site, MIDSUMMER, MIDSUMMER + DAY, seed=seed, step_s=900) for seed in (1, 2))
    assert np.abs(first.demand_kw - second.demand_kw).mean() > 0.05
    assert np.abs(first.pv_kw - second.pv_kw).mean() > 0.001


@given(before=st.integers(0, 4), shift_min=st.sampled_from([0, 15, 60 * 7]))
@settings(max_examples=8, deadline=None)
def test_a_day_is_the_same_whatever_window_it_is_part_of(make_site: MakeSite, before: int, shift_min: int) -> None:
    home = make_site(
        [
            {
                "id": "a",
                "persons": 3,
                "pv_kwp": 4.0,
                "evs": [{"id": "car", "capacity_kwh": 60.0}],
                "shiftable_loads": [
                    {"id": "wash", "power_kw": 1.0, "duration_min": 90, "window_start": "09:00", "window_end": "20:00"}
                ],
            }
        ]
    )
    start = MIDSUMMER + timedelta(minutes=shift_min)
    alone = generate(home, start, start + DAY, seed=9)
    joined = generate(home, start - before * DAY, start + DAY, seed=9)
    np.testing.assert_allclose(joined.demand_kw[:, -1440:], alone.demand_kw, atol=1e-12)
    np.testing.assert_allclose(joined.pv_kw[:, -1440:], alone.pv_kw, atol=1e-12)
    assert [s for s in joined.ev_sessions if s.departure_utc > start] == list(alone.ev_sessions)
    assert [r for r in joined.runs if r.latest_end_utc > start] == list(alone.runs)


def test_members_do_not_depend_on_each_other_or_on_their_order(make_site: MakeSite) -> None:
    a, b = {"id": "a", "pv_kwp": 4.0, "persons": 2}, {"id": "b", "pv_kwp": 6.0, "persons": 5}
    alone = generate(make_site([a]), MIDSUMMER, MIDSUMMER + DAY, seed=3)
    both = generate(make_site([b, a]), MIDSUMMER, MIDSUMMER + DAY, seed=3)
    assert both.member_ids == ("b", "a")
    np.testing.assert_array_equal(both.home("a").demand_kw, alone.home("a").demand_kw)
    np.testing.assert_array_equal(both.home("a").pv_kw, alone.home("a").pv_kw)


@pytest.mark.parametrize(
    "start, hours",
    [
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        (datetime(2026, 6, 9, 22, tzinfo=UTC), 24),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
    ],
)
def test_local_days_of_92_96_and_100_quarter_hours_are_covered(site: Site, start: datetime, hours: int) -> None:
    profile = generate(site, start, start + timedelta(hours=hours), seed=1, step_s=900)
    assert profile.demand_kw.shape == (len(PERSONS), 4 * hours)
    assert profile.demand_kw.min() > 0.0
    night = profile.pv_kw[:, :8]
    assert night.max() == 0.0
    assert profile.pv_kw.max() > 0.5


def test_a_household_uses_a_plausible_amount_in_a_year(year_kw: np.ndarray) -> None:
    kwh = year_kw.sum(axis=1)
    assert np.all((kwh > 1350.0) & (kwh < 5600.0))
    by_persons = [float(np.mean(kwh[[n for n, p in enumerate(PERSONS) if p == persons]])) for persons in (1, 2, 4)]
    assert by_persons[0] < by_persons[1] < by_persons[2]


def test_homes_peak_in_the_evening_and_use_little_at_night(year_kw: np.ndarray) -> None:
    by_hour_utc = year_kw.mean(axis=0).reshape(365, 24).mean(axis=0)
    evening, night = by_hour_utc[16:20].mean(), by_hour_utc[0:4].mean()
    assert evening > 3.0 * night
    assert int(np.argmax(by_hour_utc)) in {16, 17, 18, 19}


def test_weekends_have_livelier_mornings_than_weekdays(year_kw: np.ndarray) -> None:
    days = year_kw.mean(axis=0).reshape(365, 24)
    weekday = (np.arange(365) + 2) % 7
    assert days[weekday >= 5, 9:12].mean() > 1.3 * days[weekday < 5, 9:12].mean()


def test_winter_takes_more_than_summer(year_kw: np.ndarray) -> None:
    days = year_kw.mean(axis=0).reshape(365, 24).mean(axis=1)
    assert days[:31].mean() > 1.1 * days[181:212].mean()


def test_homes_differ_and_their_peaks_do_not_coincide(site: Site) -> None:
    kw = generate(site, MIDSUMMER, MIDSUMMER + 7 * DAY, seed=4, step_s=900).demand_kw
    between_homes = np.asarray(np.corrcoef(kw))[np.triu_indices(len(kw), 1)]
    assert between_homes.mean() < 0.5
    assert kw.sum(axis=0).max() < 0.75 * kw.max(axis=1).sum()


def test_quarter_hours_are_peaky(site: Site) -> None:
    kw = generate(site, MIDSUMMER, MIDSUMMER + 7 * DAY, seed=4, step_s=900).demand_kw
    assert np.all(kw.max(axis=1) > 5.0 * kw.mean(axis=1))
    assert np.all(kw.max(axis=1) > 1.5)
    assert kw.max() < 15.0


def test_a_business_works_on_weekdays_and_rests_on_sunday(make_site: MakeSite) -> None:
    shop = make_site([{"id": "shop", "kind": "business", "persons": 4}])
    monday = datetime(2026, 6, 7, 22, tzinfo=UTC)
    days = generate(shop, monday, monday + 28 * DAY, seed=2, step_s=3600).demand_kw.reshape(4, 7, 24)
    assert days[:, :5, 10:15].mean() > 3.0 * days[:, 6, 10:15].mean()


def test_shiftable_loads_take_the_place_of_washing_in_the_demand(make_site: MakeSite) -> None:
    loads = [
        {"id": f"load{n}", "power_kw": 1.0, "duration_min": 60, "window_start": "08:00", "window_end": "20:00"}
        for n in range(3)
    ]
    plain = {"id": "a", "persons": 4}
    window = (MIDSUMMER, MIDSUMMER + 28 * DAY)
    without = generate(make_site([plain]), *window, seed=8, step_s=3600).demand_kw
    shifted = generate(make_site([plain | {"shiftable_loads": loads}]), *window, seed=8, step_s=3600).demand_kw
    assert shifted.max() < without.max()


def test_arrays_cannot_be_changed(site: Site) -> None:
    profile = generate(site, MIDSUMMER, MIDSUMMER + DAY, seed=1, step_s=3600)
    with pytest.raises(ValueError, match="read-only"):
        profile.demand_kw[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        profile.home("m0").pv_kw[0] = 1.0


@pytest.mark.parametrize(
    "start, end, step_s, seed, message",
    [
        (datetime(2026, 6, 1), MIDSUMMER, 60, 1, "aware times in UTC"),  # noqa: DTZ001
        (MIDSUMMER + timedelta(seconds=30), MIDSUMMER + DAY, 60, 1, "multiples of 60 s"),
        (MIDSUMMER, MIDSUMMER, 60, 1, "any time after"),
        (MIDSUMMER, MIDSUMMER + DAY, 7 * 60, 1, "divide an hour"),
        (MIDSUMMER, MIDSUMMER + DAY, 60, -1, "seed: found -1"),
    ],
)
def test_a_window_that_does_not_fit_is_refused(
    site: Site, start: datetime, end: datetime, step_s: int, seed: int, message: str
) -> None:
    with pytest.raises(ProfileError, match=message):
        generate(site, start, end, seed=seed, step_s=step_s)


def test_pv_without_a_location_is_refused_by_name(make_site: MakeSite) -> None:
    homeless = make_site([{"id": "a", "pv_kwp": 2.0}], has_location=False)
    with pytest.raises(ProfileError, match=r"community\.location: found none, but a has PV"):
        generate(homeless, MIDSUMMER, MIDSUMMER + DAY, seed=1)
    roofless = make_site([{"id": "a"}], has_location=False)
    assert generate(roofless, MIDSUMMER, MIDSUMMER + DAY, seed=1).pv_kw.max() == 0.0
