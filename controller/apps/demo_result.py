"""What a demo measured: the JSON object and the series that the report draws."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from controller.apps.demo_settlement import MemberMoney

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostParts:
    """A community's cost over the demo [currency]; ``total`` is what is compared."""

    energy: float
    """Grid import less export at the tariff."""
    network_fee: float
    """Fee on shared energy."""
    peak_charge: float
    """Charge on the demo's own peak, pro-rated to the demo's days of the month."""
    wear: float
    """Ageing of batteries."""
    stored: float
    """Less energy stored at the end than at the start, at the day's mean import price."""
    deferred: float
    """Energy of cars and appliances still to be served, compared with the uncontrolled days, at the same price."""

    @property
    def total(self) -> float:
        """Sum of all parts."""
        return self.energy + self.network_fee + self.peak_charge + self.wear + self.stored + self.deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One way the demo's days could go, K intervals and N members."""

    net_import_kw: FloatArray
    """[K] community's interval mean import less export, inside supply counted [kW]."""
    battery_kw: FloatArray
    """[K] all batteries' mean power, + charge [kW]."""
    soc_frac: FloatArray
    """[K] state of charge of all batteries together at each interval's end."""
    pv_kw: FloatArray
    """[K]"""
    consumption_kwh: FloatArray
    """[N]"""
    renewable_kwh: FloatArray
    """[N] own and shared PV consumed."""
    billed: FloatArray
    """[N] what members pay for the days: bills, and these days' part of the peak charge [currency]."""
    burden_frac: FloatArray
    """[N] cost over income pro-rated to the days; NaN without an income."""
    cost: CostParts

    @property
    def peak_kw(self) -> float:
        """Largest interval mean of the community's import [kW]."""
        return max(0.0, float(np.max(self.net_import_kw)))

    @property
    def access_frac(self) -> FloatArray:
        """[N] renewable consumption over consumption; NaN without consumption."""
        return np.divide(
            self.renewable_kwh,
            self.consumption_kwh,
            out=np.full_like(self.renewable_kwh, np.nan),
            where=self.consumption_kwh > 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSeries:
    """Everything that the report draws."""

    title: str
    source: str
    """Where the homes' profiles come from."""
    currency: str
    zone: str
    starts_utc: tuple[datetime, ...]
    """[K]"""
    interval_h: float
    members: tuple[str, ...]
    """[N] ids, never names."""
    has_pv: tuple[bool, ...]
    has_battery: tuple[bool, ...]
    uncontrolled: Course
    controlled: Course
    import_price: FloatArray
    """[K]"""
    export_price: FloatArray
    """[K]"""
    local_price: FloatArray
    """[K]"""
    received_kwh: FloatArray
    """[N, N] energy that the column's member received from the row's member."""
    solve_s: FloatArray
    """[P] seconds of each plan."""
    solve_at_utc: tuple[datetime, ...]
    """[P]"""
    rungs: tuple[str, ...]
    """[P]"""
    money: tuple[MemberMoney, ...]
    """[N] lines of the settled bills; none where no day was settled."""
    is_settled: bool
    """Every day is: costs by member are its bills."""
    unsettled: tuple[str, ...]
    """Why days are not settled, or not finally."""
