"""How the account learns of settled days while the controller runs."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from controller.apps.stored_past import load_account
from controller.loop.account import PeriodAccount
from controller.loop.settled_money import SettledMoney, first_day_of_interest
from controller.record.connection import transaction
from controller.record.day_records import DaySettlement
from controller.record.reader import open_reader
from controller.record.store import Store
from controller.record.writer import insert_settled
from models.domain.interval import settlement_day
from tests.controller.loop.desk import RememberedStore
from tests.controller.record.settled_days import DAY, FINAL, SITE, intervals, open_filled, settle

BEFORE = DAY - timedelta(days=1)
NOW_UTC = settlement_day(DAY, SITE.zone).end_utc
DAYS_OF_JUNE = 30


def expected(days: list[DaySettlement], elapsed_days: float) -> list[float]:
    """What the bills say, and the part of the peak charge that belongs to the time so far."""
    bills = np.sum([[one.bill_minor / 100 for one in day.members] for day in days], axis=0)
    peak = np.sum([[one.peak_minor / 100 for one in day.members] for day in days], axis=0)
    return list(bills + peak * elapsed_days / DAYS_OF_JUNE)


async def open_store(path: Path) -> Store:
    return await Store.open(
        path, site_id=SITE.community.id, language="en", started_utc=NOW_UTC, rng=np.random.default_rng(1)
    )


async def test_a_day_settled_by_another_program_is_booked_before_the_next_cycle(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_filled(path, intervals(BEFORE), intervals(DAY))
    store = await open_store(path)
    account = await store.read(lambda reader: load_account(reader, SITE, NOW_UTC))
    money = SettledMoney(SITE, store, account)
    await money.refresh()
    assert account.totals().billed_eur.tolist() == [0.0] * len(SITE.members)
    first = settle(connection, day=BEFORE)
    await money.refresh()
    assert account.totals().billed_eur == pytest.approx(expected([first], 2.0))
    corrected = settle(connection, day=BEFORE, wish=FINAL)
    last = settle(connection)
    await money.refresh()
    assert account.totals().billed_eur == pytest.approx(expected([corrected, last], 2.0))
    assert account.known_revisions() == {BEFORE: 1, DAY: 0}
    await store.close(NOW_UTC)
    connection.close()


async def test_a_spike_that_was_corrected_is_paid_no_longer_as_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    first, *others = intervals(BEFORE)
    rows = (replace(first.metered[0], import_wh=25_000), *first.metered[1:])
    connection = open_filled(path, [replace(first, metered=rows), *others])
    store = await open_store(path)
    account = await store.read(lambda reader: load_account(reader, SITE, NOW_UTC))
    assert account.peak_kw > 100.0
    with transaction(connection):
        insert_settled(connection, replace(first, revision=1))
    settle(connection, day=BEFORE)
    await SettledMoney(SITE, store, account).refresh()
    restarted = await store.read(lambda reader: load_account(reader, SITE, NOW_UTC))
    assert account.peak_kw == restarted.peak_kw < 10.0
    assert account.totals().consumption_kwh == pytest.approx(restarted.totals().consumption_kwh)
    await store.close(NOW_UTC)
    connection.close()


def test_a_starting_controller_knows_the_bills_that_are_in_its_store(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_filled(path, intervals(BEFORE), intervals(DAY))
    days = [settle(connection, day=BEFORE), settle(connection)]
    with open_reader(path) as reader:
        account = load_account(reader, SITE, NOW_UTC)
    assert account.totals(NOW_UTC).billed_eur == pytest.approx(expected(days, 2.0))
    assert account.last_settled is not None
    assert account.last_settled.local_day == DAY
    connection.close()


async def test_a_store_that_fails_is_told_of_once_and_what_was_known_holds(caplog: pytest.LogCaptureFixture) -> None:
    store = RememberedStore()
    store.is_failing = True
    money = SettledMoney(SITE, cast("Any", store), PeriodAccount(SITE, NOW_UTC))
    with caplog.at_level(logging.WARNING):
        await money.refresh()
        await money.refresh()
    assert [record.getMessage() for record in caplog.records] == ["settled days could not be read: the disk is full"]
    store.is_failing = False
    await money.refresh()
    store.is_failing = True
    with caplog.at_level(logging.WARNING):
        await money.refresh()
    assert len(caplog.records) == 2


def test_the_month_before_is_of_interest_for_the_last_settled_day() -> None:
    assert first_day_of_interest(SITE, PeriodAccount(SITE, NOW_UTC)).isoformat() == "2026-05-01"
