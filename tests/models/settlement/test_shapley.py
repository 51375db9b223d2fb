from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray
from models.settlement.game import TabulatedGame, add_over_subsets, decode_coalitions, encode_coalitions
from models.settlement.shapley import apply_weights, find_dividends, find_exact_values

seeds = st.integers(0, 2**32 - 1)
players = st.integers(1, 6)


def draw_game(seed: int, count: int) -> TabulatedGame:
    values = np.random.default_rng(seed).normal(0.0, 1.0, 1 << count)
    values[0] = 0.0
    return TabulatedGame(values)


def unanimity(count: int, group: int) -> TabulatedGame:
    """1 for every coalition that contains the group (a code), else 0."""
    codes = np.arange(1 << count)
    return TabulatedGame(((codes & group) == group).astype(np.float64))


def average_over_orders(game: TabulatedGame, rate: FloatArray) -> FloatArray:
    """The definition: every joining order by its probability; among those not yet placed the last is drawn by rate."""
    total = np.zeros(game.players)
    for order in permutations(range(game.players)):
        chance, left = 1.0, rate.sum()
        for player in reversed(order):
            chance *= rate[player] / left
            left -= rate[player]
        code = 0
        for player in order:
            total[player] += chance * (game.values[code | 1 << player] - game.values[code])
            code |= 1 << player
    return total


@given(seed=seeds, count=players)
def test_values_are_the_mean_marginal_contributions_over_all_orders(seed: int, count: int) -> None:
    game = draw_game(seed, min(count, 5))
    rate = np.random.default_rng(seed).uniform(0.2, 5.0, game.players)
    assert find_exact_values(game) == pytest.approx(average_over_orders(game, np.ones(game.players)), abs=1e-9)
    assert find_exact_values(game, rate) == pytest.approx(average_over_orders(game, rate), abs=1e-9)


@given(seed=seeds, count=players)
def test_efficiency_all_of_the_gain_is_handed_out(seed: int, count: int) -> None:
    game = draw_game(seed, count)
    rate = np.random.default_rng(seed).uniform(0.2, 5.0, count)
    assert find_exact_values(game).sum() == pytest.approx(game.values[-1], abs=1e-9)
    assert find_exact_values(game, rate).sum() == pytest.approx(game.values[-1], abs=1e-9)


@given(seed=seeds, count=st.integers(1, 5))
def test_a_player_that_adds_nothing_gets_nothing(seed: int, count: int) -> None:
    inner = draw_game(seed, count).values
    game = TabulatedGame(np.concatenate([inner, inner]))
    rate = np.random.default_rng(seed).uniform(0.2, 5.0, count + 1)
    assert find_exact_values(game)[-1] == pytest.approx(0.0, abs=1e-9)
    assert find_exact_values(game, rate)[-1] == pytest.approx(0.0, abs=1e-9)
    assert apply_weights(np.abs(np.append(find_exact_values(game)[:-1], 0.0)), rate)[-1] == 0.0


@given(seed=seeds, count=st.integers(2, 6))
def test_symmetry_players_that_can_stand_in_for_each_other_get_the_same(seed: int, count: int) -> None:
    game = draw_game(seed, count)
    codes = np.arange(1 << count)
    swapped = (codes & ~3) | ((codes & 1) << 1) | ((codes & 2) >> 1)
    symmetric = TabulatedGame((game.values + game.values[swapped]) / 2.0)
    values = find_exact_values(symmetric)
    assert values[0] == pytest.approx(values[1], abs=1e-9)


@given(seed=seeds, count=players)
def test_additivity_values_of_a_sum_of_games_are_sums_of_values(seed: int, count: int) -> None:
    one, two = draw_game(seed, count), draw_game(seed + 1, count)
    rate = np.random.default_rng(seed).uniform(0.2, 5.0, count)
    both = TabulatedGame(one.values + two.values)
    for rates in (None, rate):
        parts = find_exact_values(one, rates) + find_exact_values(two, rates)
        assert find_exact_values(both, rates) == pytest.approx(parts, abs=1e-9)


@given(seed=seeds, count=players, data=st.data())
def test_kalai_samet_splits_unanimity_games_by_weight(seed: int, count: int, data: st.DataObject) -> None:
    group = data.draw(st.integers(1, (1 << count) - 1))
    rate = np.random.default_rng(seed).uniform(0.2, 5.0, count)
    inside = decode_coalitions(np.array([group]), count)[0]
    expected = np.where(inside, rate, 0.0) / rate[inside].sum()
    assert find_exact_values(unanimity(count, group), rate) == pytest.approx(expected, abs=1e-12)


