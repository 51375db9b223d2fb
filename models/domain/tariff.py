"""Prices of each plan step or interval, from the tariff in the site's local time.

Every price is a mean over its step, so a coarse step that reaches into a dear window costs its part of it. The
clock is cut into pieces short enough that no price and no offset from UTC changes within one, which keeps the days of
23 and 25 hours exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import gcd
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from config.errors import SiteFileError
from config.tariff import FlatPrice, Price, PriceWindow, SeriesPrice, Tariff, TimeOfUsePrice
from models.domain.arrays import BoolArray, FloatArray, IntArray, freeze
from models.domain.interval import require_utc
from models.domain.price_series import PriceSeries

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OFFSET_GRID_S = 900
"""Every zone in use changes its clock at, and is offset by, whole quarter-hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPrices:
    """Prices of T steps, read-only [currency/kWh]."""

    import_price_eur_per_kwh: FloatArray
    """[T]"""
    export_price_eur_per_kwh: FloatArray
    """[T]"""
    network_fee_eur_per_kwh: FloatArray
    """[T] for each kWh that one member supplies to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBook:
    """The site's tariff with the price series it names, and live prices where the market sent some."""

    tariff: Tariff
    zone: ZoneInfo
    import_series: PriceSeries | None = None
    """Needed where the import price is a series."""
    export_series: PriceSeries | None = None
    """Needed where the export price is a series."""
    live_import: PriceSeries | None = None
    """Prices received while running; where they reach they stand before the tariff's."""
    live_export: PriceSeries | None = None

    def prices(self, starts_utc: Sequence[datetime], step_h: FloatArray) -> StepPrices:
        """Mean prices of the steps.

        Args:
            starts_utc: [T] starts, rising.
            step_h: [T] lengths [h].

        Raises:
            SiteFileError: a price series has no price for some of the time; the message names the first missing one.
            ValueError: a start is not aware UTC, or the steps overlap.
        """
        begin_s = np.array([require_utc(start).timestamp() for start in starts_utc])
        end_s = begin_s + step_h * 3600.0
        if begin_s.size == 0 or (step_h <= 0.0).any() or (begin_s[1:] < end_s[:-1] - 1e-3).any():
            raise ValueError("steps must be at least one, longer than nothing, and follow each other")
        pieces = _cut(begin_s, end_s, self._grid_s(), self._changes_s())
        local = _local_times(pieces, self.zone)
        bought = _evaluate(self.tariff.import_price, self.import_series, self.live_import, pieces, local)
        sold = _evaluate(self.tariff.export_price, self.export_series, self.live_export, pieces, local)
        return StepPrices(
            import_price_eur_per_kwh=freeze(pieces.mean(bought)),
            export_price_eur_per_kwh=freeze(pieces.mean(sold)),
            network_fee_eur_per_kwh=freeze(np.full(len(starts_utc), self.tariff.network_fee_eur_per_kwh)),
        )

    def _grid_s(self) -> int:
        edges = [
            edge.hour * 3600 + edge.minute * 60
            for price in (self.tariff.import_price, self.tariff.export_price)
            if isinstance(price, TimeOfUsePrice)
            for window in price.windows
            for edge in (window.start, window.end)
        ]
        return gcd(_OFFSET_GRID_S, *edges)

    def _changes_s(self) -> FloatArray:
        series = (self.import_series, self.export_series, self.live_import, self.live_export)
        edges = [edge for one in series if one for edge in (one.start_s, one.start_s + one.period_s)]
        return np.concatenate([np.empty(0), *edges])


def local_price(
    prices: StepPrices,
    method: Literal["mid_market", "supply_demand_ratio"],
    supply_demand_ratio: FloatArray | float = 0.0,
) -> FloatArray:
    """Price of energy inside the community, before the fee that its buyer pays as well.

    Mid-market: ``pL = (p+ - f + p-) / 2``. By supply-demand ratio: ``pL = p- + (p+ - f - p-) (1 - SDR)``. Both lie
    between what the seller would get from the grid and what the buyer would pay there less the fee.

    Args:
        prices: of T steps.
        method: the tariff's ``local_price``.
        supply_demand_ratio: [T] or one value; the community's surplus over its need, taken within 0 to 1.

    Returns:
        [T], read-only [currency/kWh].
    """
    most = prices.import_price_eur_per_kwh - prices.network_fee_eur_per_kwh
    least = prices.export_price_eur_per_kwh
    if method == "mid_market":
        return freeze((most + least) / 2.0)
    return freeze(least + (most - least) * (1.0 - np.clip(supply_demand_ratio, 0.0, 1.0)))


