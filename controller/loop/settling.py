"""Closes intervals: metered energy to shared energy, colours and provisional money of each member."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from config.schema import Site
from controller.loop.device_metering import DeviceMetering
from controller.loop.metering import MemberEnergy, batteries_of, meter_batteries, meter_interval
from controller.record.quantities import to_micro, to_wh
from controller.record.records import AllocationRow, MeteredRow, Prices, SettledInterval
from models.domain.arrays import FloatArray, IntArray
from models.domain.snapshot import CountedEnergy, MeterQuality
from models.domain.telemetry import DeviceKey, Reading
from models.settlement.colours import (
    BatteryTraits,
    ColouredInterval,
    HomeFlows,
    colour_interval,
    store_unknown,
)
from models.settlement.prices import IntervalPrices, price_intervals
from models.settlement.provisional import ProvisionalMoney, settle_provisionally
from models.settlement.sharing import SharedEnergy, SharingKey, share_energy

WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceNow:
    """Prices in force during one interval [currency/kWh]."""

    import_eur_per_kwh: float
    export_eur_per_kwh: float
    local_eur_per_kwh: float
    is_islanded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedInterval:
    """One interval settled, with what the forecast learns from it."""

    settled: SettledInterval
    energies: tuple[MemberEnergy, ...]


class IntervalSettler:
    """Settles one interval after the other and carries the batteries' colours from each to the next."""

    def __init__(self, site: Site) -> None:
        """Start with batteries whose contents are of unknown origin, counted as grid energy."""
        self._site = site
        self._devices = DeviceMetering(site)
        self._batteries = batteries_of(site)
        self._traits = BatteryTraits(
            member=np.array([index for _, index, _ in self._batteries], dtype=np.int64),
            charge_efficiency_frac=np.array([asset.charge_efficiency_frac for _, _, asset in self._batteries]),
            discharge_efficiency_frac=np.array([asset.discharge_efficiency_frac for _, _, asset in self._batteries]),
        )
        self._stored_wh: FloatArray | None = None
        shares = site.sharing.static_shares
        self._static = None if shares is None else [shares.get(member.id, 0.0) for member in site.members]

    def close(
        self,
        start_utc: datetime,
        counted: Mapping[DeviceKey, CountedEnergy],
        newest: Mapping[DeviceKey, Reading],
        price: PriceNow,
        weights: FloatArray,
        curtailed: Collection[str] = (),
    ) -> ClosedInterval:
        """Settle the interval that began at ``start_utc``.

        Args:
            start_utc: Start of the interval.
            counted: Energy through every device in it.
            newest: Fresh readings, for the batteries' state of charge at its end.
            price: Prices in force.
            weights: [N] weights in force, for the ``equity`` key.
            curtailed: Members whose PV was limited in it.
        """
        energies = meter_interval(self._site, counted)
        prices = price_intervals(
            [price.import_eur_per_kwh],
            [price.export_eur_per_kwh],
            self._site.tariff.network_fee_eur_per_kwh,
            is_islanded=[price.is_islanded],
            islanded_eur_per_kwh=self._site.tariff.islanded_price_eur_per_kwh,
        )
        shared = self._share(energies, prices, weights)
        money = settle_provisionally(shared, prices, np.array([price.local_eur_per_kwh]))
        coloured = self._colour(energies, meter_batteries(self._site, counted), newest, shared)
        settled = SettledInterval(
            start_utc=start_utc,
            duration_s=self._site.interval_min * 60,
            key=self._site.sharing.key,
            prices=self._prices(price),
            metered=tuple(
                _metered_row(member.id, energy) for member, energy in zip(self._site.members, energies, strict=True)
            ),
            allocations=self._allocations(energies, shared, money, coloured, weights, price),
            devices=self._devices.describe(counted, newest, curtailed),
        )
        return ClosedInterval(settled=settled, energies=energies)

    def _share(self, energies: Sequence[MemberEnergy], prices: IntervalPrices, weights: FloatArray) -> SharedEnergy:
        return share_energy(
            _column(energies, "import_kwh"),
            _column(energies, "export_kwh"),
            SharingKey(self._site.sharing.key),
            weight=weights,
            need=[member.persons for member in self._site.members],
            static_share=self._static,
            is_open=prices.is_open,
        )

    def _colour(
        self,
        energies: Sequence[MemberEnergy],
        batteries: Sequence[CountedEnergy],
        newest: Mapping[DeviceKey, Reading],
        shared: SharedEnergy,
    ) -> ColouredInterval:
        soc_wh = np.array([self._soc_wh(key, asset.capacity_kwh, newest) for key, _, asset in self._batteries])
        stored_wh = self._stored_wh if self._stored_wh is not None else store_unknown(np.nan_to_num(soc_wh))
        flows = HomeFlows(
            import_wh=shared.import_wh[:, 0].astype(np.float64),
            export_wh=shared.export_wh[:, 0].astype(np.float64),
            received_wh=shared.received_wh[:, 0].astype(np.float64),
            supplied_wh=shared.supplied_wh[:, 0].astype(np.float64),
            pv_wh=np.array([WH_PER_KWH * energy.pv_kwh for energy in energies]),
            charged_wh=np.array([WH_PER_KWH * battery.import_kwh for battery in batteries]),
            discharged_wh=np.array([WH_PER_KWH * battery.export_kwh for battery in batteries]),
        )
        coloured = colour_interval(flows, self._traits, stored_wh, soc_wh)
        self._stored_wh = coloured.stored_wh
        return coloured

    def _soc_wh(self, key: DeviceKey, capacity_kwh: float, newest: Mapping[DeviceKey, Reading]) -> float:
        reading = newest.get(key)
        if reading is None or reading.soc_frac is None:
            return float("nan")
        return reading.soc_frac * capacity_kwh * WH_PER_KWH

    def _prices(self, price: PriceNow) -> Prices:
        return Prices(
            import_micro_per_kwh=to_micro(price.import_eur_per_kwh),
            export_micro_per_kwh=to_micro(price.export_eur_per_kwh),
            network_fee_micro_per_kwh=to_micro(self._site.tariff.network_fee_eur_per_kwh),
            local_micro_per_kwh=to_micro(price.local_eur_per_kwh),
            is_islanded=price.is_islanded,
        )

    def _allocations(
        self,
        energies: Sequence[MemberEnergy],
        shared: SharedEnergy,
        money: ProvisionalMoney,
        coloured: ColouredInterval,
        weights: FloatArray,
        price: PriceNow,
    ) -> tuple[AllocationRow, ...]:
        rows = []
        for index, (member, energy) in enumerate(zip(self._site.members, energies, strict=True)):
            if energy.quality is MeterQuality.MISSING:
                continue
            received_wh = int(shared.received_wh[index, 0])
            sold_wh = int(shared.supplied_wh[index, 0])
            import_wh = int(shared.import_wh[index, 0])
            # Whole watt-hours; meters that disagree by less than their resolution must not give a negative part.
            own_wh = max(0, round(float(coloured.consumption_wh[index].sum())) - import_wh)
            use_wh = min(own_wh + import_wh, round(float(coloured.use_wh[index].sum())))
            local = price.local_eur_per_kwh
            fee = self._site.tariff.network_fee_eur_per_kwh
            rows.append(
                AllocationRow(
                    member=member.id,
                    shared_wh=received_wh,
                    sold_wh=sold_wh,
                    own_wh=own_wh,
                    community_wh=received_wh,
                    grid_wh=import_wh - received_wh,
                    use_wh=use_wh,
                    renewable_wh=min(use_wh, round(float(coloured.renewable_use_wh[index]))),
                    value_micro=to_micro((sold_wh * local - received_wh * (local + fee)) / WH_PER_KWH),
                    billed_micro=to_micro(float(money.cost_eur[index, 0])),
                    weight=float(weights[index]),
                )
            )
        return tuple(rows)


def _column(energies: Sequence[MemberEnergy], name: str) -> IntArray:
    """[N, 1] whole watt-hours; what is missing counts as nothing, and its member gets no allocation."""
    values = [0 if energy.quality is MeterQuality.MISSING else to_wh(getattr(energy, name)) for energy in energies]
    return np.array(values, dtype=np.int64)[:, None]


def _metered_row(member: str, energy: MemberEnergy) -> MeteredRow:
    if energy.quality is MeterQuality.MISSING:
        return MeteredRow(member=member, quality=energy.quality)
    known = energy.has_all_devices
    return MeteredRow(
        member=member,
        quality=energy.quality,
        import_wh=to_wh(energy.import_kwh),
        export_wh=to_wh(energy.export_kwh),
        demand_wh=to_wh(energy.demand_kwh) if known else None,
        pv_wh=to_wh(energy.pv_kwh) if known else None,
        charge_wh=to_wh(energy.charge_kwh) if known else None,
        discharge_wh=to_wh(energy.discharge_kwh) if known else None,
        ev_wh=to_wh(energy.ev_kwh) if known else None,
        shiftable_wh=to_wh(energy.run_kwh) if known else None,
    )
