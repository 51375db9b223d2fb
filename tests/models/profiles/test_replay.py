from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from config.schema import Site
from models.domain.errors import ProfileError
from models.profiles.assignment import assign_homes, choose_homes
from models.profiles.recorded import RecordedFiles, Recording, read_recording
from models.profiles.refinement import refine
from models.profiles.replay import PvScaling, replay

MakeSite = Callable[..., Site]
START = datetime(2026, 5, 31, 22, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def recording() -> Recording:
    rng = np.random.default_rng(1)
    ids = [f"H{n}" for n in range(8)]
    local = [datetime(2026, 6, 1) + timedelta(hours=n) for n in range(72)]  # noqa: DTZ001
    sun = np.maximum(np.sin((np.arange(72) % 24 - 6) / 12 * np.pi), 0.0)

    def table(columns: list[str], scale: np.ndarray) -> bytes:
        rows = [",".join(["interval_start_local", *columns])]
        for n, stamp in enumerate(local):
            values = scale * (sun[n] if columns != ids else 1.0) * rng.uniform(0.3, 1.0, len(columns))
            rows.append(",".join([stamp.isoformat(), *(f"{value:.4f}" for value in values)]))
        return "\n".join(rows).encode()

    homes = ["home,kind,pv_kwp"] + [f"H{n},{'measured' if n < 5 else 'simulated'},{4.0 * (n < 3)}" for n in range(8)]
    files = RecordedFiles(
        load_csv=table(ids, np.ones(8)), pv_csv=table(ids[:3], np.full(3, 3.0)), homes_csv="\n".join(homes).encode()
    )
    return read_recording(files, ZoneInfo("Europe/Berlin"))


KW = hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.floats(0.0, 50.0))


@given(mean_kw=KW, ratio=st.sampled_from([1, 2, 4, 12, 60]))
@settings(deadline=None)
def test_a_finer_grid_keeps_every_hours_energy(mean_kw: np.ndarray, ratio: int) -> None:
    fine = refine(mean_kw, ratio)
    assert fine.shape == (mean_kw.shape[0], mean_kw.shape[1] * ratio)
    back = fine.reshape(*mean_kw.shape, ratio).mean(axis=2)
    np.testing.assert_allclose(back, mean_kw, rtol=1e-9, atol=1e-9)


@given(mean_kw=KW, ratio=st.sampled_from([2, 4, 60]))
@settings(deadline=None)
def test_a_finer_grid_never_goes_below_zero_or_beyond_the_neighbours(mean_kw: np.ndarray, ratio: int) -> None:
    fine = refine(mean_kw, ratio).reshape(*mean_kw.shape, ratio)
    around = np.pad(mean_kw, ((0, 0), (1, 1)), mode="edge")
    highest = np.maximum(np.maximum(around[:, :-2], around[:, 2:]), mean_kw)
    assert fine.min() >= 0.0
    assert np.all(fine <= highest[:, :, None] + 1e-9)


def test_a_rising_series_is_refined_along_its_slope() -> None:
    assert refine(np.array([[1.0, 2.0, 3.0, 4.0]]), 2)[0, 2:6].tolist() == [1.75, 2.25, 2.75, 3.25]
    assert refine(np.array([[0.0, 0.0, 3.0]]), 4)[0, :8].tolist() == [0.0] * 8


def test_a_ratio_below_one_is_refused() -> None:
    with pytest.raises(ProfileError, match="ratio: found 0"):
        refine(np.ones((1, 2)), 0)


def test_homes_are_chosen_in_turns_of_kind_and_pv_and_always_the_same(recording: Recording) -> None:
    assert choose_homes(recording, 6) == ("H0", "H3", "H5", "H1", "H4", "H6")
    assert choose_homes(recording, 3) == choose_homes(recording, 8)[:3]
    assert sorted(choose_homes(recording, 8)) == [f"H{n}" for n in range(8)]
    for count in (0, 9):
        with pytest.raises(ProfileError, match=f"found {count} asked for, accepted are 1 to 8"):
            choose_homes(recording, count)


