"""Independent check of a plan against its problem: nothing here uses the model, its bounds or its columns.

Every limit and every reported figure is recomputed from the schedule alone, in numpy. It runs on each plan before
any setpoint is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.audit_figures import (
    bill_members_eur,
    find_missing_access_kwh,
    find_peaks_kw,
    find_worst_burden,
)
from models.dispatch.result import LimitKind, Plan, Schedule

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray

POWER_TOLERANCE_KW = 1e-4
"""A tenth of a watt: a thousand times the solvers' own feasibility tolerance [kW]."""
ENERGY_TOLERANCE_KWH = 1e-3
"""One watt-hour: the accuracy that settlement promises [kWh]."""
MONEY_TOLERANCE_EUR = 1e-3
"""A tenth of a cent for the whole horizon, plus a millionth of the amount [EUR]."""
BURDEN_TOLERANCE_FRAC = 1e-4
"""A hundredth of a percent of income, plus a millionth of the burden."""
PRICE_ROUNDING_EUR_PER_KWH = 1e-6
"""Where the difference that sharing needs is this close to 0, either is right [EUR/kWh]."""
LISTED_AT_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that a plan does and may not."""

    rule: str
    """Name of what is broken, e.g. ``balance``."""
    place: str
    """Member or device, and step."""
    size: float
    """By how much, in ``unit``."""
    unit: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.rule} at {self.place}: off by {self.size:.6g} {self.unit}"


def audit_plan(problem: DispatchProblem, plan: Plan) -> tuple[Violation, ...]:
    """Everything that is wrong with a plan; empty for one that may be sent.

    Args:
        problem: What was asked.
        plan: The answer; limits in ``plan.softened`` may be exceeded by what it says, no more.
    """
    if plan.schedule is None or plan.figures is None:
        return (Violation(rule="schedule", place="plan", size=np.inf, unit="missing"),)
    shape = list(_check_shapes(problem, plan.schedule))
    if shape:
        return tuple(shape)
    found: list[Violation] = []
    for check in _CHECKS:
        found.extend(check(problem, plan))
    return tuple(found[:LISTED_AT_MOST])


def _exceeding(
    rule: str, what: str, excess: FloatArray, tolerance: float, unit: str = "kW", steps: int = 0
) -> Iterator[Violation]:
    """Places at which an excess [rows, T] (or [rows]) is above its tolerance, or not a number."""
    excess = np.atleast_1d(excess)[:, :steps] if steps else np.atleast_1d(excess)
    for place in np.argwhere(~(excess <= tolerance))[:LISTED_AT_MOST]:
        where = f"{what} {place[0]}" + (f", step {place[1]}" if len(place) > 1 else "")
        yield Violation(rule=rule, place=where, size=float(excess[tuple(place)]), unit=unit)


def _check_shapes(problem: DispatchProblem, schedule: Schedule) -> Iterator[Violation]:
    members, steps = problem.demand_kw.shape
    batteries, evs, runs = len(problem.batteries), len(problem.evs), len(problem.runs)
    rows = {"charge_kw": batteries, "discharge_kw": batteries, "soc_kwh": batteries, "ev_kw": evs, "run_kw": runs}
    single = {"ev_shortfall_kwh": evs, "run_option": runs}
    for field in fields(Schedule):
        values = np.asarray(getattr(schedule, field.name))
        expected = (single[field.name],) if field.name in single else (rows.get(field.name, members), steps)
        if values.shape != expected:
            yield Violation(rule="shape", place=f"{field.name}, {values.shape}", size=np.inf, unit="shape")
        elif not np.isfinite(values.astype(np.float64)).all():
            yield Violation(rule="finite", place=field.name, size=np.nan, unit="value")


def _check_signs(_problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    for field in fields(Schedule):
        if field.name != "run_option":
            values = getattr(plan.schedule, field.name)
            yield from _exceeding("never negative", field.name, -values, POWER_TOLERANCE_KW)


def _device_kw(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N, T] Consumption of batteries, cars and runs."""
    total = np.zeros(problem.demand_kw.shape)
    for b, battery in enumerate(problem.batteries):
        total[battery.member] += schedule.charge_kw[b] - schedule.discharge_kw[b]
    for e, ev in enumerate(problem.evs):
        total[ev.member] += schedule.ev_kw[e]
    for s, run in enumerate(problem.runs):
        total[run.member] += schedule.run_kw[s]
    return total