@given(seed=seeds, count=players, rate=st.floats(0.2, 5.0))
def test_kalai_samet_with_equal_weights_is_the_plain_value(seed: int, count: int, rate: float) -> None:
    game = draw_game(seed, count)
    assert find_exact_values(game, np.full(count, rate)) == pytest.approx(find_exact_values(game), abs=1e-9)


@given(seed=seeds, count=st.integers(2, 8), factor=st.floats(1.0, 10.0))
def test_proportional_weights_never_lower_ones_share_when_ones_weight_rises(
    seed: int, count: int, factor: float
) -> None:
    rng = np.random.default_rng(seed)
    value, weight = rng.uniform(0.0, 2.0, count), rng.uniform(0.2, 5.0, count)
    raised = weight.copy()
    raised[0] *= factor
    before, after = apply_weights(value, weight), apply_weights(value, raised)
    assert after[0] >= before[0] - 1e-12
    assert after.sum() == pytest.approx(value.sum())
    assert np.all(after >= 0.0)


def test_a_higher_weight_can_lower_the_kalai_samet_share_of_members_that_replace_each_other() -> None:
    # Two sellers of one unit each and one buyer of one unit: whoever comes last among the sellers adds nothing.
    game = TabulatedGame(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
    low = find_exact_values(game, np.array([1.0, 1.0, 1.0]))
    high = find_exact_values(game, np.array([3.0, 1.0, 1.0]))
    assert high[0] < low[0]


def test_the_glove_game_of_the_textbooks() -> None:
    # One left glove (player 2), two right gloves (players 0 and 1): 2/3, 1/6, 1/6.
    game = TabulatedGame(np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]))
    assert find_exact_values(game) == pytest.approx([1 / 6, 1 / 6, 2 / 3])


def test_the_airport_game_of_littlechild_and_owen() -> None:
    # Runway costs 1, 2, 3: the value shares each stretch equally among those who need it.
    needs = [1.0, 2.0, 3.0]
    coalitions = decode_coalitions(np.arange(8), 3)
    costs = np.max(np.where(coalitions, needs, 0.0), axis=1)
    assert find_exact_values(TabulatedGame(costs)) == pytest.approx([1 / 3, 1 / 3 + 1 / 2, 1 / 3 + 1 / 2 + 1])


def test_the_united_nations_security_council() -> None:
    # Nine of fifteen votes and no veto: 0.1963 for a permanent member, 0.001865 for an elected one (Shapley, Shubik).
    coalitions = decode_coalitions(np.arange(1 << 15), 15)
    wins = coalitions[:, :5].all(axis=1) & (coalitions.sum(axis=1) >= 9)
    values = find_exact_values(TabulatedGame(wins.astype(np.float64)))
    assert values[:5] == pytest.approx(np.full(5, 421 / 2145))
    assert values[5:] == pytest.approx(np.full(10, 4 / 2145))


def test_dividends_of_a_game_add_up_to_it_again() -> None:
    game = draw_game(3, 5)
    dividends = find_dividends(game.values)
    codes = np.arange(32)
    rebuilt = [dividends[(codes & code) == codes].sum() for code in codes]
    assert rebuilt == pytest.approx(game.values.tolist(), abs=1e-9)


def test_codes_and_masks_of_coalitions_are_inverse_and_sums_go_by_code() -> None:
    codes = np.arange(64)
    masks = decode_coalitions(codes, 6)
    assert np.array_equal(encode_coalitions(masks), codes)
    parts = np.arange(1.0, 7.0)
    assert add_over_subsets(parts) == pytest.approx(masks @ parts)


@pytest.mark.parametrize("values", [[1.0, 2.0], [0.0, 1.0, 2.0], [0.0, np.nan], [0.0]])
def test_values_that_are_no_game_are_refused(values: list[float]) -> None:
    with pytest.raises(SettlementError, match="values of a game"):
        TabulatedGame(np.array(values))


def test_rates_at_or_below_zero_and_too_many_players_are_refused() -> None:
    game = draw_game(1, 2)
    with pytest.raises(SettlementError, match="rate"):
        find_exact_values(game, np.array([1.0, 0.0]))
    with pytest.raises(SettlementError, match="accepted are 20"):
        add_over_subsets(np.ones(21))


def test_a_game_without_gain_gives_no_shares() -> None:
    assert apply_weights(np.zeros(3), np.ones(3)).tolist() == [0.0, 0.0, 0.0]
