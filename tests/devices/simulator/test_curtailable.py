from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.members import CurtailableLoad
from devices.simulator.assets import HomeAssets
from devices.simulator.curtailable import SimulatedCurtailable
from devices.simulator.home_state import NOTHING_KNOWN
from tests.devices.simulator.village import BOIL, BOILER, START, make_member, make_profile, make_site

POWERS = st.floats(0.0, 20.0)


def make_load(demand_kw: float = 2.0, cap_kw: float | None = None) -> SimulatedCurtailable:
    load = SimulatedCurtailable(CurtailableLoad.model_validate(BOILER))
    load.want(demand_kw, demand_kw)
    load.hold(cap_kw)
    return load


@pytest.mark.parametrize("demand_kw, wanted_kw", [(0.0, 0.0), (2.0, 1.0), (3.0, 1.5), (9.0, 1.5)])
def test_it_wants_its_share_of_the_homes_demand_up_to_its_rating(demand_kw: float, wanted_kw: float) -> None:
    load = make_load(demand_kw)
    assert (load.wanted_kw, load.power_kw, load.held_back_kw) == (wanted_kw, wanted_kw, 0.0)


@given(POWERS, POWERS)
def test_a_cap_only_ever_lowers_the_draw(demand_kw: float, cap_kw: float) -> None:
    load = make_load(demand_kw, cap_kw)
    assert load.power_kw == min(load.wanted_kw, cap_kw)
    assert load.power_kw + load.held_back_kw == pytest.approx(load.wanted_kw)


def test_without_a_cap_it_draws_what_it_wants_again_and_makes_up_for_nothing() -> None:
    load = make_load(2.0, 0.25)
    load.advance(3600.0)
    load.hold(None)
    load.advance(3600.0)
    assert load.power_kw == 1.0
    assert load.import_kwh_total == pytest.approx(1.25)
    assert load.held_back_kwh_total == pytest.approx(0.75)


@given(POWERS, st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.5, 1 / 3, 1.0]), min_size=1, max_size=5), st.data())
def test_several_loads_never_want_more_than_the_home(
    demand_kw: float, shares: list[float], data: st.DataObject
) -> None:
    owned = [
        {"id": f"l{number}", "power_kw": data.draw(st.floats(0.1, 30.0)), "typical_share_frac": share}
        for number, share in enumerate(shares)
    ]
    site = make_site(make_member("anna", curtailable_loads=owned))
    profile = make_profile([[demand_kw]]).home("anna")
    assets = HomeAssets(site.members[0], profile, state=NOTHING_KNOWN, start_s=0.0, waits_for_start=True)
    assets.want(demand_kw)
    rest_kw = demand_kw
    for load in assets.curtailables:
        assert load.wanted_kw >= 0.0
        rest_kw -= load.wanted_kw
    assert rest_kw >= 0.0


@pytest.mark.parametrize("power_kw", [0.0, 0.7, 1.5, 1.5004])
def test_caps_up_to_the_rating_are_taken(power_kw: float) -> None:
    assert make_load().refusal(power_kw) is None


@pytest.mark.parametrize("power_kw", [-0.1, 1.6, float("nan"), float("inf")])
def test_other_caps_are_refused_in_words(power_kw: float) -> None:
    assert make_load().refusal(power_kw) == f"found {power_kw:g} kW, accepted 0 to 1.5 kW"


def test_it_reports_its_draw_and_its_counters_and_nothing_else() -> None:
    load = make_load(2.0, 0.5)
    load.advance(1800.0)
    reading = load.reading(BOIL, START, 7)
    assert (reading.device, reading.ts_utc, reading.seq, reading.power_kw) == (BOIL, START, 7, 0.5)
    assert reading.import_kwh_total == pytest.approx(0.25)
    assert reading.export_kwh_total == 0.0
    assert (reading.soc_frac, reading.is_running, reading.is_requested, reading.available_kw) == (None,) * 4
