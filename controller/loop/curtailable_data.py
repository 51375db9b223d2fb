"""What the dispatch problem needs to know of each load that an event allows to be held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from config.members import CurtailableLoad
from controller.loop.held_back import Cap, HeldBackAccount
from controller.loop.outlook import Outlook
from controller.loop.setpoints import ControlledDevice
from models.dispatch.problem import CurtailableData
from models.domain.arrays import FloatArray, freeze
from models.domain.demand_response import find_open_steps, find_remaining, limit_to_demand, number_days
from models.domain.interval import Span
from models.domain.snapshot import Snapshot
from models.domain.telemetry import DeviceKey, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSoFar:
    """What a plan has to know of earlier plans' curtailment."""

    caps: Mapping[DeviceKey, Cap] = field(default_factory=dict)
    """Setpoints in force that hold a load back."""
    by_day_kwh: Mapping[DeviceKey, Mapping[date, float]] = field(default_factory=dict)
    """Held back on each local day."""
    running_kwh: FloatArray | None = None
    """[N] held back since the running interval began; unset: nothing."""


NOTHING_HELD = HeldSoFar()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curtailable:
    """Loads that take part in a plan, each with its row of the problem, in the site's order."""

    devices: tuple[ControlledDevice, ...]
    data: tuple[CurtailableData, ...]
    demand_kw: FloatArray
    """[N, T] demand that they are a part of."""


def look_back(
    account: HeldBackAccount, caps: Mapping[DeviceKey, Cap], devices: tuple[ControlledDevice, ...], snapshot: Snapshot
) -> HeldSoFar:
    """What the store and the setpoints in force say when a cycle freezes."""
    loads = [device for device in devices if isinstance(device.asset, CurtailableLoad)]
    if not loads:
        return NOTHING_HELD
    running = Span(start_utc=snapshot.interval_start_utc, end_utc=snapshot.taken_utc)
    return HeldSoFar(
        caps=caps,
        by_day_kwh={device.key: account.by_day(device.key) for device in loads},
        running_kwh=account.by_member(running),
    )


def collect_curtailable(
    devices: tuple[ControlledDevice, ...],
    snapshot: Snapshot,
    outlook: Outlook,
    demand_kw: FloatArray,
    held: HeldSoFar,
) -> Curtailable:
    """Loads that say what they draw, where an event opens any step; none elsewhere.

    Of one that does not say it nobody would know what a cap takes from it, nor what to book on its day's limit.

    Args:
        devices: Devices that take setpoints.
        snapshot: What the cycle sees.
        outlook: Steps, events and forecasts.
        demand_kw: [N, T] forecast of the demand that the loads are a part of, as if none were held back.
        held: What was held back so far, and is at the moment.
    """
    is_open = find_open_steps(outlook.events, outlook.steps)
    loads = [
        (device, device.asset)
        for device in devices
        if isinstance(device.asset, CurtailableLoad) and _says_power(snapshot.fresh.get(device.key))
    ]
    if not loads or not is_open.any():
        return Curtailable(devices=(), data=(), demand_kw=demand_kw)
    members = [device.member_index for device, _ in loads]
    wanted_kw = np.array(
        [
            _wanted_kw(load, snapshot.fresh[device.key], demand_kw[device.member_index], held.caps.get(device.key))
            for device, load in loads
        ]
    )
    demand_kw = demand_kw.copy()
    # What loads are seen to draw is demand, whatever was forecast: a cap below a power that is too small cuts too deep.
    demand_kw[:, 0] = np.maximum(demand_kw[:, 0], np.bincount(members, wanted_kw[:, 0], minlength=len(demand_kw)))
    wanted_kw = limit_to_demand(wanted_kw, members, demand_kw)
    day, days = number_days(outlook.steps, outlook.zone)
    data = tuple(
        CurtailableData(
            member=device.member_index,
            wanted_kw=freeze(wanted_kw[row]),
            is_open=is_open,
            discomfort_eur_per_kwh=load.discomfort_eur_per_kwh,
            day=day,
            limit_kwh=find_remaining(load.limit_kwh_per_day, held.by_day_kwh.get(device.key, {}), days),
        )
        for row, (device, load) in enumerate(loads)
    )
    return Curtailable(devices=tuple(device for device, _ in loads), data=data, demand_kw=demand_kw)


def wanted_now_kw(load: CurtailableLoad, reading: Reading, cap: Cap | None) -> float | None:
    """What a load draws, or would draw without the cap that holds it back [kW]; ``None``: it does not say."""
    if reading.power_kw is None:
        return None
    held_kw = cap.held_back_kw if cap is not None and cap.is_kept(reading) else 0.0
    return min(max(reading.power_kw + held_kw, 0.0), load.power_kw)


def _says_power(reading: Reading | None) -> bool:
    return reading is not None and reading.power_kw is not None


def _wanted_kw(load: CurtailableLoad, reading: Reading, demand_kw: FloatArray, cap: Cap | None) -> FloatArray:
    """[T] its usual share of the demand; now what it draws, or drew before it was held back."""
    wanted_kw = np.clip(load.typical_share_frac * demand_kw, 0.0, load.power_kw)
    now_kw = wanted_now_kw(load, reading, cap)
    if now_kw is not None:
        wanted_kw[0] = now_kw
    return wanted_kw
