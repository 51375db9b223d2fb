"""Intervals and settled days of three neighbours, of whom one pays and one earns."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from controller.record.records import AllocationRow, MeteredRow, Prices, SettledInterval
from controller.record.settled_bills import SettledBills
from models.domain.interval import settlement_day
from models.domain.snapshot import MeterQuality
from tests.controller.loop.neighbours import make_site

SITE = make_site()
TODAY = date(2026, 6, 12)
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


def bills(day: date, revision: int = 0, *, anna: float = 0.0, peak: float = 0.0, **more: float) -> SettledBills:
    return SettledBills(
        local_day=day,
        revision=revision,
        start_utc=settlement_day(day, SITE.zone).start_utc,
        bill_eur={"anna": anna, "gone": 99.0},
        peak_eur={"anna": peak},
        share_eur={"anna": 1.0, "bert": 3.0},
        stand_alone_eur=more.get("stand_alone", 10.0),
        gain_eur=more.get("gain", 4.0),
        core_excess_eur=0.5,
    )
