"""What a starting controller takes from its store: metered history, and the billing period so far."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.outlook import HISTORY_DAYS, MeteredHistory
from controller.loop.settled_money import first_day_of_interest
from controller.record.event_records import HeldBack
from controller.record.event_rows import read_held_back
from controller.record.reader import Reader
from controller.record.settled_bills import read_settled_bills
from models.domain.arrays import FloatArray
from models.domain.interval import Span, floor_to_interval


def load_history(reader: Reader, site: Site, now_utc: datetime) -> MeteredHistory:
    """Metered means of the last weeks from the store; what is not there is unknown."""
    history = MeteredHistory(len(site.members), site.interval_min)
    end_utc = floor_to_interval(now_utc, site.interval_min)
    since_utc = end_utc - timedelta(days=HISTORY_DAYS)
    rows = reader.metered(since_utc, end_utc)
    if not rows:
        return history
    interval = timedelta(minutes=site.interval_min)
    start_utc = min(start for start, _ in rows)
    count = round((end_utc - start_utc) / interval)
    index = {member.id: number for number, member in enumerate(site.members)}
    demand_kw = np.full((len(site.members), count), np.nan)
    pv_kw = np.full((len(site.members), count), np.nan)
    scale = 1000.0 * (interval / timedelta(hours=1))
    for start, row in rows:
        column = round((start - start_utc) / interval)
        if row.member in index and 0 <= column < count:
            _put(demand_kw, index[row.member], column, row.demand_wh, scale)
            _put(pv_kw, index[row.member], column, row.pv_wh, scale)
    # What was held back for an event would have been drawn: forecasts are of what homes want.
    for one in read_held_back(reader.select, Span(start_utc=start_utc, end_utc=end_utc)):
        if one.member in index:
            _add_back(demand_kw[index[one.member]], one, start_utc, interval)
    history.load(start_utc, demand_kw, pv_kw)
    return history


def _add_back(demand_kw: FloatArray, one: HeldBack, start_utc: datetime, interval: timedelta) -> None:
    """Spread what was held back over the intervals that it was held back in."""
    begin, end = (one.span.start_utc - start_utc) / interval, (one.span.end_utc - start_utc) / interval
    edges = np.arange(len(demand_kw) + 1, dtype=np.float64)
    share = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], begin), 0.0, 1.0)
    demand_kw += share * one.held_back_kw


def _put(values: FloatArray, row: int, column: int, energy_wh: int | None, scale: float) -> None:
    if energy_wh is not None:
        values[row, column] = energy_wh / scale


def load_account(reader: Reader, site: Site, now_utc: datetime) -> PeriodAccount:
    """The billing period so far from the store: intervals that the community shared, and the bills of settled days."""
    account = PeriodAccount(site, now_utc)
    since_utc = account.period.start_utc
    account.add([settled for settled in reader.settled(since_utc, now_utc) if settled.allocations])
    account.book(read_settled_bills(reader.select, first_day_of_interest(site, account), {}))
    return account
