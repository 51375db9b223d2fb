from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.bills import ExactBills, round_bills
from models.settlement.booking import post_bills
from models.settlement.coalition_day import CoalitionDay
from models.settlement.gain_split import GainOutcome, split_gain
from models.settlement.peak_bills import accrue_peak, bill_peak, true_up
from models.settlement.prices import price_intervals
from models.settlement.settle_day import GameKind, Means, SettledDay, SettlementTerms, settle_day
from models.settlement.shapley import Weighting
from models.settlement.sharing import SharingKey
from models.settlement.solidarity import SolidarityRule, apply_solidarity
from models.settlement.utility import charge_community, to_minor
from models.settlement.valuation import Method
from tests.models.settlement.community_day import meter_day, price_day


def draw_terms(
    members: int, seed: int = 1, *, sigma: float = 0.1, weighting: Weighting = Weighting.PROPORTIONAL
) -> SettlementTerms:
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.2, 5.0, members)
    return SettlementTerms(
        key=SharingKey.EQUITY,
        weighting=weighting,
        weight=weight / weight.mean(),
        need=np.ones(members),
        static_share=None,
        solidarity=SolidarityRule(
            solidarity_frac=sigma,
            support_cap_frac=0.3,
            billed_eur=np.zeros(members),
            income_eur=rng.uniform(30.0, 150.0, members),
            reference_eur=np.full(members, np.inf),
        ),
        carried_loss_eur=np.zeros(members),
    )


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


def test_many_members_become_clusters_in_the_re_optimised_game() -> None:
    day = meter_day(8, np.random.default_rng(3), steps=12)
    means = Means(rng=np.random.default_rng(1), most_players=4)
    for weighting in Weighting:
        settled = settle_day(day, draw_terms(8, weighting=weighting), GameKind.REOPTIMISED, means)
        assert settled.valuation.method is Method.CLUSTERED
        assert settled.valuation.players <= 4
        check_books(settled, day)


def test_under_unit_weights_and_no_solidarity_the_split_is_the_plain_value() -> None:
    day = meter_day(6, np.random.default_rng(5), steps=24)
    terms = replace(draw_terms(6, sigma=0.0), weight=np.ones(6))
    settled = settle(day, terms)
    assert settled.share_eur == pytest.approx(settled.valuation.value_eur)


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


def test_the_peak_accrues_day_by_day_to_the_periods_charge() -> None:
    first = bill_peak(np.array([12.0, 8.0]), np.array([1.004, 1.004]))
    second = bill_peak(np.array([12.0, 10.0]), np.array([2.0, 3.0]))
    assert int(first.sum()) == 1799
    assert (accrue_peak(first, np.zeros(2, dtype=np.int64)) + accrue_peak(second, first)).tolist() == second.tolist()
    assert second.tolist() == [1000, 700]


def test_the_true_up_meets_the_invoice_to_the_cent() -> None:
    assert true_up(1003, 1000, np.array([1.0, 1.0])).tolist() == [2, 1]
    assert true_up(990, 1000, np.array([3.0, 1.0])).sum() == -10
    assert true_up(1001, 1000, np.zeros(2)).sum() == 1
    assert true_up(1000, 1000, np.zeros(0)).tolist() == []
    with pytest.raises(SettlementError, match="no member"):
        true_up(1001, 1000, np.zeros(0))
