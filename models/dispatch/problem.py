"""The dispatch problem as plain arrays: N members, T steps, B batteries, E cars, S runs, C curtailable loads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from models.domain.arrays import freeze

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryData:
    """One controllable battery. Powers are at its terminals (the AC side)."""

    member: int
    """Index of its owner."""
    charge_limit_kw: float
    discharge_limit_kw: float
    soc_start_kwh: float
    """May lie outside the limits; it is then brought back as fast as the power allows."""
    soc_min_kwh: float
    soc_max_kwh: float
    charge_efficiency_frac: float
    discharge_efficiency_frac: float
    wear_eur_per_kwh: float
    """For each kWh discharged at the terminals."""
    end_value_eur_per_kwh: float
    """Worth of a stored kWh at the end of the horizon (already times the discharge efficiency)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvData:
    """One plugged or expected car."""

    member: int
    charge_min_kw: float
    """Charging is 0 or at least this, at the charging point (AC)."""
    charge_limit_kw: float
    charge_efficiency_frac: float
    energy_needed_kwh: float
    """To be stored in the car by the end of step ``departure_step``, >= 0."""
    departure_step: int
    """Index of the last step in which it can charge; T - 1 if it leaves after the horizon."""
    arrival_step: int
    """Index of the first step in which it can charge; 0 when plugged."""
    shortfall_eur_per_kwh: float
    """Price of energy missing at departure; above any import price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """One requested run of a shiftable load: exactly one of its start options is taken."""

    member: int
    option_kw: FloatArray
    """[K, T] mean power in each step for each possible start, earliest first [kW]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurtailableData:
    """One load that may be held below what it wants to draw, for a price of discomfort."""

    member: int
    wanted_kw: FloatArray
    """[T] what the load is expected to draw, contained in its member's demand [kW]."""
    is_open: BoolArray
    """[T] steps in which it may be curtailed: a demand-response event is on."""
    discomfort_eur_per_kwh: float
    """Price of each kWh not drawn, >= 0."""
    day: IntArray
    """[T] index into ``limit_kwh``: the site's local day of each step, 0 = the running one."""
    limit_kwh: FloatArray
    """[D] most that may still be curtailed on each local day, >= 0 [kWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchProblem:
    """All data of one plan. Every array is float64, read-only and finite unless it says otherwise."""

    start_utc: datetime
    step_h: FloatArray
    """[T] step lengths [h]; step 0 may be what is left of the running interval."""
    exact_steps: int
    """Steps with exact binaries (the control window)."""
    demand_kw: FloatArray
    """[N, T] demand without batteries, cars and shiftable runs, >= 0 [kW]."""
    pv_kw: FloatArray
    """[N, T] PV generation available, >= 0 [kW]."""
    metered_net_kwh: FloatArray
    """[N] net import metered since the running interval began [kWh]; counts towards step 0's peak only."""
    metered_h: float
    """Part of the running interval that has passed [h]."""
    import_price_eur_per_kwh: FloatArray
    """[T]"""
    export_price_eur_per_kwh: FloatArray
    """[T]"""
    network_fee_eur_per_kwh: FloatArray
    """[T]"""
    local_price_eur_per_kwh: FloatArray
    """[T] price of pool energy before the fee."""
    is_islanded: BoolArray
    """[T] steps without grid."""
    member_import_limit_kw: FloatArray
    """[N]"""
    member_export_limit_kw: FloatArray
    """[N]"""
    community_import_limit_kw: FloatArray
    """[T]"""
    community_export_limit_kw: FloatArray
    """[T]"""
    peak_charge_eur_per_kw: float
    peak_floor_kw: FloatArray
    """[Q] for each billing period the horizon touches: the peak that is paid for anyway [kW]."""
    peak_period: IntArray
    """[T] index into ``peak_floor_kw``, 0 = the running billing period."""
    weight: FloatArray
    """[N] members' weights, mean 1."""
    income_eur: FloatArray
    """[N] income pro-rated to the period so far and the horizon; NaN: left out of the burden."""
    billed_eur: FloatArray
    """[N] billed cost of the period so far."""
    is_priority: BoolArray
    """[N] members protected by the access constraint."""
    renewable_kwh: FloatArray
    """[N] renewable consumption of the period so far [kWh]."""
    consumption_kwh: FloatArray
    """[N] consumption of the period so far [kWh]."""
    access_share_frac: float
    access_shortfall_eur_per_kwh: float
    burden_price_frac: float
    """rho: weight of the highest burden, times the mean income, in stage 2."""
    equity_budget_frac: float
    """eps: share of the gain from cooperating that equity may cost."""
    batteries: tuple[BatteryData, ...]
    evs: tuple[EvData, ...]
    runs: tuple[RunData, ...]
    reference_battery_kw: FloatArray
    """[B, T] net battery power of the running schedule, + charge; NaN where there is none."""
    reference_ev_kw: FloatArray
    """[E, T] charging power of the running schedule; NaN where there is none."""
    curtailables: tuple[CurtailableData, ...] = ()
    event_target_kw: FloatArray = field(default_factory=lambda: freeze(()))
    """[T] most that the community should draw, net, for a demand-response event; infinite where none asks, negative:
    it should feed in. Empty: no event at all. Kept as far as ``event_shortfall_eur_per_kwh`` makes it worth while."""
    event_shortfall_eur_per_kwh: float = 0.0
    """Price of each kWh drawn above ``event_target_kw``, >= 0."""
    peak_reserve_kw: FloatArray = field(default_factory=lambda: freeze(()))
    """[T] kept free between planned net import and peak, for what forecasts may miss, >= 0 [kW]; empty: none."""
