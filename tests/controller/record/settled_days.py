"""Days of a small community in a store: six neighbours in Berlin, whose flows are the same every day."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from config.load import load_site
from config.schema import Site
from controller.record.connection import open_writable, transaction
from controller.record.day_posting import PostedDay
from controller.record.day_records import DaySettlement
from controller.record.day_rows import read_day
from controller.record.migrations import migrate
from controller.record.reader import Reader, open_reader
from controller.record.records import AllocationRow, DeviceRow, MeteredRow, Prices, SettledInterval
from controller.record.settled_day import write_settlement
from controller.record.settlement_input import SettlementWish, build_job
from controller.record.settlement_job import DayJob, compute_day
from controller.record.writer import insert_settled
from models.domain.interval import interval_starts, settlement_day
from models.domain.snapshot import MeterQuality
from models.domain.tariff import PriceBook
from models.domain.telemetry import DeviceKey
from models.settlement.settle_day import GameKind

ROOT = Path(__file__).resolve().parents[3]
SITE = load_site(ROOT / "config" / "sites" / "six.yaml")
DAY = date(2026, 6, 12)
METERED = SettlementWish(game=GameKind.METERED, is_final=False)
FINAL = SettlementWish(game=GameKind.REOPTIMISED, is_final=True)
PRICES = Prices(
    import_micro_per_kwh=320_000,
    export_micro_per_kwh=80_000,
    network_fee_micro_per_kwh=40_000,
    local_micro_per_kwh=180_000,
)
Change = Callable[[int, SettledInterval], SettledInterval | None]


def without_peak(site: Site = SITE, **law: Any) -> Site:
    tariff = site.tariff.model_copy(update={"peak_charge_eur_per_kw": 0.0})
    return site.model_copy(update={"tariff": tariff, "by_law": site.by_law.model_copy(update=law)})


def intervals(
    day: date, site: Site = SITE, *, members: Sequence[str] = (), change: Change = lambda _, interval: interval
) -> list[SettledInterval]:
    """Every interval of a local day; those with a roof feed in from 9 to 17 o'clock, all others draw all day."""
    names = members or [member.id for member in site.members]
    starts = interval_starts(settlement_day(day, site.zone), site.interval_min)
    made = (change(k, _interval(start, site, names)) for k, start in enumerate(starts))
    return [one for one in made if one is not None]


def _interval(start_utc: datetime, site: Site, names: Sequence[str]) -> SettledInterval:
    roofs = {member.id for member in site.members if member.pv_kwp > 0.0}
    is_sunny = 9 <= start_utc.astimezone(site.zone).hour < 17
    metered = []
    for k, name in enumerate(names):
        gives = name in roofs and is_sunny
        metered.append(
            MeteredRow(
                member=name,
                quality=MeterQuality.MEASURED,
                import_wh=0 if gives else 100 + 10 * k,
                export_wh=300 if gives else 0,
                demand_wh=100 + 10 * k,
                pv_wh=400 + 10 * k if gives else 0,
                charge_wh=0,
                discharge_wh=0,
                ev_wh=0,
                shiftable_wh=0,
            )
        )
    return SettledInterval(
        start_utc=start_utc,
        duration_s=site.interval_min * 60,
        key=site.sharing.key,
        prices=PRICES,
        metered=tuple(metered),
        allocations=tuple(allocation(row) for row in metered),
    )


def allocation(row: MeteredRow) -> AllocationRow:
    """Nothing shared: the day's settlement shares anew."""
    drawn = row.import_wh or 0
    return AllocationRow(
        member=row.member,
        shared_wh=0,
        sold_wh=0,
        own_wh=0,
        community_wh=0,
        grid_wh=drawn,
        use_wh=drawn,
        renewable_wh=0,
        value_micro=0,
        billed_micro=0,
        weight=1.0,
    )


def battery_row(member: str, *, soc_wh: int | None, charge_wh: int = 0) -> DeviceRow:
    key = next(
        DeviceKey(gateway.id, device.id)
        for gateway in SITE.gateways
        for device in gateway.devices
        if device.kind == "battery" and device.member == member
    )
    return DeviceRow(device=key, member=member, kind="battery", import_wh=charge_wh, export_wh=0, soc_wh=soc_wh)


def silence(member: str, *steps: int) -> Change:
    """The member's meter was silent in some intervals."""

    def change(k: int, interval: SettledInterval) -> SettledInterval:
        if k not in steps:
            return interval
        kept = tuple(
            MeteredRow(member=row.member, quality=MeterQuality.MISSING) if row.member == member else row
            for row in interval.metered
        )
        return replace(
            interval,
            metered=kept,
            allocations=tuple(row for row in interval.allocations if row.member != member),
        )

    return change


def open_filled(path: Path, *days: Sequence[SettledInterval]) -> sqlite3.Connection:
    """A store with days in it, and its writing connection."""
    connection = open_writable(path)
    migrate(connection)
    with transaction(connection):
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('site', ?)", (SITE.community.id,))
        for day in days:
            for interval in day:
                insert_settled(connection, interval)
    return connection


def no_prices() -> PriceBook:
    raise AssertionError("nobody should have asked for prices")


def job_of(
    connection: sqlite3.Connection,
    site: Site = SITE,
    day: date = DAY,
    wish: SettlementWish = METERED,
    prices: Callable[[], PriceBook] = no_prices,
) -> DayJob:
    return build_job(Reader(connection), site, day, wish, prices)


def post(connection: sqlite3.Connection, job: DayJob) -> PostedDay:
    computed = compute_day(job)
    with transaction(connection):
        return write_settlement(connection, job, computed, job.starts_utc[-1])


def settle(connection: sqlite3.Connection, site: Site = SITE, day: date = DAY, **more: Any) -> DaySettlement:
    return post(connection, job_of(connection, site, day, **more)).day


def newest(path: Path, day: date = DAY) -> DaySettlement:
    with open_reader(path) as reader:
        found = read_day(reader.select, day)
    assert found is not None
    return found


def bills_of(day: DaySettlement) -> dict[str, int]:
    return {one.member: one.bill_minor for one in day.members}


def total(day: DaySettlement, line: str) -> int:
    return int(np.sum([getattr(one, line) for one in day.members]))
