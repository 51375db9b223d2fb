"""From a snapshot, forecasts and the period so far to the dispatch problem."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from config.members import Battery, Ev, ShiftableLoad
from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.metering import MemberEnergy, meter_interval
from controller.loop.outlook import Outlook
from controller.loop.setpoints import ControlledDevice
from models.dispatch.problem import BatteryData, DispatchProblem, EvData, FloatArray, RunData
from models.domain.snapshot import MeterQuality, Snapshot
from models.domain.telemetry import DeviceKey, Reading

SHORTFALL_FACTOR = 5.0
"""Energy missing at a car's departure costs this many times the dearest import price."""
LEAST_SHORTFALL_EUR_PER_KWH = 1.0
LEAST_NOWCAST_FRAC = 0.2
"""A re-plan takes the mean of the running interval for step 0 once this much of it has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltProblem:
    """A dispatch problem and which device each of its rows stands for."""

    problem: DispatchProblem
    batteries: tuple[ControlledDevice, ...]
    evs: tuple[ControlledDevice, ...]
    runs: tuple[ControlledDevice, ...]
    left_out: tuple[DeviceKey, ...]
    """Devices without fresh readings, and batteries that do not say how full they are: not planned, no setpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSchedule:
    """Power that the running plan asks of each device, for the tie-break [kW by step end]."""

    power_kw: dict[DeviceKey, FloatArray]
    """[T_old] by device."""
    starts_utc: tuple[datetime, ...]
    """[T_old] step starts of the running plan."""

    def power_at(self, device: DeviceKey, starts_utc: tuple[datetime, ...]) -> FloatArray:
        """[T] power of the running plan in the steps of a new one; NaN where it says nothing."""
        known = self.power_kw.get(device)
        result = np.full(len(starts_utc), np.nan)
        if known is None:
            return result
        old = np.array([start.timestamp() for start in self.starts_utc])
        new = np.array([start.timestamp() for start in starts_utc])
        index = np.searchsorted(old, new, side="right") - 1
        inside = (index >= 0) & (index < len(known))
        result[inside] = known[index[inside]]
        return result


