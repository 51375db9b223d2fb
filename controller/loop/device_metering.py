"""What each battery, car and PV plant did in a closed interval, for the day's settlement."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from config.gateways import Device
from config.schema import Site
from controller.record.quantities import WH_PER_KWH, to_wh
from controller.record.records import DeviceRow
from models.domain.snapshot import MISSING_ENERGY, CountedEnergy, MeterQuality
from models.domain.telemetry import DeviceKey, Reading

KINDS = ("battery", "ev", "pv")


class DeviceMetering:
    """Turns counters and readings of an interval into rows; remembers what the sky offered at its start."""

    def __init__(self, site: Site) -> None:
        """Start without knowing what the sky offers."""
        self._interval_h = site.interval_min / 60.0
        self._capacity_kwh: dict[tuple[str, str], float] = {}
        for member in site.members:
            self._capacity_kwh |= {(member.id, battery.id): battery.capacity_kwh for battery in member.batteries}
            self._capacity_kwh |= {(member.id, car.id): car.capacity_kwh for car in member.evs}
        found = [(DeviceKey(gateway.id, device.id), device) for gateway in site.gateways for device in gateway.devices]
        self._devices = sorted((pair for pair in found if pair[1].kind in KINDS), key=lambda pair: pair[0])
        self._offered_kw: dict[DeviceKey, float] = {}

    def describe(
        self,
        counted: Mapping[DeviceKey, CountedEnergy],
        newest: Mapping[DeviceKey, Reading],
        curtailed: Collection[str],
    ) -> tuple[DeviceRow, ...]:
        """Rows of all devices, by gateway and device.

        Args:
            counted: Energy through every device in the interval.
            newest: Fresh readings of its end; none where it is closed late.
            curtailed: Members whose PV was told to generate less in it.
        """
        rows = tuple(
            self._row(key, device, counted.get(key, MISSING_ENERGY), newest.get(key), curtailed)
            for key, device in self._devices
        )
        self._offered_kw = {
            key: reading.available_kw for key, reading in newest.items() if reading.available_kw is not None
        }
        return rows

    def _row(
        self,
        key: DeviceKey,
        device: Device,
        energy: CountedEnergy,
        reading: Reading | None,
        curtailed: Collection[str],
    ) -> DeviceRow:
        is_known = energy.quality is not MeterQuality.MISSING
        capacity_kwh = self._capacity_kwh.get((device.member or "", device.asset or ""))
        soc_frac = None if reading is None else reading.soc_frac
        return DeviceRow(
            device=key,
            member=device.member or "",
            kind=device.kind,
            import_wh=to_wh(energy.import_kwh) if is_known else None,
            export_wh=to_wh(energy.export_kwh) if is_known else None,
            soc_wh=None if soc_frac is None or capacity_kwh is None else to_wh(soc_frac * capacity_kwh),
            is_plugged=None if reading is None else reading.is_plugged,
            curtailed_wh=self._curtailed_wh(key, device, energy, reading, curtailed) if is_known else None,
        )

    def _curtailed_wh(
        self,
        key: DeviceKey,
        device: Device,
        energy: CountedEnergy,
        reading: Reading | None,
        curtailed: Collection[str],
    ) -> int | None:
        """What the sky offered at the interval's two ends, on average, beyond what was generated."""
        if device.kind != "pv" or device.member not in curtailed:
            return 0 if device.kind == "pv" else None
        ends = [self._offered_kw.get(key), None if reading is None else reading.available_kw]
        known = [offered_kw for offered_kw in ends if offered_kw is not None]
        if not known:
            return None
        offered_kwh = sum(known) / len(known) * self._interval_h
        return max(0, round(WH_PER_KWH * (offered_kwh - energy.export_kwh)))
