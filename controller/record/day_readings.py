"""What the store knows of one local day, as arrays: flows, devices, prices, who was in the community."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from controller.record.quantities import WH_PER_KWH
from controller.record.reader import Reader
from controller.record.records import DeviceRow, SettledInterval
from models.domain.arrays import BoolArray, FloatArray
from models.domain.errors import SettlementError
from models.domain.interval import interval_starts, settlement_day
from models.domain.telemetry import DeviceKey

PRICE_LINES = (
    "import_price_micro_per_kwh",
    "export_price_micro_per_kwh",
    "network_fee_micro_per_kwh",
    "is_islanded",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSeries:
    """One device's day; [T], NaN: unknown."""

    member: str
    kind: str
    import_wh: FloatArray
    export_wh: FloatArray
    soc_wh: FloatArray
    """At each interval's end."""
    is_plugged: FloatArray
    """1 or 0 at each interval's end."""
    curtailed_wh: FloatArray
    before_wh: float
    """Stored at the day's start."""
    was_plugged: float
    """1 or 0 at the day's start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReadings:
    """A local day of T intervals as it was metered, N members; NaN: unknown."""

    local_day: date
    zone: ZoneInfo
    interval_min: int
    starts_utc: tuple[datetime, ...]
    members: tuple[str, ...]
    """[N] the site's, in its order, then others that were metered in the day or billed in the period before, by id."""
    is_member: BoolArray
    """[N, T] in the community."""
    import_wh: FloatArray
    export_wh: FloatArray
    pv_wh: FloatArray
    """[N, T] known only where every device behind the meter was counted."""
    prices: Mapping[str, FloatArray]
    """[T] by name of ``PRICE_LINES``; NaN where the interval was not settled when it ended."""
    weight: FloatArray = field(repr=False)
    """[N] first weight in force on the day."""
    keys: tuple[str, ...]
    """Sharing keys that were in force, in order."""
    devices: Mapping[DeviceKey, DeviceSeries]
    inputs: tuple[tuple[datetime, int], ...]
    """Start and revision of every interval that was read, the last one before the day among them."""

    @property
    def step_h(self) -> float:
        """Length of an interval [h]."""
        return self.interval_min / 60.0


def read_day_readings(
    reader: Reader,
    local_day: date,
    *,
    zone: ZoneInfo,
    interval_min: int,
    members: Sequence[str],
    former: Iterable[str] = (),
) -> DayReadings:
    """Readings of a day.

    Args:
        reader: the store.
        local_day: the day.
        zone: the site's.
        interval_min: length of an interval [min].
        members: the site's members.
        former: further members that the billing period knows.

    Raises:
        SettlementError: nothing was metered on that day, or in intervals of another length.
    """
    span = settlement_day(local_day, zone)
    try:
        starts = interval_starts(span, interval_min)
    except ValueError as error:
        raise SettlementError(f"{local_day}: the local day is not cut into whole intervals: {error}") from error
    rows = reader.settled(span.start_utc, span.end_utc)
    _check(local_day, rows, interval_min)
    present = {row.member for interval in rows for row in interval.metered}
    others = sorted((present | set(former)) - set(members))
    ids = (*members, *others)
    column = {start: k for k, start in enumerate(starts)}
    place = {member: k for k, member in enumerate(ids)}
    shape = (len(ids), len(starts))
    flows = {name: np.full(shape, np.nan) for name in ("import_wh", "export_wh", "pv_wh")}
    weight = np.full(len(ids), np.nan)
    prices = {name: np.full(len(starts), np.nan) for name in PRICE_LINES}
    for interval in rows:
        k = column[interval.start_utc]
        _put_prices(prices, k, interval)
        for row in interval.metered:
            for name, values in flows.items():
                found = getattr(row, name)
                if found is not None:
                    values[place[row.member], k] = found
        for allocation in interval.allocations:
            if np.isnan(weight[place[allocation.member]]):
                weight[place[allocation.member]] = allocation.weight
    before = _interval_before(reader, span.start_utc)
    return DayReadings(
        local_day=local_day,
        zone=zone,
        interval_min=interval_min,
        starts_utc=starts,
        members=ids,
        is_member=_find_members(ids, column, rows, before),
        prices=prices,
        weight=weight,
        keys=tuple(dict.fromkeys(interval.key for interval in rows)),
        devices=_collect_devices(reader, rows, column, before, span.start_utc),
        inputs=tuple((one.start_utc, one.revision) for one in (*(() if before is None else (before,)), *rows)),
        **flows,
    )


