"""A settled day as CSV files (RFC 4180, UTF-8): bills, quarter-hours, coefficients, and who supplied whom.

Every name ends in its unit, amounts are in the column ``currency``, and what is subtracted is a negative number: the
lines of a bill from ``cost_alone`` to ``peak_charge`` add up to ``total``, which is what the member pays for the day.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from controller.record.day_records import DaySettlement, MemberDay
from controller.record.quantities import MICRO_PER_EUR
from controller.record.true_up_rows import StoredTrueUp
from models.domain.errors import SettlementError
from models.settlement.provisional import charge_suppliers
from models.settlement.rounding import round_to_total
from models.settlement.trades import find_coefficients, match_trades, sum_trades

COEFFICIENT_DECIMALS = 6
DAY_COLUMNS = ("day", "revision", "stage", "day_start_utc", "day_end_utc", "day_start_local", "day_end_local")
LINE_COLUMNS = ("cost_alone", "battery_wear", "share_of_gain", "solidarity", "islanded_energy", "peak_charge")
"""Lines that add up to ``total``; battery wear is taken off because its owner bears it in kind."""
BILL_COLUMNS = (
    *DAY_COLUMNS,
    *("member", "currency"),
    *LINE_COLUMNS,
    "total",
    *("of_which_energy_bill", "own_supplier_charges", "energy_bill_less_own_supplier", "loss_still_to_be_returned"),
)
INTERVAL_COLUMNS = ("interval_start_utc", "interval_start_local")
TRUE_UP_COLUMNS = ("month", "revision", "member", "currency", "drawn_and_fed_in_wh", "true_up")
MOST_PAIRED = 200
"""Members up to which pairs are written by interval; 1000 would make millions of rows a day."""

Rows = Iterator[Sequence[object]]


def write_files(folder: Path, day: DaySettlement, *, currency: str, zone: ZoneInfo) -> tuple[Path, ...]:
    """Write all files of a settled day; each is there whole or not at all.

    Raises:
        SettlementError: the folder cannot be written.
    """
    tables = [
        ("bills", _bills(day, currency, zone)),
        ("allocation", _allocation(day, zone)),
        ("coefficients", _coefficients(day, zone)),
        ("who-supplied-whom", _trades(day, zone)),
    ]
    if len(day.members) <= MOST_PAIRED:
        tables.append(("peer-to-peer", _peer_to_peer(day, zone)))
    return tuple(_write(folder / f"{name}-{day.local_day}.csv", rows) for name, rows in tables)


def write_true_up(folder: Path, booked: StoredTrueUp, *, currency: str, minor_per_unit: int) -> Path:
    """Write each member's part of a month's true-up; positive = the member pays.

    Raises:
        SettlementError: the folder cannot be written.
    """
    month = f"{booked.month:%Y-%m}"
    rows = [
        (
            month,
            booked.revision,
            one.member,
            currency,
            one.throughput_wh,
            format_money(one.amount_minor, minor_per_unit),
        )
        for one in booked.parts
    ]
    return _write(folder / f"true-up-{month}.csv", [TRUE_UP_COLUMNS, *rows])


def _write(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        partial.replace(path)
    except OSError as error:
        raise SettlementError(f"{path} cannot be written: {error}") from error
    return path


def format_money(amount_minor: int, minor_per_unit: int) -> str:
    """An exact decimal number: 1234 of 100 is ``12.34``."""
    digits = len(str(minor_per_unit)) - 1
    units, rest = divmod(abs(amount_minor), minor_per_unit)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{units}.{rest:0{digits}d}" if digits else f"{sign}{units}"


def list_lines(one: MemberDay) -> tuple[int, ...]:
    """Lines of a bill, in the order of ``LINE_COLUMNS``: they add up to what the day asks for [minor units]."""
    return (
        one.stand_alone_minor,
        -one.wear_minor,
        -one.share_minor,
        -one.solidarity_minor,
        one.islanded_minor,
        one.peak_minor,
    )


def _bills(day: DaySettlement, currency: str, zone: ZoneInfo) -> Rows:
    yield BILL_COLUMNS
    energy, unit = day.energy, day.minor_per_unit
    charged = charge_suppliers(energy.import_wh, energy.export_wh, day.prices).sum(axis=1) * unit
    own_supplier = round_to_total(charged, round(float(charged.sum())))
    end_utc = day.starts_utc[-1] + timedelta(seconds=day.step_s)
    ends = tuple(zip(_stamps(day.start_utc, zone), _stamps(end_utc, zone), strict=True))
    when = (day.local_day.isoformat(), day.revision, day.stage.value, *ends[0], *ends[1])
    for one, supplier_minor in zip(day.members, own_supplier.tolist(), strict=True):
        lines = list_lines(one)
        besides = (one.bill_minor, supplier_minor, one.bill_minor - supplier_minor)
        lost_minor = round(one.loss_after_micro * unit / MICRO_PER_EUR)
        money = (format_money(amount, unit) for amount in (*lines, sum(lines), *besides, lost_minor))
        yield *when, one.member, currency, *money


def _allocation(day: DaySettlement, zone: ZoneInfo) -> Rows:
    yield (
        *INTERVAL_COLUMNS,
        *("member", "import_wh", "export_wh", "from_community_wh", "to_community_wh", "from_grid_wh", "to_grid_wh"),
        "is_estimated",
    )
    for k, start_utc in enumerate(day.starts_utc):
        stamps = _stamps(start_utc, zone)
        for one in day.members:
            drawn, given = int(one.import_wh[k]), int(one.export_wh[k])
            received, supplied = int(one.received_wh[k]), int(one.supplied_wh[k])
            flows = (drawn, given, received, supplied, drawn - received, given - supplied)
            yield (*stamps, one.member, *flows, "yes" if one.is_estimated[k] else "no")


def _coefficients(day: DaySettlement, zone: ZoneInfo) -> Rows:
    """Each member's part of the community's energy; every interval's add up to exactly 1, with what they follow."""
    yield *INTERVAL_COLUMNS, "member", "coefficient", "basis"
    unit = 10**COEFFICIENT_DECIMALS
    coefficients, basis = find_coefficients(day.energy, COEFFICIENT_DECIMALS)
    for k, start_utc in enumerate(day.starts_utc):
        stamps = _stamps(start_utc, zone)
        for one, value in zip(day.members, coefficients[:, k].tolist(), strict=True):
            yield *stamps, one.member, format_money(value, unit), basis[k].value


