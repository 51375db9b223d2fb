from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loop.account import PeriodAccount
from controller.record.records import AllocationRow, MeteredRow, Prices, SettledInterval
from models.domain.snapshot import MeterQuality
from tests.controller.loop.neighbours import START, make_site

SITE = make_site()
JULY_UTC = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
"""Midnight in Berlin, when July begins."""
PRICES = Prices(import_micro_per_kwh=1, export_micro_per_kwh=1, network_fee_micro_per_kwh=0, local_micro_per_kwh=1)


def settle(start_utc: datetime, import_wh: int, *, export_wh: int = 0, billed_micro: int = 0) -> SettledInterval:
    """An interval in which Anna draws, Bert gives and Cleo's meter is silent."""
    anna = AllocationRow(
        member="anna",
        shared_wh=0,
        sold_wh=0,
        own_wh=30,
        community_wh=0,
        grid_wh=import_wh,
        use_wh=import_wh,
        renewable_wh=20,
        value_micro=0,
        billed_micro=billed_micro,
        weight=1.0,
    )
    return SettledInterval(
        start_utc=start_utc,
        duration_s=900,
        key="equity",
        prices=PRICES,
        metered=(
            MeteredRow(member="anna", quality=MeterQuality.MEASURED, import_wh=import_wh, export_wh=0),
            MeteredRow(member="bert", quality=MeterQuality.MEASURED, import_wh=0, export_wh=export_wh),
            MeteredRow(member="cleo", quality=MeterQuality.MISSING),
        ),
        allocations=(
            anna,
            replace(anna, member="bert", own_wh=0, grid_wh=0, use_wh=0, renewable_wh=0, billed_micro=-5),
        ),
    )


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
