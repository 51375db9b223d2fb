"""What cars and appliance runs may take under the rule: what their homes' connections and the community's leave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.members import Ev, ShiftableLoad
from config.schema import Site
from controller.loop.device_data import energy_needed_kwh
from controller.loop.outlook import PresentLimits, next_local_time
from controller.loop.setpoints import ControlledDevice
from models.domain.snapshot import Snapshot
from models.domain.telemetry import DeviceKey, Reading

WATTS_PER_KW = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A car that could charge or a run that could start."""

    device: ControlledDevice
    wanted_kw: float
    least_kw: float
    """Below it, nothing."""
    drawn_kw: float
    """What it draws already; 0 where it does not say."""
    need_frac: float
    """Part of its full power that it needs from now on to be done in time: 1 and more is urgent."""


def share_room(
    site: Site,
    devices: tuple[ControlledDevice, ...],
    snapshot: Snapshot,
    limits: PresentLimits,
    net_kw: Mapping[str, float | None],
) -> dict[DeviceKey, float]:
    """Power of each plugged car and requested run of the homes whose net power is known [kW].

    A car gets what its home's connection leaves, at most its full power, and waits where that is below its least
    current; a run starts only with its whole power. Where the community's limit does not do for all, those come first
    that need most: by the part of their full power that they need to be done in time, then in the site's order. Without
    grid nobody charges or starts, and a charging point without a car waits too.

    Args:
        site: The site.
        devices: Devices that take setpoints.
        snapshot: What the cycle sees.
        limits: Of the community's connection, now.
        net_kw: By member, with the rule's batteries, as if those that discharge did not: they may run empty. ``None``:
            unknown; such a member counts with all that its connection lets it draw.
    """
    known = [device for device in devices if net_kw[device.member] is not None and device.key in snapshot.fresh]
    wishes = [wish for device in known if (wish := _wish(site, device, snapshot)) is not None]
    if limits.is_islanded:
        points = [device.key for device in known if isinstance(device.asset, Ev)]
        return dict.fromkeys([*points, *(wish.device.key for wish in wishes)], 0.0)
    room_kw = {
        member.id: member.import_limit_kw - (known_kw if (known_kw := net_kw[member.id]) is not None else math.inf)
        for member in site.members
    }
    community_kw = limits.import_kw - sum(
        member.import_limit_kw if (known_kw := net_kw[member.id]) is None else known_kw for member in site.members
    )
    for wish in wishes:
        room_kw[wish.device.member] += wish.drawn_kw
        community_kw += wish.drawn_kw
    granted_kw = {}
    for wish in sorted(wishes, key=lambda one: -one.need_frac):
        most_kw = min(wish.wanted_kw, room_kw[wish.device.member], community_kw)
        power_kw = _whole_watts(most_kw) if most_kw >= wish.least_kw else 0.0
        granted_kw[wish.device.key] = power_kw
        room_kw[wish.device.member] -= power_kw
        community_kw -= power_kw
    return granted_kw


def _wish(site: Site, device: ControlledDevice, snapshot: Snapshot) -> _Wish | None:
    reading = snapshot.fresh.get(device.key)
    match device.asset:
        case Ev() as ev if reading is not None and reading.is_plugged:
            usual_utc = next_local_time(snapshot.taken_utc, ev.typical_departure, site.zone)
            full_h = energy_needed_kwh(ev, reading) / (ev.charge_efficiency_frac * ev.charge_limit_kw)
            return _Wish(
                device=device,
                wanted_kw=ev.charge_limit_kw,
                least_kw=min(ev.charge_min_kw, ev.charge_limit_kw),
                drawn_kw=max(0.0, reading.power_kw or 0.0),
                need_frac=_need_frac(full_h, snapshot.taken_utc, reading.departure_utc or usual_utc),
            )
        case ShiftableLoad() as load if reading is not None and reading.is_requested and not reading.is_running:
            return _Wish(
                device=device,
                wanted_kw=load.power_kw,
                least_kw=load.power_kw,
                drawn_kw=0.0,
                need_frac=_run_need_frac(site, load, reading, snapshot.taken_utc),
            )
        case _:
            return None


def _run_need_frac(site: Site, load: ShiftableLoad, reading: Reading, now_utc: datetime) -> float:
    latest_utc = reading.latest_end_utc or next_local_time(now_utc, load.window_end, site.zone)
    length = timedelta(seconds=reading.remaining_s or load.duration_min * 60.0)
    return _need_frac(length / timedelta(hours=1), now_utc, latest_utc)


def _need_frac(full_h: float, now_utc: datetime, until_utc: datetime) -> float:
    left_h = (until_utc - now_utc) / timedelta(hours=1)
    if full_h <= 0.0:
        return 0.0
    return full_h / left_h if left_h > 0.0 else math.inf


def _whole_watts(power_kw: float) -> float:
    # Rounded down, so that no limit is exceeded by rounding; the addend undoes what binary fractions lack.
    return math.floor(power_kw * WATTS_PER_KW + 1e-6) / WATTS_PER_KW
