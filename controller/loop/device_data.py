"""What the dispatch problem needs to know of each device that can be moved, from its fresh reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from config.members import Battery, Ev, ShiftableLoad
from controller.loop.outlook import Outlook, next_local_time
from controller.loop.setpoints import ControlledDevice
from models.dispatch.problem import BatteryData, EvData, RunData
from models.domain.snapshot import Snapshot
from models.domain.telemetry import Reading

SHORTFALL_FACTOR = 5.0
"""Energy missing at a car's departure costs this many times the dearest import price."""
LEAST_SHORTFALL_EUR_PER_KWH = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MovableDevices:
    """Devices that take part in a plan, each with its row of the problem, in the site's order."""

    batteries: tuple[tuple[ControlledDevice, BatteryData], ...]
    evs: tuple[tuple[ControlledDevice, EvData], ...]
    runs: tuple[tuple[ControlledDevice, RunData], ...]


def collect_movable(devices: tuple[ControlledDevice, ...], snapshot: Snapshot, outlook: Outlook) -> MovableDevices:
    """Batteries with a known state of charge, plugged cars, and runs that wait for their start.

    A device whose reading is stale, or does not say what the plan needs, is left out: unknown is not zero.
    """
    batteries, evs, runs = [], [], []
    for device in devices:
        reading = snapshot.fresh.get(device.key)
        if reading is None:
            continue
        match device.asset:
            case Battery() as battery if reading.soc_frac is not None:
                batteries.append((device, _battery_data(device, battery, reading.soc_frac, outlook)))
            case Ev() as ev if reading.is_plugged:
                evs.append((device, _ev_data(device, ev, reading, outlook)))
            case ShiftableLoad() as load if reading.is_requested and not reading.is_running:
                runs.append((device, _run_data(device, load, reading, outlook)))
            case _:
                pass
    return MovableDevices(batteries=tuple(batteries), evs=tuple(evs), runs=tuple(runs))


def _battery_data(device: ControlledDevice, battery: Battery, soc_frac: float, outlook: Outlook) -> BatteryData:
    return BatteryData(
        member=device.member_index,
        charge_limit_kw=battery.charge_limit_kw,
        discharge_limit_kw=battery.discharge_limit_kw,
        soc_start_kwh=soc_frac * battery.capacity_kwh,
        soc_min_kwh=battery.soc_min_frac * battery.capacity_kwh,
        soc_max_kwh=battery.soc_max_frac * battery.capacity_kwh,
        charge_efficiency_frac=battery.charge_efficiency_frac,
        discharge_efficiency_frac=battery.discharge_efficiency_frac,
        wear_eur_per_kwh=battery.wear_eur_per_kwh,
        end_value_eur_per_kwh=outlook.stored_value_eur_per_kwh * battery.discharge_efficiency_frac,
    )


def _ev_data(device: ControlledDevice, ev: Ev, reading: Reading, outlook: Outlook) -> EvData:
    departure_utc = reading.departure_utc or outlook.next_local_time(ev.typical_departure)
    dearest = float(np.max(outlook.prices.import_price_eur_per_kwh))
    return EvData(
        member=device.member_index,
        charge_min_kw=min(ev.charge_min_kw, ev.charge_limit_kw),
        charge_limit_kw=ev.charge_limit_kw,
        charge_efficiency_frac=ev.charge_efficiency_frac,
        energy_needed_kwh=energy_needed_kwh(ev, reading),
        departure_step=outlook.last_step_before(departure_utc),
        arrival_step=0,
        shortfall_eur_per_kwh=max(LEAST_SHORTFALL_EUR_PER_KWH, SHORTFALL_FACTOR * dearest),
    )


def energy_needed_kwh(ev: Ev, reading: Reading) -> float:
    """What a plugged car still needs: as its point says, or to be full, or as on a usual day [kWh]."""
    if reading.energy_needed_kwh is not None:
        return reading.energy_needed_kwh
    if reading.soc_frac is not None:
        return (1.0 - reading.soc_frac) * ev.capacity_kwh
    return ev.typical_daily_kwh


def _run_data(device: ControlledDevice, load: ShiftableLoad, reading: Reading, outlook: Outlook) -> RunData:
    length = timedelta(seconds=reading.remaining_s or load.duration_min * 60.0)
    latest_end_utc = reading.latest_end_utc or outlook.next_local_time(load.window_end)
    fine_starts = outlook.steps.starts_utc[: count_fine_steps(outlook)]
    starts = [start for start in fine_starts if start + length <= latest_end_utc]
    # A run that can no longer be finished in time starts as soon as possible.
    options = [outlook.share_of(start, start + length) * load.power_kw for start in starts or fine_starts[:1]]
    return RunData(member=device.member_index, option_kw=np.array(options))


def known_departures(devices: tuple[ControlledDevice, ...], snapshot: Snapshot, zone: ZoneInfo) -> tuple[datetime, ...]:
    """When the cars that are plugged now leave, by what they say or else as usual."""
    found = []
    for device in devices:
        reading = snapshot.fresh.get(device.key)
        if isinstance(device.asset, Ev) and reading is not None and reading.is_plugged:
            usual_utc = next_local_time(snapshot.taken_utc, device.asset.typical_departure, zone)
            found.append(reading.departure_utc or usual_utc)
    return tuple(found)


def count_fine_steps(outlook: Outlook) -> int:
    """Steps up to the first longer one: possible starts of a run; the first may be the rest of an interval."""
    step_h = outlook.steps.step_h
    shortest_h = float(step_h[1]) if len(step_h) > 1 else float(step_h[0])
    return 1 + int(np.cumprod(np.isclose(step_h[1:], shortest_h)).sum())
