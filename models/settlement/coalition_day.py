"""One day as metered, as the re-optimised game needs it: flows, devices and limits of N members in T intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, EnergyArray, FloatArray, finite, non_negative
from models.settlement.prices import IntervalPrices


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryDay:
    """A battery and what it did; energies are at its terminals."""

    member: int
    """Index of its owner."""
    charge_limit_kw: float
    discharge_limit_kw: float
    soc_min_kwh: float
    soc_max_kwh: float
    soc_start_kwh: float
    """Metered at the start of the day."""
    charge_efficiency_frac: float
    discharge_efficiency_frac: float
    wear_eur_per_kwh: float
    """For each kWh discharged, >= 0."""
    charged_kwh: FloatArray
    """[T] metered, >= 0."""
    discharged_kwh: FloatArray
    """[T] metered, >= 0."""

    @property
    def soc_kwh(self) -> FloatArray:
        """[T] stored energy at the end of each interval, by the metered flows and the efficiencies."""
        gained = self.charge_efficiency_frac * self.charged_kwh - self.discharged_kwh / self.discharge_efficiency_frac
        return np.asarray(self.soc_start_kwh + np.cumsum(gained))

    @property
    def wear_eur(self) -> float:
        """Cost of the day's wear; its owner bears it, no supplier bills it."""
        return float(self.wear_eur_per_kwh * self.discharged_kwh.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class EvDay:
    """One stay of a car at its charging point; its energy is as metered, when it flows is free within the stay."""

    member: int
    charge_limit_kw: float
    charged_kwh: FloatArray
    """[T] metered, >= 0, and 0 outside the stay."""
    first_step: int
    last_step: int
    """Index of the last interval in which it can charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoalitionDay:
    """The day's metered data. Limits that the metered flows break are widened, so that what happened is feasible."""

    step_h: float
    """Length of an interval [h]."""
    prices: IntervalPrices
    import_wh: EnergyArray
    """[N, T] metered import E+ [Wh]."""
    export_wh: EnergyArray
    """[N, T] metered export E- [Wh]."""
    pv_wh: EnergyArray
    """[N, T] PV generated [Wh]."""
    curtailed_wh: EnergyArray
    """[N, T] PV that could have been generated beyond that [Wh]."""
    import_limit_kw: FloatArray
    """[N]"""
    export_limit_kw: FloatArray
    """[N]"""
    batteries: tuple[BatteryDay, ...]
    evs: tuple[EvDay, ...]
    is_fixed: BoolArray | None = None
    """[N, T] where a member's devices do as metered: it was not in the community (its flows are then 0 here), or its
    readings are missing. ``None``: nowhere."""

    @property
    def does_as_metered(self) -> BoolArray:
        """[N, T] where devices do as metered: fixed, or the grid is away."""
        away = np.broadcast_to(self.prices.is_islanded, self.shape)
        return away.copy() if self.is_fixed is None else away | self.is_fixed

    @property
    def shape(self) -> tuple[int, int]:
        """Members N and intervals T."""
        members, steps = self.import_wh.shape
        return members, steps

    @property
    def net_kwh(self) -> FloatArray:
        """[N, T] metered net import."""
        return np.asarray((self.import_wh - self.export_wh) / 1000.0, dtype=np.float64)

    @property
    def wear_eur(self) -> FloatArray:
        """[N] cost of the metered wear of each member's batteries."""
        wear = np.zeros(self.shape[0])
        for battery in self.batteries:
            wear[battery.member] += battery.wear_eur
        return wear

    @property
    def inflexible_net_kwh(self) -> FloatArray:
        """[N, T] net import without batteries and cars and with all PV generated."""
        net: FloatArray = self.net_kwh - np.asarray(self.curtailed_wh, dtype=np.float64) / 1000.0
        for battery in self.batteries:
            net[battery.member] -= battery.charged_kwh - battery.discharged_kwh
        for car in self.evs:
            net[car.member] -= car.charged_kwh
        return net

    @property
    def can_gain_from_curtailing(self) -> BoolArray:
        """[N, T] where less PV can be worth more: a price is negative, or the export limit may bind."""
        prices = self.prices
        is_negative = (prices.import_eur_per_kwh < 0.0) | (prices.export_eur_per_kwh < 0.0)
        room = np.asarray(self.export_limit_kw)[:, None] * self.step_h
        given = -self.inflexible_net_kwh
        has_pv = np.asarray(self.pv_wh) + np.asarray(self.curtailed_wh) > 0
        return np.asarray(has_pv & (is_negative | (given > room)) & ~self.does_as_metered)


def check_day(day: CoalitionDay) -> None:
    """Check shapes and values of a day.

    Raises:
        SettlementError: With the place, what was found and what is accepted.
    """
    members, steps = day.shape
    for name in ("import_wh", "export_wh", "pv_wh", "curtailed_wh"):
        non_negative(name, getattr(day, name), (members, steps))
    if day.prices.import_eur_per_kwh.size != steps:
        raise SettlementError(f"prices: found {day.prices.import_eur_per_kwh.size} intervals, the day has {steps}")
    non_negative("import_limit_kw", day.import_limit_kw, (members,))
    non_negative("export_limit_kw", day.export_limit_kw, (members,))
    for k, battery in enumerate(day.batteries):
        non_negative(f"batteries[{k}].charged_kwh", battery.charged_kwh, (steps,))
        non_negative(f"batteries[{k}].discharged_kwh", battery.discharged_kwh, (steps,))
        finite(f"batteries[{k}].soc_start_kwh", battery.soc_start_kwh, ())
        efficiencies = (battery.charge_efficiency_frac, battery.discharge_efficiency_frac)
        if not (all(0.0 < e <= 1.0 for e in efficiencies) and battery.wear_eur_per_kwh >= 0.0):
            raise SettlementError(f"batteries[{k}]: accepted are efficiencies in (0, 1] and wear >= 0")
    for k, car in enumerate(day.evs):
        charged = non_negative(f"evs[{k}].charged_kwh", car.charged_kwh, (steps,))
        outside = charged.sum() - charged[car.first_step : car.last_step + 1].sum()
        if not 0 <= car.first_step <= car.last_step < steps or outside > 1e-9:
            raise SettlementError(f"evs[{k}]: charging outside its stay, steps {car.first_step} to {car.last_step}")
    owners = [battery.member for battery in day.batteries] + [car.member for car in day.evs]
    for k, owner in enumerate(owners):
        if not 0 <= owner < members:
            raise SettlementError(f"device {k}: found owner {owner}, accepted are 0 to {members - 1}")
