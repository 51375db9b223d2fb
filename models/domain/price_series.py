"""Prices over time from a table: interval starts and prices, with gaps known as gaps."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from config.errors import SiteFileError
from models.domain.arrays import FloatArray, IntArray, freeze, freeze_integers


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeries:
    """K prices, each valid from its start for one period, unless the next one begins earlier."""

    name: str
    """Shown in errors: the file's name and column."""
    start_s: IntArray
    """[K] starts [s since 1970-01-01 UTC], rising."""
    price_eur_per_kwh: FloatArray
    """[K]"""
    period_s: int
    """How long a price is valid [s]."""

    def at(self, moment_s: FloatArray) -> FloatArray:
        """Price at each moment [s since 1970-01-01 UTC]; NaN where the series has none."""
        index = np.searchsorted(self.start_s, moment_s, side="right") - 1
        known = np.maximum(index, 0)
        is_covered = (index >= 0) & (moment_s < self.start_s[known] + self.period_s)
        return np.where(is_covered, self.price_eur_per_kwh[known], np.nan)


def parse_price_series(
    text: str,
    *,
    name: str,
    time_column: str,
    price_column: str,
    stamps: Literal["utc", "local"],
    zone: ZoneInfo,
    bound_eur_per_kwh: float = 10.0,
) -> PriceSeries:
    """A price series from a CSV text with a header row.

    The period is the most frequent distance between two rows. A local stamp that occurs twice in autumn is
    read in the order of the file.

    Args:
        text: the file's content.
        name: shown in errors, such as the file's name.
        time_column: header of the column of interval starts (ISO 8601).
        price_column: header of the column of prices [currency/kWh].
        stamps: ``local`` for naive stamps in the zone; ``utc`` for stamps with an offset, or naive UTC.
        zone: the site's zone.
        bound_eur_per_kwh: larger prices are refused as a slip of unit (``config.currency`` knows one by currency).

    Raises:
        SiteFileError: a column is missing, or a row cannot be read; the message names row, column and reason.
    """
    starts: list[int] = []
    prices: list[float] = []
    for row, stamp, price in _read_rows(text, name, time_column, price_column):
        start_s = _epoch_s(stamp, stamps, zone, f"{name}, row {row}, column {time_column!r}", starts)
        if starts and start_s <= starts[-1]:
            raise SiteFileError(f"{name}, row {row}, column {time_column!r}: {stamp} is not after the row before it")
        starts.append(start_s)
        prices.append(_read_price(price, f"{name}, row {row}, column {price_column!r}", bound_eur_per_kwh))
    if len(starts) < 2:
        raise SiteFileError(f"{name}: at least two rows of prices are needed, found {len(starts)}")
    distances, counts = np.unique(np.diff(starts), return_counts=True)
    return PriceSeries(
        name=f"{name}, column {price_column!r}",
        start_s=freeze_integers(starts),
        price_eur_per_kwh=freeze(prices),
        period_s=int(distances[np.argmax(counts)]),
    )


def _read_rows(text: str, name: str, time_column: str, price_column: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    header = [cell.strip() for cell in next(reader, [])]
    columns = []
    for wanted in (time_column, price_column):
        if header.count(wanted) != 1:
            raise SiteFileError(
                f"{name}: column {wanted!r} must occur exactly once; the file has {', '.join(header) or 'no header'}",
            )
        columns.append(header.index(wanted))
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(columns):
            raise SiteFileError(f"{name}, row {reader.line_num}: {len(row)} cells, the header has {len(header)}")
        yield reader.line_num, row[columns[0]].strip(), row[columns[1]].strip()


def _read_price(cell: str, place: str, bound: float) -> float:
    try:
        price = float(cell)
    except ValueError as error:
        hint = "; use a decimal point" if "," in cell else ""
        raise SiteFileError(f"{place}: {cell!r} is not a number{hint}") from error
    if not math.isfinite(price):
        raise SiteFileError(f"{place}: {cell!r} is not a finite number")
    if abs(price) > bound:
        raise SiteFileError(
            f"{place}: found {price:g}, accepted {-bound:g} to {bound:g} [currency/kWh]; "
            "convert prices that are in cents or per MWh",
        )
    return price


def _epoch_s(stamp: str, stamps: Literal["utc", "local"], zone: ZoneInfo, place: str, before: list[int]) -> int:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError as error:
        raise SiteFileError(f"{place}: {stamp!r} is not an ISO 8601 time such as 2026-06-12T14:00") from error
    if stamps == "utc":
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp())
    if moment.tzinfo is not None:
        raise SiteFileError(f"{place}: {stamp!r} has an offset, so its stamps are not local; set stamps: utc")
    local = moment.replace(tzinfo=zone)
    first_s = int(local.timestamp())
    if datetime.fromtimestamp(first_s, zone).replace(tzinfo=None) != moment:
        raise SiteFileError(f"{place}: {stamp} does not exist in {zone.key}; the clock was put forward over it")
    second_s = int(local.replace(fold=1).timestamp())
    # In the repeated hour of autumn the second row with a label means the later moment; where the clock moves by less
    # than the rows are apart there is no second one, and only the even distance tells.
    is_even = len(before) > 1 and second_s - before[-1] == before[-1] - before[-2]
    return second_s if before and (before[-1] >= first_s or is_even) else first_s
