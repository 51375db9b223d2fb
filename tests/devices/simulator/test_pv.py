from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.simulator.pv import SimulatedPv
from tests.devices.simulator.village import PV, START


def make_pv(available_kw: float) -> SimulatedPv:
    pv = SimulatedPv(5.0)
    pv.available_kw = available_kw
    pv.hold(None)
    return pv


def test_without_a_limit_it_generates_what_the_sky_allows() -> None:
    assert make_pv(3.2).generation_kw == 3.2


@given(st.floats(0.0, 6.0), st.floats(0.0, 6.0))
def test_a_limit_only_ever_lowers_the_generation(available_kw: float, limit_kw: float) -> None:
    pv = make_pv(available_kw)
    pv.hold(limit_kw)
    assert pv.generation_kw == min(available_kw, limit_kw)


def test_it_reports_generation_as_negative_and_what_it_could_generate_as_positive() -> None:
    pv = make_pv(4.0)
    pv.hold(1.0)
    pv.advance(1800.0)
    reading = pv.reading(PV, START, 1)
    assert (reading.power_kw, reading.available_kw, reading.import_kwh_total) == (-1.0, 4.0, 0.0)
    assert reading.export_kwh_total == pytest.approx(0.5)
    assert pv.available_kwh_total == pytest.approx(2.0)


def test_at_night_it_reports_a_plain_zero() -> None:
    assert str(make_pv(0.0).reading(PV, START, 1).power_kw) == "0.0"


@pytest.mark.parametrize("power_kw", [0.0, -5.0, -7.5])
def test_limits_up_to_beyond_the_rating_are_taken(power_kw: float) -> None:
    assert make_pv(1.0).refusal(power_kw) is None


@pytest.mark.parametrize("power_kw", [0.1, -8.0])
def test_a_consumption_or_an_absurd_limit_is_refused_in_words(power_kw: float) -> None:
    assert f"found {power_kw:g} kW" in str(make_pv(1.0).refusal(power_kw))
