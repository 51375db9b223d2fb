from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray
from models.settlement.game import Game, decode_coalitions
from models.settlement.metered_game import MeteredGame
from models.settlement.peak_game import PeakGame
from models.settlement.prices import IntervalPrices, price_intervals
from models.settlement.shapley import find_exact_values
from models.settlement.sharing import SharingKey, share_energy
from models.settlement.utility import charge_community

seeds = st.integers(0, 2**32 - 1)


def draw_day(seed: int, members: int, steps: int = 6) -> tuple[FloatArray, FloatArray, IntervalPrices]:
    rng = np.random.default_rng(seed)
    imports = rng.integers(0, 900, (members, steps)) * (rng.random((members, steps)) < 0.7)
    exports = rng.integers(0, 2000, (members, steps)) * (rng.random((members, steps)) < 0.4)
    prices = price_intervals(
        np.round(rng.uniform(-0.1, 0.4, steps), 3), 0.08, 0.02, is_islanded=rng.random(steps) < 0.1
    )
    return imports.astype(float), exports.astype(float), prices


def check_walk_against_table(game: Game, seed: int) -> None:
    """Table, evaluation and walk have to tell the same gains."""
    table = game.tabulate()
    masks = decode_coalitions(np.arange(len(table)), game.players)
    assert game.evaluate(masks) == pytest.approx(table, abs=1e-9)
    rng = np.random.default_rng(seed)
    orders = np.argsort(rng.random((5, game.players)), axis=1)
    marginals = game.walk(orders)
    for order, row in zip(orders, marginals, strict=True):
        code = 0
        for player in order:
            assert row[player] == pytest.approx(table[code | 1 << player] - table[code], abs=1e-9)
            code |= 1 << player


@given(seed=seeds, members=st.integers(1, 11))
def test_the_metered_gain_is_the_margin_times_the_smaller_side(seed: int, members: int) -> None:
    imports, exports, prices = draw_day(seed, members)
    game = MeteredGame(imports, exports, prices)
    masks = decode_coalitions(np.arange(1 << members), members).astype(float)
    expected = np.minimum(masks @ imports, masks @ exports) @ prices.margin_eur_per_kwh / 1000.0
    assert game.tabulate() == pytest.approx(expected, abs=1e-9)
    check_walk_against_table(game, seed)


@given(seed=seeds)
def test_the_metered_gain_is_what_the_community_saves_against_its_members_own_suppliers(seed: int) -> None:
    imports, exports, prices = draw_day(seed, 5)
    grid = np.where(prices.is_islanded, 0.0, 1.0)
    alone = ((imports * prices.import_eur_per_kwh - exports * prices.export_eur_per_kwh) * grid).sum() / 1000.0
    energy = share_energy(
        imports.astype(np.int64),
        exports.astype(np.int64),
        SharingKey.PROPORTIONAL,
        weight=np.ones(5),
        need=np.ones(5),
        is_open=prices.is_open,
    )
    gain = MeteredGame(imports, exports, prices).evaluate(np.ones((1, 5), dtype=np.bool_))[0]
    assert gain == pytest.approx(alone - float(charge_community(energy, prices)), abs=1e-9)


@given(seed=seeds)
def test_individual_rationality_everyone_gets_at_least_what_it_gains_alone(seed: int) -> None:
    game = MeteredGame(*draw_day(seed, 6))
    alone = game.evaluate(np.eye(6, dtype=np.bool_))
    rate = np.random.default_rng(seed).uniform(0.2, 5.0, 6)
    assert np.all(find_exact_values(game) >= alone - 1e-9)
    assert np.all(find_exact_values(game, rate) >= alone - 1e-9)


def test_a_member_without_flows_gets_nothing_and_twins_get_the_same() -> None:
    imports = np.array([[500.0, 300.0], [0.0, 0.0], [500.0, 300.0], [0.0, 0.0]])
    exports = np.array([[0.0, 0.0], [700.0, 100.0], [0.0, 0.0], [0.0, 0.0]])
    values = find_exact_values(MeteredGame(imports, exports, price_intervals([0.3, 0.3], 0.08, 0.02)))
    assert values[3] == 0.0
    assert values[0] == pytest.approx(values[2])


def test_gains_scale_with_a_factor() -> None:
    game = MeteredGame(*draw_day(4, 5))
    assert game.scaled(0.25).tabulate() == pytest.approx(0.25 * game.tabulate())


def test_the_twenty_first_member_does_not_fit_a_table() -> None:
    game = MeteredGame(*draw_day(4, 21))
    with pytest.raises(SettlementError, match="21 players"):
        game.tabulate()


def test_prices_of_other_intervals_and_negative_flows_are_refused() -> None:
    prices = price_intervals([0.3], 0.1)
    with pytest.raises(SettlementError, match="import_wh"):
        MeteredGame(np.ones((2, 2)), np.ones((2, 2)), prices)
    with pytest.raises(SettlementError, match="export_wh"):
        MeteredGame(np.ones((2, 1)), -np.ones((2, 1)), prices)


@given(seed=seeds, members=st.integers(1, 10))
def test_the_peak_game_saves_what_peaks_at_different_times_are_worth(seed: int, members: int) -> None:
    net = np.random.default_rng(seed).integers(-2000, 3000, (members, 7)).astype(float)
    game = PeakGame(net, 0.25, 12.0)
    masks = decode_coalitions(np.arange(1 << members), members).astype(float)
    own = np.maximum(net.max(axis=1), 0.0)
    peak = np.maximum((masks @ net).max(axis=1), 0.0)
    expected = (masks @ own - peak) / 1000.0 / 0.25 * 12.0
    assert game.tabulate() == pytest.approx(expected, abs=1e-9)
    check_walk_against_table(game, seed)
    assert np.all(game.tabulate() >= -1e-9)


def test_peaks_at_the_same_time_save_nothing() -> None:
    game = PeakGame(np.array([[100.0, 900.0], [50.0, 400.0]]), 0.25, 10.0)
    assert game.alone_eur.tolist() == [36.0, 16.0]
    assert game.tabulate().tolist() == [0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("step_h,charge", [(0.0, 1.0), (0.25, -1.0)])
def test_a_peak_without_an_interval_or_with_a_negative_charge_is_refused(step_h: float, charge: float) -> None:
    with pytest.raises(SettlementError, match="peak game"):
        PeakGame(np.ones((1, 1)), step_h, charge)
