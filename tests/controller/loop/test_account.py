from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loop.account import PeriodAccount
from models.domain.interval import settlement_day
from tests.controller.loop.billing import TODAY, bills, settle
from tests.controller.loop.neighbours import START, make_site

SITE = make_site()
JULY_UTC = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
"""Midnight in Berlin, when July begins."""


@given(imports=st.lists(st.integers(0, 20_000), min_size=1, max_size=20), export_wh=st.integers(0, 5000))
def test_sums_are_the_sums_and_the_peak_is_the_largest_mean(imports: list[int], export_wh: int) -> None:
    account = PeriodAccount(SITE, START)
    starts = [START + number * timedelta(minutes=15) for number in range(len(imports))]
    account.add(
        [settle(start, wh, export_wh=export_wh, billed_micro=wh) for start, wh in zip(starts, imports, strict=True)]
    )
    totals = account.totals()
    assert totals.billed_eur == pytest.approx([sum(imports) / 1e6, -5e-6 * len(imports), 0.0])
    assert totals.consumption_kwh == pytest.approx([sum(imports) / 1000, 0.0, 0.0])
    assert totals.renewable_kwh == pytest.approx([0.02 * len(imports), 0.0, 0.0])
    assert account.peak_kw == pytest.approx(max(0.0, (max(imports) - export_wh) / 1000 * 4))


def test_a_community_that_only_gives_has_no_negative_peak() -> None:
    account = PeriodAccount(SITE, START)
    account.add([settle(START, 0, export_wh=5000)])
    assert account.peak_kw == 0.0


def test_a_new_month_begins_with_nothing() -> None:
    account = PeriodAccount(SITE, START)
    last, first = settle(JULY_UTC - timedelta(minutes=15), 9000, billed_micro=7), settle(JULY_UTC, 1000, billed_micro=3)
    account.add([last])
    assert account.period.end_utc == JULY_UTC
    assert account.peak_kw == pytest.approx(36.0)
    account.add([first])
    assert account.period.start_utc == JULY_UTC
    assert account.peak_kw == pytest.approx(4.0)
    assert account.totals().billed_eur[0] == pytest.approx(3e-6)


def test_the_first_plan_of_a_month_does_not_count_on_the_peak_of_the_month_before() -> None:
    account = PeriodAccount(SITE, START)
    account.add([settle(JULY_UTC - timedelta(minutes=15), 9000)])
    account.turn_to(JULY_UTC - timedelta(seconds=1))
    assert account.peak_kw == pytest.approx(36.0)
    account.turn_to(JULY_UTC)
    assert account.peak_kw == 0.0
    assert account.period.start_utc == JULY_UTC
    account.turn_to(JULY_UTC - timedelta(hours=1))
    assert account.period.start_utc == JULY_UTC


def test_totals_handed_out_do_not_change_afterwards() -> None:
    account = PeriodAccount(SITE, START)
    before = account.totals()
    account.add([settle(START, 1000, billed_micro=9)])
    assert np.all(before.billed_eur == 0.0)


def test_income_counts_for_the_time_that_was_billed() -> None:
    account = PeriodAccount(SITE, START)
    account.add([settle(START, 1000)])
    income = account.income_eur(START + timedelta(days=3))
    assert income[:2] == pytest.approx([3000.0 / 10, 1500.0 / 10])
    assert np.isnan(income[2])


def test_a_tiny_income_counts_as_the_least_one_and_a_business_has_none() -> None:
    members = [
        {"id": "anna", "income_eur_per_month": 1.0},
        {"id": "bert", "income_eur_per_month": 9000.0, "kind": "business"},
    ]
    account = PeriodAccount(make_site(members=members), START)
    account.add([])
    account.add([replace(settle(START, 1), allocations=())])
    income = account.income_eur(START + timedelta(days=30))
    assert income[0] == pytest.approx(500.0)
    assert np.isnan(income[1])


def test_members_who_have_left_and_months_that_are_over_are_left_out() -> None:
    account = PeriodAccount(make_site(members=[{"id": "anna"}]), JULY_UTC)
    account.add([settle(JULY_UTC, 1000, billed_micro=3), settle(START, 9000, billed_micro=7)])
    assert account.totals().billed_eur == pytest.approx([3e-6])
    assert account.period.start_utc == JULY_UTC


