from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.solidarity import SolidarityRule, apply_solidarity, find_reference


def rule(members: int, **changes: object) -> SolidarityRule:
    fields: dict[str, object] = {
        "solidarity_frac": 0.5,
        "support_cap_frac": 1.0,
        "billed_eur": np.zeros(members),
        "income_eur": np.full(members, 100.0),
        "reference_eur": np.full(members, np.inf),
    }
    return SolidarityRule(**(fields | changes))  # type: ignore[arg-type]


def test_the_highest_burden_is_lowered_first() -> None:
    result = apply_solidarity(np.array([4.0, 0.0, 0.0]), np.array([0.0, 10.0, 9.0]), rule(3))
    assert result.given_eur.tolist() == pytest.approx([2.0, 0.0, 0.0])
    assert result.received_eur.tolist() == pytest.approx([0.0, 1.5, 0.5])
    assert result.burden_level_frac == pytest.approx(0.085)


def test_burden_counts_not_cost() -> None:
    result = apply_solidarity(
        np.array([2.0, 0.0, 0.0]), np.array([0.0, 10.0, 5.0]), rule(3, income_eur=np.array([100.0, 1000.0, 50.0]))
    )
    assert result.received_eur.tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_support_is_capped_at_a_part_of_the_days_cost() -> None:
    result = apply_solidarity(np.array([8.0, 0.0, 0.0]), np.array([0.0, 10.0, 4.0]), rule(3, support_cap_frac=0.3))
    assert result.received_eur[1] == pytest.approx(3.0)
    assert result.received_eur.sum() == pytest.approx(4.0)


def test_a_cost_above_the_reference_is_not_supported_so_that_wasting_pays_nobody() -> None:
    modest = apply_solidarity(np.array([1.0, 0, 0]), np.array([0.0, 5.0, 5.0]), rule(3))
    capped = rule(3, reference_eur=np.array([np.inf, 5.0, np.inf]))
    wasteful = apply_solidarity(np.array([1.0, 0, 0]), np.array([0.0, 50.0, 5.0]), capped)
    assert wasteful.received_eur[1] <= modest.received_eur[1] + 1e-9


def test_members_without_income_and_net_earners_get_no_support() -> None:
    result = apply_solidarity(
        np.array([2.0, 0.0, 0.0]),
        np.array([-6.0, 5.0, 5.0]),
        rule(3, income_eur=np.array([10.0, np.nan, 200.0])),
    )
    assert result.received_eur.tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_what_nobody_may_receive_is_not_taken() -> None:
    result = apply_solidarity(np.array([6.0, 2.0]), np.array([1.0, 1.0]), rule(2, support_cap_frac=0.0))
    assert result.given_eur.tolist() == [0.0, 0.0]
    assert result.received_eur.tolist() == [0.0, 0.0]
    assert result.burden_level_frac is None


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_sigma_of_zero_takes_nothing_and_sigma_of_one_takes_all(sigma: float) -> None:
    share = np.array([2.0, 1.0])
    result = apply_solidarity(share, np.array([50.0, 60.0]), rule(2, solidarity_frac=sigma))
    assert result.given_eur.tolist() == pytest.approx((sigma * share).tolist())
    assert result.received_eur.sum() == pytest.approx(sigma * 3.0)


@given(seed=st.integers(0, 2**32 - 1))
def test_support_levels_the_highest_burdens_exactly_and_makes_no_money(seed: int) -> None:
    rng = np.random.default_rng(seed)
    members = int(rng.integers(1, 10))
    share, cost = rng.uniform(0.0, 3.0, members), rng.uniform(-2.0, 8.0, members)
    income = np.where(rng.random(members) < 0.2, np.nan, rng.uniform(20.0, 150.0, members))
    terms = rule(
        members,
        solidarity_frac=float(rng.uniform(0.0, 1.0)),
        support_cap_frac=0.3,
        billed_eur=rng.uniform(-5.0, 30.0, members),
        income_eur=income,
        reference_eur=rng.uniform(5.0, 40.0, members),
    )
    result = apply_solidarity(share, cost, terms)
    assert result.received_eur.sum() == pytest.approx(result.given_eur.sum(), abs=1e-9)
    assert np.all(result.given_eur <= terms.solidarity_frac * share + 1e-9)
    day_cost = cost + terms.solidarity_frac * share
    cap = 0.3 * np.maximum(cost, 0.0)
    assert np.all(result.received_eur <= cap + 1e-9)
    assert not result.received_eur[np.isnan(income)].any()
    if result.burden_level_frac is not None:
        before = np.minimum(terms.billed_eur + day_cost, terms.reference_eur) / income
        after = before - result.received_eur / income
        got = result.received_eur > 1e-9
        below_cap = got & (result.received_eur < cap - 1e-6)
        assert after[below_cap] == pytest.approx(np.full(below_cap.sum(), result.burden_level_frac), abs=1e-6)
        assert np.all(before[got] >= result.burden_level_frac - 1e-6)


def test_the_reference_is_configured_or_the_median_of_households_of_the_same_size() -> None:
    cost, persons = np.array([10.0, 20.0, 40.0, 7.0, np.nan]), np.array([1, 1, 1, 2, 3])
    assert find_reference(cost, persons).tolist() == [20.0, 20.0, 20.0, 7.0, np.inf]
    assert find_reference(cost, persons, {1: 15.0, 3: 9.0}).tolist() == [15.0, 15.0, 15.0, 7.0, 9.0]


@pytest.mark.parametrize(
    "change,message",
    [
        ({"solidarity_frac": 1.5}, "solidarity_frac"),
        ({"support_cap_frac": -0.1}, "support_cap_frac"),
        ({"income_eur": np.array([0.0, 1.0])}, "income_eur"),
        ({"reference_eur": np.array([np.nan, 1.0])}, "reference_eur"),
    ],
)
def test_a_rule_outside_its_range_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettlementError, match=message):
        apply_solidarity(np.ones(2), np.ones(2), rule(2, **change))


def test_a_loss_is_not_shared_out_again() -> None:
    with pytest.raises(SettlementError, match="loss"):
        apply_solidarity(np.array([-1.0]), np.ones(1), rule(1))
