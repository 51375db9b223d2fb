from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.sharing import SharedEnergy
from models.settlement.trades import CoefficientBasis, find_coefficients, match_trades, sum_trades
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


def test_coefficients_of_every_interval_sum_to_one_after_rounding_and_say_what_they_follow() -> None:
    energy = share_day(meter_day(7, np.random.default_rng(2)))
    coefficients, basis = find_coefficients(energy, decimals=4)
    assert np.array_equal(coefficients.sum(axis=0), np.full(energy.shared_wh.shape, 10_000))
    is_shared = energy.shared_wh > 0
    assert is_shared.any()
    assert not is_shared.all()
    assert [one is CoefficientBasis.SHARED for one in basis] == is_shared.tolist()
    parts = energy.received_wh / np.maximum(energy.shared_wh, 1)
    assert np.all(np.abs(coefficients / 10_000 - parts)[:, is_shared] <= 1e-4)


def one_interval(drawn: list[int], fed_in: list[int], received: list[int], supplied: list[int]) -> SharedEnergy:
    columns = (np.array(one, dtype=np.int64)[:, None] for one in (drawn, fed_in, received, supplied))
    return SharedEnergy(**dict(zip(("import_wh", "export_wh", "received_wh", "supplied_wh"), columns, strict=True)))


@pytest.mark.parametrize(
    "drawn, fed_in, wanted, follows",
    [
        ([300, 100, 0], [0, 0, 0], [750_000, 250_000, 0], CoefficientBasis.DRAWN),
        ([0, 0, 0], [500, 0, 0], [333_334, 333_333, 333_333], CoefficientBasis.EQUAL),
        ([0, 200, 0], [500, 0, 0], [0, 1_000_000, 0], CoefficientBasis.DRAWN),
    ],
)
def test_where_nothing_was_shared_coefficients_follow_what_was_drawn_and_else_are_equal(
    drawn: list[int], fed_in: list[int], wanted: list[int], follows: CoefficientBasis
) -> None:
    coefficients, basis = find_coefficients(one_interval(drawn, fed_in, [0, 0, 0], [0, 0, 0]))
    assert coefficients[:, 0].tolist() == wanted
    assert basis == (follows,)


@given(seed=st.integers(0, 30))
def test_the_operators_rule_on_the_coefficients_gives_the_communitys_own_split(seed: int) -> None:
    """A coefficient's part of all that was fed in, up to what the member drew, is what the member received."""
    energy = share_day(meter_day(5, np.random.default_rng(seed), steps=24))
    coefficients, _ = find_coefficients(energy, decimals=6)
    fed_in = energy.export_wh.sum(axis=0)
    is_shared = energy.shared_wh > 0
    given_wh = np.minimum(energy.import_wh, coefficients / 1e6 * fed_in)
    assert np.all(np.abs(given_wh - energy.received_wh)[:, is_shared] <= 1e-6 * fed_in.max() + 1e-9)
