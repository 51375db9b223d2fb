from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import ProfileError
from models.profiles.profiles import CommunityProfile, EvSession, ShiftableRun, count_steps

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make(demand_kw: np.ndarray, pv_kw: np.ndarray | None = None) -> CommunityProfile:
    session = EvSession(
        member_id="b", asset_id="car", arrival_utc=START, departure_utc=START + HOUR, energy_needed_kwh=3.0
    )
    run = ShiftableRun(
        member_id="a",
        asset_id="wash",
        requested_utc=START,
        latest_end_utc=START + 3 * HOUR,
        power_kw=1.0,
        duration_s=3600,
    )
    return CommunityProfile(
        member_ids=("a", "b"),
        start_utc=START,
        step_s=900,
        demand_kw=demand_kw,
        pv_kw=np.zeros_like(demand_kw) if pv_kw is None else pv_kw,
        ev_sessions=(session,),
        runs=(run,),
    )


@given(hours=st.integers(1, 30), seed=st.integers(0, 100), step_s=st.sampled_from([900, 1800, 3600]))
@settings(deadline=None)
def test_longer_steps_keep_the_energy(hours: int, seed: int, step_s: int) -> None:
    kw = np.random.default_rng(seed).uniform(0.0, 5.0, (2, 4 * hours))
    profile = make(kw)
    coarse = profile.averaged(step_s)
    assert coarse.end_utc == profile.end_utc == START + hours * HOUR
    np.testing.assert_allclose(coarse.demand_kw.sum(axis=1) * step_s, kw.sum(axis=1) * 900)


def test_a_home_has_its_own_row_cars_and_runs_only() -> None:
    profile = make(np.array([[1.0] * 4, [2.0] * 4]))
    a, b = profile.home("a"), profile.home("b")
    assert a.demand_kw.tolist() == [1.0] * 4
    assert (len(a.ev_sessions), len(a.runs), len(b.ev_sessions), len(b.runs)) == (0, 1, 1, 0)
    with pytest.raises(ProfileError, match="member: found 'c', accepted a, b"):
        profile.home("c")


@pytest.mark.parametrize(
    "demand_kw, pv_kw, message",
    [
        (np.ones((3, 4)), np.ones((3, 4)), r"demand_kw: found shape \(3, 4\), accepted \(2, 4\)"),
        (np.ones((2, 4)), np.ones((2, 5)), r"pv_kw: found shape \(2, 5\), accepted \(2, 4\)"),
        (np.ones(4), np.ones(4), r"demand_kw: found shape"),
        (np.full((2, 4), -0.1), np.ones((2, 4)), "demand_kw: found a negative or non-finite power"),
        (np.ones((2, 4)), np.full((2, 4), np.nan), "pv_kw: found a negative or non-finite power"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(demand_kw: np.ndarray, pv_kw: np.ndarray, message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        make(demand_kw, pv_kw)


@pytest.mark.parametrize("step_s", [600, 450, 1350, 7200])
def test_a_step_that_does_not_fit_is_refused(step_s: int) -> None:
    with pytest.raises(ProfileError, match=f"step: found {step_s} s"):
        make(np.ones((2, 4))).averaged(step_s)


def test_steps_are_counted_between_aligned_moments() -> None:
    assert count_steps(START, START + 2 * HOUR, 900) == 8
    with pytest.raises(ProfileError, match=r"end: found .* accepted are multiples of 900 s"):
        count_steps(START, START + timedelta(minutes=20), 900)
