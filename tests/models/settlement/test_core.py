from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from models.settlement.core import climb_to_excess, find_core_excess, find_least_core
from models.settlement.game import TabulatedGame, add_over_subsets, decode_coalitions
from models.settlement.metered_core import bound_core_excess
from models.settlement.metered_game import MeteredGame
from models.settlement.shapley import apply_weights, find_exact_values
from tests.models.settlement.community_day import meter_day

GLOVES = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
MAJORITY = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0])


def draw_metered(members: int, seed: int) -> MeteredGame:
    day = meter_day(members, np.random.default_rng(seed), steps=24)
    return MeteredGame(day.import_wh, day.export_wh, day.prices)


def test_in_the_glove_game_the_shapley_value_leaves_the_short_side_an_excess() -> None:
    excess = find_core_excess(GLOVES, np.array([1 / 6, 1 / 6, 2 / 3]))
    assert excess.excess_eur == pytest.approx(1 / 6)
    assert excess.coalition.tolist() in ([True, False, True], [False, True, True])
    assert excess.as_share(1.0) == pytest.approx(1 / 6)
    assert excess.as_share(0.0) == 0.0


def test_in_the_core_nobody_gains_by_leaving() -> None:
    excess = find_core_excess(GLOVES, np.array([0.0, 0.0, 1.0]))
    assert excess.excess_eur == 0.0
    assert not excess.coalition.any()


def test_the_least_core_of_the_majority_game_is_a_third_away() -> None:
    least = find_least_core(MAJORITY)
    assert least.epsilon_eur == pytest.approx(1 / 3)
    assert least.share_eur == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_the_least_core_of_a_lone_player_is_all_it_gains() -> None:
    least = find_least_core(np.array([0.0, 2.0]))
    assert (least.epsilon_eur, least.share_eur.tolist()) == (0.0, [2.0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), players=st.integers(2, 6))
def test_constraint_generation_finds_the_least_core_of_the_full_program(seed: int, players: int) -> None:
    values = np.random.default_rng(seed).uniform(0.0, 1.0, 1 << players)
    values[0] = 0.0
    least = find_least_core(values)
    inner = decode_coalitions(np.arange(1, (1 << players) - 1), players).astype(float)
    full = linprog(
        np.append(np.zeros(players), 1.0),
        A_ub=np.hstack([-inner, -np.ones((len(inner), 1))]),
        b_ub=-values[1:-1],
        A_eq=np.append(np.ones(players), 0.0)[None, :],
        b_eq=values[-1:],
        bounds=(None, None),
    )
    assert least.epsilon_eur == pytest.approx(full.fun, abs=1e-7)
    assert least.share_eur.sum() == pytest.approx(values[-1])
    worst = (values - add_over_subsets(least.share_eur))[1:-1].max()
    assert worst == pytest.approx(least.epsilon_eur, abs=1e-7)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(2, 10))
def test_the_relaxed_bound_holds_and_the_search_never_claims_too_much(seed: int, members: int) -> None:
    game = draw_metered(members, seed)
    weight = np.random.default_rng(seed).uniform(0.2, 5.0, members)
    share = apply_weights(find_exact_values(game), weight)
    exact = find_core_excess(game.tabulate(), share)
    found = bound_core_excess(game, share)
    assert found.excess_eur <= exact.excess_eur + 1e-9
    assert found.bound_eur >= exact.excess_eur - 1e-9
    coalition = found.coalition[None, :]
    assert game.evaluate(coalition)[0] - share @ found.coalition == pytest.approx(found.excess_eur, abs=1e-9)


def test_on_communities_of_usual_size_the_search_finds_nearly_all_of_the_excess() -> None:
    for seed in range(5):
        game = draw_metered(14, seed)
        share = apply_weights(find_exact_values(game), np.random.default_rng(seed).uniform(0.2, 5.0, 14))
        exact = find_core_excess(game.tabulate(), share).excess_eur
        assert bound_core_excess(game, share).excess_eur >= 0.95 * exact


def test_climbing_from_all_finds_the_pair_that_would_leave() -> None:
    found = climb_to_excess(TabulatedGame(GLOVES), np.array([0.5, 0.4, 0.1]), np.ones(3, dtype=np.bool_))
    assert found.excess_eur == pytest.approx(0.5)
    assert found.coalition.tolist() == [False, True, True]
    assert found.bound_eur == np.inf


def test_climbing_where_nobody_would_leave_finds_nobody() -> None:
    found = climb_to_excess(TabulatedGame(GLOVES), np.array([0.0, 0.0, 1.0]), np.ones(3, dtype=np.bool_))
    assert found.excess_eur == 0.0
    assert not found.coalition.any()
