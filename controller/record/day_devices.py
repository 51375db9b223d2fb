"""Batteries and cars of a day, from what their devices counted and what the site file says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np

from config.members import Battery, Ev
from config.schema import Site
from controller.record.day_readings import DayReadings, DeviceSeries
from controller.record.quantities import WH_PER_KWH
from models.domain.arrays import BoolArray, FloatArray
from models.domain.telemetry import DeviceKey
from models.settlement.arrays import IntArray
from models.settlement.coalition_day import BatteryDay, EvDay

Asset = TypeVar("Asset", Battery, Ev)


def describe_batteries(site: Site, readings: DayReadings) -> tuple[BatteryDay, ...]:
    """Every battery that was metered on the day, and that the site file still has, by gateway and device."""
    assets = {(member.id, battery.id): battery for member in site.members for battery in member.batteries}
    return tuple(
        _battery_day(battery, series, place)
        for battery, series, place in _metered_assets(site, readings, assets, "battery")
    )


def describe_cars(site: Site, readings: DayReadings) -> tuple[EvDay, ...]:
    """Every stay of a car in which it charged, by device and time."""
    assets = {(member.id, car.id): car for member in site.members for car in member.evs}
    return tuple(
        stay
        for car, series, place in _metered_assets(site, readings, assets, "ev")
        for stay in _stays(car, series, place)
    )


def sum_curtailed(readings: DayReadings) -> IntArray:
    """[N, T] PV that could have been generated beyond what was [Wh]."""
    total = np.zeros(readings.import_wh.shape, dtype=np.int64)
    place = {member: k for k, member in enumerate(readings.members)}
    for series in readings.devices.values():
        if series.kind == "pv" and series.member in place:
            total[place[series.member]] += np.rint(np.nan_to_num(series.curtailed_wh)).astype(np.int64)
    return total


def _metered_assets(
    site: Site, readings: DayReadings, assets: Mapping[tuple[str, str], Asset], kind: str
) -> Iterator[tuple[Asset, DeviceSeries, int]]:
    names = {
        DeviceKey(gateway.id, device.id): (device.member or "", device.asset or "")
        for gateway in site.gateways
        for device in gateway.devices
    }
    place = {member: k for k, member in enumerate(readings.members)}
    for key, series in readings.devices.items():
        asset = assets.get(names.get(key, ("", "")))
        # A device that changed hands, or that the site file has no more, did as metered: it stays in the net flow.
        if asset is not None and series.kind == kind and names[key][0] == series.member:
            yield asset, series, place[series.member]


def _battery_day(battery: Battery, series: DeviceSeries, place: int) -> BatteryDay:
    charged_kwh = np.nan_to_num(series.import_wh) / WH_PER_KWH
    discharged_kwh = np.nan_to_num(series.export_wh) / WH_PER_KWH
    gained_kwh = np.cumsum(
        battery.charge_efficiency_frac * charged_kwh - discharged_kwh / battery.discharge_efficiency_frac
    )
    lowest_kwh = battery.soc_min_frac * battery.capacity_kwh
    return BatteryDay(
        member=place,
        charge_limit_kw=battery.charge_limit_kw,
        discharge_limit_kw=battery.discharge_limit_kw,
        soc_min_kwh=lowest_kwh,
        soc_max_kwh=battery.soc_max_frac * battery.capacity_kwh,
        soc_start_kwh=_stored_at_start(series, gained_kwh, lowest_kwh),
        charge_efficiency_frac=battery.charge_efficiency_frac,
        discharge_efficiency_frac=battery.discharge_efficiency_frac,
        wear_eur_per_kwh=battery.wear_eur_per_kwh,
        charged_kwh=charged_kwh,
        discharged_kwh=discharged_kwh,
    )


def _stored_at_start(series: DeviceSeries, gained_kwh: FloatArray, lowest_kwh: float) -> float:
    """As metered; else back from the first known state; else the least that the day's flows need [kWh]."""
    if not np.isnan(series.before_wh):
        return float(series.before_wh) / WH_PER_KWH
    known = np.flatnonzero(~np.isnan(series.soc_wh))
    if known.size:
        first = int(known[0])
        return max(0.0, float(series.soc_wh[first] / WH_PER_KWH - gained_kwh[first]))
    return lowest_kwh - min(0.0, float(gained_kwh.min(initial=0.0)))


def _stays(car: Ev, series: DeviceSeries, place: int) -> Iterator[EvDay]:
    """Stays with charging: intervals at whose both ends a car was plugged, and those in which one charged."""
    charged_kwh = np.nan_to_num(series.import_wh) / WH_PER_KWH
    at_end = series.is_plugged == 1.0
    at_start = np.concatenate([[series.was_plugged == 1.0], at_end[:-1]])
    for first, last in _runs((at_start & at_end) | (charged_kwh > 0.0)):
        own = np.zeros_like(charged_kwh)
        own[first : last + 1] = charged_kwh[first : last + 1]
        if own.any():
            yield EvDay(
                member=place, charge_limit_kw=car.charge_limit_kw, charged_kwh=own, first_step=first, last_step=last
            )


def _runs(mask: BoolArray) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int64), [0]])))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield first, end - 1
