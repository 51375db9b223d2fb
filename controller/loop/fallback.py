"""The ladder's rule: without a plan, every battery serves its own home, as it would by itself."""

from __future__ import annotations

from config.members import Battery, Ev, ShiftableLoad
from config.schema import Site
from controller.loop.setpoints import ControlledDevice, DevicePower, bound
from models.domain.setpoint import Reason
from models.domain.snapshot import Snapshot
from models.domain.telemetry import DeviceKey, Reading


def powers_by_rule(
    site: Site, devices: tuple[ControlledDevice, ...], snapshot: Snapshot
) -> tuple[DevicePower, ...]:
    """Self-consumption: batteries take the home's net power to zero, cars charge, runs start.

    Only homes whose meter is fresh are served: a rule that acts on an unknown net power would be a guess.
    """
    meters = meters_by_member(site)
    powers = []
    for device in devices:
        reading = snapshot.fresh.get(device.key)
        readings = [snapshot.fresh.get(key) for key in meters[device.member]]
        if reading is None or any(meter is None or meter.power_kw is None for meter in readings):
            continue
        net_kw = sum(meter.power_kw for meter in readings if meter is not None and meter.power_kw is not None)
        wanted_kw = _wanted_kw(device, reading, net_kw)
        if wanted_kw is not None:
            powers.append(
                DevicePower(
                    device=device.key,
                    member=device.member,
                    power_kw=round(bound(wanted_kw, device), 3),
                    reason=Reason.FALLBACK_RULE,
                )
            )
    return tuple(powers)


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
            if reading.soc_frac is None or reading.power_kw is None:
                return None
            wanted_kw = reading.power_kw - net_kw
            if wanted_kw > 0.0 and reading.soc_frac >= battery.soc_max_frac:
                return 0.0
            if wanted_kw < 0.0 and reading.soc_frac <= battery.soc_min_frac:
                return 0.0
            return wanted_kw
        case Ev() as ev:
            return ev.charge_limit_kw if reading.is_plugged else None
        case ShiftableLoad() as load:
            return load.power_kw if reading.is_requested else None
        case None:
            return None
