from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.load import load_site
from controller.loop.device_metering import DeviceMetering
from controller.record.records import DeviceRow
from models.domain.snapshot import CountedEnergy, MeterQuality
from models.domain.telemetry import DeviceKey, Reading

SITE = load_site(Path(__file__).resolve().parents[3] / "config" / "sites" / "six.yaml")
NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
PV, BATTERY, CAR = (DeviceKey("home-m01", name) for name in ("pv", "bat", "ev"))


def counted(*, import_kwh: float = 0.0, export_kwh: float = 0.0) -> CountedEnergy:
    return CountedEnergy(import_kwh=import_kwh, export_kwh=export_kwh, quality=MeterQuality.MEASURED, span_s=900.0)


def reading(device: DeviceKey, **values: Any) -> Reading:
    return Reading(device=device, ts_utc=NOW, seq=1, **values)


def rows_of(rows: tuple[DeviceRow, ...]) -> dict[DeviceKey, DeviceRow]:
    return {row.device: row for row in rows}


def test_every_battery_car_and_roof_has_a_row_in_order() -> None:
    rows = DeviceMetering(SITE).describe({}, {}, ())
    assert [row.device for row in rows] == sorted(row.device for row in rows)
    assert {(row.member, row.kind) for row in rows} == {
        ("m01", "battery"), ("m01", "ev"), ("m01", "pv"), ("m02", "battery"), ("m02", "pv"), ("m03", "pv")
    }  # fmt: skip


def test_what_was_not_counted_is_unknown_and_not_zero() -> None:
    row = rows_of(DeviceMetering(SITE).describe({}, {}, ["m01"]))[PV]
    assert (row.import_wh, row.export_wh, row.soc_wh, row.curtailed_wh) == (None, None, None, None)


def test_a_battery_tells_its_energy_and_what_it_stores_at_the_end() -> None:
    rows = DeviceMetering(SITE).describe(
        {BATTERY: counted(import_kwh=0.25)}, {BATTERY: reading(BATTERY, soc_frac=0.5)}, ()
    )
    row = rows_of(rows)[BATTERY]
    assert (row.import_wh, row.export_wh, row.soc_wh, row.curtailed_wh) == (250, 0, 5_100, None)


def test_a_car_tells_whether_it_is_plugged() -> None:
    rows = DeviceMetering(SITE).describe({CAR: counted()}, {CAR: reading(CAR, is_plugged=True)}, ())
    assert rows_of(rows)[CAR].is_plugged is True


@pytest.mark.parametrize("curtailed, wanted_wh", [([], 0), (["m02"], 0), (["m01"], 500)])
def test_curtailed_is_what_the_sky_offered_beyond_the_generation_where_it_was_limited(
    curtailed: list[str], wanted_wh: int
) -> None:
    metering = DeviceMetering(SITE)
    metering.describe({}, {PV: reading(PV, available_kw=3.0)}, ())
    rows = metering.describe({PV: counted(export_kwh=0.5)}, {PV: reading(PV, available_kw=5.0)}, curtailed)
    # 3 kW at the start and 5 kW at the end are 1 kWh in a quarter of an hour.
    assert rows_of(rows)[PV].curtailed_wh == wanted_wh


def test_a_limited_roof_that_does_not_say_what_the_sky_offered_is_unknown() -> None:
    rows = DeviceMetering(SITE).describe({PV: counted(export_kwh=0.5)}, {}, ["m01"])
    assert rows_of(rows)[PV].curtailed_wh is None