def is_sharing_worthwhile(prices: StepPrices) -> BoolArray:
    """[T] whether ``p+ - f >= p-``; elsewhere sharing is switched off, for a kWh sold to the grid earns more."""
    most = prices.import_price_eur_per_kwh - prices.network_fee_eur_per_kwh
    worthwhile: BoolArray = most >= prices.export_price_eur_per_kwh
    return worthwhile


@dataclass(frozen=True, slots=True)
class _Pieces:
    """K pieces of time that make up T steps; no price changes within one."""

    middle_s: FloatArray
    length_s: FloatArray
    step: IntArray
    steps: int

    def mean(self, price: FloatArray) -> FloatArray:
        total = np.bincount(self.step, weights=price * self.length_s, minlength=self.steps)
        return total / np.bincount(self.step, weights=self.length_s, minlength=self.steps)


@dataclass(frozen=True, slots=True)
class _LocalTimes:
    """[K] local clock in the middle of each piece."""

    minute: IntArray
    weekday: IntArray
    month: IntArray
    eve_weekday: IntArray
    eve_month: IntArray
    """Of the day before, to which a window that runs past midnight belongs."""


def _cut(begin_s: FloatArray, end_s: FloatArray, grid_s: int, changes_s: FloatArray) -> _Pieces:
    first, last = begin_s[0] // grid_s * grid_s, end_s[-1]
    inner = changes_s[(changes_s > first) & (changes_s < last)]
    edges = np.unique(np.concatenate([np.arange(first, last, grid_s), begin_s, end_s, inner]))
    middle, length = (edges[1:] + edges[:-1]) / 2.0, np.diff(edges)
    step = np.searchsorted(begin_s, middle, side="right") - 1
    # A step's end in floating hours may lie a nanosecond off the next one's start.
    kept = (step >= 0) & (middle < end_s[np.maximum(step, 0)]) & (length > 1e-6)
    return _Pieces(middle[kept], length[kept], step[kept], begin_s.size)


def _local_times(pieces: _Pieces, zone: ZoneInfo) -> _LocalTimes:
    local = [datetime.fromtimestamp(middle, zone) for middle in pieces.middle_s.tolist()]
    eves = [datetime.fromordinal(moment.toordinal() - 1) for moment in local]
    return _LocalTimes(
        minute=np.array([moment.hour * 60 + moment.minute for moment in local], dtype=np.int64),
        weekday=np.array([moment.weekday() for moment in local], dtype=np.int64),
        month=np.array([moment.month for moment in local], dtype=np.int64),
        eve_weekday=np.array([eve.weekday() for eve in eves], dtype=np.int64),
        eve_month=np.array([eve.month for eve in eves], dtype=np.int64),
    )


def _evaluate(
    price: Price,
    series: PriceSeries | None,
    live: PriceSeries | None,
    pieces: _Pieces,
    local: _LocalTimes,
) -> FloatArray:
    known = np.full(pieces.middle_s.shape, np.nan) if live is None else live.at(pieces.middle_s)
    if isinstance(price, FlatPrice):
        usual = np.full(pieces.middle_s.shape, price.price_eur_per_kwh)
    elif isinstance(price, TimeOfUsePrice):
        usual = _time_of_use(price, local)
    else:
        usual = _from_series(price, series, pieces)
    combined = np.where(np.isnan(known), usual, known)
    missing = np.isnan(combined)
    if missing.any():
        first = datetime.fromtimestamp(round(pieces.middle_s[missing][0] - pieces.length_s[missing][0] / 2.0), UTC)
        name = series.name if series else "live prices"
        raise SiteFileError(f"{name}: no price for {first.isoformat()} (in {int(missing.sum())} pieces of time)")
    return combined


def _from_series(price: SeriesPrice, series: PriceSeries | None, pieces: _Pieces) -> FloatArray:
    if series is None:
        raise SiteFileError(f"the price series {price.file} has not been read")
    return series.at(pieces.middle_s)


def _time_of_use(price: TimeOfUsePrice, local: _LocalTimes) -> FloatArray:
    result = np.full(local.minute.shape, price.base_eur_per_kwh)
    for window in reversed(price.windows):
        result[_is_inside(window, local)] = window.price_eur_per_kwh
    return result


def _is_inside(window: PriceWindow, local: _LocalTimes) -> BoolArray:
    start = window.start.hour * 60 + window.start.minute
    end = window.end.hour * 60 + window.end.minute
    weekdays = [_WEEKDAYS.index(day) for day in window.days]
    is_day = np.isin(local.weekday, weekdays) & np.isin(local.month, window.months)
    if start < end:
        same_day: BoolArray = is_day & (local.minute >= start) & (local.minute < end)
        return same_day
    is_eve = np.isin(local.eve_weekday, weekdays) & np.isin(local.eve_month, window.months)
    overnight: BoolArray = (is_day & (local.minute >= start)) | (is_eve & (local.minute < end))
    return overnight
