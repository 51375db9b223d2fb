from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.fairness.benefit import count_losers
from models.settlement.bills import ExactBills, round_bills
from models.settlement.booking import post_bills
from models.settlement.coalition_day import CoalitionDay
from models.settlement.gain_split import GainOutcome, split_gain
from models.settlement.means import Means
from models.settlement.prices import price_intervals
from models.settlement.settle_day import GameKind, SettledDay, SettlementTerms, settle_day
from models.settlement.shapley import Method, Weighting
from models.settlement.solidarity import apply_solidarity
from models.settlement.utility import charge_community, to_minor
from tests.models.settlement.community_day import draw_terms, meter_day, price_day


def settle(day: CoalitionDay, terms: SettlementTerms, game: GameKind = GameKind.METERED, seed: int = 1) -> SettledDay:
    return settle_day(day, terms, game, Means(rng=np.random.default_rng(seed)))


def check_books(settled: SettledDay, day: CoalitionDay) -> None:
    """What has to hold on every day, whatever it was like."""
    bills = settled.bills
    assert bills.utility_minor == to_minor(charge_community(settled.energy, day.prices))
    assert int(bills.bill_minor.sum()) == bills.utility_minor
    assert int(bills.solidarity_minor.sum()) == 0
    assert int(bills.islanded_minor.sum()) == 0
    assert settled.share_eur.sum() == pytest.approx(settled.gain_eur, abs=1e-6)
    exact = settled.alone_eur - day.wear_eur - settled.share_eur
    islanded = bills.islanded_minor / 100.0
    # Each of the five lines is less than two minor units off.
    assert bills.bill_minor / 100.0 == pytest.approx(exact + islanded, abs=0.06)
    if settled.gain_eur >= 0.0:
        assert np.all(bills.share_minor >= 0)
        assert np.all(bills.share_minor + bills.solidarity_minor >= 0)


@pytest.mark.parametrize("weighting", list(Weighting))
@pytest.mark.parametrize("sigma", [0.0, 0.1, 1.0])
def test_bills_add_up_to_the_utilitys_tariff_and_nobody_pays_for_being_in(weighting: Weighting, sigma: float) -> None:
    for seed in range(4):
        day = meter_day(6, np.random.default_rng(seed), steps=24)
        check_books(settle(day, draw_terms(6, seed, sigma=sigma, weighting=weighting)), day)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 7))
def test_any_metered_day_is_settled_exactly(seed: int, members: int) -> None:
    rng = np.random.default_rng(seed)
    steps = int(rng.choice([23, 24, 25]))
    prices = price_intervals(
        np.round(rng.uniform(-0.2, 0.5, steps), 5),
        np.round(rng.uniform(-0.1, 0.3, steps), 5),
        np.round(rng.uniform(0.0, 0.05, steps), 5),
        is_islanded=rng.random(steps) < 0.2,
        islanded_eur_per_kwh=0.21,
    )
    day = meter_day(members, rng, steps=steps, prices=prices)
    check_books(settle(day, draw_terms(members, seed % 1000, sigma=float(rng.uniform(0.0, 1.0)))), day)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_day_is_settled_exactly_under_the_re_optimised_game(seed: int) -> None:
    rng = np.random.default_rng(seed)
    day = meter_day(4, rng, steps=12)
    settled = settle(day, draw_terms(4, seed % 1000), GameKind.REOPTIMISED)
    check_books(settled, day)
    assert settled.valuation.method is Method.EXACT
    assert settled.gain_eur <= settled.valuation.gain_eur + 1e-6


@pytest.mark.parametrize("steps", [92, 96, 100])
def test_days_of_23_24_and_25_hours_are_settled(steps: int) -> None:
    day = meter_day(5, np.random.default_rng(1), steps=steps)
    check_books(settle(day, draw_terms(5)), day)


