from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray
from models.settlement.colours import BatteryTraits, Colour, HomeFlows, colour_interval, store_unknown

PLAIN = BatteryTraits(
    member=np.array([0]), charge_efficiency_frac=np.array([0.9]), discharge_efficiency_frac=np.array([0.8])
)


def flow(members: int = 2, **given_wh: list[float]) -> HomeFlows:
    names = ("import_wh", "export_wh", "received_wh", "supplied_wh", "pv_wh")
    values = {name: np.array(given_wh.get(name, [0.0] * members)) for name in names}
    batteries = {name: np.array(given_wh.get(name, [0.0])) for name in ("charged_wh", "discharged_wh")}
    return HomeFlows(**values, **batteries)


def test_a_battery_charged_at_night_gives_back_grid_energy() -> None:
    night = colour_interval(flow(import_wh=[1000.0, 0.0], charged_wh=[1000.0]), PLAIN, store_unknown(np.zeros(1)))
    assert night.stored_wh[0, Colour.GRID] == pytest.approx(900.0)
    assert night.use_wh[0].sum() == pytest.approx(0.0)
    evening = colour_interval(flow(discharged_wh=[720.0]), PLAIN, night.stored_wh)
    assert evening.use_wh[0, Colour.GRID] == pytest.approx(720.0)
    assert evening.renewable_use_wh[0] == pytest.approx(0.0)
    assert evening.stored_wh.sum() == pytest.approx(0.0)


def test_a_battery_charged_from_pv_gives_back_pv_through_its_losses() -> None:
    noon = colour_interval(flow(pv_wh=[1000.0, 0.0], charged_wh=[1000.0]), PLAIN, store_unknown(np.zeros(1)))
    evening = colour_interval(flow(discharged_wh=[720.0]), PLAIN, noon.stored_wh)
    assert evening.renewable_use_wh.tolist() == pytest.approx([720.0, 0.0])


def test_the_neighbour_receives_the_mix_that_the_exporter_gave() -> None:
    stored = np.array([[500.0, 0.0, 0.0, 500.0]])
    mixed = colour_interval(
        flow(
            import_wh=[0.0, 400.0],
            export_wh=[400.0, 0.0],
            received_wh=[0.0, 400.0],
            supplied_wh=[400.0, 0.0],
            discharged_wh=[400.0],
        ),
        PLAIN,
        stored,
    )
    assert mixed.use_wh[1].tolist() == pytest.approx([0.0, 200.0, 200.0, 0.0])


def test_what_a_battery_was_never_seen_to_take_is_of_unknown_origin() -> None:
    result = colour_interval(flow(discharged_wh=[80.0]), PLAIN, store_unknown(np.zeros(1)))
    assert result.use_wh[0, Colour.GRID] == pytest.approx(80.0)
    assert np.all(result.stored_wh >= 0.0)


def test_contents_are_scaled_to_the_metered_state_of_charge_and_keep_their_mix() -> None:
    stored = np.array([[300.0, 0.0, 0.0, 100.0]])
    scaled = colour_interval(flow(), PLAIN, stored, np.array([200.0]))
    assert scaled.stored_wh[0].tolist() == pytest.approx([150.0, 0.0, 0.0, 50.0])
    unknown = colour_interval(flow(), PLAIN, stored, np.array([np.nan]))
    assert unknown.stored_wh[0].tolist() == pytest.approx([300.0, 0.0, 0.0, 100.0])


def test_a_negative_flow_is_refused_by_name() -> None:
    with pytest.raises(SettlementError, match="pv_wh"):
        colour_interval(flow(pv_wh=[-1.0, 0.0]), PLAIN, store_unknown(np.zeros(1)))


def draw_home_flows(rng: np.random.Generator, stored: FloatArray) -> HomeFlows:
    members = 4
    pv = rng.integers(0, 2000, members) * (rng.random(members) < 0.5).astype(float)
    charged, discharged = np.zeros(2), np.zeros(2)
    for battery in range(2):
        if rng.random() < 0.5:
            charged[battery] = rng.uniform(0, 800)
        else:
            discharged[battery] = rng.uniform(0, 0.8) * stored[battery].sum()
    net = rng.uniform(0, 1500, members) - pv
    net[:2] += charged - discharged
    imports, exports = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    shared = min(imports.sum(), exports.sum())
    return HomeFlows(
        import_wh=imports,
        export_wh=exports,
        received_wh=imports * (shared / imports.sum() if shared else 0.0),
        supplied_wh=exports * (shared / exports.sum() if shared else 0.0),
        pv_wh=pv,
        charged_wh=charged,
        discharged_wh=discharged,
    )


@given(seed=st.integers(0, 2**32 - 1))
def test_over_many_intervals_no_colour_is_made_or_lost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    traits = BatteryTraits(
        member=np.array([0, 1]),
        charge_efficiency_frac=np.array([0.95, 0.9]),
        discharge_efficiency_frac=np.array([0.92, 1.0]),
    )
    stored = store_unknown(np.array([1000.0, 0.0]))
    for _ in range(6):
        flows = draw_home_flows(rng, stored)
        result = colour_interval(flows, traits, stored)
        own = np.zeros(4)
        own[:2] = flows.discharged_wh
        consumption = own + flows.pv_wh - flows.export_wh + flows.import_wh
        assert result.consumption_wh.sum(axis=1) == pytest.approx(consumption, abs=1e-6)
        charged = np.zeros(4)
        charged[:2] = flows.charged_wh
        assert result.use_wh.sum(axis=1) == pytest.approx(np.maximum(consumption - charged, 0.0), abs=1e-6)
        community = result.consumption_wh[:, [Colour.COMMUNITY_PV, Colour.COMMUNITY_OTHER]].sum(axis=1)
        assert np.all(community >= flows.received_wh - 1e-6)
        assert np.all(result.consumption_wh >= -1e-9)
        assert np.all(result.stored_wh >= -1e-9)
        growth = traits.charge_efficiency_frac * flows.charged_wh
        growth = growth - flows.discharged_wh / traits.discharge_efficiency_frac
        assert result.stored_wh.sum(axis=1) == pytest.approx(stored.sum(axis=1) + growth, abs=1e-6)
        stored = result.stored_wh
