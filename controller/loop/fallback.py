"""The ladder's rule: without a plan, every battery serves its own home, as it would by itself."""

from __future__ import annotations

from config.members import Battery, CurtailableLoad, Ev, ShiftableLoad
from config.schema import Site
from controller.loop.setpoints import ControlledDevice, DevicePower, bound
from models.domain.setpoint import Reason
from models.domain.snapshot import Snapshot
from models.domain.telemetry import DeviceKey, Reading


def powers_by_rule(site: Site, devices: tuple[ControlledDevice, ...], snapshot: Snapshot) -> tuple[DevicePower, ...]:
    """Self-consumption: batteries take the home's net power to zero, cars charge, runs start.

    Only homes whose meter is fresh are served: a rule that acts on an unknown net power would be a guess.
    """
    net_kw = _net_by_member(site, snapshot)
    powers = []
    for device in devices:
        reading, home_kw = snapshot.fresh.get(device.key), net_kw[device.member]
        if reading is None or home_kw is None:
            continue
        wanted_kw = _wanted_kw(device, reading, home_kw)
        if wanted_kw is None:
            continue
        power_kw = bound(round(wanted_kw, 3), device)
        powers.append(
            DevicePower(device=device.key, member=device.member, power_kw=power_kw, reason=Reason.FALLBACK_RULE)
        )
        if isinstance(device.asset, Battery):
            # What this battery takes over, the home's next one must not take over again.
            net_kw[device.member] = home_kw + power_kw - (reading.power_kw or 0.0)
    return tuple(powers)


def _net_by_member(site: Site, snapshot: Snapshot) -> dict[str, float | None]:
    """Net power at each member's meters [kW]; ``None`` where it is not known of all of them."""
    net_kw: dict[str, float | None] = {}
    for member, keys in meters_by_member(site).items():
        readings = [snapshot.fresh.get(key) for key in keys]
        known_kw = [meter.power_kw for meter in readings if meter is not None and meter.power_kw is not None]
        net_kw[member] = sum(known_kw) if keys and len(known_kw) == len(keys) else None
    return net_kw


def meters_by_member(site: Site) -> dict[str, list[DeviceKey]]:
    """Keys of every member's own meters."""
    meters: dict[str, list[DeviceKey]] = {member.id: [] for member in site.members}
    for gateway in site.gateways:
        for device in gateway.devices:
            if device.kind == "meter" and device.member is not None:
                meters[device.member].append(DeviceKey(gateway.id, device.id))
    return meters


def _wanted_kw(device: ControlledDevice, reading: Reading, net_kw: float) -> float | None:
    match device.asset:
        case Battery() as battery:
            return _levelling_kw(battery, reading, net_kw)
        case Ev() as ev:
            return ev.charge_limit_kw if reading.is_plugged else None
        case ShiftableLoad() as load:
            return load.power_kw if reading.is_requested else None
        case CurtailableLoad() | None:
            # Nobody goes without by a rule: what the event asked for is not known to it.
            return None


def _levelling_kw(battery: Battery, reading: Reading, net_kw: float) -> float | None:
    """Power with which a battery takes its home to zero; 0 where it is full or empty."""
    if reading.soc_frac is None or reading.power_kw is None:
        return None
    wanted_kw = reading.power_kw - net_kw
    is_full, is_empty = reading.soc_frac >= battery.soc_max_frac, reading.soc_frac <= battery.soc_min_frac
    return 0.0 if (wanted_kw > 0.0 and is_full) or (wanted_kw < 0.0 and is_empty) else wanted_kw
