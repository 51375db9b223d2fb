"""Independent check of a plan against its problem: nothing here uses the model, its bounds or its columns.

Every limit and every reported figure is recomputed from the schedule alone, in numpy. It runs on each plan before
any setpoint is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.audit_claims import (
    add_up_claims,
    check_claims,
    check_indices,
    check_words,
    find_flows_kw,
    find_way_back_kwh,
)
from models.dispatch.audit_events import add_up_cuts_kw, check_events
from models.dispatch.audit_figures import (
    bill_members_eur,
    find_community_cost_eur,
    find_discomforts_eur,
    find_event_excess_kw,
    find_missing_access_kwh,
    find_peaks_kw,
    find_worst_burden,
)
from models.dispatch.audit_report import check_alone, check_objective, check_prices, check_record
from models.dispatch.result import LimitKind, Plan, Schedule
from models.dispatch.violation import (
    BURDEN_TOLERANCE_FRAC,
    ENERGY_TOLERANCE_KWH,
    LISTED_AT_MOST,
    MONEY_TOLERANCE_EUR,
    POWER_TOLERANCE_KW,
    PRICE_ROUNDING_EUR_PER_KWH,
    Violation,
    find_exceeding,
)

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray


def audit_plan(problem: DispatchProblem, plan: Plan) -> tuple[Violation, ...]:
    """Everything that is wrong with a plan; empty for one that may be sent.

    Args:
        problem: What was asked.
        plan: The answer; limits in ``plan.softened`` may be exceeded by what it says, no more.
    """
    if plan.schedule is None or plan.figures is None:
        return (Violation(rule="schedule", place="plan", size=np.inf, unit="missing"),)
    shape = [*_check_shapes(problem, plan.schedule), *check_indices(problem, plan.softened)]
    if shape:
        return tuple(shape)
    found: list[Violation] = []
    for check in _CHECKS:
        found.extend(check(problem, plan))
    return tuple(found[:LISTED_AT_MOST])


def _check_shapes(problem: DispatchProblem, schedule: Schedule) -> Iterator[Violation]:
    members, steps = problem.demand_kw.shape
    batteries, evs, runs = len(problem.batteries), len(problem.evs), len(problem.runs)
    rows = {"charge_kw": batteries, "discharge_kw": batteries, "soc_kwh": batteries, "ev_kw": evs, "run_kw": runs}
    single = {"ev_shortfall_kwh": evs, "run_option": runs, "event_excess_kw": problem.event_target_kw.shape[0]}
    loads = len(problem.curtailables)
    shapes = {name: (count,) for name, count in single.items()} | {name: (count, steps) for name, count in rows.items()}
    shapes["curtailed_load_kw"] = (loads, steps if loads else 0)
    for field in fields(Schedule):
        values = np.asarray(getattr(schedule, field.name))
        expected = shapes.get(field.name, (members, steps))
        if values.shape != expected:
            yield Violation(rule="shape", place=f"{field.name}, {values.shape}", size=np.inf, unit="shape")
        elif not np.isfinite(values.astype(np.float64)).all():
            yield Violation(rule="finite", place=field.name, size=np.nan, unit="value")


def _check_signs(_problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    for field in fields(Schedule):
        if field.name != "run_option":
            values = getattr(plan.schedule, field.name)
            yield from find_exceeding("never negative", field.name, -values, POWER_TOLERANCE_KW)


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
    cut_kw = add_up_cuts_kw(problem, s)
    supply = s.import_kw + s.buy_kw + problem.pv_kw - s.curtailed_kw + s.unserved_kw + cut_kw
    use = problem.demand_kw + _device_kw(problem, s) + s.export_kw + s.sell_kw
    yield from find_exceeding("balance", "member", np.abs(supply - use), POWER_TOLERANCE_KW)
    yield from find_exceeding("curtailed beyond PV", "member", s.curtailed_kw - problem.pv_kw, POWER_TOLERANCE_KW)
    served = np.where(problem.is_islanded, problem.demand_kw - cut_kw, 0.0)
    yield from find_exceeding("unserved beyond demand", "member", s.unserved_kw - served, POWER_TOLERANCE_KW)


def _check_pool(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    tolerance = POWER_TOLERANCE_KW * max(1.0, np.sqrt(problem.demand_kw.shape[0]))
    bought, sold = s.buy_kw.sum(axis=0), s.sell_kw.sum(axis=0)
    yield from find_exceeding("pool: bought is sold", "step", np.abs(bought - sold), tolerance)
    worth = problem.import_price_eur_per_kwh - problem.network_fee_eur_per_kwh
    is_off = ~problem.is_islanded & (worth < problem.export_price_eur_per_kwh - PRICE_ROUNDING_EUR_PER_KWH)
    yield from find_exceeding("sharing is off", "step", np.where(is_off, np.maximum(bought, sold), 0.0), tolerance)
    grid = np.where(problem.is_islanded, s.import_kw + s.export_kw, 0.0)
    yield from find_exceeding("no grid", "member", grid, POWER_TOLERANCE_KW)


def _check_sides(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s, steps = _schedule(plan), problem.exact_steps
    both = np.minimum(s.import_kw + s.buy_kw, s.export_kw + s.sell_kw)
    yield from find_exceeding("takes and gives at once", "member", both, POWER_TOLERANCE_KW, steps=steps)
    both = np.minimum(s.charge_kw, s.discharge_kw)
    yield from find_exceeding("charges and discharges at once", "battery", both, POWER_TOLERANCE_KW, steps=steps)


def _check_connections(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    taken_kw, given_kw = find_flows_kw(problem, s)
    allowed = problem.member_import_limit_kw[:, None] + add_up_claims(problem, plan.softened, LimitKind.MEMBER_IMPORT)
    yield from find_exceeding("import limit", "member", taken_kw - allowed, POWER_TOLERANCE_KW)
    over = given_kw - problem.member_export_limit_kw[:, None]
    yield from find_exceeding("export limit", "member", over, POWER_TOLERANCE_KW)
    net = (s.import_kw - s.export_kw).sum(axis=0)
    tolerance = POWER_TOLERANCE_KW * max(1.0, np.sqrt(problem.demand_kw.shape[0]))
    claimed_in = add_up_claims(problem, plan.softened, LimitKind.COMMUNITY_IMPORT)[0]
    claimed_out = add_up_claims(problem, plan.softened, LimitKind.COMMUNITY_EXPORT)[0]
    over_in, over_out = net - problem.community_import_limit_kw, -net - problem.community_export_limit_kw
    yield from find_exceeding("community import limit", "step", over_in - claimed_in, tolerance)
    yield from find_exceeding("community export limit", "step", over_out - claimed_out, tolerance)


def _check_storage(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s = _schedule(plan)
    way_low_kwh, way_high_kwh = find_way_back_kwh(problem)
    claimed_low_kwh = add_up_claims(problem, plan.softened, LimitKind.BATTERY_LOW)
    claimed_high_kwh = add_up_claims(problem, plan.softened, LimitKind.BATTERY_HIGH)
    way_low_kwh, way_high_kwh = way_low_kwh - claimed_low_kwh, way_high_kwh + claimed_high_kwh
    for b, battery in enumerate(problem.batteries):
        where = f"battery {b}, step"
        stored = battery.charge_efficiency_frac * s.charge_kw[b] - s.discharge_kw[b] / battery.discharge_efficiency_frac
        soc = battery.soc_start_kwh + np.cumsum(problem.step_h * stored)
        before = np.concatenate([[battery.soc_start_kwh], soc[:-1]])
        yield from find_exceeding("state of charge", where, np.abs(soc - s.soc_kwh[b]), ENERGY_TOLERANCE_KWH, "kWh")
        # A start outside the limits comes back as fast as it can, and never goes further out.
        if not battery.soc_min_kwh <= battery.soc_start_kwh <= battery.soc_max_kwh:
            yield from find_exceeding("way back from below", where, way_low_kwh[b] - soc, ENERGY_TOLERANCE_KWH, "kWh")
            yield from find_exceeding("way back from above", where, soc - way_high_kwh[b], ENERGY_TOLERANCE_KWH, "kWh")
        lowest = np.minimum(battery.soc_min_kwh - claimed_low_kwh[b], before)
        highest = np.maximum(battery.soc_max_kwh + claimed_high_kwh[b], before)
        yield from find_exceeding("lowest state of charge", where, lowest - soc, ENERGY_TOLERANCE_KWH, "kWh")
        yield from find_exceeding("highest state of charge", where, soc - highest, ENERGY_TOLERANCE_KWH, "kWh")
        yield from find_exceeding("charge limit", where, s.charge_kw[b] - battery.charge_limit_kw, POWER_TOLERANCE_KW)
        over = s.discharge_kw[b] - battery.discharge_limit_kw
        yield from find_exceeding("discharge limit", where, over, POWER_TOLERANCE_KW)


def _check_evs(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    s, steps = _schedule(plan), np.arange(problem.step_h.shape[0])
    for e, ev in enumerate(problem.evs):
        where, power = f"car {e}, step", s.ev_kw[e]
        is_there = (steps >= ev.arrival_step) & (steps <= ev.departure_step)
        limit = np.where(is_there, ev.charge_limit_kw, 0.0)
        yield from find_exceeding("charging limit", where, power - limit, POWER_TOLERANCE_KW)
        is_pulse = (power > POWER_TOLERANCE_KW) & (steps < problem.exact_steps)
        missing = np.where(is_pulse, ev.charge_min_kw - power, 0.0)
        yield from find_exceeding("least charging power", where, missing, POWER_TOLERANCE_KW)
        energy = ev.charge_efficiency_frac * float(power @ problem.step_h)
        pulse = ev.charge_efficiency_frac * ev.charge_min_kw * float(problem.step_h[is_there].max())
        over = np.array([energy - ev.energy_needed_kwh - pulse])
        short = np.array([ev.energy_needed_kwh - energy - s.ev_shortfall_kwh[e]])
        yield from find_exceeding(f"energy beyond need, car {e}", "sum", over, ENERGY_TOLERANCE_KWH, "kWh")
        invented = np.array([s.ev_shortfall_kwh[e] - max(ev.energy_needed_kwh - energy, 0.0)])
        yield from find_exceeding(f"energy at departure, car {e}", "sum", short, ENERGY_TOLERANCE_KWH, "kWh")
        yield from find_exceeding(f"shortfall beyond what is missing, car {e}", "sum", invented,
                                  ENERGY_TOLERANCE_KWH, "kWh")  # fmt: skip


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
        yield from find_exceeding("run power", f"run {index}, step", off, POWER_TOLERANCE_KW)


def _check_claims(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    yield from check_claims(problem, _schedule(plan), plan.softened)
    yield from check_words(plan)


def _check_events(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    yield from check_events(problem, _schedule(plan))


def _check_figures(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    figures = plan.figures
    assert figures is not None  # noqa: S101  # audit_plan has looked
    schedule = _schedule(plan)
    bill_eur = bill_members_eur(problem, schedule)
    peak_kw = find_peaks_kw(problem, schedule)
    discomfort_eur = find_discomforts_eur(problem, schedule)
    missed_kwh = find_event_excess_kw(problem, schedule) * problem.step_h[: problem.event_target_kw.shape[0]]
    cost_eur = find_community_cost_eur(problem, schedule, bill_eur, peak_kw)
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
        ("discomfort", figures.discomfort_eur, discomfort_eur, MONEY_TOLERANCE_EUR, "EUR"),
        ("event shortfall", figures.event_shortfall_kwh, missed_kwh, ENERGY_TOLERANCE_KWH, "kWh"),
    ]
    for rule, reported, recomputed, tolerance, unit in pairs:
        if np.shape(reported) != np.shape(recomputed):
            yield Violation(rule=f"reported {rule}", place=f"shape {np.shape(reported)}", size=np.inf, unit="shape")
            continue
        scale = 1e-6 * float(np.abs(recomputed).max(initial=0.0))
        off = np.abs(np.asarray(reported) - np.asarray(recomputed))
        yield from find_exceeding(f"reported {rule}", "entry", np.atleast_1d(off), tolerance + scale, unit)


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
    _check_claims,
    _check_events,
    _check_figures,
    check_alone,
    check_record,
    check_prices,
    check_objective,
)