def _check_balance(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    supply = s.import_kw + s.buy_kw + problem.pv_kw - s.curtailed_kw + s.unserved_kw
    use = problem.demand_kw + _device_kw(problem, s) + s.export_kw + s.sell_kw
    yield from _exceeding("balance", "member", np.abs(supply - use), POWER_TOLERANCE_KW)
    yield from _exceeding("curtailed beyond PV", "member", s.curtailed_kw - problem.pv_kw, POWER_TOLERANCE_KW)
    served = np.where(problem.is_islanded, problem.demand_kw, 0.0)
    yield from _exceeding("unserved beyond demand", "member", s.unserved_kw - served, POWER_TOLERANCE_KW)


def _check_pool(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    tolerance = POWER_TOLERANCE_KW * max(1.0, np.sqrt(problem.demand_kw.shape[0]))
    bought, sold = s.buy_kw.sum(axis=0), s.sell_kw.sum(axis=0)
    yield from _exceeding("pool: bought is sold", "step", np.abs(bought - sold), tolerance)
    worth = problem.import_price_eur_per_kwh - problem.network_fee_eur_per_kwh
    is_off = ~problem.is_islanded & (worth < problem.export_price_eur_per_kwh - PRICE_ROUNDING_EUR_PER_KWH)
    yield from _exceeding("sharing is off", "step", np.where(is_off, np.maximum(bought, sold), 0.0), tolerance)
    grid = np.where(problem.is_islanded, s.import_kw + s.export_kw, 0.0)
    yield from _exceeding("no grid", "member", grid, POWER_TOLERANCE_KW)


def _check_sides(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s, steps = _schedule(plan), problem.exact_steps
    both = np.minimum(s.import_kw + s.buy_kw, s.export_kw + s.sell_kw)
    yield from _exceeding("takes and gives at once", "member", both, POWER_TOLERANCE_KW, steps=steps)
    both = np.minimum(s.charge_kw, s.discharge_kw)
    yield from _exceeding("charges and discharges at once", "battery", both, POWER_TOLERANCE_KW, steps=steps)


def _softened(problem: DispatchProblem, plan: Plan, kind: LimitKind) -> FloatArray:
    """[N, T] (one row for the community) How far a limit may be exceeded."""
    is_community = kind in (LimitKind.COMMUNITY_IMPORT, LimitKind.COMMUNITY_EXPORT)
    allowed = np.zeros((1 if is_community else problem.demand_kw.shape[0], problem.step_h.shape[0]))
    for limit in plan.softened:
        if limit.kind is kind:
            allowed[max(limit.index, 0), limit.step] += limit.size
    return allowed


def _check_connections(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    allowed = problem.member_import_limit_kw[:, None] + _softened(problem, plan, LimitKind.MEMBER_IMPORT)
    yield from _exceeding("import limit", "member", s.import_kw + s.buy_kw - allowed, POWER_TOLERANCE_KW)
    over = s.export_kw + s.sell_kw - problem.member_export_limit_kw[:, None]
    yield from _exceeding("export limit", "member", over, POWER_TOLERANCE_KW)
    net = (s.import_kw - s.export_kw).sum(axis=0)
    tolerance = POWER_TOLERANCE_KW * max(1.0, np.sqrt(problem.demand_kw.shape[0]))
    allowed_in = problem.community_import_limit_kw + _softened(problem, plan, LimitKind.COMMUNITY_IMPORT)[0]
    allowed_out = problem.community_export_limit_kw + _softened(problem, plan, LimitKind.COMMUNITY_EXPORT)[0]
    yield from _exceeding("community import limit", "step", net - allowed_in, tolerance)
    yield from _exceeding("community export limit", "step", -net - allowed_out, tolerance)


def _check_storage(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    for b, battery in enumerate(problem.batteries):
        where = f"battery {b}, step"
        stored = battery.charge_efficiency_frac * s.charge_kw[b] - s.discharge_kw[b] / battery.discharge_efficiency_frac
        soc = battery.soc_start_kwh + np.cumsum(problem.step_h * stored)
        before = np.concatenate([[battery.soc_start_kwh], soc[:-1]])
        yield from _exceeding("state of charge", where, np.abs(soc - s.soc_kwh[b]), ENERGY_TOLERANCE_KWH, "kWh")
        # A start outside the limits may stay for a while, but it never goes further out.
        lowest, highest = np.minimum(battery.soc_min_kwh, before), np.maximum(battery.soc_max_kwh, before)
        yield from _exceeding("lowest state of charge", where, lowest - soc, ENERGY_TOLERANCE_KWH, "kWh")
        yield from _exceeding("highest state of charge", where, soc - highest, ENERGY_TOLERANCE_KWH, "kWh")
        yield from _exceeding("charge limit", where, s.charge_kw[b] - battery.charge_limit_kw, POWER_TOLERANCE_KW)
        over = s.discharge_kw[b] - battery.discharge_limit_kw
        yield from _exceeding("discharge limit", where, over, POWER_TOLERANCE_KW)


def _check_evs(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s, steps = _schedule(plan), np.arange(problem.step_h.shape[0])
    for e, ev in enumerate(problem.evs):
        where, power = f"car {e}, step", s.ev_kw[e]
        is_there = (steps >= ev.arrival_step) & (steps <= ev.departure_step)
        limit = np.where(is_there, ev.charge_limit_kw, 0.0)
        yield from _exceeding("charging limit", where, power - limit, POWER_TOLERANCE_KW)
        is_pulse = (power > POWER_TOLERANCE_KW) & (steps < problem.exact_steps)
        missing = np.where(is_pulse, ev.charge_min_kw - power, 0.0)
        yield from _exceeding("least charging power", where, missing, POWER_TOLERANCE_KW)
        energy = ev.charge_efficiency_frac * float(power @ problem.step_h)
        pulse = ev.charge_efficiency_frac * ev.charge_min_kw * float(problem.step_h[is_there].max())
        over = np.array([energy - ev.energy_needed_kwh - pulse])
        short = np.array([ev.energy_needed_kwh - energy - s.ev_shortfall_kwh[e]])
        yield from _exceeding(f"energy beyond need, car {e}", "sum", over, ENERGY_TOLERANCE_KWH, "kWh")
        yield from _exceeding(f"energy at departure, car {e}", "sum", short, ENERGY_TOLERANCE_KWH, "kWh")


def _check_runs(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    skipped = {limit.index for limit in plan.softened if limit.kind is LimitKind.RUN_SKIPPED}
    for index, run in enumerate(problem.runs):
        option = int(s.run_option[index])
        if option == -1 and index in skipped:
            expected = np.zeros(problem.step_h.shape[0])
        elif 0 <= option < run.option_kw.shape[0]:
            expected = run.option_kw[option]
        else:
            yield Violation(rule="start option", place=f"run {index}", size=float(option), unit="index")
            continue
        off = np.abs(s.run_kw[index] - expected)
        yield from _exceeding("run power", f"run {index}, step", off, POWER_TOLERANCE_KW)


def _check_figures(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    figures = plan.figures
    assert figures is not None  # noqa: S101  # audit_plan has looked
    schedule = _schedule(plan)
    bill_eur = bill_members_eur(problem, schedule)
    peak_kw = find_peaks_kw(problem, schedule)
    cost_eur = float(bill_eur.sum() + problem.peak_charge_eur_per_kw * (peak_kw - problem.peak_floor_kw).sum())
    burden, reported_burden = find_worst_burden(problem, bill_eur), figures.worst_burden_frac
    missing_kwh = find_missing_access_kwh(problem, schedule)
    if (burden is None) != (reported_burden is None):
        yield Violation(rule="reported burden", place="plan", size=np.nan, unit="present in one only")
    pairs: list[tuple[str, FloatArray | float, FloatArray | float, float, str]] = [
        ("cost", figures.cost_eur, cost_eur, MONEY_TOLERANCE_EUR, "EUR"),
        ("member cost", figures.member_cost_eur, bill_eur, MONEY_TOLERANCE_EUR, "EUR"),
        ("peak", figures.peak_kw, peak_kw, POWER_TOLERANCE_KW, "kW"),
        ("burden", reported_burden or 0.0, burden or 0.0, BURDEN_TOLERANCE_FRAC, "of income"),
        ("access", figures.access_shortfall_kwh, missing_kwh, ENERGY_TOLERANCE_KWH, "kWh"),
    ]
    for rule, reported, recomputed, tolerance, unit in pairs:
        scale = 1e-6 * float(np.abs(recomputed).max(initial=0.0))
        off = np.abs(np.asarray(reported) - np.asarray(recomputed))
        yield from _exceeding(f"reported {rule}", "entry", np.atleast_1d(off), tolerance + scale, unit)
    below = np.array([figures.efficient_cost_eur - figures.cost_eur])
    tolerance = MONEY_TOLERANCE_EUR + 1e-6 * abs(figures.cost_eur) + plan.record.gap_frac * abs(figures.cost_eur)
    yield from _exceeding("reported efficient cost", "entry", below, tolerance, "EUR")


def _schedule(plan: Plan) -> Schedule:
    assert plan.schedule is not None  # noqa: S101  # audit_plan has looked
    return plan.schedule


_CHECKS: tuple[Callable[[DispatchProblem, Plan], Iterator[Violation]], ...] = (
    _check_signs,
    _check_balance,
    _check_pool,
    _check_sides,
    _check_connections,
    _check_storage,
    _check_evs,
    _check_runs,
    _check_figures,
)
