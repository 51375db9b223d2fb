"""What a plan of the closed loop may know of the future, put into the product's outlook and problem."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from config.members import Ev
from controller.loop.device_data import LEAST_SHORTFALL_EUR_PER_KWH, SHORTFALL_FACTOR
from controller.loop.outlook import Outlook
from models.dispatch.problem import DispatchProblem, EvData, RunData
from models.domain.arrays import FloatArray
from models.forecast.history import Forecast
from models.forecast.steps import average_over_steps, step_edges_s
from models.profiles.profiles import EvSession, ShiftableRun
from tests.benchmarks.loop_world import World


class Foresight(StrEnum):
    """How much of the future a rolling plan knows."""

    PERFECT = "perfect"
    """Demand, PV, cars that will come and runs that will be asked for."""
    ARRIVALS_UNKNOWN = "arrivals_unknown"
    """Demand and PV; cars and runs from their arrival on, as the product does."""
    INTERVAL_KNOWN = "interval_known"
    """The running interval as it will be, forecasts beyond: as if batteries followed every deviation between plans."""
    FORECAST = "forecast"
    """What the product knows: forecasts from metered history, cars and runs from their arrival on."""


def with_true_powers(world: World, outlook: Outlook) -> Outlook:
    """The outlook with what demand and PV will really be."""
    profile = world.profile
    edges_s = step_edges_s(outlook.steps.starts_utc[0], outlook.steps.step_h)
    first_s = int(profile.start_utc.timestamp())

    def truth(series_kw: FloatArray, forecast: Forecast) -> Forecast:
        return replace(forecast, mean_kw=average_over_steps(series_kw, first_s, profile.step_s, edges_s))

    demand, pv = truth(profile.demand_kw, outlook.demand), truth(profile.pv_kw, outlook.pv)
    return replace(outlook, demand=demand, pv=pv, peak_reserve_kw=np.zeros(len(outlook.steps.starts_utc)))


def with_true_interval(world: World, outlook: Outlook) -> Outlook:
    """The outlook with what the running interval will bring; nothing has to be kept free in it."""
    true = with_true_powers(world, outlook)

    def mix(forecast: Forecast, known: Forecast) -> Forecast:
        return replace(forecast, mean_kw=np.hstack([known.mean_kw[:, :1], forecast.mean_kw[:, 1:]]))

    return replace(
        outlook,
        demand=mix(outlook.demand, true.demand),
        pv=mix(outlook.pv, true.pv),
        peak_reserve_kw=np.zeros(len(outlook.steps.starts_utc)),
    )


def with_arrivals(world: World, problem: DispatchProblem, outlook: Outlook) -> DispatchProblem:
    """The problem with the cars and runs that will come after its start, as far as the horizon reaches."""
    now_utc, end_utc = outlook.steps.starts_utc[0], outlook.steps.end_utc
    evs = [
        _future_ev(world, session, outlook)
        for session in world.profile.ev_sessions
        if now_utc < session.arrival_utc < end_utc
    ]
    runs = [
        _future_run(world, run, outlook)
        for run in world.profile.runs
        # A run that may end beyond the horizon is not forced into it.
        if run.requested_utc > now_utc and run.latest_end_utc <= end_utc
    ]
    known = [ev for ev in evs if ev is not None]
    unknown_kw = np.full((len(known), problem.step_h.shape[0]), np.nan)
    return replace(
        problem,
        evs=(*problem.evs, *known),
        runs=(*problem.runs, *runs),
        reference_ev_kw=np.vstack([problem.reference_ev_kw, unknown_kw]),
    )


def _future_ev(world: World, session: EvSession, outlook: Outlook) -> EvData | None:
    """A car that will come; ``None`` where no whole step is left for it, or nothing has to be charged in them."""
    starts = outlook.steps.starts_utc
    arrival_step = sum(start < session.arrival_utc for start in starts)
    departure_step = outlook.last_step_before(session.departure_utc)
    row, ev = find_ev(world, session)
    needed_kwh = needed_until(session, ev, outlook.steps.end_utc, session.energy_needed_kwh)
    if arrival_step > departure_step or needed_kwh <= 0.0:
        return None
    dearest = float(np.max(outlook.prices.import_price_eur_per_kwh))
    return make_ev_data(row, ev, needed_kwh, (arrival_step, departure_step), dearest)


def find_ev(world: World, session: EvSession) -> tuple[int, Ev]:
    """Owner's index and description of a session's charging point."""
    row = world.profile.member_ids.index(session.member_id)
    return row, next(ev for ev in world.site.members[row].evs if ev.id == session.asset_id)


def needed_until(session: EvSession, ev: Ev, end_utc: datetime, needed_kwh: float) -> float:
    """Part of a need that cannot be charged after ``end_utc`` any more [kWh]."""
    later_h = max(0.0, (session.departure_utc - end_utc) / timedelta(hours=1))
    return max(0.0, needed_kwh - later_h * ev.charge_limit_kw * ev.charge_efficiency_frac)


def make_ev_data(row: int, ev: Ev, needed_kwh: float, steps: tuple[int, int], dearest_eur_per_kwh: float) -> EvData:
    """A car of the problem; ``steps``: the first and the last in which it can charge."""
    return EvData(
        member=row,
        charge_min_kw=min(ev.charge_min_kw, ev.charge_limit_kw),
        charge_limit_kw=ev.charge_limit_kw,
        charge_efficiency_frac=ev.charge_efficiency_frac,
        energy_needed_kwh=needed_kwh,
        departure_step=steps[1],
        arrival_step=steps[0],
        shortfall_eur_per_kwh=max(LEAST_SHORTFALL_EUR_PER_KWH, SHORTFALL_FACTOR * dearest_eur_per_kwh),
    )


def _future_run(world: World, run: ShiftableRun, outlook: Outlook) -> RunData:
    length = timedelta(seconds=run.duration_s)
    latest_utc = run.latest_end_utc - length
    starts = [start for start in outlook.steps.starts_utc if run.requested_utc <= start <= latest_utc]
    options = [outlook.share_of(start, start + length) * run.power_kw for start in starts or [run.requested_utc]]
    return RunData(member=world.profile.member_ids.index(run.member_id), option_kw=np.array(options))