def _check(local_day: date, rows: Sequence[SettledInterval], interval_min: int) -> None:
    if not any(interval.allocations for interval in rows):
        raise SettlementError(f"{local_day}: nothing was metered on that day, so there is nothing to settle")
    for interval in rows:
        if interval.duration_s != interval_min * 60:
            raise SettlementError(
                f"{local_day}: the interval of {interval.start_utc.isoformat()} is {interval.duration_s // 60} min "
                f"long, the site's are {interval_min} min; settle it with the site file of that time"
            )


def _put_prices(prices: Mapping[str, FloatArray], k: int, interval: SettledInterval) -> None:
    stored = interval.prices
    prices["import_price_micro_per_kwh"][k] = stored.import_micro_per_kwh
    prices["export_price_micro_per_kwh"][k] = stored.export_micro_per_kwh
    prices["network_fee_micro_per_kwh"][k] = stored.network_fee_micro_per_kwh
    prices["is_islanded"][k] = stored.is_islanded


def _interval_before(reader: Reader, start_utc: datetime) -> SettledInterval | None:
    """The last interval on record before the day."""
    rows = reader.select("SELECT max(start_s) AS start_s FROM settled WHERE start_s < ?", (int(start_utc.timestamp()),))
    if rows[0]["start_s"] is None:
        return None
    found_utc = datetime.fromtimestamp(rows[0]["start_s"], tz=start_utc.tzinfo)
    return reader.settled(found_utc, found_utc + timedelta(seconds=1))[0]


def _find_members(
    ids: tuple[str, ...],
    column: Mapping[datetime, int],
    rows: Sequence[SettledInterval],
    before: SettledInterval | None,
) -> BoolArray:
    """[N, T]: who has a row in an interval was in the community; where there is none, who had one before it."""
    named: dict[int, frozenset[str]] = {
        column[interval.start_utc]: frozenset(row.member for row in interval.metered) for interval in rows
    }
    known = frozenset(row.member for row in before.metered) if before is not None else frozenset()
    is_member = np.zeros((len(ids), len(column)), dtype=np.bool_)
    for k in range(len(column)):
        known = named.get(k, known)
        is_member[:, k] = [member in known for member in ids]
    return is_member


def _collect_devices(
    reader: Reader,
    rows: Sequence[SettledInterval],
    column: Mapping[datetime, int],
    before: SettledInterval | None,
    start_utc: datetime,
) -> dict[DeviceKey, DeviceSeries]:
    by_device: dict[DeviceKey, dict[int, DeviceRow]] = {}
    for interval in rows:
        for row in interval.devices:
            by_device.setdefault(row.device, {})[column[interval.start_utc]] = row
    is_next = before is not None and before.start_utc + timedelta(seconds=before.duration_s) == start_utc
    last = {row.device: row for row in before.devices} if before is not None and is_next else {}
    states = {
        state.device: state for _, state in reader.asset_states(start_utc, start_utc + timedelta(seconds=1))[::-1]
    }
    devices = {}
    for device in sorted(by_device):
        state = states.get(device)
        told = last.get(device)
        stored_kwh = None if state is None else state.soc_kwh
        devices[device] = _to_series(by_device[device], len(column), told, stored_kwh)
    return devices


def _to_series(
    rows: Mapping[int, DeviceRow], count: int, told: DeviceRow | None, stored_kwh: float | None
) -> DeviceSeries:
    first = next(iter(rows.values()))

    def series(name: str) -> FloatArray:
        values = np.full(count, np.nan)
        for k, row in rows.items():
            found = getattr(row, name)
            if found is not None:
                values[k] = found
        return values

    before_wh = np.nan if stored_kwh is None else stored_kwh * WH_PER_KWH
    if told is not None and told.soc_wh is not None:
        before_wh = float(told.soc_wh)
    return DeviceSeries(
        member=first.member,
        kind=first.kind,
        import_wh=series("import_wh"),
        export_wh=series("export_wh"),
        soc_wh=series("soc_wh"),
        is_plugged=series("is_plugged"),
        curtailed_wh=series("curtailed_wh"),
        before_wh=before_wh,
        was_plugged=np.nan if told is None or told.is_plugged is None else float(told.is_plugged),
    )
