from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.explanation.asset_parts import Asset, find_profiles, split_by_asset
from models.settlement.coalition_day import CoalitionDay
from models.settlement.metered_game import MeteredGame
from models.settlement.prices import price_intervals
from models.settlement.shapley import find_exact_values
from tests.models.settlement.community_day import meter_day


def value(day: CoalitionDay) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return find_exact_values(MeteredGame(day.import_wh, day.export_wh, day.prices))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 7))
def test_assets_share_the_members_metered_value_exactly(seed: int, members: int) -> None:
    day = meter_day(members, np.random.default_rng(seed), steps=24)
    parts = split_by_asset(day, np.random.default_rng(0))
    assert parts.sum(axis=1) == pytest.approx(value(day), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.sampled_from([3, 14]))
def test_an_asset_that_does_nothing_gets_exactly_nothing(seed: int, members: int) -> None:
    rng = np.random.default_rng(seed)
    day = meter_day(members, rng, steps=12)
    # Flows both ways within an interval must not be handed to an asset that is not there.
    both = rng.integers(0, 300, day.shape)
    day = replace(day, import_wh=day.import_wh + both, export_wh=day.export_wh + both)
    is_idle = ~find_profiles(day).any(axis=2)
    parts = split_by_asset(day, rng)
    assert np.all(parts.T[is_idle] == 0.0)


def test_the_profiles_of_all_assets_add_up_to_the_meter() -> None:
    day = meter_day(6, np.random.default_rng(2), steps=24)
    assert find_profiles(day).sum(axis=0) == pytest.approx(day.net_kwh, abs=1e-9)


def test_a_seller_and_a_buyer_owe_their_gain_to_the_roof_and_to_the_demand() -> None:
    prices = price_intervals([0.40], [0.10], 0.10)
    day = CoalitionDay(
        step_h=1.0,
        prices=prices,
        import_wh=np.array([[0], [1000]]),
        export_wh=np.array([[1000], [0]]),
        pv_wh=np.array([[1000], [0]]),
        curtailed_wh=np.zeros((2, 1)),
        import_limit_kw=np.full(2, 10.0),
        export_limit_kw=np.full(2, 10.0),
        batteries=(),
        evs=(),
    )
    # One kWh shared gains 0.40 - 0.10 - 0.10 = 0.20, half of it for each side.
    parts = split_by_asset(day, np.random.default_rng(0))
    assert parts[0] == pytest.approx([0.0, 0.1, 0.0, 0.0])
    assert parts[1] == pytest.approx([0.1, 0.0, 0.0, 0.0])


def test_consumption_of_ones_own_sun_lowers_what_is_left_to_share() -> None:
    prices = price_intervals([0.40], [0.10], 0.10)
    day = CoalitionDay(
        step_h=1.0,
        prices=prices,
        import_wh=np.array([[0], [1000]]),
        export_wh=np.array([[600], [0]]),
        pv_wh=np.array([[1000], [0]]),
        curtailed_wh=np.zeros((2, 1)),
        import_limit_kw=np.full(2, 10.0),
        export_limit_kw=np.full(2, 10.0),
        batteries=(),
        evs=(),
    )
    parts = split_by_asset(day, np.random.default_rng(0))
    demand, pv = parts[0, list(Asset).index(Asset.DEMAND)], parts[0, list(Asset).index(Asset.PV)]
    # m(PV) = 0.2 with the buyer, m(demand) = 0, m(both) = 0.12 with the buyer, who is in half of the coalitions.
    assert (demand, pv) == (pytest.approx(-0.02), pytest.approx(0.08))


def test_sampled_coalitions_come_near_the_exact_split() -> None:
    day = meter_day(13, np.random.default_rng(5), steps=24)
    parts = split_by_asset(day, np.random.default_rng(0))
    exact = value(day)
    assert np.max(np.abs(parts.sum(axis=1) - exact)) < 0.1 * exact.mean()


def test_a_member_outside_the_community_has_no_part() -> None:
    day = meter_day(4, np.random.default_rng(5), steps=24)
    away = np.zeros(day.shape, dtype=np.bool_)
    away[0] = True
    outside = replace(
        day,
        is_fixed=away,
        import_wh=np.where(away, 0, day.import_wh),
        export_wh=np.where(away, 0, day.export_wh),
    )
    assert not split_by_asset(outside, np.random.default_rng(0))[0].any()