def test_a_settled_day_takes_the_place_of_its_intervals_and_of_no_others() -> None:
    account = PeriodAccount(SITE, START)
    midnight_utc = settlement_day(TODAY, SITE.zone).end_utc
    account.add([settle(START, 1000, billed_micro=5_000_000), settle(midnight_utc, 1000, billed_micro=2_000_000)])
    assert account.totals().billed_eur[0] == pytest.approx(7.0)
    account.book([bills(TODAY, anna=4.0)])
    assert account.totals().billed_eur.tolist() == pytest.approx([6.0, -5e-6, 0.0])
    account.book([bills(TODAY, revision=1, anna=3.5)])
    assert account.totals().billed_eur[0] == pytest.approx(5.5)
    assert account.known_revisions() == {TODAY: 1}
    assert account.totals().consumption_kwh[0] == pytest.approx(2.0)


def test_a_late_interval_of_a_settled_day_is_billed_already() -> None:
    account = PeriodAccount(SITE, START)
    account.book([bills(TODAY, anna=4.0)])
    account.add([settle(START, 1000, billed_micro=5_000_000)])
    assert account.totals().billed_eur[0] == pytest.approx(4.0)


@given(days=st.floats(0.1, 18.0))
def test_the_peak_charge_counts_for_as_much_of_the_month_as_the_income(days: float) -> None:
    account = PeriodAccount(SITE, START)
    account.book([bills(TODAY, anna=0.0, peak=20.0), bills(TODAY + timedelta(days=1), anna=0.0, peak=10.0)])
    until_utc = START + timedelta(days=days)
    burden = account.totals(until_utc).billed_eur[0] / account.income_eur(until_utc)[0]
    # 30 of the month's income of 3000, whatever part of the month has passed.
    assert burden == pytest.approx(0.01)


def test_more_than_the_whole_peak_charge_never_counts() -> None:
    account = PeriodAccount(SITE, START)
    account.book([bills(TODAY, peak=20.0)])
    assert account.totals(START + timedelta(days=60)).billed_eur[0] == pytest.approx(20.0)


def test_days_are_counted_from_the_first_that_was_billed() -> None:
    account = PeriodAccount(SITE, START)
    assert account.day_of_period(START) == 0
    account.add([settle(START, 1000)])
    assert account.day_of_period(START + timedelta(minutes=15)) == 1
    assert account.day_of_period(settlement_day(TODAY + timedelta(days=6), SITE.zone).start_utc) == 7
    # A day is billed from its midnight on, and so is the income that stands beside it.
    account.book([bills(TODAY)])
    since_utc = settlement_day(TODAY, SITE.zone).start_utc
    assert account.income_eur(since_utc + timedelta(days=3))[0] == pytest.approx(300.0)


def test_the_last_day_of_an_earlier_month_is_remembered_and_not_billed_again() -> None:
    account = PeriodAccount(SITE, JULY_UTC)
    last = bills(date(2026, 6, 30), anna=9.0)
    account.book([last])
    assert account.totals().billed_eur[0] == 0.0
    assert account.last_settled == last
    account.book([bills(date(2026, 6, 29), revision=2)])
    assert account.last_settled == last


def test_revisions_are_forgotten_with_the_month_before_the_last() -> None:
    account = PeriodAccount(SITE, START)
    account.book([bills(date(2026, 5, 31)), bills(TODAY)])
    account.turn_to(JULY_UTC)
    assert account.known_revisions() == {TODAY: 0}
    assert account.totals().billed_eur[0] == 0.0


def test_a_corrected_interval_no_longer_makes_the_peak_or_the_sums() -> None:
    account = PeriodAccount(SITE, START)
    next_day = START + timedelta(days=1)
    spike, usual = settle(START, 25_000, billed_micro=9), settle(next_day, 1000, billed_micro=3)
    account.add([spike, usual])
    assert account.peak_kw == pytest.approx(100.0)
    account.recount(TODAY, [replace(settle(START, 500, billed_micro=2), revision=1)])
    assert account.peak_kw == pytest.approx(4.0)
    totals = account.totals()
    assert totals.consumption_kwh[0] == pytest.approx(1.5)
    assert totals.renewable_kwh[0] == pytest.approx(0.04)
    assert totals.billed_eur[0] == pytest.approx(5e-6)


def test_a_day_of_another_month_or_without_intervals_is_not_recounted() -> None:
    account = PeriodAccount(SITE, START)
    account.add([settle(START, 2000)])
    account.recount(date(2026, 7, 1), [settle(JULY_UTC, 9000)])
    account.recount(TODAY, [])
    assert account.peak_kw == pytest.approx(8.0)
