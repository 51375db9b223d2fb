from __future__ import annotations

import numpy as np
import pytest

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray
from models.settlement.clustering import cluster_members, split_inside
from models.settlement.game import TabulatedGame
from models.settlement.level_sampling import sample_by_levels
from models.settlement.metered_game import MeteredGame
from models.settlement.reoptimised_game import ReoptimisedGame
from models.settlement.sampling import StoppingRule, draw_orders, sample_values
from models.settlement.shapley import Method, find_exact_values
from models.settlement.valuation import value_by_clusters, value_by_sampling, value_exactly
from tests.models.settlement.community_day import meter_day

RULE = StoppingRule(target_error_frac=0.01)
WEIGHT = np.array([0.2, 5.0, 1.0, 0.7, 2.0, 1.0, 3.0, 0.4])


def draw_metered(members: int, seed: int = 4) -> MeteredGame:
    day = meter_day(members, np.random.default_rng(seed), steps=48)
    return MeteredGame(day.import_wh, day.export_wh, day.prices)


@pytest.mark.parametrize("rate", [None, WEIGHT])
def test_sampled_values_agree_with_exact_ones_within_their_errors(rate: FloatArray | None) -> None:
    game = draw_metered(8)
    sampled = sample_values(game, RULE, np.random.default_rng(1), rate)
    exact = find_exact_values(game, rate)
    off = np.abs(sampled.value_eur - exact) / np.maximum(sampled.standard_error_eur, 1e-12)
    assert sampled.reached_target
    assert off.max() < 4.0
    assert sampled.standard_error_eur.max() <= 0.01 * sampled.value_eur.mean()


def test_standard_errors_tell_the_truth_over_many_runs() -> None:
    game = draw_metered(6)
    exact = find_exact_values(game)
    rule = StoppingRule(target_error_frac=1e-9, most_pairs=48)
    runs = [sample_values(game, rule, np.random.default_rng(seed)) for seed in range(60)]
    spread = np.array([run.value_eur - exact for run in runs]).std(axis=0)
    told = np.mean([run.standard_error_eur for run in runs], axis=0)
    assert spread == pytest.approx(told, rel=0.35, abs=1e-9)


def test_values_of_each_order_add_up_to_the_gain_of_all() -> None:
    game = draw_metered(30)
    sampled = sample_values(game, RULE, np.random.default_rng(1))
    everyone = np.ones((1, 30), dtype=np.bool_)
    assert sampled.value_eur.sum() == pytest.approx(game.evaluate(everyone)[0])


def test_the_member_with_the_largest_rate_comes_last_as_often_as_its_weight_says() -> None:
    first, second = draw_orders(np.array([1.0, 3.0]), 4000, np.random.default_rng(2))
    assert np.mean(first[:, -1] == 1) == pytest.approx(0.75, abs=0.03)
    assert np.mean(second[:, -1] == 1) == pytest.approx(0.75, abs=0.03)
    assert np.mean(first[:, -1] == second[:, -1]) < 0.7


def test_orders_of_equal_clocks_come_in_mirrored_pairs() -> None:
    first, second = draw_orders(np.ones(5), 20, np.random.default_rng(2))
    assert np.array_equal(first, second[:, ::-1])


def test_antithetic_pairs_beat_as_many_independent_orders() -> None:
    game = draw_metered(40)
    rng = np.random.default_rng(7)
    first, second = draw_orders(np.ones(40), 300, rng)
    paired = ((game.walk(first) + game.walk(second)) / 2.0).var(axis=0).sum()
    other, _ = draw_orders(np.ones(40), 300, rng)
    independent = ((game.walk(first) + game.walk(other)) / 2.0).var(axis=0).sum()
    assert paired < 0.8 * independent


