"""Seeded random communities for benchmarks and tests: 45 % with PV, 60 % of those with a battery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.problem import BatteryData, CurtailableData, DispatchProblem, EvData, RunData

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_H = np.array([0.25] * 16 + [1.0] * 20)
"""16 quarter-hours, then 20 hours [h]."""
QUARTERS = 96 * 3
"""Length of the underlying series: the rolling day and the horizon behind it."""
EVENT_HOURS = (17.0, 20.0)
"""Of every day, local: the evening peak, when the community is asked to draw little."""


class RandomCommunity:
    """A rolling day of one seeded community; ``problem(interval)`` is the plan asked for at that quarter-hour."""

    def __init__(self, members: int, seed: int = 1, *, has_extras: bool = False, has_events: bool = False) -> None:
        """Draw profiles, assets, weights and incomes."""
        rng = np.random.default_rng([seed, members])
        self.members = members
        self.has_extras = has_extras
        self.has_events = has_events
        hour = np.arange(QUARTERS) / 4.0 % 24.0
        morning = np.exp(-(((hour - 7.5) / 1.5) ** 2))
        evening = np.exp(-(((hour - 19.0) / 2.2) ** 2))
        scale = rng.lognormal(-0.7, 0.45, members)[:, None]
        mix = rng.uniform(0.2, 1.2, (members, 2))
        shape = 0.35 + mix[:, :1] * morning + mix[:, 1:] * 1.6 * evening
        noise = rng.lognormal(-0.12, 0.5, (members, QUARTERS))
        self.demand_kw = scale * shape * noise
        has_pv = rng.random(members) < 0.45
        has_battery = has_pv & (rng.random(members) < 0.6)
        if members > 1:
            has_pv[0], has_battery[0] = True, True
        kwp = np.where(has_pv, rng.uniform(2.0, 10.0, members), 0.0)
        sun = np.clip(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0, None) ** 1.3
        cloud = np.clip(0.75 + 0.25 * np.cumsum(rng.normal(0.0, 0.25, QUARTERS)) / 4.0, 0.15, 1.0)
        self.pv_kw = kwp[:, None] * sun * cloud * 0.85 * rng.uniform(0.9, 1.0, (members, QUARTERS))
        self.weight = np.clip(rng.lognormal(0.0, 0.5, members), 0.4, 2.5)
        self.weight /= self.weight.mean()
        self.income_eur = rng.lognormal(7.7, 0.4, members) * 12.0 / 365.0 * 15.0
        self.billed_eur = self.demand_kw[:, :96].sum(axis=1) / 4.0 * 0.28 * 14.0
        self.is_priority = rng.random(members) < 0.15
        self.renewable_kwh = rng.uniform(10.0, 60.0, members)
        self.consumption_kwh = self.demand_kw[:, :96].sum(axis=1) / 4.0 * 14.0
        capacity = rng.uniform(5.0, 13.5, members)
        start = rng.uniform(0.2, 0.8, members)
        self.batteries = [(int(i), float(capacity[i]), float(start[i])) for i in np.flatnonzero(has_battery)]
        self.soc_kwh = self._follow_home()
        owners = rng.permutation(members)[: max(1, members // 10)]
        self.evs = [(int(i), float(rng.uniform(4.0, 20.0)), int(rng.integers(3, 30))) for i in owners]
        self.runs = [(int(i), int(rng.integers(2, 10))) for i in rng.permutation(members)[: max(1, members // 10)]]
        owners = rng.permutation(members)[: max(1, members // 3)]
        self.loads = [(int(i), *rng.uniform([0.1, 0.02, 0.2], [0.5, 0.4, 2.0]).tolist()) for i in owners]

    def _follow_home(self) -> NDArray[np.float64]:
        """[B, quarter-hours] state at the start of each, had every battery served its home since midnight.

        No solver's answer moves it, so that both solvers are given the same instances.
        """
        soc = np.zeros((len(self.batteries), QUARTERS))
        for b, (member, capacity, start) in enumerate(self.batteries):
            state, power = start * capacity, capacity / 2.5
            for quarter in range(QUARTERS):
                soc[b, quarter] = state
                surplus = float(self.pv_kw[member, quarter] - self.demand_kw[member, quarter])
                change = min(max(surplus, -power), power) / 4.0 * (0.95 if surplus > 0.0 else 1.0 / 0.95)
                state = min(max(state + change, 0.05 * capacity), capacity)
        return soc

    def _mean(self, series: NDArray[np.float64], interval: int) -> NDArray[np.float64]:
        """Mean of quarter-hours in each step of the horizon."""
        fine = series[:, interval : interval + 16]
        coarse = series[:, interval + 16 : interval + 96].reshape(series.shape[0], 20, 4).mean(axis=2)
        return np.concatenate([fine, coarse], axis=1)

    def problem(
        self,
        interval: int,
        *,
        reference_kw: NDArray[np.float64] | None = None,
    ) -> DispatchProblem:
        """The plan asked for at a quarter-hour of the rolling day.

        Args:
            interval: Quarter-hour, 0 to 95.
            reference_kw: Running schedule of each battery [B, T]; None: none.
        """
        hour = self._mean((np.arange(QUARTERS) / 4.0 % 24.0)[None, :], interval)[0]
        steps = STEP_H.shape[0]
        p_in = np.where((hour >= 17.0) & (hour < 21.0), 0.38, np.where(hour < 6.0, 0.22, 0.30))
        p_out, fee = np.full(steps, 0.08), np.full(steps, 0.03)
        has_extras = self.has_extras
        demand_kw = self._mean(self.demand_kw, interval)
        is_event = (hour >= EVENT_HOURS[0]) & (hour < EVENT_HOURS[1])
        ends_h = interval / 4.0 + np.cumsum(STEP_H)
        day = ((ends_h - 1e-9) // 24.0).astype(np.int64) - interval // 96
        loads = tuple(_load(demand_kw, is_event, day, *entry) for entry in self.loads)
        target_kw = np.where(is_event, 0.5 * demand_kw.sum(axis=0), np.inf)
        problem = DispatchProblem(
            start_utc=datetime(2026, 6, 12, tzinfo=UTC) + timedelta(minutes=15 * interval),
            step_h=STEP_H.copy(),
            exact_steps=8,
            demand_kw=demand_kw,
            pv_kw=self._mean(self.pv_kw, interval),
            metered_net_kwh=np.zeros(self.members),
            metered_h=0.0,
            import_price_eur_per_kwh=p_in,
            export_price_eur_per_kwh=p_out,
            network_fee_eur_per_kwh=fee,
            local_price_eur_per_kwh=(p_in - fee + p_out) / 2.0,
            is_islanded=np.zeros(steps, dtype=np.bool_),
            member_import_limit_kw=np.full(self.members, 17.0),
            member_export_limit_kw=np.full(self.members, 17.0),
            community_import_limit_kw=np.full(steps, 20.0 * self.members),
            community_export_limit_kw=np.full(steps, 20.0 * self.members),
            peak_charge_eur_per_kw=0.5,
            peak_floor_kw=np.array([0.6 * self.members]),
            peak_period=np.zeros(steps, dtype=np.int64),
            weight=self.weight,
            income_eur=self.income_eur,
            billed_eur=self.billed_eur,
            is_priority=self.is_priority,
            renewable_kwh=self.renewable_kwh,
            consumption_kwh=self.consumption_kwh,
            access_share_frac=0.3,
            access_shortfall_eur_per_kwh=0.5,
            burden_price_frac=0.5,
            equity_budget_frac=0.02,
            batteries=tuple(
                _battery(*entry[:2], float(self.soc_kwh[b, interval])) for b, entry in enumerate(self.batteries)
            ),
            evs=tuple(_ev(*entry) for entry in self.evs) if has_extras else (),
            runs=tuple(_run(*entry) for entry in self.runs) if has_extras else (),
            reference_battery_kw=np.full((len(self.batteries), steps), np.nan)
            if reference_kw is None
            else reference_kw,
            reference_ev_kw=np.full((len(self.evs) if has_extras else 0, steps), np.nan),
        )
        if not self.has_events:
            return problem
        return replace(problem, curtailables=loads, event_target_kw=target_kw, event_shortfall_eur_per_kwh=1.0)


def _load(
    demand_kw: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    day: NDArray[np.int64],
    member: int,
    share: float,
    price: float,
    limit_kwh: float,
) -> CurtailableData:
    return CurtailableData(
        member=member,
        wanted_kw=share * demand_kw[member],
        is_open=is_event,
        discomfort_eur_per_kwh=price,
        day=day,
        limit_kwh=np.full(int(day.max()) + 1, limit_kwh),
    )


def _battery(member: int, capacity_kwh: float, soc_kwh: float) -> BatteryData:
    power_kw = capacity_kwh / 2.5
    return BatteryData(
        member=member,
        charge_limit_kw=power_kw,
        discharge_limit_kw=power_kw,
        soc_start_kwh=soc_kwh,
        soc_min_kwh=0.05 * capacity_kwh,
        soc_max_kwh=capacity_kwh,
        charge_efficiency_frac=0.95,
        discharge_efficiency_frac=0.95,
        wear_eur_per_kwh=0.01,
        end_value_eur_per_kwh=0.27 * 0.95,
    )


def _ev(member: int, energy_kwh: float, departure_step: int) -> EvData:
    return EvData(
        member=member,
        charge_min_kw=1.4,
        charge_limit_kw=7.4,
        charge_efficiency_frac=0.92,
        energy_needed_kwh=energy_kwh,
        departure_step=departure_step,
        arrival_step=0,
        shortfall_eur_per_kwh=1.0,
    )


def _run(member: int, options: int) -> RunData:
    option_kw = np.zeros((options, STEP_H.shape[0]))
    for start in range(options):
        option_kw[start, start : start + 5] = 1.2
    return RunData(member=member, option_kw=option_kw)
