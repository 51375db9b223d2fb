"""Small random dispatch problems that meet every feature, and a plain one to change by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from models.dispatch.problem import BatteryData, CurtailableData, DispatchProblem, EvData, RunData

START = datetime(2026, 6, 12, 10, tzinfo=UTC)


def clock() -> Any:
    """A clock on which no time passes: deadlines never cut these small problems short."""
    return lambda: 0.0


def battery(member: int = 0, **changes: Any) -> BatteryData:
    plain = BatteryData(
        member=member,
        charge_limit_kw=2.0,
        discharge_limit_kw=2.0,
        soc_start_kwh=2.0,
        soc_min_kwh=0.5,
        soc_max_kwh=5.0,
        charge_efficiency_frac=0.95,
        discharge_efficiency_frac=0.9,
        wear_eur_per_kwh=0.01,
        end_value_eur_per_kwh=0.2,
    )
    return replace(plain, **changes)


def car(member: int = 0, **changes: Any) -> EvData:
    plain = EvData(
        member=member,
        charge_min_kw=1.4,
        charge_limit_kw=7.4,
        charge_efficiency_frac=0.9,
        energy_needed_kwh=3.0,
        departure_step=2,
        arrival_step=0,
        shortfall_eur_per_kwh=1.0,
    )
    return replace(plain, **changes)


def load(steps: int = 4, member: int = 0, **changes: Any) -> CurtailableData:
    """A heat pump of 0.8 kW that may be held back in every step, for up to 10 kWh a day."""
    plain = CurtailableData(
        member=member,
        wanted_kw=np.full(steps, 0.8),
        is_open=np.ones(steps, dtype=np.bool_),
        discomfort_eur_per_kwh=0.1,
        day=np.zeros(steps, dtype=np.int64),
        limit_kwh=np.array([10.0]),
    )
    return replace(plain, **changes)


def plain_problem(members: int = 2, steps: int = 4, **changes: Any) -> DispatchProblem:
    """A consumer and a producer with a battery (and more of their kind): every field set, nothing special."""
    is_producer = np.arange(members) % 2 == 1
    p_in, p_out, fee = np.full(steps, 0.30), np.full(steps, 0.08), np.full(steps, 0.02)
    batteries = changes.get("batteries", tuple(battery(int(i)) for i in np.flatnonzero(is_producer)))
    evs = changes.get("evs", ())
    base: dict[str, Any] = {
        "start_utc": START,
        "step_h": np.full(steps, 0.5),
        "exact_steps": max(1, steps // 2),
        "demand_kw": np.outer(1.0 + 0.25 * np.arange(members), np.linspace(1.0, 2.0, steps)),
        "pv_kw": np.outer(is_producer * 4.0, np.linspace(1.0, 0.1, steps)),
        "metered_net_kwh": np.zeros(members),
        "metered_h": 0.0,
        "import_price_eur_per_kwh": p_in,
        "export_price_eur_per_kwh": p_out,
        "network_fee_eur_per_kwh": fee,
        "local_price_eur_per_kwh": (p_in - fee + p_out) / 2.0,
        "is_islanded": np.zeros(steps, dtype=np.bool_),
        "member_import_limit_kw": np.full(members, 17.0),
        "member_export_limit_kw": np.full(members, 17.0),
        "community_import_limit_kw": np.full(steps, 100.0),
        "community_export_limit_kw": np.full(steps, 100.0),
        "peak_charge_eur_per_kw": 0.0,
        "peak_floor_kw": np.array([1.0]),
        "peak_period": np.zeros(steps, dtype=np.int64),
        "weight": np.ones(members),
        "income_eur": np.full(members, 1000.0),
        "billed_eur": np.zeros(members),
        "is_priority": np.zeros(members, dtype=np.bool_),
        "renewable_kwh": np.zeros(members),
        "consumption_kwh": np.zeros(members),
        "access_share_frac": 0.0,
        "access_shortfall_eur_per_kwh": 0.0,
        "burden_price_frac": 0.0,
        "equity_budget_frac": 0.02,
        "batteries": batteries,
        "evs": evs,
        "runs": (),
        "reference_battery_kw": np.full((len(batteries), steps), np.nan),
        "reference_ev_kw": np.full((len(evs), steps), np.nan),
    }
    return DispatchProblem(**(base | changes))


def random_problem(
    seed: int, *, has_islands: bool = False, is_tame: bool = False, has_events: bool = True
) -> DispatchProblem:
    """A problem of 1 to 5 members and 2 to 7 steps.

    Args:
        seed: Decides everything.
        has_islands: Some steps may be without grid.
        is_tame: No limit that could make the problem infeasible, no start outside limits.
        has_events: It may have demand-response events and curtailable loads; the rest of it is the same without.
    """
    rng = np.random.default_rng(seed)
    members, steps = int(rng.integers(1, 6)), int(rng.integers(2, 8))
    kwp = np.where(rng.random(members) < 0.6, rng.uniform(0.5, 8.0, members), 0.0)
    p_in = rng.uniform(0.1, 0.4, steps)
    p_out = rng.uniform(0.0, 0.12, steps)
    for prices, share, price in ((p_out, 0.3, -0.05), (p_in, 0.2, -0.03), (p_out, 0.2, 0.5)):
        if rng.random() < share:
            prices[rng.integers(steps)] = price
    fee = np.full(steps, rng.choice([0.0, 0.02, 0.05]))
    periods = int(rng.integers(1, 3))
    limits = (17.0, 17.0) if is_tame else (rng.choice([17.0, 3.0]), rng.choice([17.0, 2.0]))
    community = (1000.0, 1000.0) if is_tame else (rng.choice([1000.0, 3.0 * members]), rng.choice([1000.0, members]))
    batteries = tuple(_battery(rng, members, is_tame=is_tame) for _ in range(rng.integers(0, 4)))
    evs = tuple(_car(rng, members, steps) for _ in range(rng.integers(0, 3)))
    runs = tuple(_run(rng, members, steps) for _ in range(rng.integers(0, 3)))
    weight = rng.uniform(0.3, 2.5, members)
    reference = rng.uniform(-2.0, 2.0, (len(batteries), steps)) if rng.random() < 0.5 else np.nan
    problem = DispatchProblem(
        start_utc=START,
        step_h=rng.choice([0.25, 0.5, 1.0], steps),
        exact_steps=int(rng.integers(1, steps + 1)),
        demand_kw=rng.uniform(0.0, 2.5, (members, steps)) * (rng.random((members, steps)) < 0.9),
        pv_kw=kwp[:, None] * rng.random(steps),
        metered_net_kwh=rng.uniform(-0.5, 0.5, members) if rng.random() < 0.5 else np.zeros(members),
        metered_h=0.1 if rng.random() < 0.5 else 0.0,
        import_price_eur_per_kwh=p_in,
        export_price_eur_per_kwh=p_out,
        network_fee_eur_per_kwh=fee,
        local_price_eur_per_kwh=(p_in - fee + p_out) / 2.0,
        is_islanded=(rng.random(steps) < 0.4) & has_islands,
        member_import_limit_kw=np.full(members, limits[0]),
        member_export_limit_kw=np.full(members, limits[1]),
        community_import_limit_kw=np.full(steps, community[0]),
        community_export_limit_kw=np.full(steps, community[1]),
        peak_charge_eur_per_kw=float(rng.choice([0.0, 0.4])),
        peak_floor_kw=rng.uniform(0.0, members, periods),
        peak_period=np.sort(rng.integers(0, periods, steps)),
        weight=weight / weight.mean(),
        income_eur=np.where(rng.random(members) < 0.8, rng.uniform(50.0, 500.0, members), np.nan),
        billed_eur=rng.uniform(-1.0, 30.0, members),
        is_priority=rng.random(members) < 0.4,
        renewable_kwh=rng.uniform(0.0, 2.0, members),
        consumption_kwh=rng.uniform(2.0, 10.0, members),
        access_share_frac=float(rng.choice([0.0, 0.4])),
        access_shortfall_eur_per_kwh=0.5,
        burden_price_frac=float(rng.choice([0.0, 0.5])),
        equity_budget_frac=float(rng.choice([0.0, 0.02, 0.5])),
        batteries=batteries,
        evs=evs,
        runs=runs,
        reference_battery_kw=np.broadcast_to(reference, (len(batteries), steps)).copy(),
        reference_ev_kw=np.full((len(evs), steps), np.nan),
    )
    problem = replace(problem, peak_reserve_kw=_reserve_kw(seed, steps))
    return _with_events(rng, problem) if has_events else problem


def _reserve_kw(seed: int, steps: int) -> np.ndarray:
    """Of every second problem, from a stream of its own: the rest of a seed's problem is the same without."""
    rng = np.random.default_rng((seed, 1))
    return rng.uniform(0.0, 2.0, steps) if rng.random() < 0.5 else np.zeros(0)