def test_sampling_stops_at_the_target_the_bound_or_the_end_of_time_and_says_so() -> None:
    game = draw_metered(12)
    left = iter([True, True, False])
    told: list[int] = []
    timed = sample_values(
        game,
        StoppingRule(target_error_frac=1e-9, has_time=lambda: next(left), report=lambda pairs, _: told.append(pairs)),
        np.random.default_rng(1),
    )
    assert (timed.orders, timed.reached_target, told) == (96, False, [16, 32, 48])
    bounded = sample_values(game, StoppingRule(target_error_frac=1e-9, most_pairs=20), np.random.default_rng(1))
    assert (bounded.orders, bounded.reached_target) == (40, False)


def test_a_game_without_gain_needs_one_batch() -> None:
    sampled = sample_values(TabulatedGame(np.zeros(8)), RULE, np.random.default_rng(1))
    assert (sampled.orders, sampled.value_eur.tolist(), sampled.reached_target) == (32, [0.0, 0.0, 0.0], True)


def test_the_same_seed_gives_the_same_bytes() -> None:
    game = draw_metered(25)
    one, two = (sample_values(game, RULE, np.random.default_rng(9)).value_eur.tobytes() for _ in range(2))
    assert one == two


def test_values_sampled_at_levels_agree_with_exact_ones_and_hand_out_all_of_the_gain() -> None:
    game = draw_metered(8)
    sampled = sample_by_levels(game, RULE, np.random.default_rng(1))
    exact = find_exact_values(game)
    assert sampled.reached_target
    assert sampled.value_eur.sum() == pytest.approx(exact.sum())
    off = np.abs(sampled.value_eur - exact) / np.maximum(sampled.standard_error_eur, 1e-12)
    assert off.max() < 4.0


def test_errors_told_at_levels_are_not_below_those_made() -> None:
    game = draw_metered(6)
    exact = find_exact_values(game)
    rule = StoppingRule(target_error_frac=1e-9, most_pairs=16)
    runs = [sample_by_levels(game, rule, np.random.default_rng(seed)) for seed in range(60)]
    made = np.sqrt(np.mean([(run.value_eur - exact) ** 2 for run in runs], axis=0))
    told = np.mean([run.standard_error_eur for run in runs], axis=0)
    assert np.all(made <= 1.25 * told + 1e-9)


def test_levels_need_fewer_evaluations_than_orders_for_the_same_error() -> None:
    game = ReoptimisedGame(meter_day(6, np.random.default_rng(0), steps=12))
    exact = find_exact_values(game)
    rng = np.random.default_rng(3)
    # Seven evaluations for each coalition drawn at a level, six for each order.
    levels = StoppingRule(target_error_frac=1e-9, most_pairs=24)
    orders = StoppingRule(target_error_frac=1e-9, most_pairs=28)
    by_levels = [np.abs(sample_by_levels(game, levels, rng).value_eur - exact).sum() for _ in range(20)]
    by_orders = [np.abs(sample_values(game, orders, rng).value_eur - exact).sum() for _ in range(20)]
    assert np.mean(by_levels) < np.mean(by_orders)


def test_levels_stop_at_the_end_of_time_and_a_game_without_gain_gives_nothing() -> None:
    left = iter([True, False])
    rule = StoppingRule(target_error_frac=1e-9, has_time=lambda: next(left))
    assert sample_by_levels(draw_metered(5), rule, np.random.default_rng(1)).orders == 16
    nothing = sample_by_levels(TabulatedGame(np.zeros(8)), RULE, np.random.default_rng(1))
    assert nothing.value_eur.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("change", [{"target_error_frac": 0.0}, {"target_error_frac": 0.1, "most_pairs": 0}])
def test_a_target_or_a_number_of_pairs_of_zero_is_refused(change: dict[str, float]) -> None:
    rule = StoppingRule(**change)  # type: ignore[arg-type]
    for sample in (sample_values, sample_by_levels):
        with pytest.raises(SettlementError, match="target error"):
            sample(draw_metered(3), rule, np.random.default_rng(1))


