"""The ladder's rule: without a plan, every battery serves its own home, as it would by itself.

Cars charge and runs start as far as the limits in force leave room (``rule_sharing``).
"""

from __future__ import annotations

from config.members import Battery
from config.schema import Site
from controller.loop.outlook import PresentLimits
from controller.loop.rule_sharing import share_room
from controller.loop.setpoints import ControlledDevice, DevicePower, bound
from models.domain.setpoint import Reason
from models.domain.snapshot import Snapshot
from models.domain.telemetry import DeviceKey, Reading


def powers_by_rule(
    site: Site, devices: tuple[ControlledDevice, ...], snapshot: Snapshot, limits: PresentLimits
) -> tuple[DevicePower, ...]:
    """Self-consumption: batteries take the home's net power to zero, cars charge, runs start; in the site's order.

    Only homes whose meter is fresh are served: a rule that acts on an unknown net power would be a guess. Nobody goes
    without by a rule: what a demand-response event asked for is not known to it.
    """
    net_kw = _net_by_member(site, snapshot)
    wanted_kw, steady_kw = _serve_homes(devices, snapshot, net_kw)
    wanted_kw |= share_room(site, devices, snapshot, limits, steady_kw)
    return tuple(
        DevicePower(
            device=device.key,
            member=device.member,
            power_kw=bound(round(wanted_kw[device.key], 3), device),
            reason=Reason.FALLBACK_RULE,
        )
        for device in devices
        if device.key in wanted_kw
    )


def _serve_homes(
    devices: tuple[ControlledDevice, ...], snapshot: Snapshot, net_kw: dict[str, float | None]
) -> tuple[dict[DeviceKey, float], dict[str, float | None]]:
    """Power of each battery, and by member the net power that is left where those that discharge are left out [kW]."""
    rest_kw, steady_kw = dict(net_kw), dict(net_kw)
    sent_kw: dict[DeviceKey, float] = {}
    for device in devices:
        reading, home_kw, without_kw = snapshot.fresh.get(device.key), rest_kw[device.member], steady_kw[device.member]
        if not isinstance(device.asset, Battery) or reading is None or home_kw is None or without_kw is None:
            continue
        wanted_kw = _levelling_kw(device.asset, reading, home_kw)
        if wanted_kw is None:
            continue
        power_kw, drawn_kw = bound(round(wanted_kw, 3), device), reading.power_kw or 0.0
        sent_kw[device.key] = power_kw
        # What this battery takes over, the home's next one must not take over again.
        rest_kw[device.member] = home_kw + power_kw - drawn_kw
        steady_kw[device.member] = without_kw + max(power_kw, 0.0) - drawn_kw
    return sent_kw, steady_kw


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


def _levelling_kw(battery: Battery, reading: Reading, net_kw: float) -> float | None:
    """Power with which a battery takes its home to zero; 0 where it is full or empty."""
    if reading.soc_frac is None or reading.power_kw is None:
        return None
    wanted_kw = reading.power_kw - net_kw
    is_full, is_empty = reading.soc_frac >= battery.soc_max_frac, reading.soc_frac <= battery.soc_min_frac
    return 0.0 if (wanted_kw > 0.0 and is_full) or (wanted_kw < 0.0 and is_empty) else wanted_kw