def test_a_day_worse_than_staying_alone_is_a_loss_flagged_and_carried() -> None:
    day = meter_day(5, np.random.default_rng(3), steps=24)
    battery = day.batteries[0]
    # A battery that was charged at the dearest hour on orders, and emptied at the cheapest.
    charged, discharged = np.zeros(24), np.zeros(24)
    charged[18], discharged[3] = 4.0, 3.0
    imports = day.import_wh.copy()
    imports[battery.member, 18] += 40_000
    exports = day.export_wh.copy()
    exports[battery.member, 3] += 30_000
    wasted = replace(
        day,
        batteries=(
            replace(battery, charged_kwh=40.0 * charged / 4.0, discharged_kwh=10.0 * discharged),
            *day.batteries[1:],
        ),
        import_wh=imports,
        export_wh=exports,
    )
    settled = settle(wasted, draw_terms(5), GameKind.REOPTIMISED)
    assert settled.split.outcome is GainOutcome.LOSS
    assert np.all(settled.split.loss_eur >= 0.0)
    assert not settled.solidarity.given_eur.any()
    check_books(settled, wasted)
    later = settle(day, replace(draw_terms(5), carried_loss_eur=settled.split.loss_eur))
    assert later.split.repaid_eur.sum() == pytest.approx(min(later.gain_eur, settled.split.loss_eur.sum()))
    check_books(later, day)


def test_a_day_without_sharing_leaves_everyone_its_own_bill() -> None:
    prices = price_day(24, fee=0.5)
    day = meter_day(5, np.random.default_rng(3), steps=24, prices=prices)
    settled = settle(day, draw_terms(5))
    assert settled.split.outcome is GainOutcome.NO_GAIN
    assert not settled.bills.share_minor.any()
    assert not settled.energy.received_wh.any()
    check_books(settled, day)


def test_a_day_without_the_grid_is_settled_at_the_islanded_price_alone() -> None:
    prices = price_intervals(np.full(24, 0.3), 0.1, 0.02, is_islanded=np.ones(24, bool), islanded_eur_per_kwh=0.2)
    day = replace(meter_day(5, np.random.default_rng(3), steps=24, prices=prices), batteries=())
    settled = settle(day, draw_terms(5))
    net = (settled.energy.received_wh - settled.energy.supplied_wh).sum(axis=1)
    assert settled.bills.utility_minor == 0
    assert settled.bills.bill_minor == pytest.approx(net / 1000.0 * 20.0, abs=1.0)
    check_books(settled, day)


def test_a_member_that_joins_at_noon_shares_from_then_on() -> None:
    day = meter_day(5, np.random.default_rng(3), steps=24)
    before = np.zeros(day.shape, dtype=np.bool_)
    before[1, :12] = True
    joined = replace(
        day,
        is_fixed=before,
        import_wh=np.where(before, 0, day.import_wh),
        export_wh=np.where(before, 0, day.export_wh),
    )
    for game in GameKind:
        settled = settle(joined, draw_terms(5), game)
        assert not settled.energy.received_wh[1, :12].any()
        check_books(settled, joined)


def test_incomes_and_weights_do_not_show_when_terms_are_printed() -> None:
    terms = draw_terms(2)
    terms = replace(
        terms, weight=np.array([0.777, 1.223]), solidarity=replace(terms.solidarity, income_eur=np.full(2, 654.0))
    )
    assert "654" not in repr(terms)
    assert "0.777" not in repr(terms)


def test_a_lone_member_pays_what_its_supplier_charges() -> None:
    day = meter_day(1, np.random.default_rng(3), steps=24)
    settled = settle(day, draw_terms(1))
    assert settled.bills.bill_minor.tolist() == [settled.bills.utility_minor]


def test_the_same_input_gives_the_same_bytes() -> None:
    day = meter_day(30, np.random.default_rng(3), steps=24)
    one, two = (settle(day, draw_terms(30), seed=7) for _ in range(2))
    assert one.valuation.method is Method.SAMPLED
    assert one.bills.bill_minor.tobytes() == two.bills.bill_minor.tobytes()
    assert one.share_eur.tobytes() == two.share_eur.tobytes()


@pytest.mark.parametrize("method,most", [(Method.CLUSTERED, 4), (Method.SAMPLED, 8)])
def test_many_members_become_clusters_or_are_sampled_in_the_re_optimised_game(method: Method, most: int) -> None:
    day = meter_day(8, np.random.default_rng(0), steps=12)
    for weighting in Weighting:
        means = Means(rng=np.random.default_rng(1), most_players=4, method=method, most_pairs=16)
        settled = settle_day(day, draw_terms(8, weighting=weighting), GameKind.REOPTIMISED, means)
        assert settled.valuation.method is method
        assert settled.valuation.players <= most
        assert settled.valuation.error_eur.max() > 0.0
        assert settled.core.excess_eur >= 0.0
        check_books(settled, day)


