"""The register of devices: who owns each, what it may be told, and what it may credibly say.

Built from the site file alone; nothing that a device sends can change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from config.gateways import Device, DeviceKind
from config.members import Battery, CurtailableLoad, Ev, Member, ShiftableLoad
from config.schema import Site
from models.domain.errors import DeviceError
from models.domain.telemetry import DeviceKey, Reading

ASSET_MARGIN = 1.2
"""Power readings up to this multiple of an asset's rating are believed: inverters peak, ratings are rounded."""
CONNECTION_MARGIN = 1.5
"""Power readings up to this multiple of a connection limit are believed: fuses carry more for minutes."""
STANDBY_KW = 0.1
"""[kW] Any device may draw or give this much beside its rating: electronics, noise."""
ENERGY_MARGIN = 1.3
"""Energy asked for up to this multiple of a car's capacity is believed: charging losses."""

_Asset = Battery | Ev | ShiftableLoad | CurtailableLoad

_COUNTERS = frozenset({"power_kw", "import_kwh_total", "export_kwh_total"})
FIELDS: Mapping[DeviceKind, frozenset[str]] = MappingProxyType(
    {
        "meter": _COUNTERS,
        "community_meter": _COUNTERS,
        "pv": _COUNTERS | {"available_kw"},
        "battery": _COUNTERS | {"soc_frac"},
        "ev": _COUNTERS | {"soc_frac", "is_plugged", "energy_needed_kwh", "departure_utc"},
        "shiftable_load": _COUNTERS | {"is_requested", "is_running", "remaining_s", "latest_end_utc"},
        "curtailable_load": _COUNTERS,
    }
)
"""What a device of each kind may report."""
ALL_FIELDS = tuple(sorted(frozenset[str]().union(*FIELDS.values())))


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRange:
    """A closed range of net powers [kW]."""

    low_kw: float
    high_kw: float

    def holds(self, power_kw: float) -> bool:
        """Whether a power [kW] lies within; NaN does not."""
        return self.low_kw <= power_kw <= self.high_kw


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredDevice:
    """One device of the site, with its bounds."""

    key: DeviceKey
    kind: DeviceKind
    member: str | None
    """Id of the owner; ``None`` for the community's own meter."""
    asset: str | None
    """Id of the owner's battery, EV, shiftable load or curtailable load."""
    credible: PowerRange
    """Powers that a reading may have."""
    rating: PowerRange | None
    """Powers that a setpoint may have; ``None``: takes no setpoints."""
    smallest_kw: float = 0.0
    """EV: least power of a running charge; a setpoint is 0 or at least this [kW]."""
    capacity_kwh: float | None = None
    """Battery and EV [kWh]."""

    def finds_wrong(self, reading: Reading) -> str | None:
        """The first field of a reading that this device cannot credibly say, or ``None``."""
        allowed = FIELDS[self.kind]
        for name in ALL_FIELDS:
            if name not in allowed and getattr(reading, name) is not None:
                return f"{name}: not said by a {self.kind}"
        if reading.power_kw is not None and not self.credible.holds(reading.power_kw):
            return "power_kw"
        if reading.available_kw is not None and not 0.0 <= reading.available_kw <= -self.credible.low_kw:
            return "available_kw"
        if reading.soc_frac is not None and not 0.0 <= reading.soc_frac <= 1.0:
            return "soc_frac"
        needed_kwh = reading.energy_needed_kwh
        if needed_kwh is not None and not 0.0 <= needed_kwh <= ENERGY_MARGIN * (self.capacity_kwh or 0.0):
            return "energy_needed_kwh"
        return None

    def allows(self, power_kw: float) -> bool:
        """Whether a setpoint may have this power [kW]; NaN and infinity never."""
        if self.rating is None:
            return False
        on_wire_kw = round(power_kw, 6) if abs(power_kw) < 1e9 else power_kw
        if not self.rating.holds(on_wire_kw):
            return False
        return on_wire_kw == 0.0 or abs(on_wire_kw) >= self.smallest_kw


