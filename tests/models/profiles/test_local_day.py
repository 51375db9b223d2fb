from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.profiles.local_day import day_start_s, list_local_days, local_moment
from models.profiles.local_stamps import exists, is_shown_twice
from models.profiles.seeding import Purpose, open_stream

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["Europe/Berlin", "America/Los_Angeles", "America/Santiago", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]


@given(day=st.dates(date(2015, 1, 1), date(2035, 1, 1)), count=st.integers(1, 4), zone=st.sampled_from(ZONES))
@settings(deadline=None)
def test_local_days_follow_each_other_without_a_gap_in_every_zone(day: date, count: int, zone: str) -> None:
    place = ZoneInfo(zone)
    start = datetime.fromtimestamp(day_start_s(day, place), tz=UTC)
    end = datetime.fromtimestamp(day_start_s(day + timedelta(days=count), place), tz=UTC)
    days = list_local_days(start, end, place)
    assert [d.day for d in days] == [day + timedelta(days=n) for n in range(count)]
    assert days[0].start_s == start.timestamp()
    for n, described in enumerate(days):
        after_s = days[n + 1].start_s if n + 1 < count else end.timestamp()
        assert described.start_s + 60 * len(described.wall_h) == after_s


@given(day=st.dates(date(2015, 1, 1), date(2035, 1, 1)), minute=st.integers(0, 1379), zone=st.sampled_from(ZONES))
@settings(deadline=None)
def test_every_minute_knows_what_the_clock_shows(day: date, minute: int, zone: str) -> None:
    place = ZoneInfo(zone)
    start = datetime.fromtimestamp(day_start_s(day, place), tz=UTC)
    described = list_local_days(start, start + timedelta(hours=1), place)[0]
    local = (start + timedelta(minutes=minute)).astimezone(place)
    assert described.wall_h[minute] == pytest.approx(local.hour + local.minute / 60.0 + 0.5 / 60.0)


@pytest.mark.parametrize(
    "day, minutes", [(date(2026, 3, 29), 1380), (date(2026, 6, 10), 1440), (date(2026, 10, 25), 1500)]
)
def test_days_in_berlin_have_23_24_or_25_hours(day: date, minutes: int) -> None:
    start = datetime.fromtimestamp(day_start_s(day, BERLIN), tz=UTC)
    (described,) = list_local_days(start, start + timedelta(hours=20), BERLIN)
    assert len(described.wall_h) == minutes
    hours, counts = np.unique(described.wall_h.astype(int), return_counts=True)
    assert len(hours) == (23 if minutes == 1380 else 24)
    assert counts.max() == (120 if minutes == 1500 else 60)


def test_days_before_a_window_are_added_in_front() -> None:
    start = datetime(2026, 6, 10, 10, tzinfo=UTC)
    days = list_local_days(start, start + timedelta(minutes=1), BERLIN, days_before=2)
    assert [d.day.day for d in days] == [8, 9, 10]
    assert [d.is_weekend for d in list_local_days(start, start + timedelta(days=4), BERLIN)] == [False] * 3 + [True] * 2


def test_the_year_turns_around_the_winter_solstice() -> None:
    def angle(month: int, day: int) -> float:
        start = datetime(2026, month, day, 12, tzinfo=UTC)
        return float(np.cos(list_local_days(start, start + timedelta(hours=1), BERLIN)[0].year_angle))

    assert angle(12, 21) > 0.999
    assert angle(6, 21) < -0.999
    assert abs(angle(3, 21)) < 0.05


def test_clocks_skip_an_hour_in_spring_and_show_one_twice_in_autumn() -> None:
    def naive(month: int, day: int, hour: int, minute: int = 0) -> datetime:
        return datetime(2026, month, day, hour, minute)  # noqa: DTZ001

    assert not exists(naive(3, 29, 2, 30), BERLIN)
    assert exists(naive(3, 29, 3), BERLIN)
    assert is_shown_twice(naive(10, 25, 2, 59), BERLIN)
    assert not is_shown_twice(naive(10, 25, 3), BERLIN)
    assert not is_shown_twice(naive(3, 29, 2, 30), BERLIN)
    assert local_moment(date(2026, 3, 29), time(2, 30), BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_streams_are_told_apart_by_seed_purpose_owner_and_day() -> None:
    def first(seed: int, purpose: Purpose, owner: str, ordinal: int) -> float:
        return float(open_stream(seed, purpose, owner=owner, ordinal=ordinal).random())

    draws = [
        first(1, Purpose.DEMAND, "a", 7),
        first(2, Purpose.DEMAND, "a", 7),
        first(1, Purpose.EV, "a", 7),
        first(1, Purpose.DEMAND, "b", 7),
        first(1, Purpose.DEMAND, "a", 8),
    ]
    assert len(set(draws)) == len(draws)
    assert draws[0] == first(1, Purpose.DEMAND, "a", 7)
