from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.members import Ev
from controller.loop.device_data import count_fine_steps, known_departures
from controller.loop.problem_builder import LEAST_NOWCAST_FRAC, BuiltProblem, RunningSchedule, build_problem
from controller.loop.setpoints import controlled_devices
from models.dispatch.validation import validate_problem
from models.domain.snapshot import CountedEnergy, MeterQuality
from models.domain.telemetry import DeviceKey, Reading
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    ANNA_PV,
    ANNA_WASHER,
    BERT_BATTERY,
    CLEO_METER,
    at,
    make_account,
    make_forecaster,
    make_site,
    say,
    see,
    usual_readings,
    without,
)
from tests.controller.loop.reports import build

SITE = make_site()
ENOUGH_MIN = LEAST_NOWCAST_FRAC * 15.0


def told(reading: Reading, minutes: float = 0.0, **parts: Any) -> BuiltProblem:
    """The problem when one device says something else than usual."""
    readings = [*without(usual_readings(minutes), reading.device), reading]
    return build(SITE, see(SITE, readings, minutes, **parts))


@settings(max_examples=40, deadline=None)
@given(silent=st.sets(st.sampled_from([reading.device for reading in usual_readings()])), minutes=st.floats(0.0, 14.9))
def test_whoever_is_silent_the_problem_is_finite_and_names_whom_it_leaves_out(
    silent: set[DeviceKey], minutes: float
) -> None:
    snapshot = see(SITE, without(usual_readings(minutes), *sorted(silent)), minutes)
    built = build(SITE, snapshot)
    validate_problem(built.problem)
    devices = [device.key for device in controlled_devices(SITE)]
    assert list(built.left_out) == [key for key in devices if key in silent]
    assert [device.key for device in built.batteries] == [
        key for key in (ANNA_BATTERY, BERT_BATTERY) if key not in silent
    ]


def test_a_site_that_has_just_been_born_has_a_problem_at_once() -> None:
    """No history, no bill, no peak, in the middle of an interval."""
    validate_problem(build(SITE, see(SITE, usual_readings(7.0), 7.0)).problem)


def test_a_battery_that_does_not_say_how_full_it_is_is_left_out_and_the_others_are_planned() -> None:
    built = told(say(ANNA_BATTERY, power_kw=0.0))
    assert [device.key for device in built.batteries] == [BERT_BATTERY]
    assert built.left_out == (ANNA_BATTERY,)


def test_a_batterys_data_are_its_own() -> None:
    battery = build(SITE, see(SITE, usual_readings())).problem.batteries[1]
    assert (battery.member, battery.soc_start_kwh, battery.soc_min_kwh, battery.soc_max_kwh) == (1, 4.0, 1.0, 9.0)
    assert battery.end_value_eur_per_kwh == pytest.approx(0.3 * 0.95)


def test_a_car_that_is_away_is_not_planned() -> None:
    assert build(SITE, see(SITE, usual_readings())).evs == ()


@pytest.mark.parametrize(
    "said, needed_kwh",
    [({"energy_needed_kwh": 12.0}, 12.0), ({"soc_frac": 0.6}, 20.0), ({}, 8.0), ({"energy_needed_kwh": 0.0}, 0.0)],
)
def test_a_cars_need_is_what_it_says_or_what_is_usual(said: dict[str, float], needed_kwh: float) -> None:
    built = told(say(ANNA_CAR, is_plugged=True, **said))
    assert [device.key for device in built.evs] == [ANNA_CAR]
    assert built.problem.evs[0].energy_needed_kwh == pytest.approx(needed_kwh)
    assert built.problem.evs[0].shortfall_eur_per_kwh > 0.3


@pytest.mark.parametrize("leaves_min, step", [(-30.0, 0), (5.0, 0), (60.0, 3), (74.0, 3), (1e6, 35)])
def test_a_car_charges_until_the_last_step_before_it_leaves(leaves_min: float, step: int) -> None:
    car = told(say(ANNA_CAR, is_plugged=True, departure_utc=at(leaves_min))).problem.evs[0]
    assert (car.arrival_step, car.departure_step) == (0, step)


