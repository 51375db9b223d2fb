from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loop.state_store import KEPT_BOUNDARIES, StateStore
from models.domain.snapshot import MISSING_ENERGY, CountedEnergy, MeterQuality, Snapshot
from models.domain.telemetry import Reading
from tests.controller.loop.neighbours import ANNA_METER, BERT_METER, at, count, say

STALE_S = 30.0


def make_store(*, stale_after_s: float = STALE_S) -> StateStore:
    return StateStore([ANNA_METER, BERT_METER], interval_min=15, stale_after_s=stale_after_s)


def feed(store: StateStore, *readings: Reading) -> StateStore:
    """Offer readings, each received when it was sampled; monotonic time is 0 at the start."""
    for reading in readings:
        store.offer(reading, (reading.ts_utc - at(0)).total_seconds())
    return store


def freeze(store: StateStore, minutes: float, *, interval: float = 15.0, with_closed: bool = True) -> Snapshot:
    return store.freeze(
        now_utc=at(minutes), now_s=minutes * 60.0, interval_start_utc=at(interval), with_closed=with_closed
    )


@given(order=st.permutations([0.0, 1.0, 2.0, 3.0, 14.0]))
def test_the_newest_reading_wins_in_whatever_order_they_come(order: list[float]) -> None:
    store = make_store()
    for minutes in order:
        store.offer(say(ANNA_METER, minutes, power_kw=minutes), 0.0)
    newest = store.newest(ANNA_METER)
    assert newest is not None
    assert newest.ts_utc == at(14)


def test_a_device_that_never_spoke_is_unknown_and_not_zero() -> None:
    store = make_store()
    assert store.newest(ANNA_METER) is None
    assert store.age_s(ANNA_METER, 0.0, at(0)) is None
    snapshot = freeze(store, 15.0)
    assert snapshot.fresh == {}
    assert snapshot.stale == {ANNA_METER: None, BERT_METER: None}
    assert snapshot.closed == {ANNA_METER: MISSING_ENERGY, BERT_METER: MISSING_ENERGY}


@given(age_s=st.floats(0.0, 600.0), delay_s=st.floats(0.0, 600.0))
def test_a_stale_reading_is_never_in_the_snapshot(age_s: float, delay_s: float) -> None:
    store = make_store()
    store.offer(say(ANNA_METER, 0.0, power_kw=1.0), delay_s)
    minutes = (age_s + delay_s) / 60.0
    snapshot = freeze(store, minutes, interval=0.0)
    is_fresh = (at(minutes) - at(0)).total_seconds() <= STALE_S
    assert (ANNA_METER in snapshot.fresh) == is_fresh
    assert (ANNA_METER in snapshot.stale) != is_fresh
    assert (ANNA_METER in snapshot.running) == is_fresh


def test_a_stamp_from_the_future_does_not_keep_a_reading_fresh() -> None:
    store = make_store()
    store.offer(say(ANNA_METER, 1.0, power_kw=1.0), 0.0)
    assert store.is_fresh(ANNA_METER, 29.0, at(29 / 60))
    assert not store.is_fresh(ANNA_METER, 31.0, at(31 / 60))


def test_a_wall_clock_that_steps_back_does_not_make_an_old_reading_fresh() -> None:
    store = make_store()
    store.offer(say(ANNA_METER, 60.0, power_kw=1.0), 0.0)
    assert not store.is_fresh(ANNA_METER, 31.0, at(0))


def test_counters_sampled_at_both_boundaries_are_measured() -> None:
    store = feed(make_store(), *(count(ANNA_METER, minutes, 10.0 + minutes, 3.0) for minutes in range(16)))
    counted = freeze(store, 15.03).closed[ANNA_METER]
    assert counted == CountedEnergy(import_kwh=15.0, export_kwh=0.0, quality=MeterQuality.MEASURED, span_s=900.0)


@given(shift_s=st.integers(1, 59), import_kw=st.floats(0.0, 20.0), export_kw=st.floats(0.0, 20.0))
def test_between_two_samples_a_boundary_is_interpolated(shift_s: int, import_kw: float, export_kw: float) -> None:
    store = make_store()
    for minute in range(-2, 18):
        hours = (minute + shift_s / 60.0 + 2.0) / 60.0
        feed(store, count(ANNA_METER, minute + shift_s / 60.0, 7.0 + import_kw * hours, 1.0 + export_kw * hours))
    counted = freeze(store, 18.0).closed[ANNA_METER]
    assert counted.quality is MeterQuality.INTERPOLATED
    assert counted.import_kwh == pytest.approx(import_kw / 4.0, abs=1e-9)
    assert counted.export_kwh == pytest.approx(export_kw / 4.0, abs=1e-9)


