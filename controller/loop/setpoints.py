"""From a plan's first step to what each device is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.members import Battery, CurtailableLoad, Ev, Member, ShiftableLoad
from config.schema import Site
from models.domain.setpoint import Reason
from models.domain.telemetry import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePower:
    """What one device should do until the next plan."""

    device: DeviceKey
    member: str
    power_kw: float
    """As in ``models.domain.setpoint.Setpoint`` [kW]."""
    reason: Reason
    held_back_kw: float = 0.0
    """A curtailable load only: how far this is below what it was expected to draw [kW]."""


Asset = Battery | Ev | ShiftableLoad | CurtailableLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlledDevice:
    """A device that takes setpoints, with its rating."""

    key: DeviceKey
    member: str
    member_index: int
    asset: Asset | None
    """``None`` for a PV inverter."""
    lowest_kw: float
    highest_kw: float


def controlled_devices(site: Site) -> tuple[ControlledDevice, ...]:
    """All devices that take setpoints, in the site's order of gateways and devices."""
    members = {member.id: (index, member) for index, member in enumerate(site.members)}
    found = []
    for gateway in site.gateways:
        for device in gateway.devices:
            if device.member is None or device.kind == "meter":
                continue
            index, member = members[device.member]
            asset = None if device.kind == "pv" else _assets(member)[device.asset or ""]
            lowest_kw, highest_kw = _rating(member, asset)
            found.append(
                ControlledDevice(
                    key=DeviceKey(gateway.id, device.id),
                    member=member.id,
                    member_index=index,
                    asset=asset,
                    lowest_kw=lowest_kw,
                    highest_kw=highest_kw,
                )
            )
    return tuple(found)


def _assets(member: Member) -> Mapping[str, Asset]:
    assets: tuple[Asset, ...] = (
        *member.batteries,
        *member.evs,
        *member.shiftable_loads,
        *member.curtailable_loads,
    )
    return {asset.id: asset for asset in assets}


def _rating(member: Member, asset: Asset | None) -> tuple[float, float]:
    match asset:
        case Battery():
            return -asset.discharge_limit_kw, asset.charge_limit_kw
        case Ev():
            return 0.0, asset.charge_limit_kw
        case ShiftableLoad() | CurtailableLoad():
            return 0.0, asset.power_kw
        case None:
            return -member.pv_kwp, 0.0


def bound(power_kw: float, device: ControlledDevice) -> float:
    """Power brought inside the device's rating; a car's power below its least current becomes 0."""
    bounded_kw = min(max(power_kw, device.lowest_kw), device.highest_kw)
    if isinstance(device.asset, Ev):
        # The solver's tolerance must not cost a car its least current.
        least_kw = min(device.asset.charge_min_kw, device.highest_kw)
        return 0.0 if bounded_kw < least_kw * 0.999 else max(bounded_kw, least_kw)
    return bounded_kw