def test_clusters_are_a_partition_the_same_for_the_same_seed() -> None:
    profile = np.random.default_rng(3).normal(size=(30, 96))
    groups = cluster_members(profile, 7, np.random.default_rng(5))
    again = cluster_members(profile, 7, np.random.default_rng(5))
    assert sorted(np.concatenate(groups).tolist()) == list(range(30))
    assert 1 <= len(groups) <= 7
    assert [group.tolist() for group in groups] == [group.tolist() for group in again]


def test_members_alike_end_up_in_one_cluster() -> None:
    shape = np.repeat(np.eye(3) * 10.0, 4, axis=0) + np.random.default_rng(1).normal(0.0, 0.1, (12, 3))
    groups = cluster_members(shape, 3, np.random.default_rng(2))
    assert [group.tolist() for group in groups] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_identical_members_may_fill_fewer_clusters_than_wanted() -> None:
    groups = cluster_members(np.ones((6, 4)), 3, np.random.default_rng(2))
    assert sorted(np.concatenate(groups).tolist()) == list(range(6))


def test_as_many_clusters_as_members_are_the_members_and_none_is_refused() -> None:
    assert [group.tolist() for group in cluster_members(np.ones((2, 3)), 5, np.random.default_rng(1))] == [[0], [1]]
    with pytest.raises(SettlementError, match="clustering"):
        cluster_members(np.ones((2, 3)), 0, np.random.default_rng(1))


def test_a_clusters_value_is_split_by_inner_values_and_equally_where_there_are_none() -> None:
    split = split_inside(np.array([6.0, 2.0]), [np.array([0, 2]), np.array([1, 3])], np.array([1.0, 0.0, 2.0, -1.0]))
    assert split.tolist() == [2.0, 1.0, 4.0, 1.0]


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_clustered_values_are_close_to_exact_ones_and_hand_out_all_of_the_gain(weight: FloatArray | None) -> None:
    rng = np.random.default_rng(4)
    day = meter_day(8, rng, steps=24)
    exact = value_exactly(ReoptimisedGame(day), weight)
    groups = cluster_members(day.net_kwh, 6, rng)
    metered = MeteredGame(day.import_wh, day.export_wh, day.prices)
    clustered = value_by_clusters(
        ReoptimisedGame(day, groups), groups, metered, find_exact_values(metered, weight), weight
    )
    assert (clustered.method, clustered.players) == (Method.CLUSTERED, len(groups))
    assert clustered.gain_eur == pytest.approx(exact.gain_eur)
    off = np.abs(clustered.value_eur - exact.value_eur)
    # The error in the metered game is a sign of the size of the one made here, not a bound on it.
    assert off.mean() < 6.0 * clustered.error_eur.mean()
    assert off.mean() < (0.25 if weight is None else 0.75) * exact.value_eur.mean()


def test_clusters_of_single_members_make_no_error() -> None:
    day = meter_day(5, np.random.default_rng(4), steps=24)
    metered = MeteredGame(day.import_wh, day.export_wh, day.prices)
    values = find_exact_values(metered)
    groups = [np.array([member]) for member in range(5)]
    clustered = value_by_clusters(metered, groups, metered, values)
    assert clustered.value_eur == pytest.approx(values)
    assert clustered.error_eur == pytest.approx(np.zeros(5), abs=1e-12)


def test_re_optimised_values_sampled_agree_with_exact_ones_within_their_errors() -> None:
    game = ReoptimisedGame(meter_day(5, np.random.default_rng(14), steps=12))
    exact = value_exactly(game)
    sampled = value_by_sampling(game, StoppingRule(target_error_frac=0.02), np.random.default_rng(1))
    off = np.abs(sampled.value_eur - exact.value_eur) / np.maximum(sampled.error_eur, 1e-9)
    assert off.max() < 4.0
    assert (sampled.method, exact.method, exact.orders) == (Method.SAMPLED, Method.EXACT, 0)
    assert not exact.error_eur.any()