def _with_events(rng: np.random.Generator, problem: DispatchProblem) -> DispatchProblem:
    """Up to three loads that may be held back, and in half of the problems a target in some steps."""
    members, steps = problem.demand_kw.shape
    loads = []
    for _ in range(rng.choice([0, 1, 3])):
        member = int(rng.integers(members))
        loads.append(
            load(
                steps,
                member,
                wanted_kw=problem.demand_kw[member] * rng.uniform(0.0, 0.33),
                is_open=rng.random(steps) < 0.7,
                discomfort_eur_per_kwh=float(rng.choice([0.0, 0.15, 0.6])),
                day=np.sort(rng.integers(0, 2, steps)),
                limit_kwh=rng.choice([0.0, 0.2, 5.0], 2),
            )
        )
    if rng.random() < 0.5:
        return replace(problem, curtailables=tuple(loads))
    return replace(
        problem,
        curtailables=tuple(loads),
        event_target_kw=np.where(rng.random(steps) < 0.6, rng.uniform(-2.0, members, steps), np.inf),
        event_shortfall_eur_per_kwh=float(rng.choice([0.0, 0.3, 1.0])),
    )


def _battery(rng: np.random.Generator, members: int, *, is_tame: bool) -> BatteryData:
    capacity = float(rng.uniform(1.0, 8.0))
    start = float(rng.uniform(0.2, 0.9) if is_tame else rng.choice([0.0, 0.5, 1.0, 1.1]))
    return battery(
        int(rng.integers(members)),
        soc_start_kwh=start * capacity,
        soc_min_kwh=0.1 * capacity,
        soc_max_kwh=capacity,
        charge_limit_kw=float(rng.uniform(0.5, 4.0)),
        discharge_limit_kw=float(rng.uniform(0.5, 4.0)),
        charge_efficiency_frac=float(rng.choice([0.9, 0.95])),
        end_value_eur_per_kwh=float(rng.uniform(0.0, 0.3)),
    )


def _car(rng: np.random.Generator, members: int, steps: int) -> EvData:
    arrival = int(rng.integers(0, steps))
    return car(
        int(rng.integers(members)),
        energy_needed_kwh=float(rng.choice([0.0, 0.2, 4.0])),
        arrival_step=arrival,
        departure_step=int(rng.integers(arrival, steps)),
    )


def _run(rng: np.random.Generator, members: int, steps: int) -> RunData:
    options = int(rng.integers(1, steps + 1))
    option_kw = np.zeros((options, steps))
    for start in range(options):
        option_kw[start, start : start + 2] = 1.2
    return RunData(member=int(rng.integers(members)), option_kw=option_kw)