def test_the_method_follows_from_the_number_of_members_unless_it_is_given() -> None:
    means = Means(rng=np.random.default_rng(1))
    assert [means.choose_method(members) for members in (12, 13, 100, 101)] == [
        Method.EXACT,
        Method.SAMPLED,
        Method.SAMPLED,
        Method.CLUSTERED,
    ]
    assert [means.choose_clusters(members) for members in (61, 100, 101, 300, 301)] == [12, 12, 9, 9, 6]
    given_method = replace(means, method=Method.CLUSTERED)
    assert given_method.choose_method(13) is Method.CLUSTERED


def test_a_coalition_that_would_leave_a_sampled_community_is_found() -> None:
    day = meter_day(6, np.random.default_rng(0), steps=12)
    terms = draw_terms(6, sigma=0.0)
    exact = settle(day, terms, GameKind.REOPTIMISED)
    sampled = settle_day(
        day,
        terms,
        GameKind.REOPTIMISED,
        Means(rng=np.random.default_rng(1), most_players=3, method=Method.SAMPLED, most_pairs=400),
    )
    assert sampled.share_eur == pytest.approx(exact.share_eur, abs=0.1 * exact.gain_eur)
    assert exact.core.excess_eur > 0.0
    assert sampled.core.excess_eur == pytest.approx(exact.core.excess_eur, rel=0.5)


def test_under_unit_weights_and_no_solidarity_the_split_is_the_plain_value() -> None:
    day = meter_day(6, np.random.default_rng(5), steps=24)
    terms = replace(draw_terms(6, sigma=0.0), weight=np.ones(6))
    settled = settle(day, terms)
    assert settled.share_eur == pytest.approx(settled.valuation.value_eur)
    weighted = settle(day, draw_terms(6))
    assert weighted.unweighted_share_eur == pytest.approx(settled.share_eur)
    assert count_losers(settled.share_eur, settled.unweighted_share_eur) == 0
    assert count_losers(weighted.share_eur, weighted.unweighted_share_eur) > 0


def test_the_core_excess_is_that_of_the_split_that_is_paid() -> None:
    day = meter_day(6, np.random.default_rng(5), steps=24)
    tilted = settle(day, draw_terms(6, sigma=0.0))
    plain = settle(day, replace(draw_terms(6, sigma=0.0), weight=np.ones(6)))
    assert tilted.core.excess_eur > plain.core.excess_eur
    inside = tilted.core.coalition
    assert tilted.share_eur[inside].sum() < tilted.gain_eur


def test_postings_of_a_day_balance_and_name_every_member() -> None:
    day = meter_day(3, np.random.default_rng(5), steps=24)
    bills = settle(day, draw_terms(3)).bills
    postings = post_bills(["m01", "m02", "m03"], bills)
    assert sum(posting.amount_minor for posting in postings) == 0
    assert [posting.account for posting in postings] == ["member:m01", "member:m02", "member:m03", "utility"]
    with pytest.raises(SettlementError, match="3 for 2 members"):
        post_bills(["m01", "m02"], bills)


def test_shares_that_do_not_fit_the_bills_are_refused() -> None:
    split = split_gain(
        gain_eur=5.0,
        plain_eur=np.ones(2),
        weighted_eur=np.ones(2),
        throughput_wh=np.ones(2),
        carried_loss_eur=np.zeros(2),
    )
    terms = draw_terms(2).solidarity
    none = apply_solidarity(np.zeros(2), np.ones(2), terms)
    exact = ExactBills(stand_alone_eur=np.array([4.0, 4.0]), wear_eur=np.zeros(2), islanded_eur=np.zeros(2))
    with pytest.raises(SettlementError, match="shares add up"):
        round_bills(exact, split, none, 500)
    assert round_bills(exact, split, none, 300).bill_minor.tolist() == [150, 150]


def test_a_currency_without_minor_units_is_billed_in_whole_ones() -> None:
    day = meter_day(5, np.random.default_rng(3), steps=24)
    settled = settle(day, replace(draw_terms(5), minor_per_unit=1))
    assert int(settled.bills.bill_minor.sum()) == settled.bills.utility_minor
    assert settled.bills.utility_minor == to_minor(charge_community(settled.energy, day.prices), 1)