def departures(*readings: Reading) -> tuple[datetime, ...]:
    return known_departures(
        controlled_devices(SITE), see(SITE, [*without(usual_readings(), ANNA_CAR), *readings]), SITE.zone
    )


def test_a_plugged_car_leaves_when_it_says_or_else_as_usual() -> None:
    assert departures(say(ANNA_CAR, is_plugged=True, departure_utc=at(500))) == (at(500),)
    (usual_utc,) = departures(say(ANNA_CAR, is_plugged=True))
    car = next(device.asset for device in controlled_devices(SITE) if device.key == ANNA_CAR)
    assert isinstance(car, Ev)
    assert usual_utc.astimezone(SITE.zone).time() == car.typical_departure
    assert timedelta(0) < usual_utc - at(0) <= timedelta(days=1)


def test_a_car_that_is_away_or_silent_leaves_at_no_time() -> None:
    assert departures(say(ANNA_CAR, is_plugged=False, departure_utc=at(500))) == ()
    assert departures() == ()


def test_a_split_step_offers_a_run_no_start_beyond_the_fine_ones() -> None:
    usual = make_forecaster(SITE).look_ahead(at(0), 0.0)
    split = make_forecaster(SITE).look_ahead(at(0), 0.0, [at(10 * 60 + 15), at(12 * 60 + 45)])
    assert len(split.steps.step_h) == len(usual.steps.step_h) + 2
    assert count_fine_steps(split) == count_fine_steps(usual) == SITE.horizon.fine_steps


def test_room_below_the_peak_goes_from_the_outlook_into_the_problem() -> None:
    snapshot = see(SITE, usual_readings())
    usual = make_forecaster(SITE).look_ahead(snapshot.taken_utc, 0.0)
    assert not usual.peak_reserve_kw.any()
    outlook = replace(usual, peak_reserve_kw=np.linspace(0.0, 2.0, len(usual.steps.step_h)))
    account, weights = make_account(SITE, snapshot.taken_utc), np.ones(len(SITE.members))
    built = build_problem(SITE, controlled_devices(SITE), snapshot, outlook, account, weights, None)
    validate_problem(built.problem)
    assert np.array_equal(built.problem.peak_reserve_kw, outlook.peak_reserve_kw)


def test_a_requested_run_may_start_wherever_it_ends_in_time() -> None:
    asked = say(ANNA_WASHER, is_requested=True, remaining_s=3600.0, latest_end_utc=at(95))
    built = told(asked)
    options = built.problem.runs[0].option_kw
    assert options.shape[0] == 3
    energy_kwh = options @ built.problem.step_h
    assert energy_kwh == pytest.approx(2.0)
    assert [int(np.argmax(option > 0.0)) for option in options] == [0, 1, 2]


def test_a_run_that_is_late_already_starts_now() -> None:
    options = told(say(ANNA_WASHER, is_requested=True, remaining_s=3600.0, latest_end_utc=at(30))).problem.runs[0]
    assert options.option_kw.shape[0] == 1
    assert options.option_kw[0, 0] == 2.0


def test_a_run_under_way_is_demand_and_no_choice() -> None:
    running = say(ANNA_WASHER, power_kw=1.8, is_running=True, is_requested=False, remaining_s=1350.0)
    built, usual = told(running), build(SITE, see(SITE, usual_readings()))
    assert built.runs == ()
    more_kw = built.problem.demand_kw - usual.problem.demand_kw
    assert more_kw[0, :3] == pytest.approx([1.8, 0.9, 0.0])
    assert np.all(more_kw[1:] == 0.0)


def energies(minutes: float) -> dict[DeviceKey, CountedEnergy]:
    """In the first minutes of the interval: Anna drew 1 kW, generated 3 kW and charged 1 kW; Cleo drew 6 kW."""
    powers = {ANNA_METER: (1.0, 0.0), ANNA_PV: (0.0, 3.0), ANNA_BATTERY: (1.0, 0.0), CLEO_METER: (6.0, 0.0)}
    powers |= {ANNA_CAR: (0.0, 0.0), ANNA_WASHER: (0.0, 0.0)}
    return {
        key: CountedEnergy(
            import_kwh=drawn * minutes / 60,
            export_kwh=given / 60 * minutes,
            quality=MeterQuality.MEASURED,
            span_s=60.0 * minutes,
        )
        for key, (drawn, given) in powers.items()
    }


