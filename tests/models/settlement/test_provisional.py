from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray
from models.settlement.local_price import price_by_supply_demand, price_mid_market, relate_supply_to_demand
from models.settlement.prices import price_intervals
from models.settlement.provisional import settle_provisionally
from models.settlement.sharing import SharedEnergy, SharingKey, share_energy
from models.settlement.utility import charge_community, to_minor


def share(imports: list[list[int]], exports: list[list[int]], is_open: BoolArray) -> SharedEnergy:
    members = len(imports)
    return share_energy(
        np.array(imports),
        np.array(exports),
        SharingKey.PROPORTIONAL,
        weight=np.ones(members),
        need=np.ones(members),
        is_open=is_open,
    )


def test_buyer_and_seller_both_gain_at_the_mid_market_price() -> None:
    prices = price_intervals([0.30], 0.08, 0.02)
    energy = share([[1000], [0]], [[0], [400]], prices.is_open)
    local = price_mid_market(0.30, [0.08], 0.02)
    money = settle_provisionally(energy, prices, local)
    assert local[0] == pytest.approx(0.18)
    assert money.cost_eur[:, 0] == pytest.approx([0.6 * 0.30 + 0.4 * 0.20, -0.4 * 0.18])
    assert money.benefit_eur[:, 0] == pytest.approx([0.4 * 0.10, 0.4 * 0.10])


@given(seed=st.integers(0, 2**32 - 1))
def test_provisional_costs_add_up_to_the_utilitys_tariff_and_nobody_loses(seed: int) -> None:
    rng = np.random.default_rng(seed)
    members, steps = 5, 6
    net = rng.integers(-2000, 2000, (members, steps))
    prices = price_intervals(
        np.round(rng.uniform(-0.1, 0.5, steps), 4),
        np.round(rng.uniform(-0.1, 0.3, steps), 4),
        np.round(rng.uniform(0.0, 0.05, steps), 4),
        is_islanded=rng.random(steps) < 0.2,
        islanded_eur_per_kwh=0.2,
    )
    energy = share(np.maximum(net, 0).tolist(), np.maximum(-net, 0).tolist(), prices.is_open)
    local = price_mid_market(prices.import_eur_per_kwh, prices.export_eur_per_kwh, prices.fee_eur_per_kwh)
    money = settle_provisionally(energy, prices, local)
    assert money.cost_eur.sum() == pytest.approx(float(charge_community(energy, prices)), abs=1e-9)
    assert np.all(money.benefit_eur[:, ~prices.is_islanded] >= -1e-9)


def test_while_the_grid_is_away_only_shared_energy_costs_and_payments_cancel() -> None:
    prices = price_intervals([0.3], 0.5, 0.02, is_islanded=[True], islanded_eur_per_kwh=0.25)
    energy = share([[1000], [0]], [[0], [990]], prices.is_open)
    money = settle_provisionally(energy, prices, np.array([0.1]))
    assert money.cost_eur[:, 0] == pytest.approx([0.99 * 0.25, -0.99 * 0.25])
    assert money.alone_eur.tolist() == [[0.0], [0.0]]
    assert charge_community(energy, prices) == 0


def test_the_supply_demand_price_runs_from_import_price_to_export_price() -> None:
    ratio = relate_supply_to_demand([0.0, 5.0, 20.0, 3.0], [10.0, 10.0, 10.0, 0.0])
    assert ratio.tolist() == [0.0, 0.5, 1.0, 1.0]
    price = price_by_supply_demand(0.30, 0.08, 0.02, ratio)
    assert price == pytest.approx([0.28, 0.18, 0.08, 0.08])


def test_sharing_is_closed_where_it_would_cost_more_than_exporting_earns() -> None:
    prices = price_intervals([0.10, 0.10, 0.10], [0.08, 0.09, 0.20], 0.02)
    assert prices.is_open.tolist() == [True, False, False]
    assert prices.margin_eur_per_kwh == pytest.approx([0.0, 0.0, 0.0])


def test_a_price_series_that_ends_too_early_is_refused() -> None:
    prices = price_intervals([0.3, 0.3], 0.08)
    energy = share([[1], [0]], [[0], [1]], np.ones(1, dtype=np.bool_))
    with pytest.raises(SettlementError, match="local_price"):
        settle_provisionally(energy, prices, np.array([0.1, 0.1]))
    with pytest.raises(SettlementError, match="export_eur_per_kwh"):
        price_intervals([0.3, 0.3], [0.08])
    with pytest.raises(SettlementError, match="import_eur_per_kwh"):
        price_intervals([0.3, np.nan], 0.08)


def test_the_utilitys_charge_is_exact_and_rounds_half_to_even() -> None:
    prices = price_intervals([0.1, 0.1], 0.0)
    energy = share([[25, 50]], [[0, 0]], prices.is_open)
    charge = charge_community(energy, prices)
    assert charge * 10_000 == 75
    assert to_minor(charge) == 1
    assert to_minor(charge * 2, 100) == 2
    assert to_minor(charge_community(share([[50, 0]], [[0, 0]], prices.is_open), prices)) == 0
