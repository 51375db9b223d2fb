"""A settled day as CSV files (RFC 4180, UTF-8): bills, quarter-hours, coefficients, and who supplied whom."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from controller.record.day_records import DaySettlement
from models.domain.errors import SettlementError
from models.settlement.provisional import charge_suppliers
from models.settlement.rounding import round_to_total
from models.settlement.trades import find_coefficients, sum_trades

COEFFICIENT_DECIMALS = 6
BILL_COLUMNS = (
    "day",
    "revision",
    "stage",
    "member",
    "currency",
    "stand_alone",
    "battery_wear",
    "share_of_gain",
    "solidarity",
    "islanded",
    "bill",
    "peak_charge",
    "total",
    "own_supplier_charges",
    "net_transfer",
)


def write_files(folder: Path, day: DaySettlement, *, currency: str, zone: ZoneInfo) -> tuple[Path, ...]:
    """Write all files of a settled day; each is there whole or not at all.

    Raises:
        SettlementError: the folder cannot be written.
    """
    tables: tuple[tuple[str, Iterable[Sequence[object]]], ...] = (
        ("bills", _bills(day, currency)),
        ("allocation", _allocation(day, zone)),
        ("coefficients", _coefficients(day, zone)),
        ("who-supplied-whom", _trades(day)),
    )
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in tables:
            path = folder / f"{name}-{day.local_day}.csv"
            partial = path.with_suffix(".partial")
            with partial.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(rows)
            partial.replace(path)
            paths.append(path)
    except OSError as error:
        raise SettlementError(f"{folder}: the day's files cannot be written: {error}") from error
    return tuple(paths)


def format_money(amount_minor: int, minor_per_unit: int) -> str:
    """An exact decimal number: 1234 of 100 is ``12.34``."""
    digits = len(str(minor_per_unit)) - 1
    units, rest = divmod(abs(amount_minor), minor_per_unit)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{units}.{rest:0{digits}d}" if digits else f"{sign}{units}"


def _bills(day: DaySettlement, currency: str) -> Iterator[Sequence[object]]:
    yield BILL_COLUMNS
    energy = day.energy
    charged = charge_suppliers(energy.import_wh, energy.export_wh, day.prices).sum(axis=1) * day.minor_per_unit
    own_supplier = round_to_total(charged, round(float(charged.sum())))
    for one, supplier_minor in zip(day.members, own_supplier.tolist(), strict=True):
        amounts = (
            one.stand_alone_minor,
            one.wear_minor,
            one.share_minor,
            one.solidarity_minor,
            one.islanded_minor,
            one.bill_minor,
            one.peak_minor,
            one.bill_minor + one.peak_minor,
            supplier_minor,
            one.bill_minor - supplier_minor,
        )
        money = [format_money(amount, day.minor_per_unit) for amount in amounts]
        yield day.local_day.isoformat(), day.revision, day.stage.value, one.member, currency, *money


def _allocation(day: DaySettlement, zone: ZoneInfo) -> Iterator[Sequence[object]]:
    yield (
        "interval_start_utc",
        "interval_start_local",
        "member",
        "import_wh",
        "export_wh",
        "from_community_wh",
        "to_community_wh",
        "from_grid_wh",
        "to_grid_wh",
        "is_estimated",
    )
    for k, start_utc in enumerate(day.starts_utc):
        stamps = _stamps(start_utc, zone)
        for one in day.members:
            drawn, given = int(one.import_wh[k]), int(one.export_wh[k])
            received, supplied = int(one.received_wh[k]), int(one.supplied_wh[k])
            flows = (drawn, given, received, supplied, drawn - received, given - supplied)
            yield (*stamps, one.member, *flows, "yes" if one.is_estimated[k] else "no")


def _coefficients(day: DaySettlement, zone: ZoneInfo) -> Iterator[Sequence[object]]:
    """Each member's part of the shared energy; an interval's add up to exactly 1, or to 0 where nothing was shared."""
    yield "interval_start_utc", "interval_start_local", "member", "coefficient"
    unit = 10**COEFFICIENT_DECIMALS
    coefficients = find_coefficients(day.energy, COEFFICIENT_DECIMALS)
    for k, start_utc in enumerate(day.starts_utc):
        stamps = _stamps(start_utc, zone)
        for one, value in zip(day.members, coefficients[:, k].tolist(), strict=True):
            yield *stamps, one.member, format_money(value, unit)


def _trades(day: DaySettlement) -> Iterator[Sequence[object]]:
    """Receivers in rows, suppliers in columns [Wh]; rows and columns add up to what each received and supplied."""
    names = [one.member for one in day.members]
    matrix = sum_trades(day.energy)
    yield "received_by_wh", *(f"from_{name}" for name in names), "received"
    for name, row in zip(names, matrix, strict=True):
        yield name, *row.tolist(), int(row.sum())
    yield "supplied", *np.asarray(matrix.sum(axis=0)).tolist(), int(matrix.sum())


def _stamps(start_utc: datetime, zone: ZoneInfo) -> tuple[str, str]:
    return f"{start_utc:%Y-%m-%dT%H:%M:%SZ}", start_utc.astimezone(zone).isoformat()
