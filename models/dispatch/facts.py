"""What the data alone decide: signs, bounds and which variables are needed. Shared by every form of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import bound_cuts_kw, load_owners
from models.dispatch.storage_bounds import StorageBounds, bound_storage

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray, IntArray

SIGN_KW = 1e-9
"""A power below this is none: a watt is a million times larger [kW]."""

PRICE_ROUNDING_EUR_PER_KWH = 1e-9
"""Prices closer than this are equal [EUR/kWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Derived data of one problem; N members, T steps, B batteries, E cars, S runs, C curtailable loads."""

    has_grid: BoolArray
    """[T]"""
    is_pool: BoolArray
    """[T] sharing is allowed, and some member can sell to another."""
    fixed_kw: FloatArray
    """[N, T] demand less PV [kW]."""
    curtail_limit_kw: FloatArray
    """[N, T] PV that it may pay (or be necessary) to curtail; 0 where it never can be [kW]."""
    unserved_limit_kw: FloatArray
    """[N, T] the demand in islanded steps, else 0 [kW]."""
    storage: StorageBounds
    needs_direction: BoolArray
    """[B, T] charging and discharging at once could pay, so it has to be forbidden."""
    ev_limit_kw: FloatArray
    """[E, T] 0 while the car is away [kW]."""
    cut_limit_kw: FloatArray
    """[C, T] what each load may be held back; 0 where no event is on [kW]."""
    intake_limit_kw: FloatArray
    """[N, T] D: largest import + buy [kW]."""
    outlet_limit_kw: FloatArray
    """[N, T] S: largest export + sell [kW]."""
    natural_intake_kw: FloatArray
    """[N, T] D without the connection's limit [kW]."""
    natural_outlet_kw: FloatArray
    """[N, T] S without the connection's limit [kW]."""
    is_flexible: BoolArray
    """[N, T] the net position is not given by the data."""
    is_access: BoolArray
    """[N] priority members whose access constraint could fail."""
    access_needed_kwh: FloatArray
    """[N] alpha x (consumption so far + demand of the horizon) - renewable consumption so far [kWh]."""
    is_burden: BoolArray
    """[N] members that could bear the highest burden."""

    @property
    def is_open(self) -> BoolArray:
        """[N, T] The sign of the net position is open, so a side has to be chosen."""
        both = (self.intake_limit_kw > SIGN_KW) & (self.outlet_limit_kw > SIGN_KW)
        return self.is_flexible & both


def device_owners(problem: DispatchProblem) -> tuple[IntArray, IntArray, IntArray]:
    """Owners of the batteries [B], the cars [E] and the runs [S] as index arrays."""
    batteries = np.array([battery.member for battery in problem.batteries], dtype=np.int64)
    evs = np.array([ev.member for ev in problem.evs], dtype=np.int64)
    runs = np.array([run.member for run in problem.runs], dtype=np.int64)
    return batteries, evs, runs


def derive_facts(problem: DispatchProblem, *, is_elastic: bool = False) -> Facts:
    """Bounds, signs and needs that follow from the data of a validated problem.

    Args:
        problem: A validated problem.
        is_elastic: Limits are soft and runs may be skipped: the model of the service stage.
    """
    members, steps = problem.demand_kw.shape
    battery_owner, ev_owner, _ = device_owners(problem)
    has_grid = ~problem.is_islanded
    fixed_kw = problem.demand_kw - problem.pv_kw
    storage = bound_storage(problem, fixed_kw)
    curtail_kw = _curtail_limits(problem, fixed_kw, battery_owner[storage.starts_outside])
    unserved_kw = np.where(problem.is_islanded, problem.demand_kw, 0.0)
    ev_kw, cut_kw = _ev_limits(problem, steps), bound_cuts_kw(problem)
    highest, lowest = fixed_kw + curtail_kw, fixed_kw - unserved_kw
    np.add.at(highest, battery_owner, storage.charge_limit_kw)
    np.subtract.at(lowest, battery_owner, storage.discharge_limit_kw)
    np.add.at(highest, ev_owner, ev_kw)
    # On an island what is held back is part of what may go unserved.
    np.subtract.at(lowest, load_owners(problem), np.where(problem.is_islanded, 0.0, cut_kw))
    moves = np.zeros((members, steps), dtype=np.bool_)
    np.logical_or.at(moves, load_owners(problem), cut_kw > SIGN_KW)
    for run in problem.runs:
        highest[run.member] += run.option_kw.max(axis=0)
        # A run that may be skipped takes nothing for certain: the surplus it would have used needs a way out.
        lowest[run.member] += 0.0 if is_elastic else run.option_kw.min(axis=0)
        moves[run.member] |= run.option_kw.max(axis=0) > SIGN_KW
    is_flexible = ((highest - lowest) > SIGN_KW) | moves
    natural_intake, natural_outlet = np.maximum(highest, 0.0), np.maximum(-lowest, 0.0)
    # A net position given by the data is what it is: its limit is reported, not modelled.
    intake = np.where(is_flexible, np.minimum(natural_intake, problem.member_import_limit_kw[:, None]), natural_intake)
    outlet = np.where(is_flexible, np.minimum(natural_outlet, problem.member_export_limit_kw[:, None]), natural_outlet)
    is_pool = _pool_steps(problem, intake > SIGN_KW, outlet > SIGN_KW)
    needed, is_access = _access_needs(problem, is_flexible, curtail_kw, outlet, ev_kw)
    return Facts(
        has_grid=has_grid,
        is_pool=is_pool,
        fixed_kw=fixed_kw,
        curtail_limit_kw=curtail_kw,
        unserved_limit_kw=unserved_kw,
        storage=storage,
        needs_direction=_direction_needs(problem, storage, is_access[battery_owner]),
        ev_limit_kw=ev_kw,
        cut_limit_kw=cut_kw,
        intake_limit_kw=intake,
        outlet_limit_kw=outlet,
        natural_intake_kw=natural_intake,
        natural_outlet_kw=natural_outlet,
        is_flexible=is_flexible,
        is_access=is_access,
        access_needed_kwh=needed,
        is_burden=_burden_candidates(problem, is_pool, is_flexible, intake, outlet),
    )


def lowest_price_eur_per_kwh(problem: DispatchProblem) -> FloatArray:
    """[T] The least of the import, export and pool prices of a step [EUR/kWh]."""
    grid = np.minimum(problem.import_price_eur_per_kwh, problem.export_price_eur_per_kwh)
    return np.minimum(grid, problem.local_price_eur_per_kwh)


def _curtail_limits(problem: DispatchProblem, fixed_kw: FloatArray, forced: IntArray) -> FloatArray:
    """Curtailing can only pay at a negative price, without grid, or where an export limit may bind."""
    surplus_kw = np.maximum(-fixed_kw.sum(axis=0), 0.0)
    by_step = (lowest_price_eur_per_kwh(problem) < 0.0) | problem.is_islanded
    by_step |= surplus_kw > problem.community_export_limit_kw
    by_member = -fixed_kw > problem.member_export_limit_kw[:, None]
    by_member[forced] = True
    return np.where(by_step[None, :] | by_member, problem.pv_kw, 0.0)


def _ev_limits(problem: DispatchProblem, steps: int) -> FloatArray:
    limit_kw = np.zeros((len(problem.evs), steps))
    for index, ev in enumerate(problem.evs):
        limit_kw[index, ev.arrival_step : ev.departure_step + 1] = ev.charge_limit_kw
        if ev.energy_needed_kwh <= 0.0:
            limit_kw[index] = 0.0
    return limit_kw


def _pool_steps(problem: DispatchProblem, can_take: BoolArray, can_give: BoolArray) -> BoolArray:
    """Sharing is off where p+ - f < p-, and where no member could sell to another one."""
    worth = problem.import_price_eur_per_kwh - problem.network_fee_eur_per_kwh
    is_shared = problem.is_islanded | (worth >= problem.export_price_eur_per_kwh - PRICE_ROUNDING_EUR_PER_KWH)
    takers, givers = can_take.sum(axis=0), can_give.sum(axis=0)
    is_alone = (takers == 1) & (givers == 1) & (can_take & can_give).any(axis=0)
    result: BoolArray = is_shared & (takers > 0) & (givers > 0) & ~is_alone
    return result


def _direction_needs(problem: DispatchProblem, storage: StorageBounds, is_access_owner: BoolArray) -> BoolArray:
    """Burning energy by charging and discharging at once pays at negative prices, or where access rewards it."""
    both = (storage.charge_limit_kw > SIGN_KW) & (storage.discharge_limit_kw > SIGN_KW)
    worthless = np.array([battery.end_value_eur_per_kwh < 0.0 for battery in problem.batteries], dtype=np.bool_)
    is_negative = (lowest_price_eur_per_kwh(problem) < 0.0)[None, :]
    result: BoolArray = both & (is_negative | (worthless | is_access_owner)[:, None])
    return result


def _access_needs(
    problem: DispatchProblem,
    is_flexible: BoolArray,
    curtail_kw: FloatArray,
    outlet_kw: FloatArray,
    ev_kw: FloatArray,
) -> tuple[FloatArray, BoolArray]:
    """Renewable energy each member still needs, and whether it could miss it at all."""
    _, ev_owner, _ = device_owners(problem)
    step_h, share = problem.step_h, problem.access_share_frac
    needed_kwh = share * (problem.consumption_kwh + problem.demand_kw @ step_h) - problem.renewable_kwh
    most_kwh = needed_kwh.copy()
    np.add.at(most_kwh, ev_owner, share * (ev_kw @ step_h))
    for run in problem.runs:
        most_kwh[run.member] += share * float((run.option_kw @ step_h).max())
    own_fixed = np.minimum(problem.demand_kw, problem.pv_kw)
    own_least = np.where(is_flexible, problem.pv_kw - curtail_kw - outlet_kw, own_fixed) @ step_h
    counts = share > 0.0 and problem.access_shortfall_eur_per_kwh > 0.0
    result: BoolArray = problem.is_priority & (most_kwh > own_least) & counts
    return needed_kwh, result


def _burden_candidates(
    problem: DispatchProblem,
    is_pool: BoolArray,
    is_flexible: BoolArray,
    intake_kw: FloatArray,
    outlet_kw: FloatArray,
) -> BoolArray:
    """Members whose burden could be the highest, by an interval around each member's cost of the horizon."""
    has_income = np.isfinite(problem.income_eur)
    if problem.burden_price_frac <= 0.0 or not has_income.any():
        return np.zeros(has_income.shape, dtype=np.bool_)
    p_in, p_out = problem.import_price_eur_per_kwh, problem.export_price_eur_per_kwh
    local, bought = problem.local_price_eur_per_kwh, problem.local_price_eur_per_kwh + problem.network_fee_eur_per_kwh
    bought, local = np.where(is_pool, bought, p_in), np.where(is_pool, local, p_out)
    in_high, in_low = np.maximum(p_in, bought), np.minimum(p_in, bought)
    out_high, out_low = np.maximum(p_out, local), np.minimum(p_out, local)
    fixed_high = intake_kw * in_high - outlet_kw * out_low
    fixed_low = intake_kw * in_low - outlet_kw * out_high
    open_high = intake_kw * np.maximum(in_high, 0.0) + outlet_kw * np.maximum(-out_low, 0.0)
    open_low = intake_kw * np.minimum(in_low, 0.0) - outlet_kw * np.maximum(out_high, 0.0)
    high_eur = np.where(is_flexible, open_high, fixed_high) @ problem.step_h
    low_eur = np.where(is_flexible, open_low, fixed_low) @ problem.step_h
    for battery in problem.batteries:
        stored_kwh = max(battery.soc_max_kwh, battery.soc_start_kwh)
        worth_eur = abs(battery.end_value_eur_per_kwh) * stored_kwh
        wear_eur = battery.wear_eur_per_kwh * battery.discharge_limit_kw * float(problem.step_h.sum())
        low_eur[battery.member] -= worth_eur
        high_eur[battery.member] += wear_eur + (worth_eur if battery.end_value_eur_per_kwh < 0.0 else 0.0)
    for ev in problem.evs:
        high_eur[ev.member] += ev.shortfall_eur_per_kwh * ev.energy_needed_kwh
    highest = (problem.billed_eur + high_eur) / problem.income_eur
    lowest = (problem.billed_eur + low_eur) / problem.income_eur
    floor = lowest[has_income].max()
    result: BoolArray = has_income & (np.where(has_income, highest, -np.inf) >= floor)
    return result
