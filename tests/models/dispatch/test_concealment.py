from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.bounds import mean_income_eur
from models.dispatch.concealment import (
    BILL_STEP_EUR,
    INCOME_STEP,
    LARGEST_BURDEN_PRICE,
    conceal,
    is_concealed,
    restate_burden,
)
from models.dispatch.facts import derive_facts
from models.dispatch.figures import access_shortfalls_kwh
from models.dispatch.problem import DispatchProblem
from models.dispatch.rule import follow_rule
from models.dispatch.validation import validate_problem
from models.domain.arrays import freeze
from models.domain.errors import ProblemError
from tests.models.dispatch.recorded_plans import BILLS_EUR, INCOMES_EUR, plain_problem, solve_with, solved

incomes = st.lists(st.floats(500.0, 20_000.0), min_size=5, max_size=5)
bills = st.lists(st.floats(-50.0, 300.0), min_size=5, max_size=5)


def with_money(income_eur: list[float], billed_eur: list[float]) -> DispatchProblem:
    return replace(plain_problem(), income_eur=freeze(income_eur), billed_eur=freeze(billed_eur))


def burden_term_eur(problem: DispatchProblem, cost_eur: np.ndarray) -> float:
    """The burden's part of stage 2's objective: rho Ybar max_i (c_i + C_i) / Y_i."""
    known = np.isfinite(problem.income_eur)
    burden = (problem.billed_eur + cost_eur)[known] / problem.income_eur[known]
    return problem.burden_price_frac * mean_income_eur(problem) * float(burden.max())


@given(income_eur=incomes, billed_eur=bills)
@settings(max_examples=40, deadline=None)
def test_a_concealed_problem_is_valid_and_concealing_it_again_changes_nothing(
    income_eur: list[float], billed_eur: list[float]
) -> None:
    concealed = conceal(with_money(income_eur, billed_eur))
    validate_problem(concealed)
    assert is_concealed(concealed)
    assert conceal(concealed) is concealed


