"""From a snapshot, forecasts and the period so far to the dispatch problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from config.members import Battery, ShiftableLoad
from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.curtailable_data import (
    NOTHING_HELD,
    HeldSoFar,
    collect_curtailable,
)
from controller.loop.device_data import MovableDevices, collect_movable
from controller.loop.metering import MemberEnergy, meter_interval
from controller.loop.outlook import Outlook
from controller.loop.setpoints import ControlledDevice
from models.dispatch.problem import DispatchProblem, FloatArray
from models.domain.demand_response import DemandEvent, find_targets
from models.domain.snapshot import MeterQuality, Snapshot
from models.domain.telemetry import DeviceKey

LEAST_NOWCAST_FRAC = 0.2
"""A re-plan takes the mean of the running interval for step 0 once this much of it has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltProblem:
    """A dispatch problem and which device each of its rows stands for."""

    problem: DispatchProblem
    batteries: tuple[ControlledDevice, ...]
    evs: tuple[ControlledDevice, ...]
    runs: tuple[ControlledDevice, ...]
    curtailables: tuple[ControlledDevice, ...] = ()
    events: tuple[DemandEvent, ...] = ()
    """Demand-response events that the problem knows of."""
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
    held: HeldSoFar = NOTHING_HELD,
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
        held: What loads were held back so far.
    """
    steps = outlook.steps
    totals = account.totals(steps.end_utc)
    movable = collect_movable(devices, snapshot, outlook)
    passed_h = max(0.0, (steps.starts_utc[0] - snapshot.interval_start_utc) / timedelta(hours=1))
    energies = meter_interval(site, snapshot.running)
    demand_kw, pv_kw = _nowcast(site, outlook, energies, passed_h, held)
    curtailable = collect_curtailable(devices, snapshot, outlook, demand_kw, held)
    limits = outlook.limits
    problem = DispatchProblem(
        start_utc=steps.starts_utc[0],
        step_h=steps.step_h,
        exact_steps=min(site.horizon.exact_steps, len(steps.step_h)),
        demand_kw=curtailable.demand_kw + _fixed_power_kw(site, devices, snapshot, outlook),
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
        batteries=tuple(data for _, data in movable.batteries),
        evs=tuple(data for _, data in movable.evs),
        runs=tuple(data for _, data in movable.runs),
        reference_battery_kw=_reference(_devices(movable.batteries), outlook, running),
        reference_ev_kw=_reference(_devices(movable.evs), outlook, running),
        curtailables=curtailable.data,
        event_target_kw=find_targets(outlook.events, steps),
        event_shortfall_eur_per_kwh=site.demand_response.shortfall_eur_per_kwh,
        peak_reserve_kw=outlook.peak_reserve_kw,
    )
    left_out = _left_out(devices, snapshot, _devices(movable.batteries))
    return _name_rows(problem, movable, curtailable.devices, outlook, left_out)


def _name_rows(
    problem: DispatchProblem,
    movable: MovableDevices,
    curtailables: tuple[ControlledDevice, ...],
    outlook: Outlook,
    left_out: tuple[DeviceKey, ...],
) -> BuiltProblem:
    return BuiltProblem(
        problem=problem,
        batteries=_devices(movable.batteries),
        evs=_devices(movable.evs),
        runs=_devices(movable.runs),
        curtailables=curtailables,
        events=outlook.events,
        left_out=left_out,
    )


def _devices(rows: Sequence[tuple[ControlledDevice, object]]) -> tuple[ControlledDevice, ...]:
    return tuple(device for device, _ in rows)


def _left_out(
    devices: tuple[ControlledDevice, ...], snapshot: Snapshot, planned: tuple[ControlledDevice, ...]
) -> tuple[DeviceKey, ...]:
    batteries = [device.key for device in planned]
    return tuple(
        device.key
        for device in devices
        if device.key not in snapshot.fresh or (isinstance(device.asset, Battery) and device.key not in batteries)
    )


def _metered_net_kwh(energies: tuple[MemberEnergy, ...]) -> FloatArray:
    return np.array([energy.import_kwh - energy.export_kwh for energy in energies])


def _nowcast(
    site: Site, outlook: Outlook, energies: tuple[MemberEnergy, ...], passed_h: float, held: HeldSoFar
) -> tuple[FloatArray, FloatArray]:
    """Forecasts whose step 0 is what was seen in the running interval, where a re-plan has seen enough of it."""
    demand_kw, pv_kw = outlook.demand.mean_kw.copy(), outlook.pv.mean_kw.copy()
    least_h = LEAST_NOWCAST_FRAC * site.interval_min / 60.0
    if passed_h >= least_h:
        for index, energy in enumerate(energies):
            is_known = energy.quality is not MeterQuality.MISSING and energy.has_all_devices
            # The counters reach to the newest reading only, which may be a telemetry period old.
            if is_known and energy.span_h > 0.5 * least_h:
                # What was held back would have been drawn: the plan decides on it anew.
                held_kwh = 0.0 if held.running_kwh is None else float(held.running_kwh[index])
                demand_kw[index, 0] = (energy.demand_kwh + held_kwh) / energy.span_h
                pv_kw[index, 0] = energy.pv_kwh / energy.span_h
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


def _reference(devices: tuple[ControlledDevice, ...], outlook: Outlook, running: RunningSchedule | None) -> FloatArray:
    steps = outlook.steps
    if not devices:
        return np.zeros((0, len(steps.step_h)))
    if running is None:
        return np.full((len(devices), len(steps.step_h)), np.nan)
    return np.array([running.power_at(device.key, steps.starts_utc) for device in devices])