class DeviceRegistry:
    """All devices of a site, by their address."""

    def __init__(self, site_id: str, devices: tuple[RegisteredDevice, ...]) -> None:
        """Register devices.

        Args:
            site_id: Id of the community, the topic level after the version.
            devices: In the site file's order.

        Raises:
            DeviceError: Two devices have one address.
        """
        self.site_id = site_id
        self._devices: dict[DeviceKey, RegisteredDevice] = {}
        for device in devices:
            if device.key in self._devices:
                raise DeviceError(f"two devices have the address {device.key}; each needs its own")
            self._devices[device.key] = device

    @classmethod
    def from_site(cls, site: Site) -> DeviceRegistry:
        """Register the devices of a site file.

        Raises:
            DeviceError: A device names a member or asset that does not exist, or two have one address.
        """
        members = {member.id: member for member in site.members}
        devices = [
            _register(DeviceKey(gateway=gateway.id, device=device.id), device, members, site)
            for gateway in site.gateways
            for device in gateway.devices
        ]
        return cls(site.community.id, tuple(devices))

    def __len__(self) -> int:
        return len(self._devices)

    def __iter__(self) -> Iterator[RegisteredDevice]:
        return iter(self._devices.values())

    def find(self, key: DeviceKey) -> RegisteredDevice | None:
        """The device at an address, or ``None``."""
        return self._devices.get(key)

    def get(self, key: DeviceKey) -> RegisteredDevice:
        """The device at an address.

        Raises:
            DeviceError: There is none.
        """
        device = self._devices.get(key)
        if device is None:
            raise DeviceError(f"no device has the address {key}; the site file names {len(self._devices)} devices")
        return device


def _register(key: DeviceKey, device: Device, members: Mapping[str, Member], site: Site) -> RegisteredDevice:
    community = site.community
    if device.kind == "community_meter":
        credible = _around(community.export_limit_kw, community.import_limit_kw, CONNECTION_MARGIN)
        return RegisteredDevice(key=key, kind=device.kind, member=None, asset=None, credible=credible, rating=None)
    member = members.get(device.member or "")
    if member is None:
        raise DeviceError(f"device {key}: there is no member {device.member!r}")
    if device.kind == "meter":
        credible = _around(member.export_limit_kw, member.import_limit_kw, CONNECTION_MARGIN)
        return RegisteredDevice(key=key, kind=device.kind, member=member.id, asset=None, credible=credible, rating=None)
    if device.kind == "pv":
        # A limit on generation may lie above the modules' peak: it then limits nothing.
        most_kw = ASSET_MARGIN * member.pv_kwp
        return RegisteredDevice(
            key=key,
            kind=device.kind,
            member=member.id,
            asset=None,
            credible=_around(member.pv_kwp, 0.0, ASSET_MARGIN),
            rating=PowerRange(low_kw=-most_kw, high_kw=0.0),
        )
    return _register_asset(key, device, member)


def _register_asset(key: DeviceKey, device: Device, member: Member) -> RegisteredDevice:
    match _asset_of(key, device, member):
        case Battery() as battery:
            low_kw, high_kw, smallest_kw = -battery.discharge_limit_kw, battery.charge_limit_kw, 0.0
            capacity_kwh: float | None = battery.capacity_kwh
        case Ev() as ev:
            low_kw, high_kw, smallest_kw, capacity_kwh = 0.0, ev.charge_limit_kw, ev.charge_min_kw, ev.capacity_kwh
        # A curtailable load's setpoint is the most that it may draw: 0 switches it off, its rating limits nothing.
        case load:
            low_kw, high_kw, smallest_kw, capacity_kwh = 0.0, load.power_kw, 0.0, None
    return RegisteredDevice(
        key=key,
        kind=device.kind,
        member=member.id,
        asset=device.asset,
        credible=_around(-low_kw, high_kw, ASSET_MARGIN),
        rating=PowerRange(low_kw=low_kw, high_kw=high_kw),
        smallest_kw=smallest_kw,
        capacity_kwh=capacity_kwh,
    )


def _asset_of(key: DeviceKey, device: Device, member: Member) -> _Asset:
    assets: tuple[_Asset, ...]
    match device.kind:
        case "battery":
            assets = member.batteries
        case "ev":
            assets = member.evs
        case "curtailable_load":
            assets = member.curtailable_loads
        case _:
            assets = member.shiftable_loads
    for asset in assets:
        if asset.id == device.asset:
            return asset
    raise DeviceError(f"device {key}: member {member.id!r} has no {device.kind} {device.asset!r}")


def _around(out_kw: float, in_kw: float, margin: float) -> PowerRange:
    return PowerRange(low_kw=-(margin * out_kw + STANDBY_KW), high_kw=margin * in_kw + STANDBY_KW)