def build_problem(
    site: Site,
    devices: tuple[ControlledDevice, ...],
    snapshot: Snapshot,
    outlook: Outlook,
    account: PeriodAccount,
    weights: FloatArray,
    running: RunningSchedule | None,
) -> BuiltProblem:
    """Collect all data of one plan.

    Args:
        site: The site.
        devices: Devices that take setpoints.
        snapshot: What the cycle sees.
        outlook: Steps, prices and forecasts.
        account: The billing period so far.
        weights: [N] weights in force.
        running: The running plan, for the tie-break.
    """
    steps, totals = outlook.steps, account.totals()
    fresh = [device for device in devices if device.key in snapshot.fresh]
    batteries = tuple(device for device in fresh if _is_storable(device, snapshot))
    evs = tuple(device for device in fresh if _is_chargeable(device, snapshot))
    runs = tuple(device for device in fresh if _is_requested(device, snapshot))
    passed_h = max(0.0, (steps.starts_utc[0] - snapshot.interval_start_utc) / timedelta(hours=1))
    energies = meter_interval(site, snapshot.running)
    demand_kw, pv_kw = _nowcast(site, outlook, energies, passed_h)
    shortfall = max(LEAST_SHORTFALL_EUR_PER_KWH, SHORTFALL_FACTOR * float(np.max(outlook.prices.import_price_eur_per_kwh)))
    limits = outlook.limits
    problem = DispatchProblem(
        start_utc=steps.starts_utc[0],
        step_h=steps.step_h,
        exact_steps=min(site.horizon.exact_steps, len(steps.step_h)),
        demand_kw=demand_kw + _fixed_power_kw(site, devices, snapshot, outlook),
        pv_kw=pv_kw,
        metered_net_kwh=_metered_net_kwh(energies) if passed_h > 0.0 else np.zeros(len(site.members)),
        metered_h=passed_h,
        import_price_eur_per_kwh=outlook.prices.import_price_eur_per_kwh,
        export_price_eur_per_kwh=outlook.prices.export_price_eur_per_kwh,
        network_fee_eur_per_kwh=outlook.prices.network_fee_eur_per_kwh,
        local_price_eur_per_kwh=outlook.local_price_eur_per_kwh,
        is_islanded=limits.is_islanded,
        member_import_limit_kw=np.array([member.import_limit_kw for member in site.members]),
        member_export_limit_kw=np.array([member.export_limit_kw for member in site.members]),
        community_import_limit_kw=limits.import_kw,
        community_export_limit_kw=limits.export_kw,
        peak_charge_eur_per_kw=site.tariff.peak_charge_eur_per_kw,
        peak_floor_kw=np.array([account.peak_kw] + [0.0] * int(np.max(outlook.billing_period))),
        peak_period=outlook.billing_period,
        weight=weights,
        income_eur=account.income_eur(steps.end_utc, opened_utc=steps.starts_utc[0]),
        billed_eur=totals.billed_eur,
        is_priority=np.array([member.priority_tier.reveal() > 0 for member in site.members]),
        renewable_kwh=totals.renewable_kwh,
        consumption_kwh=totals.consumption_kwh,
        access_share_frac=site.by_law.access_share_frac,
        access_shortfall_eur_per_kwh=site.by_law.access_shortfall_eur_per_kwh,
        burden_price_frac=site.by_law.burden_price_frac,
        equity_budget_frac=site.by_law.equity_budget_frac,
        batteries=tuple(_battery_data(device, snapshot, outlook) for device in batteries),
        evs=tuple(_ev_data(device, snapshot, outlook, shortfall) for device in evs),
        runs=tuple(_run_data(device, snapshot, outlook) for device in runs),
        reference_battery_kw=_reference(batteries, outlook, running),
        reference_ev_kw=_reference(evs, outlook, running),
    )
    planned = [device.key for device in batteries]
    left_out = tuple(
        device.key
        for device in devices
        if device.key not in snapshot.fresh or (isinstance(device.asset, Battery) and device.key not in planned)
    )
    return BuiltProblem(problem=problem, batteries=batteries, evs=evs, runs=runs, left_out=left_out)


def _is_storable(device: ControlledDevice, snapshot: Snapshot) -> bool:
    """A battery that does not say its state of charge cannot be planned; all others still can."""
    return isinstance(device.asset, Battery) and snapshot.fresh[device.key].soc_frac is not None


def _is_chargeable(device: ControlledDevice, snapshot: Snapshot) -> bool:
    if not isinstance(device.asset, Ev):
        return False
    return bool(snapshot.fresh[device.key].is_plugged)


def _is_requested(device: ControlledDevice, snapshot: Snapshot) -> bool:
    if not isinstance(device.asset, ShiftableLoad):
        return False
    reading = snapshot.fresh[device.key]
    return bool(reading.is_requested) and not reading.is_running and reading.remaining_s is not None


def _metered_net_kwh(energies: tuple[MemberEnergy, ...]) -> FloatArray:
    return np.array([energy.import_kwh - energy.export_kwh for energy in energies])


def _nowcast(
    site: Site, outlook: Outlook, energies: tuple[MemberEnergy, ...], passed_h: float
) -> tuple[FloatArray, FloatArray]:
    """Forecasts whose step 0 is what was seen in the running interval, where a re-plan has seen enough of it."""
    demand_kw, pv_kw = outlook.demand.mean_kw.copy(), outlook.pv.mean_kw.copy()
    if passed_h * 60.0 >= LEAST_NOWCAST_FRAC * site.interval_min:
        for index, energy in enumerate(energies):
            if energy.quality is not MeterQuality.MISSING and energy.has_all_devices:
                demand_kw[index, 0] = energy.demand_kwh / passed_h
                pv_kw[index, 0] = energy.pv_kwh / passed_h
    return demand_kw, pv_kw


