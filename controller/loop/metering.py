"""From devices' counters to each member's energies of a closed interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.members import Battery
from config.schema import Site
from models.domain.snapshot import MISSING_ENERGY, CountedEnergy, MeterQuality
from models.domain.telemetry import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberEnergy:
    """One member's energies of one interval, all >= 0 [kWh]."""

    import_kwh: float
    """E+: drawn at the connection."""
    export_kwh: float
    """E-: given at the connection."""
    pv_kwh: float
    charge_kwh: float
    """Into batteries, at their terminals."""
    discharge_kwh: float
    ev_kwh: float
    run_kwh: float
    """Shiftable loads."""
    quality: MeterQuality
    """Of the meters; with ``MISSING`` the energies are no measurement."""
    has_all_devices: bool
    """Whether every device behind the meter was counted, so that the demand is known."""
    span_h: float = 0.0
    """Time that the meters counted over [h]."""

    @property
    def demand_kwh(self) -> float:
        """Demand without batteries, cars and shiftable loads; what the balance at the connection leaves.

        Curtailable loads are a part of it.
        """
        net_kwh = self.import_kwh - self.export_kwh
        behind_kwh = self.charge_kwh - self.discharge_kwh + self.ev_kwh + self.run_kwh - self.pv_kwh
        return max(0.0, net_kwh - behind_kwh)

    @property
    def consumption_kwh(self) -> float:
        """Demand, cars, shiftable loads and charging [kWh]."""
        return self.demand_kwh + self.ev_kwh + self.run_kwh + self.charge_kwh


def meter_batteries(site: Site, counted: Mapping[DeviceKey, CountedEnergy]) -> tuple[CountedEnergy, ...]:
    """Energy through every battery, in the order of ``batteries_of``."""
    return tuple(counted.get(key, MISSING_ENERGY) for key, _, _ in batteries_of(site))


def batteries_of(site: Site) -> tuple[tuple[DeviceKey, int, Battery], ...]:
    """Every battery's device, its owner's index and its description, in the site's order of gateways."""
    members = {member.id: (index, member) for index, member in enumerate(site.members)}
    found = []
    for gateway in site.gateways:
        for device in gateway.devices:
            if device.kind == "battery" and device.member is not None:
                index, member = members[device.member]
                battery = next(asset for asset in member.batteries if asset.id == device.asset)
                found.append((DeviceKey(gateway.id, device.id), index, battery))
    return tuple(found)


def meter_interval(site: Site, counted: Mapping[DeviceKey, CountedEnergy]) -> tuple[MemberEnergy, ...]:
    """Energies of every member, in the site's order.

    Args:
        site: The site; it says who owns which device.
        counted: Energy through each device in the interval; a device that is not named counts as missing.
    """
    behind: dict[str, list[tuple[str, CountedEnergy]]] = {member.id: [] for member in site.members}
    for gateway in site.gateways:
        for device in gateway.devices:
            if device.member is not None:
                energy = counted.get(DeviceKey(gateway.id, device.id), MISSING_ENERGY)
                behind[device.member].append((device.kind, energy))
    return tuple(_member_energy(behind[member.id]) for member in site.members)


def _member_energy(devices: list[tuple[str, CountedEnergy]]) -> MemberEnergy:
    def total(kind: str, *, of_import: bool) -> float:
        return sum(
            energy.import_kwh if of_import else energy.export_kwh
            for device_kind, energy in devices
            if device_kind == kind
        )

    meters = [energy.quality for kind, energy in devices if kind == "meter"]
    # A curtailable load is a part of the demand: that it is not counted leaves nothing unknown.
    others = [energy.quality for kind, energy in devices if kind not in ("meter", "curtailable_load")]
    return MemberEnergy(
        import_kwh=total("meter", of_import=True),
        export_kwh=total("meter", of_import=False),
        pv_kwh=total("pv", of_import=False),
        charge_kwh=total("battery", of_import=True),
        discharge_kwh=total("battery", of_import=False),
        ev_kwh=total("ev", of_import=True),
        run_kwh=total("shiftable_load", of_import=True),
        quality=_worst(meters),
        has_all_devices=MeterQuality.MISSING not in others,
        span_h=max((energy.span_s for kind, energy in devices if kind == "meter"), default=0.0) / 3600.0,
    )


def _worst(qualities: list[MeterQuality]) -> MeterQuality:
    for quality in (MeterQuality.MISSING, MeterQuality.INTERPOLATED):
        if quality in qualities:
            return quality
    return MeterQuality.MEASURED if qualities else MeterQuality.MISSING
