from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.trades import find_coefficients, match_trades, sum_trades
from tests.models.settlement.community_day import meter_day, share_day


@given(
    received=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    parts=st.lists(st.integers(0, 100), min_size=1, max_size=12),
)
def test_rows_and_columns_add_up_exactly_and_entries_are_the_product_of_shares(
    received: list[int], parts: list[int]
) -> None:
    buyers = np.array(received)
    total = int(buyers.sum())
    weights = np.array(parts) + 1
    sellers = weights * total // weights.sum()
    sellers[0] += total - sellers.sum()
    matrix = match_trades(buyers, sellers)
    assert np.array_equal(matrix.sum(axis=1), buyers)
    assert np.array_equal(matrix.sum(axis=0), sellers)
    assert np.all(matrix >= 0)
    if total:
        assert np.all(np.abs(matrix - np.outer(buyers, sellers) / total) <= 1.0)


def test_nothing_shared_is_nothing_traded_and_unequal_sides_are_refused() -> None:
    assert not match_trades(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)).any()
    with pytest.raises(SettlementError, match="5 Wh were received, 4 Wh supplied"):
        match_trades(np.array([5]), np.array([4]))


def test_a_days_trades_add_up_to_what_each_received_and_supplied() -> None:
    energy = share_day(meter_day(6, np.random.default_rng(2)))
    matrix = sum_trades(energy)
    assert np.array_equal(matrix.sum(axis=1), energy.received_wh.sum(axis=1))
    assert np.array_equal(matrix.sum(axis=0), energy.supplied_wh.sum(axis=1))


def test_coefficients_of_every_interval_sum_to_one_after_rounding() -> None:
    energy = share_day(meter_day(7, np.random.default_rng(2)))
    coefficients = find_coefficients(energy, decimals=4)
    sums = coefficients.sum(axis=0)
    assert np.array_equal(sums, np.where(energy.shared_wh > 0, 10_000, 0))
    assert (energy.shared_wh > 0).any()
    assert (energy.shared_wh == 0).any()
    parts = energy.received_wh / np.maximum(energy.shared_wh, 1)
    assert np.all(np.abs(coefficients / 10_000 - parts) <= 1e-4)