def _trades(day: DaySettlement, zone: ZoneInfo) -> Rows:
    """Receivers in rows, suppliers in columns [Wh]; rows and columns add up to what each received and supplied."""
    names = [one.member for one in day.members]
    matrix = sum_trades(day.energy)
    end_utc = day.starts_utc[-1] + timedelta(seconds=day.step_s)
    when = (day.local_day.isoformat(), _stamps(day.start_utc, zone)[0], _stamps(end_utc, zone)[0])
    yield "day", "day_start_utc", "day_end_utc", "receiver", *(f"from_{name}_wh" for name in names), "received_wh"
    for name, row in zip(names, matrix, strict=True):
        yield *when, name, *row.tolist(), int(row.sum())
    yield *when, "all members", *np.asarray(matrix.sum(axis=0)).tolist(), int(matrix.sum())


def _peer_to_peer(day: DaySettlement, zone: ZoneInfo) -> Rows:
    """Who supplied whom in each interval: a row for each pair that exchanged energy."""
    yield *INTERVAL_COLUMNS, "supplier", "receiver", "energy_wh"
    names = [one.member for one in day.members]
    energy = day.energy
    for k, start_utc in enumerate(day.starts_utc):
        matrix = match_trades(energy.received_wh[:, k], energy.supplied_wh[:, k])
        stamps = _stamps(start_utc, zone)
        for receiver, supplier in zip(*np.nonzero(matrix), strict=True):
            yield *stamps, names[supplier], names[receiver], int(matrix[receiver, supplier])


def _stamps(moment_utc: datetime, zone: ZoneInfo) -> tuple[str, str]:
    return f"{moment_utc:%Y-%m-%dT%H:%M:%SZ}", moment_utc.astimezone(zone).isoformat()
