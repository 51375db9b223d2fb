"""What a controller takes over from the store and the tariff when it starts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from config.schema import Site
from controller.apps.stored_past import load_account, load_history
from controller.apps.wiring import read_price_book
from controller.loop.settling import IntervalSettler, PriceNow
from controller.record.records import SettledInterval
from controller.record.store import Store
from models.domain.errors import SiteFileError
from models.domain.snapshot import CountedEnergy, MeterQuality
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    ANNA_PV,
    ANNA_WASHER,
    CLEO_METER,
    START,
    at,
    make_site,
)

SITE = make_site()
PRICE = PriceNow(import_eur_per_kwh=0.3, export_eur_per_kwh=0.08, local_eur_per_kwh=0.18)


def interval(minutes: float, cleo_kwh: float, *, is_shared: bool = True) -> SettledInterval:
    """Anna uses and generates 1 kWh, Bert is silent, Cleo draws."""
    through = {
        key: CountedEnergy(import_kwh=drawn, export_kwh=given, quality=MeterQuality.MEASURED)
        for key, drawn, given in (
            (ANNA_METER, 0.0, 0.0),
            (ANNA_PV, 0.0, 1.0),
            (ANNA_BATTERY, 0.0, 0.0),
            (ANNA_CAR, 0.0, 0.0),
            (ANNA_WASHER, 0.0, 0.0),
            (CLEO_METER, cleo_kwh, 0.0),
        )
    }
    settled = IntervalSettler(SITE).close(at(minutes), through, {}, PRICE, np.ones(3)).settled
    return settled if is_shared else replace(settled, allocations=())


async def stored(folder: Path, *intervals: SettledInterval) -> Store:
    store = await Store.open(
        folder / "s.sqlite", site_id="village", language="en", started_utc=START, rng=np.random.default_rng(1)
    )
    await store.commit_settled(list(intervals))
    return store


async def test_history_is_taken_over_with_its_gaps(tmp_path: Path) -> None:
    store = await stored(tmp_path, interval(0, 0.5), interval(15, 1.0), interval(45, 2.0))
    history = await store.read(lambda reader: load_history(reader, SITE, at(67)))
    await store.close(START)
    demand = history.history(at(67), of_pv=False)
    assert demand.start_utc == START
    assert demand.mean_kw[2] == pytest.approx([2.0, 4.0, np.nan, 8.0], nan_ok=True)
    assert demand.mean_kw[0] == pytest.approx([4.0, 4.0, np.nan, 4.0], nan_ok=True)
    assert np.isnan(demand.mean_kw[1]).all()
    assert history.history(at(67), of_pv=True).mean_kw[0, 0] == pytest.approx(4.0)


async def test_a_store_without_history_is_no_obstacle(tmp_path: Path) -> None:
    store = await stored(tmp_path)
    history = await store.read(lambda reader: load_history(reader, SITE, at(7)))
    account = await store.read(lambda reader: load_account(reader, SITE, at(7)))
    await store.close(START)
    assert history.history(at(7), of_pv=False).mean_kw.shape == (3, 0)
    assert account.peak_kw == 0.0


async def test_the_account_is_taken_over_from_what_was_shared_this_month(tmp_path: Path) -> None:
    before = replace(interval(0, 9.0), start_utc=START - timedelta(days=30))
    store = await stored(tmp_path, before, interval(0, 5.0, is_shared=False), interval(15, 1.0), interval(30, 0.5))
    account = await store.read(lambda reader: load_account(reader, SITE, at(45)))
    await store.close(START)
    assert account.peak_kw == pytest.approx(4.0)
    assert account.totals().consumption_kwh == pytest.approx([2.0, 0.0, 1.5])
    assert account.totals().billed_eur[2] == pytest.approx(1.5 * 0.3)


def series_site(folder: Path) -> Site:
    price = {"kind": "series", "file": str(folder / "p.csv"), "time_column": "t", "price_column": "p"}
    return make_site(tariff={"import_price": price, "export_price": {"kind": "flat", "price_eur_per_kwh": 0.05}})


def test_the_price_series_that_a_tariff_names_are_read(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("t,p\n2026-06-12T10:00Z,0.25\n2026-06-12T11:00Z,0.5\n", encoding="utf-8")
    book = read_price_book(series_site(tmp_path))
    prices = book.prices((START, at(60)), np.array([1.0, 1.0]))
    assert prices.import_price_eur_per_kwh.tolist() == [0.25, 0.5]
    assert read_price_book(SITE).import_series is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_price_series_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(SiteFileError, match=r"the price series .*p\.csv cannot be read"):
        read_price_book(series_site(tmp_path))