@given(income_eur=incomes, billed_eur=bills, data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_two_plans_differ_by_in_the_burden_term_stays_but_for_the_income_class(
    income_eur: list[float], billed_eur: list[float], data: st.DataObject
) -> None:
    plain = with_money(income_eur, billed_eur)
    concealed = conceal(plain)
    step = np.round(np.log(plain.income_eur / mean_income_eur(plain)) / np.log(INCOME_STEP))
    classed = replace(plain, income_eur=mean_income_eur(plain) * INCOME_STEP**step)
    # The classes' own mean is not the true one; the objective of the plain problem is in the true mean.
    price = plain.burden_price_frac * mean_income_eur(plain) / mean_income_eur(classed)
    classed = replace(classed, burden_price_frac=price)
    kept = np.flatnonzero(np.isfinite(concealed.income_eur))
    costs = [
        np.array(data.draw(st.lists(st.floats(-1.0, 1.0), min_size=5, max_size=5), label="cost")) for _ in range(2)
    ]
    for cost in costs:
        # Members who cannot be the most burdened stay below the others in every plan.
        cost[np.setdiff1d(np.arange(5), kept)] = -1e4
    found = burden_term_eur(concealed, costs[1]) - burden_term_eur(concealed, costs[0])
    wanted = burden_term_eur(classed, costs[1]) - burden_term_eur(classed, costs[0])
    worth = plain.burden_price_frac * mean_income_eur(plain) / float(classed.income_eur.min())
    assert found == pytest.approx(wanted, abs=2.0 * BILL_STEP_EUR * worth)


@given(income_eur=incomes, billed_eur=bills)
@settings(max_examples=40, deadline=None)
def test_the_same_members_could_bear_the_highest_burden(income_eur: list[float], billed_eur: list[float]) -> None:
    concealed = conceal(with_money(income_eur, billed_eur))
    facts = derive_facts(concealed)
    known = np.isfinite(concealed.income_eur)
    assert facts.is_burden.any()
    assert not (facts.is_burden & ~known).any()


def test_an_income_is_off_by_one_percent_at_most() -> None:
    plain = plain_problem()
    concealed = conceal(plain)
    kept = np.flatnonzero(np.isfinite(concealed.income_eur))
    assert len(kept) >= 2, "the example must have several candidates"
    true = plain.income_eur[kept] / plain.income_eur[kept[0]]
    found = concealed.income_eur[kept] / concealed.income_eur[kept[0]]
    assert np.abs(found / true - 1.0).max() <= INCOME_STEP - 1.0 + 1e-9


def test_no_number_of_a_concealed_problem_is_an_income_or_a_bill_nor_gives_one_by_one_product_or_quotient() -> None:
    concealed = conceal(plain_problem())
    kept = np.isfinite(concealed.income_eur)
    left = np.concatenate(
        [
            concealed.income_eur[kept],
            -concealed.billed_eur[kept],
            [concealed.burden_price_frac, mean_income_eur(concealed), concealed.burden_price_frac / 0.5],
        ]
    )
    left = left[left != 0.0]
    derived = np.concatenate(
        [left, np.outer(left, left).ravel(), np.divide.outer(left, left).ravel(), np.add.outer(left, left).ravel()]
    )
    for planted in (*INCOMES_EUR, *BILLS_EUR):
        assert np.abs(derived / planted - 1.0).min() > 1e-6


def test_the_ratio_of_two_incomes_cannot_be_found_again_from_its_digits() -> None:
    plain = plain_problem()
    concealed = conceal(plain)
    kept = np.flatnonzero(np.isfinite(concealed.income_eur))
    assert len(kept) >= 2, "the example must have several candidates"
    first, second = kept[:2]
    in_cents = Fraction(round(100 * INCOMES_EUR[first]), round(100 * INCOMES_EUR[second]))
    exact = Fraction(INCOMES_EUR[first] / INCOMES_EUR[second]).limit_denominator(500_000)
    found = Fraction(float(concealed.income_eur[first] / concealed.income_eur[second])).limit_denominator(500_000)
    assert exact == in_cents, "an exact ratio would give both incomes"
    assert found != in_cents


def test_many_problems_of_a_period_say_no_more_about_an_income_than_one() -> None:
    seen: dict[tuple[int, int], list[float]] = {}
    for interval in range(0, 60, 5):
        concealed = conceal(replace(plain_problem(interval=interval), income_eur=freeze(INCOMES_EUR) * (1 + interval)))
        kept = np.flatnonzero(np.isfinite(concealed.income_eur))
        for i in kept:
            for j in kept:
                seen.setdefault((int(i), int(j)), []).append(float(concealed.income_eur[i] / concealed.income_eur[j]))
    assert max(len(ratios) for pair, ratios in seen.items() if pair[0] != pair[1]) > 3
    for ratios in seen.values():
        assert ratios == pytest.approx([ratios[0]] * len(ratios), rel=1e-9)


def test_members_who_cannot_be_the_most_burdened_leave_nothing() -> None:
    concealed = conceal(with_money([500.0, 20_000.0, 20_000.0, 20_000.0, 20_000.0], [300.0, 1.0, 2.0, 3.0, 4.0]))
    assert concealed.income_eur.tolist()[0] == 1.0
    assert np.isnan(concealed.income_eur[1:]).all()
    assert not concealed.billed_eur.any()


def test_without_incomes_or_without_a_price_on_burdens_nothing_is_left() -> None:
    for plain in (
        replace(plain_problem(), income_eur=freeze([np.nan] * 5)),
        replace(plain_problem(), burden_price_frac=0.0),
    ):
        concealed = conceal(plain)
        assert np.isnan(concealed.income_eur).all()
        assert not concealed.billed_eur.any()
        assert concealed.burden_price_frac == plain.burden_price_frac


def test_a_very_uneven_pair_of_incomes_is_still_a_valid_problem() -> None:
    plain = replace(
        with_money([0.01, 1e9, 1e9, 1e9, 1e9], [300.0, 0.0, 0.0, 0.0, 0.0]), burden_price_frac=LARGEST_BURDEN_PRICE
    )
    concealed = conceal(plain)
    validate_problem(concealed)
    assert concealed.burden_price_frac == LARGEST_BURDEN_PRICE


def test_energy_so_far_is_left_only_as_what_protected_members_miss() -> None:
    plain = replace(plain_problem(), is_priority=np.array([True, False, True, False, False]))
    concealed = conceal(plain)
    assert not concealed.consumption_kwh[~plain.is_priority].any()
    assert not concealed.renewable_kwh[~plain.is_priority].any()
    schedule = follow_rule(plain)
    assert access_shortfalls_kwh(concealed, schedule) == pytest.approx(access_shortfalls_kwh(plain, schedule))


def test_a_problem_that_is_not_finite_is_refused_before_anything_is_derived_from_it() -> None:
    with pytest.raises(ProblemError, match="demand_kw"):
        conceal(replace(plain_problem(), demand_kw=np.full((5, 36), np.nan)))


def test_plans_of_the_plain_and_the_concealed_problem_cost_the_community_the_same_within_the_budget() -> None:
    plain = plain_problem()
    of_plain, (_, of_concealed) = solve_with(plain), solved()
    assert of_plain.figures is not None
    assert of_concealed.figures is not None
    assert of_concealed.figures.efficient_cost_eur == pytest.approx(of_plain.figures.efficient_cost_eur, rel=2e-3)
    gain_eur = of_plain.figures.alone_cost_eur - of_plain.figures.efficient_cost_eur
    apart_eur = abs(of_concealed.figures.cost_eur - of_plain.figures.cost_eur)
    assert apart_eur <= plain.equity_budget_frac * gain_eur + 0.004 * abs(of_plain.figures.efficient_cost_eur)


def test_the_highest_burden_is_restated_in_the_terms_of_the_plain_problem() -> None:
    plain, (_, plan) = plain_problem(), solved()
    restated = restate_burden(plain, plan)
    assert plan.figures is not None
    assert restated.figures is not None
    burden = (plain.billed_eur + plan.figures.member_cost_eur) / plain.income_eur
    assert restated.figures.worst_burden_frac == pytest.approx(burden.max())
    assert restated.schedule is plan.schedule