@pytest.mark.parametrize("minutes", [1.0, ENOUGH_MIN - 0.01, ENOUGH_MIN, 9.0])
def test_what_was_seen_counts_for_the_rest_of_the_interval_once_it_is_enough(minutes: float) -> None:
    usual = make_forecaster(SITE).look_ahead(at(minutes), 0.0)
    built = build(SITE, see(SITE, usual_readings(minutes), minutes, running=energies(minutes)))
    demand_kw, pv_kw = built.problem.demand_kw[:, 0], built.problem.pv_kw[:, 0]
    if minutes < ENOUGH_MIN:
        assert demand_kw == pytest.approx(usual.demand.mean_kw[:, 0])
    else:
        assert demand_kw[[0, 2]] == pytest.approx([3.0, 6.0])
        assert pv_kw[0] == pytest.approx(3.0)
        # Bert's meter did not count: his forecast stays.
        assert demand_kw[1] == pytest.approx(usual.demand.mean_kw[1, 0])
    assert built.problem.demand_kw[:, 1:] == pytest.approx(usual.demand.mean_kw[:, 1:])


def test_what_was_seen_is_a_mean_over_the_time_that_was_counted() -> None:
    # The re-plan comes at 9 min, the newest reading is of 8 min.
    built = build(SITE, see(SITE, usual_readings(9.0), 9.0, running=energies(8.0)))
    assert built.problem.demand_kw[[0, 2], 0] == pytest.approx([3.0, 6.0])


def test_energy_metered_already_counts_towards_the_peak_of_the_running_interval() -> None:
    problem = build(SITE, see(SITE, usual_readings(6.0), 6.0, running=energies(6.0))).problem
    assert problem.metered_h == pytest.approx(0.1)
    assert problem.metered_net_kwh == pytest.approx([0.1, 0.0, 0.6])
    at_tick = build(SITE, see(SITE, usual_readings(), running=energies(0.03))).problem
    assert (at_tick.metered_h, at_tick.metered_net_kwh.tolist()) == (0.0, [0.0, 0.0, 0.0])


def test_the_running_schedule_is_the_reference_where_it_reaches() -> None:
    starts = tuple(at(15 * number) for number in range(-2, 4))
    running = RunningSchedule(power_kw={BERT_BATTERY: np.arange(6.0)}, starts_utc=starts)
    reference = build(SITE, see(SITE, usual_readings()), running).problem.reference_battery_kw
    assert np.isnan(reference[0]).all()
    assert reference[1, :4] == pytest.approx([2.0, 3.0, 4.0, 5.0])
    future = RunningSchedule(power_kw={BERT_BATTERY: np.ones(1)}, starts_utc=(at(30),))
    assert np.isnan(future.power_at(BERT_BATTERY, (at(0), at(15)))).all()


def test_a_months_end_within_the_horizon_has_a_peak_of_its_own() -> None:
    late = 17 * 24 * 60.0 + 22 * 60.0
    snapshot = see(SITE, usual_readings(late), late, interval_start_utc=at(late))
    problem = build(SITE, snapshot).problem
    assert problem.peak_floor_kw.shape == (2,)
    assert problem.peak_period.max() == 1
    validate_problem(problem)


def test_members_who_are_protected_and_weights_arrive_unchanged() -> None:
    snapshot = see(SITE, usual_readings())
    weights = np.array([0.5, 2.0, 0.5])
    outlook = make_forecaster(SITE).look_ahead(snapshot.taken_utc, 0.0)
    problem = build_problem(
        SITE, controlled_devices(SITE), snapshot, outlook, make_account(SITE), weights, None
    ).problem
    assert problem.weight is weights
    assert problem.is_priority.tolist() == [False, True, False]
    assert np.isfinite(problem.income_eur).tolist() == [True, True, False]
    hours = (outlook.steps.end_utc - at(0)) / timedelta(hours=1)
    assert problem.income_eur[0] == pytest.approx(3000.0 * hours / (30 * 24))
