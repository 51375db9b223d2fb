from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulator.home_state import CONTROLLED
from devices.simulator.neighbourhood import SAMPLES_KEPT, Neighbourhood
from tests.devices.simulator.village import (
    BAT,
    BATTERY,
    GRID,
    METER,
    START,
    at,
    make_member,
    make_profile,
    make_setpoint,
    make_site,
)


def make_neighbourhood(**control: float) -> Neighbourhood:
    """Anna has PV and a battery, Bert only a demand."""
    site = make_site(make_member("anna", batteries=[BATTERY]), make_member("bert"), **control)
    profile = make_profile([[1.0] * 60, [2.0] * 60], [[4.0] * 60, [0.0] * 60])
    return Neighbourhood(site, profile, behaviour=CONTROLLED)


def test_the_grid_sees_the_sum_of_all_homes() -> None:
    village = make_neighbourhood()
    assert village.grid_meter.net_kw == 2.0
    village.offer(make_setpoint(-4.0), START)
    assert village.grid_meter.net_kw == -5.0


def test_the_grid_meter_counts_by_the_sign_of_the_sum_at_every_instant() -> None:
    village = make_neighbourhood()
    village.offer(make_setpoint(-4.0, life_min=0.5), START)
    village.advance_to(at(1))
    assert village.grid_meter.export_kwh_total == pytest.approx(5.0 * 0.5 / 60.0)
    assert village.grid_meter.import_kwh_total == pytest.approx(2.0 * 0.5 / 60.0)
    # Bert drew all along, and Anna gave: neither is seen beyond the community.
    assert village.interval_energy("bert", START, at(1)).import_kwh == pytest.approx(2.0 / 60.0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 59.0), st.floats(-4.0, 4.0), st.floats(0.01, 20.0)), max_size=10),
    st.floats(1.0, 10.0),
)
def test_the_grid_meters_net_energy_is_the_sum_of_the_homes(
    orders: list[tuple[float, float, float]], soc_room_kwh: float
) -> None:
    village = make_neighbourhood()
    village.homes["anna"].assets.batteries[0].soc_kwh = 10.0 - soc_room_kwh
    for seq, (minute, power_kw, life_min) in enumerate(sorted(orders)):
        village.offer(make_setpoint(power_kw, seq=seq, minute=minute, life_min=life_min), at(minute))
    village.advance_to(at(60))
    homes_kwh = sum(village.interval_energy(name, START, at(60)).net_kwh for name in ("anna", "bert"))
    meter = village.grid_meter
    assert meter.import_kwh_total - meter.export_kwh_total == pytest.approx(homes_kwh, abs=1e-9)


def test_samples_are_taken_at_multiples_of_the_period_whenever_one_looks() -> None:
    village = make_neighbourhood()
    village.advance_to(at(2.9))
    sample = village.sample(at(2))
    assert sample is not None
    assert {reading.ts_utc for reading in sample.readings.values()} == {at(2)}
    assert sample.readings[METER].export_kwh_total == 0.0
    assert sample.readings[BAT].import_kwh_total == pytest.approx(3.0 * 2.0 / 60.0)
    assert sample.readings[GRID].power_kw == 2.0
    assert village.sample(at(3)) is None


def test_a_start_between_two_samples_waits_for_the_next_one() -> None:
    site = make_site(make_member("anna"))
    profile = make_profile([[1.0] * 60])
    village = Neighbourhood(site, profile, behaviour=CONTROLLED, start_utc=START + timedelta(seconds=90.5))
    assert village.first_sample_utc == at(2)


def test_sequence_numbers_rise_from_sample_to_sample() -> None:
    village = make_neighbourhood(telemetry_period_s=0.5)
    village.advance_to(START + timedelta(seconds=1))
    numbers = []
    for half_seconds in range(3):
        sample = village.sample(START + timedelta(seconds=half_seconds / 2.0))
        assert sample is not None
        numbers.append(sample.readings[METER].seq)
    assert numbers == sorted(set(numbers))


def test_old_samples_are_forgotten() -> None:
    village = make_neighbourhood()
    village.advance_to(at(30))
    assert village.sample(at(30 - SAMPLES_KEPT)) is None
    assert village.sample(at(31 - SAMPLES_KEPT)) is not None


def test_the_last_sample_is_the_one_at_the_profiles_end_and_time_stops_there() -> None:
    village = make_neighbourhood()
    village.advance_to(at(500))
    assert village.now_utc == at(60)
    assert village.sample(at(60)) is not None


def test_earlier_moments_change_nothing() -> None:
    village = make_neighbourhood()
    village.advance_to(at(10))
    village.advance_to(at(5))
    assert village.now_utc == at(10)


def test_a_setpoint_for_nobody_is_not_answered() -> None:
    assert make_neighbourhood().offer(make_setpoint(1.0, device=GRID), START) is None


def test_the_truth_agrees_with_the_meters_own_counters() -> None:
    village = make_neighbourhood()
    village.offer(make_setpoint(-4.0, life_min=20), START)
    village.advance_to(at(15))
    first = village.sample(at(15))
    village.advance_to(at(30))
    second = village.sample(at(30))
    assert first is not None
    assert second is not None
    truth = village.interval_energy("anna", at(15), at(30))
    counted = [
        (second.readings[METER].export_kwh_total or 0.0) - (first.readings[METER].export_kwh_total or 0.0),
        (second.readings[METER].import_kwh_total or 0.0) - (first.readings[METER].import_kwh_total or 0.0),
    ]
    assert counted == pytest.approx([truth.export_kwh, truth.import_kwh], abs=1e-12)
