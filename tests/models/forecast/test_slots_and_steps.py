from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.forecast.baseline import weighted_days
from models.forecast.history import History
from models.forecast.slots import locate_slots, slots_ahead, tabulate
from models.forecast.steps import average_over_steps, step_edges_s

ZONES = ["Europe/Berlin", "America/Los_Angeles", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]


@given(
    start_h=st.integers(400_000, 520_000),
    count=st.integers(1, 300),
    interval_s=st.sampled_from([300, 900, 1800, 3600]),
    zone=st.sampled_from(ZONES),
)
@settings(deadline=None)
def test_slots_show_what_the_clock_on_the_wall_shows(start_h: int, count: int, interval_s: int, zone: str) -> None:
    place = ZoneInfo(zone)
    slots = locate_slots(start_h * 3600, count, interval_s, place)
    for n in {0, count // 2, count - 1}:
        local = datetime.fromtimestamp(int(slots.start_s[n]), tz=UTC).astimezone(place)
        assert slots.column[n] == (local.hour * 3600 + local.minute * 60) // interval_s
        assert slots.day[n] == (local.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days


@pytest.mark.parametrize("day, quarters", [((2026, 3, 29), 92), ((2026, 6, 10), 96), ((2026, 10, 25), 100)])
def test_local_days_of_every_length_fill_one_row(day: tuple[int, int, int], quarters: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(*day, tzinfo=zone).astimezone(UTC)
    past = History(start_utc=start, interval_s=900, mean_kw=np.ones((1, quarters)))
    table, slots = tabulate(past, zone)
    assert table.mean_kw.shape == (1, 1, 96)
    assert table.is_known.sum() == min(quarters, 96)
    assert len(slots.day) == quarters


def test_only_the_last_four_weeks_are_looked_at() -> None:
    past = History(
        start_utc=datetime(2026, 1, 1, tzinfo=UTC), interval_s=3600, mean_kw=np.arange(40 * 24.0).reshape(1, -1)
    )
    table, _ = tabulate(past, ZoneInfo("UTC"))
    assert table.mean_kw.shape == (1, 28, 24)
    assert table.mean_kw[0, 0, 0] == 12 * 24


@given(
    grid_kw=hnp.arrays(np.float64, (2, 48), elements=st.floats(0.0, 10.0)),
    cuts=st.lists(st.floats(0.0, 12.0), min_size=2, max_size=12, unique=True),
)
@settings(deadline=None)
def test_means_over_steps_keep_the_energy(grid_kw: np.ndarray, cuts: list[float]) -> None:
    edges_s = np.sort(np.array(cuts)) * 3600.0
    if np.diff(edges_s).min() < 1.0:
        edges_s = np.array([edges_s[0], edges_s[0] + 60.0])
        edges_s = np.minimum(edges_s, [12 * 3600.0 - 60.0, 12 * 3600.0])
    mean_kw = average_over_steps(grid_kw, 0, 900, edges_s)
    energy = np.concatenate([np.zeros((2, 1)), np.cumsum(grid_kw * 900.0, axis=1)], axis=1)
    at_edges = np.stack([np.interp(edges_s, np.arange(49) * 900.0, row) for row in energy])
    np.testing.assert_allclose(mean_kw * np.diff(edges_s), np.diff(at_edges, axis=1), rtol=1e-9, atol=1e-6)


def test_the_slots_ahead_cover_the_steps_from_inside_the_running_interval() -> None:
    past = History(start_utc=datetime(2026, 6, 1, tzinfo=UTC), interval_s=900, mean_kw=np.ones((1, 4)))
    edges_s = step_edges_s(past.end_utc + timedelta(minutes=7), np.array([0.1, 2.0]))
    slots = slots_ahead(past, edges_s, ZoneInfo("UTC"))
    assert slots.start_s[0] == past.end_utc.timestamp()
    assert slots.start_s[-1] < edges_s[-1] <= slots.start_s[-1] + 900


def test_weighted_days_count_what_is_known_only() -> None:
    kw = np.array([[1.0, 2.0, np.nan, 4.0] * 12])
    table, _ = tabulate(
        History(start_utc=datetime(2026, 6, 1, tzinfo=UTC), interval_s=3600, mean_kw=kw), ZoneInfo("UTC")
    )
    sums, known = weighted_days(table, np.array([[1.0, 3.0]]), 0.0)
    assert sums[0, 0, :4].tolist() == [4.0, 8.0, 0.0, 16.0]
    assert known[0, 0, :4].tolist() == [4.0, 4.0, 0.0, 4.0]