def test_members_with_pv_get_homes_with_pv_and_no_home_plays_twice(recording: Recording, make_site: MakeSite) -> None:
    members = [{"id": f"m{n}", "pv_kwp": 5.0 if n % 2 else 0.0} for n in range(7)]
    homes = assign_homes(make_site(members), recording)
    assert [homes[f"m{n}"] for n in (1, 3, 5)] == ["H0", "H1", "H2"]
    assert len(set(homes.values())) == 7
    with pytest.raises(ProfileError, match="found 9 asked for"):
        assign_homes(make_site([{"id": f"m{n}"} for n in range(9)]), recording)


@pytest.mark.parametrize("step_s", [60, 900, 3600])
def test_a_replayed_day_has_the_recorded_energy_hour_by_hour(
    recording: Recording, make_site: MakeSite, step_s: int
) -> None:
    site = make_site([{"id": "b", "pv_kwp": 8.0}, {"id": "a"}])
    profile = replay(recording, site, {"a": "H5", "b": "H1"}, START + DAY, START + 2 * DAY, seed=1, step_s=step_s)
    hourly = profile.averaged(3600)
    assert profile.member_ids == ("b", "a")
    np.testing.assert_allclose(hourly.demand_kw, recording.load_kw[[1, 5], 24:48], atol=1e-9)
    np.testing.assert_allclose(hourly.pv_kw[0], 2.0 * recording.pv_kw[1, 24:48], atol=1e-9)
    assert profile.pv_kw[1].max() == 0.0


def test_pv_is_as_recorded_when_asked_for(recording: Recording, make_site: MakeSite) -> None:
    site = make_site([{"id": "a", "pv_kwp": 8.0}])
    window = (START, START + DAY)
    as_is = replay(recording, site, {"a": "H2"}, *window, seed=1, step_s=3600, pv_scaling=PvScaling.RECORDED)
    np.testing.assert_allclose(as_is.pv_kw[0], recording.pv_kw[2, :24])


def test_a_home_without_pv_lends_the_mean_of_those_with(recording: Recording, make_site: MakeSite) -> None:
    site = make_site([{"id": "a", "pv_kwp": 4.0}])
    profile = replay(recording, site, {"a": "H7"}, START, START + DAY, seed=1, step_s=3600)
    np.testing.assert_allclose(profile.pv_kw[0], recording.pv_kw[:3, :24].mean(axis=0))


def test_cars_are_the_generators_and_do_not_depend_on_the_recording(recording: Recording, make_site: MakeSite) -> None:
    site = make_site([{"id": "a", "evs": [{"id": "car", "capacity_kwh": 50.0}]}])
    profiles = [replay(recording, site, {"a": home}, START, START + 3 * DAY, seed=5) for home in ("H0", "H6")]
    assert profiles[0].ev_sessions == profiles[1].ev_sessions
    assert len(profiles[0].ev_sessions) >= 1


@pytest.mark.parametrize(
    "homes, start, days, step_s, message",
    [
        ({}, START, 1, 60, r"member a: found no home, accepted are H0, "),
        ({"a": "H99"}, START, 1, 60, r"member a: found the home 'H99'"),
        ({"a": "H0"}, START, 4, 60, r"found 2026-06-01 00:00 to 2026-06-05 00:00, accepted .* 2026-06-01"),
        ({"a": "H0"}, START - DAY, 1, 60, r"accepted is a stretch within one window of the recording"),
        ({"a": "H0"}, START, 1, 7200, r"step: found 7200 s"),
    ],
)  # fmt: skip
def test_a_replay_that_does_not_fit_is_refused(
    recording: Recording,
    make_site: MakeSite,
    homes: dict[str, str],
    start: datetime,
    days: int,
    step_s: int,
    message: str,
) -> None:
    with pytest.raises(ProfileError, match=message):
        replay(recording, make_site([{"id": "a"}]), homes, start, start + days * DAY, seed=1, step_s=step_s)