def _fixed_power_kw(
    site: Site, devices: tuple[ControlledDevice, ...], snapshot: Snapshot, outlook: Outlook
) -> FloatArray:
    """[N, T] power of devices that cannot be moved now: appliances under way, cars that do not take part."""
    fixed = np.zeros((len(site.members), len(outlook.steps.step_h)))
    for device in devices:
        reading = snapshot.fresh.get(device.key)
        if reading is None or not isinstance(device.asset, ShiftableLoad) or not reading.is_running:
            continue
        ends_utc = snapshot.taken_utc + timedelta(seconds=reading.remaining_s or 0.0)
        power_kw = reading.power_kw if reading.power_kw is not None else device.asset.power_kw
        fixed[device.member_index] += outlook.share_of(snapshot.taken_utc, ends_utc) * power_kw
    return fixed


def _battery_data(device: ControlledDevice, snapshot: Snapshot, outlook: Outlook) -> BatteryData:
    battery = device.asset
    assert isinstance(battery, Battery)
    soc_frac = snapshot.fresh[device.key].soc_frac
    assert soc_frac is not None
    return BatteryData(
        member=device.member_index,
        charge_limit_kw=battery.charge_limit_kw,
        discharge_limit_kw=battery.discharge_limit_kw,
        soc_start_kwh=soc_frac * battery.capacity_kwh,
        soc_min_kwh=battery.soc_min_frac * battery.capacity_kwh,
        soc_max_kwh=battery.soc_max_frac * battery.capacity_kwh,
        charge_efficiency_frac=battery.charge_efficiency_frac,
        discharge_efficiency_frac=battery.discharge_efficiency_frac,
        wear_eur_per_kwh=battery.wear_eur_per_kwh,
        end_value_eur_per_kwh=outlook.stored_value_eur_per_kwh * battery.discharge_efficiency_frac,
    )


def _ev_data(device: ControlledDevice, snapshot: Snapshot, outlook: Outlook, shortfall_eur_per_kwh: float) -> EvData:
    ev = device.asset
    assert isinstance(ev, Ev)
    reading = snapshot.fresh[device.key]
    departure_utc = reading.departure_utc or outlook.next_local_time(ev.typical_departure)
    return EvData(
        member=device.member_index,
        charge_min_kw=min(ev.charge_min_kw, ev.charge_limit_kw),
        charge_limit_kw=ev.charge_limit_kw,
        charge_efficiency_frac=ev.charge_efficiency_frac,
        energy_needed_kwh=_energy_needed_kwh(ev, reading),
        departure_step=outlook.last_step_before(departure_utc),
        arrival_step=0,
        shortfall_eur_per_kwh=shortfall_eur_per_kwh,
    )


def _energy_needed_kwh(ev: Ev, reading: Reading) -> float:
    if reading.energy_needed_kwh is not None:
        return reading.energy_needed_kwh
    if reading.soc_frac is not None:
        return (1.0 - reading.soc_frac) * ev.capacity_kwh
    return ev.typical_daily_kwh


def _run_data(device: ControlledDevice, snapshot: Snapshot, outlook: Outlook) -> RunData:
    load = device.asset
    assert isinstance(load, ShiftableLoad)
    reading = snapshot.fresh[device.key]
    length = timedelta(seconds=reading.remaining_s or load.duration_min * 60.0)
    latest_end_utc = reading.latest_end_utc or outlook.next_local_time(load.window_end)
    fine_starts = outlook.steps.starts_utc[: site_fine_steps(outlook)]
    starts = [start for start in fine_starts if start + length <= latest_end_utc]
    options = [outlook.share_of(start, start + length) * load.power_kw for start in starts or fine_starts[:1]]
    return RunData(member=device.member_index, option_kw=np.array(options))


def site_fine_steps(outlook: Outlook) -> int:
    """Steps that are as short as the first full one: possible starts of a run."""
    step_h = outlook.steps.step_h
    shortest_h = float(step_h[1]) if len(step_h) > 1 else float(step_h[0])
    return 1 + int(np.sum(np.isclose(step_h[1:], shortest_h)))


def _reference(
    devices: tuple[ControlledDevice, ...], outlook: Outlook, running: RunningSchedule | None
) -> FloatArray:
    steps = outlook.steps
    if not devices:
        return np.zeros((0, len(steps.step_h)))
    if running is None:
        return np.full((len(devices), len(steps.step_h)), np.nan)
    return np.array([running.power_at(device.key, steps.starts_utc) for device in devices])
