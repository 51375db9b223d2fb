from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, minimize

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray
from models.settlement.rounding import round_to_total
from models.settlement.sharing import SharingKey, fill_to_level, share_energy, share_interval

KEYS = list(SharingKey)
seeds = st.integers(0, 2**32 - 1)


def draw_flows(seed: int) -> tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    members, steps = int(rng.integers(1, 12)), int(rng.integers(1, 8))
    imports = rng.integers(0, 2000, (members, steps)) * (rng.random((members, steps)) < 0.6)
    exports = rng.integers(0, 3000, (members, steps)) * (rng.random((members, steps)) < 0.4)
    static = np.where(rng.random(members) < 0.5, rng.random(members), 0.0)
    static[0] += 0.1
    return imports, exports, rng.uniform(0.2, 5.0, members), rng.integers(1, 6, members).astype(float), static


@pytest.mark.parametrize("key", KEYS)
@given(seed=seeds)
def test_shared_energy_is_exact_to_the_watt_hour_and_never_more_than_was_metered(key: SharingKey, seed: int) -> None:
    imports, exports, weight, need, static = draw_flows(seed)
    energy = share_energy(imports, exports, key, weight=weight, need=need, static_share=static)
    shared = np.minimum(imports.sum(axis=0), exports.sum(axis=0))
    assert np.array_equal(energy.received_wh.sum(axis=0), shared)
    assert np.array_equal(energy.supplied_wh.sum(axis=0), shared)
    assert np.all((energy.received_wh >= 0) & (energy.received_wh <= imports))
    assert np.all((energy.supplied_wh >= 0) & (energy.supplied_wh <= exports))
    assert np.array_equal(energy.received_wh + energy.grid_import_wh, imports)
    assert np.array_equal(energy.supplied_wh + energy.grid_export_wh, exports)


@given(seed=seeds)
def test_the_equity_key_is_the_capped_proportional_solution(seed: int) -> None:
    imports, exports, weight, need, _ = draw_flows(seed)
    received, _ = share_interval(imports, exports, SharingKey.EQUITY, weight=weight, need=need)
    rate = weight * need
    for step in range(imports.shape[1]):
        level = received[:, step] / rate
        is_full = received[:, step] >= imports[:, step] - 1e-6
        open_levels = level[~is_full]
        if open_levels.size:
            assert np.ptp(open_levels) < 1e-6 * max(1.0, open_levels.max())
            assert np.all(level[is_full] <= open_levels.max() + 1e-6)


def test_the_equity_key_maximises_the_weighted_sum_of_logarithms() -> None:
    imports, rate, total = np.array([0.4, 3.0, 5.0, 0.9]), np.array([2.0, 1.0, 0.5, 3.0]), 4.0
    exact = fill_to_level(imports[:, None], rate, np.array([total]))[:, 0]

    def regret(amounts: FloatArray) -> float:
        return -float((rate * np.log(amounts)).sum())

    found = minimize(
        regret,
        x0=imports * total / imports.sum(),
        bounds=Bounds(np.full(4, 1e-6), imports),
        constraints=LinearConstraint(np.ones((1, 4)), total, total),
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    assert exact == pytest.approx(found.x, abs=1e-4)


def test_members_with_small_imports_are_filled_first_and_leave_the_rest_to_others() -> None:
    received, supplied = share_interval(
        [100.0, 1000.0, 1000.0], [0.0, 0.0, 900.0], SharingKey.EQUITY, weight=[1.0, 1.0, 3.0], need=[1.0, 1.0, 1.0]
    )
    assert received == pytest.approx([100.0, 200.0, 600.0])
    assert supplied == pytest.approx([0.0, 0.0, 900.0])


def test_what_static_shares_leave_unused_goes_to_members_without_a_share() -> None:
    energy = share_energy(
        np.array([[100], [50], [500]]),
        np.array([[0], [0], [300]]),
        SharingKey.STATIC,
        weight=np.ones(3),
        need=np.ones(3),
        static_share=np.array([0.5, 0.5, 0.0]),
    )
    assert energy.received_wh[:, 0].tolist() == [100, 50, 150]


@pytest.mark.parametrize("key", KEYS)
def test_nothing_is_shared_where_sharing_is_switched_off(key: SharingKey) -> None:
    energy = share_energy(
        np.array([[100, 100], [0, 0]]),
        np.array([[0, 0], [80, 80]]),
        key,
        weight=np.ones(2),
        need=np.ones(2),
        static_share=np.ones(2),
        is_open=np.array([True, False]),
    )
    assert energy.shared_wh.tolist() == [80, 0]


@pytest.mark.parametrize("steps", [92, 96, 100])
def test_days_of_92_96_and_100_quarter_hours_are_shared_alike(steps: int) -> None:
    imports, exports = np.full((2, steps), 10), np.zeros((2, steps), dtype=np.int64)
    exports[1] = 7
    energy = share_energy(imports, exports, SharingKey.EQUITY, weight=np.ones(2), need=np.ones(2))
    assert int(energy.shared_wh.sum()) == 7 * steps


@pytest.mark.parametrize(
    "imports,message",
    [
        (np.array([[-1], [0]]), "import_kwh"),
        (np.array([[1.5], [0.0]]), "integers"),
        (np.array([1, 0]), "integers"),
    ],
)
def test_flows_that_no_meter_can_have_are_refused_by_name(imports: FloatArray, message: str) -> None:
    with pytest.raises(SettlementError, match=message):
        share_energy(imports, np.zeros((2, 1), dtype=int), SharingKey.EQUITY, weight=np.ones(2), need=np.ones(2))


def test_a_weight_of_zero_missing_shares_and_not_a_number_are_refused() -> None:
    flows = (np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]]))
    with pytest.raises(SettlementError, match="above 0"):
        share_interval(*flows, SharingKey.EQUITY, weight=[0.0, 1.0], need=[1.0, 1.0])
    with pytest.raises(SettlementError, match="static_share: missing"):
        share_interval(*flows, SharingKey.STATIC, weight=[1.0, 1.0], need=[1.0, 1.0])
    with pytest.raises(SettlementError, match="only zeros"):
        share_interval(*flows, SharingKey.STATIC, weight=[1.0, 1.0], need=[1.0, 1.0], static_share=[0.0, 0.0])
    with pytest.raises(SettlementError, match="finite"):
        share_interval(np.array([[np.nan], [0.0]]), flows[1], SharingKey.EQUITY, weight=[1.0, 1.0], need=[1.0, 1.0])


def test_arrays_of_shared_energy_cannot_be_changed() -> None:
    energy = share_energy(np.array([[5]]), np.array([[0]]), SharingKey.PROPORTIONAL, weight=np.ones(1), need=np.ones(1))
    with pytest.raises(ValueError, match="read-only"):
        energy.received_wh[0, 0] = 3


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_rounding_keeps_the_sum_and_moves_each_part_by_less_than_a_unit(parts: list[float]) -> None:
    exact = np.array(parts)
    total = round(float(exact.sum()))
    rounded = round_to_total(exact, total)
    assert int(rounded.sum()) == total
    assert np.all(np.abs(rounded - exact) <= 1.0 + 1e-6)


def test_ties_go_to_the_first_and_float_error_is_no_remainder() -> None:
    assert round_to_total([0.5, 0.5, 0.5, 0.5], 2).tolist() == [1, 1, 0, 0]
    assert round_to_total([2.9999999999, 1.0, 0.0], 4).tolist() == [3, 1, 0]


def test_parts_that_were_not_computed_for_a_total_are_refused() -> None:
    with pytest.raises(SettlementError, match="do not add up"):
        round_to_total([1.0, 2.0], 5)
