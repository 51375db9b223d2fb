from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.members import Member
from models.profiles.appliances import APPLIANCES, SPILL_MIN, draw_starts, start_weights
from models.profiles.behaviour import BehaviourGroup, draw_group, list_roles
from models.profiles.demand import draw_demand, draw_empty_home
from models.profiles.local_day import LocalDay, list_local_days
from models.profiles.presence import draw_presence
from models.profiles.traits import Traits, draw_traits

BERLIN = ZoneInfo("Europe/Berlin")
HOUSEHOLDS = [group for group in BehaviourGroup if group is not BehaviourGroup.BUSINESS]


def days_from(first: datetime, count: int) -> list[LocalDay]:
    return list_local_days(first, first + timedelta(days=count), BERLIN)


WEEK = days_from(datetime(2026, 6, 7, 22, tzinfo=UTC), 7)
"""Monday to Sunday."""


def draw(persons: int, kind: str = "household", seed: int = 1) -> Traits:
    member = Member.model_validate({"id": "m", "persons": persons, "kind": kind})
    return draw_traits(member, np.random.default_rng(seed))


@given(persons=st.integers(1, 50), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_a_group_fits_the_number_of_persons(persons: int, seed: int) -> None:
    member = Member.model_validate({"id": "m", "persons": persons})
    group = draw_group(member, np.random.default_rng(seed))
    assert group is not BehaviourGroup.BUSINESS
    assert group is not BehaviourGroup.FAMILY or persons >= 3
    assert group is not BehaviourGroup.SINGLE or persons == 1
    assert len(list_roles(group, persons)) == min(persons, 6)


def test_every_group_occurs_and_a_business_is_one() -> None:
    groups = {
        draw_group(Member.model_validate({"id": "m", "persons": n}), np.random.default_rng(seed))
        for n in (1, 2, 3)
        for seed in range(40)
    }
    assert groups == set(HOUSEHOLDS)
    assert draw(3, "business").group is BehaviourGroup.BUSINESS
    assert draw(3, "business").roles == ()


@given(
    group=st.sampled_from(HOUSEHOLDS), persons=st.integers(1, 6), seed=st.integers(0, 500), day=st.sampled_from(WEEK)
)
@settings(deadline=None)
def test_nobody_is_at_home_more_than_once(group: BehaviourGroup, persons: int, seed: int, day: LocalDay) -> None:
    awake = draw_presence(list_roles(group, persons), day, 0.0, np.random.default_rng(seed))
    assert awake.shape == day.wall_h.shape
    assert 0.0 <= awake.min() <= awake.max() <= persons


def test_workers_are_out_at_noon_pensioners_at_home_and_all_asleep_at_four() -> None:
    def share(group: BehaviourGroup, hour: int) -> float:
        rng = np.random.default_rng(1)
        days = [draw_presence(list_roles(group, 2), day, 0.0, rng) for _ in range(30) for day in WEEK[:5]]
        return float(np.mean([awake[60 * hour : 60 * hour + 60].mean() / 2.0 for awake in days]))

    assert share(BehaviourGroup.WORKING_COUPLE, 12) < 0.2
    assert share(BehaviourGroup.RETIRED, 13) > 0.6
    assert share(BehaviourGroup.HOME_WORKER, 12) > 0.4
    for group in HOUSEHOLDS:
        assert share(group, 4) < 0.05
        assert share(group, 20) > 0.6


@pytest.mark.parametrize("appliance", APPLIANCES, ids=lambda appliance: appliance.name)
def test_a_run_lasts_and_takes_what_its_phases_say(appliance: object) -> None:
    kind = next(known for known in APPLIANCES if known is appliance)
    assert len(kind.run_kw()) == kind.length_min < SPILL_MIN
    assert kind.run_kw().sum() / 60.0 == pytest.approx(kind.run_kwh)
    weekly = 5 * kind.expected_runs(2, is_weekend=False) + 2 * kind.expected_runs(2, is_weekend=True)
    assert weekly == pytest.approx(7 * (kind.runs_per_day + 2 * kind.runs_per_person_day))


@given(seed=st.integers(0, 1000), mean_runs=st.floats(0.0, 20.0), first=st.integers(0, 1400))
@settings(deadline=None)
def test_runs_start_only_while_somebody_is_awake(seed: int, mean_runs: float, first: int) -> None:
    awake = np.zeros(1440)
    awake[first : first + 30] = 1.0
    starts = draw_starts(awake, mean_runs, np.random.default_rng(seed))
    assert np.all(awake[starts] == 1.0)
    assert draw_starts(np.zeros(1440), mean_runs, np.random.default_rng(seed)).size == 0


def test_dinner_is_cooked_in_the_evening() -> None:
    hob = next(kind for kind in APPLIANCES if kind.name == "hob_in_the_evening")
    weights = start_weights(hob, np.ones(1440), WEEK[0].wall_h)
    assert weights[18 * 60 : 19 * 60].mean() > 20.0 * weights[12 * 60 : 13 * 60].mean()


@given(persons=st.integers(1, 8), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_a_home_is_of_a_plausible_size(persons: int, seed: int) -> None:
    traits = draw(persons, seed=seed)
    continuous_kwh = 8760.0 * sum(traits.mean_kw.values())
    runs_kwh = 365.0 * sum(
        a.run_kwh * (a.runs_per_day + a.runs_per_person_day * traits.persons) for a in traits.appliances
    )
    assert 0.39 * 1500.0 <= continuous_kwh <= 5000.0
    assert 1400.0 <= continuous_kwh + runs_kwh <= 5600.0
    assert min(traits.mean_kw.values()) > 0.0


def test_the_same_stream_gives_the_same_home() -> None:
    assert draw(3, seed=4) == draw(3, seed=4)
    assert draw(3, seed=4) != draw(3, seed=5)


@given(persons=st.integers(1, 5), seed=st.integers(0, 200), day=st.sampled_from(WEEK))
@settings(deadline=None)
def test_a_day_never_falls_below_standby_and_spills_a_little_into_the_next(
    persons: int, seed: int, day: LocalDay
) -> None:
    traits = draw(persons, seed=seed)
    kw = draw_demand(traits, day, 48.0, np.random.default_rng(seed))
    assert kw.shape == (len(day.wall_h) + SPILL_MIN,)
    assert kw[: len(day.wall_h)].min() >= traits.mean_kw["standby"]
    assert kw.min() >= 0.0


def test_an_empty_home_takes_standby_and_its_fridge_only() -> None:
    traits = draw(4)
    kw = draw_empty_home(traits, WEEK[0], 48.0, np.random.default_rng(1))[:1440]
    assert kw.max() < 0.6
    assert kw.mean() == pytest.approx(traits.mean_kw["standby"] + traits.mean_kw["cold"], rel=0.15)


def test_light_burns_longer_in_winter_and_the_other_way_round_in_the_south() -> None:
    traits = draw(2)
    winter = days_from(datetime(2026, 1, 11, 23, tzinfo=UTC), 7)

    def mean_kw(days: list[LocalDay], latitude_deg: float) -> float:
        rng = np.random.default_rng(3)
        return float(np.mean([draw_demand(traits, day, latitude_deg, rng)[:1440].mean() for day in days * 20]))

    assert mean_kw(winter, 50.0) > 1.1 * mean_kw(WEEK, 50.0)
    assert mean_kw(winter, -50.0) < 0.95 * mean_kw(WEEK, -50.0)
