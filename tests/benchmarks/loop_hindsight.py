"""The best that could have been done, all data known: the full-resolution problem, and the least possible peak.

Charging is 0 or at least the car's minimum in every step of the optimum, and anything in between for the least peak,
which is a bound from the relaxed problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from devices.simulator.home_state import HomeState
from models.dispatch.arrays.efficient import is_separable, write_efficient
from models.dispatch.arrays.greedy import share_efficient
from models.dispatch.facts import derive_facts
from models.dispatch.problem import BatteryData, DispatchProblem, EvData, RunData
from models.dispatch.result import Schedule
from models.dispatch.solvers.highs import HighsSolver
from models.dispatch.solvers.protocol import Objective
from models.dispatch.validation import validate_problem
from models.domain.arrays import FloatArray
from models.domain.interval import billing_period_index
from models.domain.tariff import local_price
from models.profiles.profiles import EvSession, ShiftableRun
from tests.benchmarks.loop_figures import Flows
from tests.benchmarks.loop_foresight import find_ev, make_ev_data, needed_until
from tests.benchmarks.loop_world import World

NEGLIGIBLE_KWH = 1e-6
"""Stored energy is compared within this: the solver's tolerance [kWh]."""


class HindsightError(Exception):
    """A hindsight problem has no solution, or is of a kind that the small program does not cover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """Optimum of a span with all data known."""

    cost_eur: float
    """Energy, wear, peak charge above the floor, less the value of what is stored at the end."""
    bound_eur: float
    """No schedule of the span costs less."""
    schedule: Schedule

    @property
    def gap_frac(self) -> float:
        """How far the schedule could be from the optimum."""
        return max(0.0, self.cost_eur - self.bound_eur) / max(abs(self.cost_eur), 0.01)


def pose_hindsight(
    world: World, start_utc: datetime, end_utc: datetime, states: Mapping[str, HomeState], *, peak_floor_kw: float = 0.0
) -> DispatchProblem:
    """The problem of a span in steps of one interval, from where the homes stand at its start.

    Raises:
        HindsightError: An appliance runs over an edge of the span, or the span touches two billing periods.
    """
    site, starts = world.site, world.starts(start_utc, end_utc)
    step_h = np.full(len(starts), world.interval_h)
    prices = world.prices.prices(starts, step_h)
    after = tuple(end_utc + timedelta(hours=hour) for hour in range(24))
    stored_value = float(np.mean(world.prices.prices(after, np.ones(24)).import_price_eur_per_kwh))
    if billing_period_index(starts, site.zone)[-1] or any(_is_running(state) for state in states.values()):
        raise HindsightError(
            f"from {start_utc} to {end_utc}: two billing periods, or an appliance running at the start"
        )
    members, steps = len(site.members), len(starts)
    batteries = _batteries(world, states, stored_value)
    evs = _evs(world, start_utc, end_utc, states, float(np.max(prices.import_price_eur_per_kwh)))
    return DispatchProblem(
        start_utc=start_utc,
        step_h=step_h,
        exact_steps=steps,
        demand_kw=world.of_span(world.profile.demand_kw, start_utc, end_utc),
        pv_kw=world.of_span(world.profile.pv_kw, start_utc, end_utc),
        metered_net_kwh=np.zeros(members),
        metered_h=0.0,
        import_price_eur_per_kwh=prices.import_price_eur_per_kwh,
        export_price_eur_per_kwh=prices.export_price_eur_per_kwh,
        network_fee_eur_per_kwh=prices.network_fee_eur_per_kwh,
        local_price_eur_per_kwh=local_price(prices, site.tariff.local_price),
        is_islanded=np.zeros(steps, dtype=np.bool_),
        member_import_limit_kw=np.array([member.import_limit_kw for member in site.members]),
        member_export_limit_kw=np.array([member.export_limit_kw for member in site.members]),
        community_import_limit_kw=np.full(steps, site.community.import_limit_kw),
        community_export_limit_kw=np.full(steps, site.community.export_limit_kw),
        peak_charge_eur_per_kw=site.tariff.peak_charge_eur_per_kw,
        peak_floor_kw=np.array([peak_floor_kw]),
        peak_period=np.zeros(steps, dtype=np.int64),
        weight=np.ones(members),
        income_eur=np.full(members, np.nan),
        billed_eur=np.zeros(members),
        is_priority=np.zeros(members, dtype=np.bool_),
        renewable_kwh=np.zeros(members),
        consumption_kwh=np.zeros(members),
        access_share_frac=0.0,
        access_shortfall_eur_per_kwh=0.0,
        burden_price_frac=0.0,
        equity_budget_frac=0.0,
        batteries=batteries,
        evs=evs,
        runs=_runs(world, start_utc, end_utc),
        reference_battery_kw=np.full((len(batteries), steps), np.nan),
        reference_ev_kw=np.full((len(evs), steps), np.nan),
    )


def _is_running(state: HomeState) -> bool:
    return any(one.running_until_utc is not None for one in state.appliances.values())


def _batteries(world: World, states: Mapping[str, HomeState], stored_value: float) -> tuple[BatteryData, ...]:
    return tuple(
        BatteryData(
            member=row,
            charge_limit_kw=battery.charge_limit_kw,
            discharge_limit_kw=battery.discharge_limit_kw,
            soc_start_kwh=states[member.id].soc_kwh[battery.id],
            soc_min_kwh=battery.soc_min_frac * battery.capacity_kwh,
            soc_max_kwh=battery.soc_max_frac * battery.capacity_kwh,
            charge_efficiency_frac=battery.charge_efficiency_frac,
            discharge_efficiency_frac=battery.discharge_efficiency_frac,
            wear_eur_per_kwh=battery.wear_eur_per_kwh,
            end_value_eur_per_kwh=stored_value * battery.discharge_efficiency_frac,
        )
        for row, member in enumerate(world.site.members)
        for battery in member.batteries
    )


def present_sessions(world: World, start_utc: datetime, end_utc: datetime) -> tuple[EvSession, ...]:
    """Sessions of a span, in the order of the profile."""
    return tuple(
        one for one in world.profile.ev_sessions if one.departure_utc > start_utc and one.arrival_utc < end_utc
    )


def remaining_kwh(session: EvSession, states: Mapping[str, HomeState], moment_utc: datetime) -> float:
    """Energy that a session still needs at the moment of the states [kWh]."""
    if session.arrival_utc > moment_utc:
        return session.energy_needed_kwh
    state = states[session.member_id].evs.get(session.asset_id)
    return state.remaining_kwh if state is not None and state.arrival_utc == session.arrival_utc else 0.0


def _evs(
    world: World, start_utc: datetime, end_utc: datetime, states: Mapping[str, HomeState], dearest_eur_per_kwh: float
) -> tuple[EvData, ...]:
    found = []
    for session in present_sessions(world, start_utc, end_utc):
        row, ev = find_ev(world, session)
        needed_kwh = needed_until(session, ev, end_utc, max(0.0, remaining_kwh(session, states, start_utc)))
        first = max(0, (session.arrival_utc - start_utc) // world.interval)
        last = (min(session.departure_utc, end_utc) - start_utc) // world.interval - 1
        found.append(make_ev_data(row, ev, needed_kwh, (first, last), dearest_eur_per_kwh))
    return tuple(found)


def _runs(world: World, start_utc: datetime, end_utc: datetime) -> tuple[RunData, ...]:
    inside = [one for one in world.profile.runs if one.latest_end_utc > start_utc and one.requested_utc < end_utc]
    for run in inside:
        if run.requested_utc < start_utc or run.latest_end_utc > end_utc:
            raise HindsightError(
                f"the run of {run.asset_id} asked for at {run.requested_utc} crosses an edge of the span"
            )
    return tuple(_run_data(world, run, start_utc, end_utc) for run in inside)


def _run_data(world: World, run: ShiftableRun, start_utc: datetime, end_utc: datetime) -> RunData:
    steps, length = (end_utc - start_utc) // world.interval, timedelta(seconds=run.duration_s)
    starts = world.starts(run.requested_utc, run.latest_end_utc - length + world.interval)
    edges_h = world.interval_h * np.arange(steps)[None, :]
    begins_h = np.array([(start - start_utc) / timedelta(hours=1) for start in starts])[:, None]
    ends_h = begins_h + length / timedelta(hours=1)
    overlap_h = np.minimum(edges_h + world.interval_h, ends_h) - np.maximum(edges_h, begins_h)
    share = np.clip(overlap_h / world.interval_h, 0.0, 1.0)
    return RunData(member=world.profile.member_ids.index(run.member_id), option_kw=run.power_kw * share)


def solve_hindsight(problem: DispatchProblem, *, limit_s: float, gap_frac: float) -> Hindsight:
    """Least cost, to a relative gap or until the time is up.

    Raises:
        HindsightError: The small program does not cover the problem, or no schedule was found.
    """
    validate_problem(problem)
    facts = derive_facts(problem)
    if not is_separable(problem, facts):
        raise HindsightError("the problem has islanded steps, or exports dearer than imports")
    small = write_efficient(problem, facts)
    session = HighsSolver().open(small.program)
    try:
        session.set_objective(*small.program.objectives[Objective.COST])
        relaxed = session.solve_relaxed(deadline_s=limit_s)
        gap_eur = gap_frac * max(abs(relaxed.objective), 0.01) if relaxed.has_point else 0.0
        found = session.solve_integer(deadline_s=limit_s, gap_eur=gap_eur)
    finally:
        session.close()
    if not relaxed.has_point or not found.has_point:
        raise HindsightError(f"hindsight ended with {relaxed.termination}, {found.termination}")
    schedule = share_efficient(problem, facts, small, found.x)
    return Hindsight(cost_eur=found.objective, bound_eur=max(found.bound, relaxed.bound), schedule=schedule)


def serve_alike(
    world: World, problem: DispatchProblem, start: Mapping[str, HomeState], end: Mapping[str, HomeState]
) -> DispatchProblem:
    """The problem of the window with the energy in each car and the least energy in each battery that a course gave.

    Args:
        world: The world of the problem.
        problem: Hindsight problem of the window.
        start: Where the homes stood at its start.
        end: Where the course left them.
    """
    sessions = present_sessions(world, world.start_utc, world.end_utc)
    evs = tuple(
        replace(
            data, energy_needed_kwh=max(0.0, remaining_kwh(one, start, world.start_utc) - _left_kwh(world, one, end))
        )
        for data, one in zip(problem.evs, sessions, strict=True)
    )
    return replace(problem, evs=evs)


def _left_kwh(world: World, session: EvSession, end: Mapping[str, HomeState]) -> float:
    """What a car that stays beyond the window still needs at its end; one that leaves before has what it needs."""
    return remaining_kwh(session, end, world.end_utc) if session.departure_utc > world.end_utc else 0.0


def least_peak_kw(problem: DispatchProblem, soc_end_kwh: FloatArray, *, limit_s: float) -> float:
    """No dispatch of the span that serves all cars has a lower peak: an LP bound [kW].

    Args:
        problem: Problem of the span.
        soc_end_kwh: [B] least energy in each battery at its end.
        limit_s: Time limit [s].

    Raises:
        HindsightError: No such dispatch exists.
    """
    facts = derive_facts(problem)
    small = write_efficient(problem, facts)
    columns, program = small.columns, small.program
    last, missing = columns["soc"][:, -1], columns["ev_shortfall"]
    session = HighsSolver().open(program)
    try:
        session.set_column_bounds(last, soc_end_kwh - NEGLIGIBLE_KWH, program.column_upper[last])
        session.set_column_bounds(missing, np.zeros(len(missing)), np.full(len(missing), NEGLIGIBLE_KWH))
        coefficients = np.zeros(program.columns)
        coefficients[columns["peak"]] = 1.0
        session.set_objective(coefficients, 0.0)
        found = session.solve_relaxed(deadline_s=limit_s)
    finally:
        session.close()
    if not found.has_point:
        raise HindsightError(f"the least peak ended with {found.termination}")
    return found.objective


def flows_of(world: World, problem: DispatchProblem, schedule: Schedule, intervals: int) -> Flows:
    """Energies of a schedule's first intervals."""
    discharge_kw = np.zeros(problem.demand_kw.shape)
    for row, battery in enumerate(problem.batteries):
        discharge_kw[battery.member] += schedule.discharge_kw[row]
    first = np.s_[:, :intervals]
    return Flows(
        import_kwh=(schedule.import_kw + schedule.buy_kw)[first] * world.interval_h,
        export_kwh=(schedule.export_kw + schedule.sell_kw)[first] * world.interval_h,
        discharge_kwh=discharge_kw[first] * world.interval_h,
    )