@given(stamps=st.lists(st.integers(0, 60 * 60), min_size=2, max_size=40, unique=True).map(sorted))
def test_intervals_add_up_to_what_the_counter_rose(stamps: list[int]) -> None:
    """Over four intervals nothing is counted twice and nothing is lost, whenever the samples came."""
    store, total, is_whole = make_store(), 0.0, True
    store_feed = [count(ANNA_METER, 0.0, 0.0), *(count(ANNA_METER, stamp / 60.0, stamp / 60.0) for stamp in stamps)]
    pending = sorted([*store_feed, count(ANNA_METER, 60.0, 60.0)], key=lambda reading: reading.ts_utc)
    for end in (15.0, 30.0, 45.0, 60.0):
        after = next(number for number, reading in enumerate(pending) if reading.ts_utc >= at(end))
        feed(store, *pending[: after + 1])
        pending = pending[after:]
        counted = freeze(store, end + 0.1, interval=end).closed[ANNA_METER]
        is_whole = is_whole and counted.quality is not MeterQuality.MISSING
        total += counted.import_kwh
    assert not is_whole or total == pytest.approx(60.0)


def test_a_gap_longer_than_an_interval_is_missing_and_not_guessed() -> None:
    store = feed(make_store(), count(ANNA_METER, -1, 10.0), count(ANNA_METER, 15, 12.0))
    assert freeze(store, 15.1).closed[ANNA_METER] is MISSING_ENERGY


def test_an_interval_whose_end_no_reading_has_passed_is_missing() -> None:
    store = feed(make_store(), count(ANNA_METER, 0, 10.0), count(ANNA_METER, 14.9, 12.0))
    assert freeze(store, 15.1).closed[ANNA_METER] is MISSING_ENERGY


def test_a_device_without_counters_is_missing() -> None:
    store = feed(make_store(), *(say(ANNA_METER, minutes, power_kw=1.0) for minutes in range(16)))
    assert freeze(store, 15.1).closed[ANNA_METER] is MISSING_ENERGY


def test_a_counter_that_is_said_on_one_side_only_is_missing_and_not_counted_from_zero() -> None:
    both, one = count(ANNA_METER, 15, 12.0, 5000.0), replace(count(ANNA_METER, 0, 10.0), export_kwh_total=None)
    store = feed(make_store(), one, both)
    assert freeze(store, 15.1).closed[ANNA_METER] is MISSING_ENERGY
    assert freeze(store, 15.1, interval=0.0, with_closed=False).running[ANNA_METER] is MISSING_ENERGY


def test_a_meter_without_an_export_counter_exports_nothing() -> None:
    store = feed(make_store(), say(ANNA_METER, 0, import_kwh_total=7.0), say(ANNA_METER, 15, import_kwh_total=8.0))
    counted = freeze(store, 15.1).closed[ANNA_METER]
    assert counted == CountedEnergy(import_kwh=1.0, export_kwh=0.0, quality=MeterQuality.MEASURED, span_s=900.0)


def test_an_import_that_was_never_said_is_unknown() -> None:
    store = feed(make_store(), say(ANNA_METER, 0, export_kwh_total=7.0), say(ANNA_METER, 15, export_kwh_total=9.5))
    assert freeze(store, 15.1).closed[ANNA_METER] is MISSING_ENERGY


def test_the_running_interval_is_counted_up_to_the_newest_reading() -> None:
    store = feed(make_store(), *(count(ANNA_METER, minutes, 2.0 * minutes) for minutes in range(15, 22)))
    snapshot = freeze(store, 21.2, with_closed=False)
    assert snapshot.running[ANNA_METER] == CountedEnergy(
        import_kwh=12.0, export_kwh=0.0, quality=MeterQuality.MEASURED, span_s=360.0
    )
    assert snapshot.closed == {}


def test_a_snapshot_does_not_change_with_what_arrives_later() -> None:
    store = feed(make_store(), count(ANNA_METER, 0, 10.0), count(ANNA_METER, 15, 12.0))
    snapshot = freeze(store, 15.1)
    before = (dict(snapshot.fresh), dict(snapshot.stale), dict(snapshot.closed), dict(snapshot.running))
    feed(store, count(ANNA_METER, 15.2, 13.0), count(BERT_METER, 15.2, 1.0), count(ANNA_METER, 30, 15.0))
    assert before == (snapshot.fresh, snapshot.stale, snapshot.closed, snapshot.running)


@given(stamps=st.lists(st.floats(-1e5, 1e5), max_size=60))
def test_memory_does_not_grow_with_messages_or_time(stamps: list[float]) -> None:
    store = make_store()
    feed(store, *(count(ANNA_METER, minutes, 1.0) for minutes in stamps))
    assert all(len(state.boundaries) <= KEPT_BOUNDARIES for state in store._states.values())
    assert len(store._states) <= 1
