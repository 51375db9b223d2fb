from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.record.quantities import (
    from_epoch_ms,
    from_epoch_s,
    to_epoch_ms,
    to_epoch_s,
    to_eur,
    to_micro,
    to_wh,
)
from controller.record.texts import is_sensitive_key
from models.domain.errors import SettlementError, StoreError
from tests.controller.record.examples import START, settled

instants = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=UTC)
)


def test_what_is_bought_must_be_sold() -> None:
    good = settled(0)
    generous = replace(good.allocations[1], shared_wh=101)
    with pytest.raises(SettlementError, match="bought 101 Wh and sold 100 Wh"):
        replace(good, allocations=(good.allocations[0], generous))


def test_nobody_buys_more_than_was_imported() -> None:
    good = settled(0)
    seller = replace(good.allocations[0], sold_wh=300)
    buyer = replace(good.allocations[1], shared_wh=300)
    with pytest.raises(SettlementError, match="member home-1: bought 300 of 251 Wh"):
        replace(good, allocations=(seller, buyer))


def test_nobody_sells_more_than_was_exported() -> None:
    good = settled(0, members=5)
    seller = replace(good.allocations[0], sold_wh=401)
    buyers = [replace(row, shared_wh=134 if row.member != "home-3" else 133) for row in good.allocations[1:]]
    with pytest.raises(SettlementError, match="sold 401 of 400 Wh"):
        replace(good, allocations=(seller, *buyers))


def test_a_member_whose_meter_is_silent_gets_no_allocation() -> None:
    good = settled(0)
    stranger = replace(good.allocations[1], member="home-2", shared_wh=0)
    with pytest.raises(SettlementError, match="member home-2: an allocation without metered"):
        replace(good, allocations=(*good.allocations, stranger))


@given(instants)
def test_an_instant_survives_the_store_to_the_millisecond(instant: datetime) -> None:
    assert from_epoch_ms(to_epoch_ms(instant)) == instant
    assert to_epoch_ms(instant.astimezone(timezone(timedelta(hours=5, minutes=45)))) == to_epoch_ms(instant)


@given(st.integers(1, 7_258_118_400))
def test_whole_seconds_survive_the_store(seconds: int) -> None:
    assert to_epoch_s(from_epoch_s(seconds)) == seconds


def test_an_interval_starts_on_a_whole_second_in_a_zone() -> None:
    with pytest.raises(StoreError, match="whole second"):
        to_epoch_s(START + timedelta(milliseconds=1))
    with pytest.raises(StoreError, match="whole second"):
        to_epoch_s(START + timedelta(microseconds=1))
    with pytest.raises(StoreError, match="needs a zone"):
        to_epoch_s(START.replace(tzinfo=None))


@given(st.floats(-1e6, 1e6))
def test_energy_and_money_are_rounded_to_the_nearest(value: float) -> None:
    assert abs(to_wh(value) - value * 1000) <= 0.5
    assert abs(to_eur(to_micro(value)) - value) <= 0.6e-6


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_energy_and_money_must_be_finite(bad: float) -> None:
    with pytest.raises(StoreError, match="an energy must be finite"):
        to_wh(bad)
    with pytest.raises(StoreError, match="an amount must be finite"):
        to_micro(bad)


@pytest.mark.parametrize("key", ["income", "income_eur", "Income", "mean_income_eur", "tier", "priority_tier", "tier2"])
def test_keys_about_income_and_tier_are_sensitive(key: str) -> None:
    assert is_sensitive_key(key)


@pytest.mark.parametrize("key", ["gini_energy_burden", "cost_eur", "frontier_s", "renamed", "peak_kw"])
def test_other_keys_are_not_sensitive(key: str) -> None:
    assert not is_sensitive_key(key)
