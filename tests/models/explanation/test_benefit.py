from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.explanation.asset_parts import Asset
from models.explanation.benefit import explain_benefits
from models.explanation.time_parts import split_by_time
from models.settlement.gain_split import GainOutcome
from models.settlement.means import Means
from models.settlement.settle_day import GameKind
from models.settlement.shapley import Method
from tests.models.explanation.settled_days import Explained, explain, explain_random, quarter
from tests.models.settlement.community_day import draw_terms, meter_day, price_day


def check_sums(explained: Explained) -> None:
    """What has to hold for every member of every day, to the minor unit."""
    bills = explained.settled.bills
    owners = {Asset.BATTERY: {one.member for one in explained.day.batteries}}
    owners[Asset.EV] = {one.member for one in explained.day.evs}
    owners[Asset.PV] = {k for k, row in enumerate(explained.day.pv_wh) if row.any()}
    for member, benefit in enumerate(explained.benefits):
        assert benefit.benefit_minor == bills.share_minor[member] + bills.solidarity_minor[member]
        assert benefit.cost_minor == benefit.bill_minor + benefit.wear_minor - benefit.islanded_minor
        assert sum(benefit.by_time_minor) + benefit.wear_part_minor == benefit.plain_minor
        assert sum(benefit.by_asset_minor.values()) + benefit.planning_minor == benefit.plain_minor
        assert abs(benefit.rounding_minor) <= 2
        for asset, own in owners.items():
            if member not in own:
                assert benefit.by_asset_minor[asset] == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 7), sigma=st.sampled_from([0.0, 0.1, 1.0]))
def test_parts_of_any_metered_day_add_up_to_the_bill(seed: int, members: int, sigma: float) -> None:
    check_sums(explain_random(seed, members, GameKind.METERED, sigma=sigma))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 4))
def test_parts_of_any_re_optimised_day_add_up_and_nothing_is_solved_again(seed: int, members: int) -> None:
    explained = explain_random(seed, members, GameKind.REOPTIMISED, steps=12)
    check_sums(explained)
    # The coalition of nobody is asked for by name; all others were solved by the settlement.
    assert explained.costs.known <= explained.solved + 1


@pytest.mark.parametrize("steps", [92, 96, 100])
def test_days_of_23_24_and_25_hours_are_explained(steps: int) -> None:
    check_sums(explain_random(5, 4, GameKind.METERED, steps=steps))


def test_a_sampled_metered_day_is_explained_from_the_same_orders() -> None:
    explained = explain_random(3, 24, GameKind.METERED)
    assert explained.settled.valuation.method is Method.SAMPLED
    check_sums(explained)


def test_a_sampled_re_optimised_day_is_explained_from_the_same_coalitions() -> None:
    explained = explain_random(3, 5, GameKind.REOPTIMISED, steps=12, most_players=3)
    assert explained.settled.valuation.method is Method.SAMPLED
    check_sums(explained)
    assert explained.costs.known <= explained.solved + 1


def test_a_clustered_day_is_explained_from_the_same_clusters() -> None:
    day = meter_day(6, np.random.default_rng(8), steps=12)
    explained = explain(day, draw_terms(6), GameKind.REOPTIMISED, most_players=3, method=Method.CLUSTERED)
    assert explained.settled.valuation.method is Method.CLUSTERED
    assert explained.settled.valuation.players == 3
    check_sums(explained)
    assert explained.costs.known <= explained.solved + 1


def test_parts_by_time_are_the_values_of_the_days_parts_played_alone() -> None:
    explained = explain_random(11, 5, GameKind.METERED)
    window = quarter(24)
    parts = split_by_time(
        explained.day, explained.settled, GameKind.METERED, Means(rng=np.random.default_rng(11)), window
    )
    for part in range(4):
        # A day on which nothing flows outside this part of it.
        quiet = replace(
            explained.day,
            import_wh=np.where(window == part, explained.day.import_wh, 0),
            export_wh=np.where(window == part, explained.day.export_wh, 0),
        )
        alone = explain(quiet, explained.terms, GameKind.METERED)
        assert parts[:, part] == pytest.approx(alone.settled.split.plain_eur, abs=1e-9)


def test_means_of_another_seed_are_refused_instead_of_giving_parts_of_something_else() -> None:
    explained = explain_random(3, 24, GameKind.METERED)
    with pytest.raises(SettlementError, match="not those of the settlement"):
        explain_benefits(
            explained.day,
            explained.settled,
            explained.terms,
            GameKind.METERED,
            Means(rng=np.random.default_rng(4)),
            window=quarter(24),
        )


def test_a_day_without_sharing_has_no_parts_at_all() -> None:
    day = meter_day(4, np.random.default_rng(3), steps=24, prices=price_day(24, fee=0.5))
    explained = explain(day, draw_terms(4), GameKind.METERED)
    check_sums(explained)
    for benefit in explained.benefits:
        assert benefit.outcome is GainOutcome.NO_GAIN
        assert benefit.plain_minor == 0
        assert not any(benefit.by_time_minor)
        assert not any(benefit.by_asset_minor.values())


def test_the_loss_of_a_day_and_what_is_given_back_later_stand_in_a_line_of_their_own() -> None:
    day = meter_day(4, np.random.default_rng(3), steps=24)
    terms = replace(draw_terms(4, sigma=0.0), carried_loss_eur=np.array([0.2, 0.0, 0.0, 0.1]))
    explained = explain(day, terms, GameKind.METERED)
    check_sums(explained)
    assert [benefit.carried_minor for benefit in explained.benefits] == [20, 0, 0, 10]


def test_the_benefit_is_compared_with_an_equal_part_of_what_was_gained() -> None:
    explained = explain_random(11, 5, GameKind.METERED)
    first = explained.benefits[0]
    assert first.equal_minor == round(100 * explained.settled.gain_eur / 5)
    assert 5 * first.equal_minor == pytest.approx(sum(one.benefit_minor for one in explained.benefits), abs=3)
    assert replace(first, equal_minor=first.benefit_minor + 50).compared_to_equal == -1
    assert replace(first, equal_minor=first.benefit_minor - 50).compared_to_equal == 1
    assert replace(first, equal_minor=first.benefit_minor + 1).compared_to_equal == 0


def test_the_own_part_is_compared_with_that_of_the_average_home() -> None:
    explained = explain_random(11, 5, GameKind.METERED)
    first = explained.benefits[0]
    assert first.mean_plain_minor == round(100 * explained.settled.split.plain_eur.sum() / 5)
    assert replace(first, mean_plain_minor=first.plain_minor + 50).compared_to_mean == -1
    assert replace(first, mean_plain_minor=first.plain_minor - 50).compared_to_mean == 1
    assert replace(first, mean_plain_minor=first.plain_minor + 1).compared_to_mean == 0
