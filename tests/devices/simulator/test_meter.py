from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.simulator.meter import ENERGY_FIELDS, EnergyLedger, SimulatedMeter
from tests.devices.simulator.village import METER, START, at


@given(st.lists(st.tuples(st.floats(-10.0, 10.0), st.floats(0.0, 3600.0)), max_size=30))
def test_counters_never_fall_and_differ_by_the_net_energy(steps: list[tuple[float, float]]) -> None:
    meter = SimulatedMeter()
    for net_kw, duration_s in steps:
        before = meter.import_kwh_total, meter.export_kwh_total
        meter.net_kw = net_kw
        meter.advance(duration_s)
        assert meter.import_kwh_total >= before[0]
        assert meter.export_kwh_total >= before[1]
    net_kwh = sum(net_kw * duration_s for net_kw, duration_s in steps) / 3600.0
    assert meter.import_kwh_total - meter.export_kwh_total == pytest.approx(net_kwh, abs=1e-9)


def test_import_and_export_of_one_interval_are_not_netted() -> None:
    meter = SimulatedMeter()
    for net_kw in (2.0, -3.0):
        meter.net_kw = net_kw
        meter.advance(1800.0)
    reading = meter.reading(METER, START, 1)
    assert (reading.power_kw, reading.import_kwh_total, reading.export_kwh_total) == (-3.0, 1.0, 1.5)


def make_ledger(first_s: float = 0.0) -> EnergyLedger:
    return EnergyLedger(origin_utc=START, first_s=first_s, spacing_s=60)


def row(value_kwh: float) -> tuple[float, ...]:
    return tuple(value_kwh * (column + 1) for column in range(len(ENERGY_FIELDS)))


def test_a_ledger_gives_the_energy_between_two_marks() -> None:
    ledger = make_ledger()
    for total_kwh in (0.0, 1.0, 4.0):
        ledger.mark(row(total_kwh))
    energy = ledger.energy(at(1), at(2))
    assert (energy.import_kwh, energy.export_kwh, energy.net_kwh, energy.runs_kwh) == (3.0, 6.0, -3.0, 27.0)
    assert ledger.table().shape == (2, len(ENERGY_FIELDS))


def test_a_start_between_two_marks_is_recorded_from_the_next_one_on() -> None:
    ledger = make_ledger(first_s=90.0)
    assert ledger.next_mark_s == 120.0
    ledger.mark(row(0.0))
    ledger.mark(row(1.0))
    assert ledger.energy(at(2), at(3)).import_kwh == 1.0


@pytest.mark.parametrize("minutes", [(0.0, 0.5), (-1.0, 0.0), (0.0, 2.0)])
def test_moments_that_are_not_recorded_are_named(minutes: tuple[float, float]) -> None:
    ledger = make_ledger()
    ledger.mark(row(0.0))
    ledger.mark(row(1.0))
    with pytest.raises(ValueError, match="is not recorded: accepted are multiples of 60 s"):
        ledger.energy(at(minutes[0]), at(minutes[1]))
