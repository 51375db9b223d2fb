"""Which variables and rows the model of one problem has. The Pyomo model and its fast writer both start from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import counts_event, day_limits_kwh, load_owners, sum_by_day
from models.dispatch.facts import SIGN_KW, Facts
from models.dispatch.reserve import reserves_kw

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, DispatchProblem

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Masks over members, batteries, cars, curtailable loads or steps; true where the variable or row exists."""

    flexible: BoolArray
    """[N, T] positions with a balance row of their own."""
    grid_import: BoolArray
    """[N, T]"""
    grid_export: BoolArray
    """[N, T]"""
    pool_buy: BoolArray
    """[N, T]"""
    pool_sell: BoolArray
    """[N, T]"""
    side_exact: BoolArray
    """[N, T] positions of open sign in the control window: a binary chooses the side."""
    side_tail: BoolArray
    """[N, T] positions of open sign beyond it."""
    intake_row: BoolArray
    """[N, T] the import limit of a connection can bind, and no binary's row says so."""
    outlet_row: BoolArray
    """[N, T]"""
    curtail: BoolArray
    """[N, T]"""
    unserved: BoolArray
    """[N, T]"""
    direction_exact: BoolArray
    """[B, T]"""
    direction_tail: BoolArray
    """[B, T]"""
    ev: BoolArray
    """[E, T]"""
    ev_on: BoolArray
    """[E, T] steps of the control window in which charging is 0 or at least the minimum."""
    cut: BoolArray
    """[C, T] steps in which a load may be held back."""
    cut_day: BoolArray
    """[C, D] local days whose limit on what is held back can bind."""
    served: BoolArray
    """[N, T] positions whose demand can be held back and go unserved: no more than all of it."""
    limit_in: BoolArray
    """[T] the community's import limit can bind."""
    limit_out: BoolArray
    """[T]"""
    peak_row: BoolArray
    """[T] the step could set a peak above the one that is paid for anyway."""
    event: BoolArray
    """[T] an event's target could be missed."""
    renewable_buy: BoolArray
    """[N, T] purchases that count for a priority member's access."""
    renewable_sell: BoolArray
    """[N, T] sales of flexible positions with a PV surplus."""
    excess: BoolArray
    """[N, T] imports beyond the connection's limit; elastic model only."""
    outside: BoolArray
    """[B, T] batteries that start outside their limits; elastic model only."""
    is_elastic: bool
    """Limits are soft and their violation is measured: the model of the service stage."""


def decide_structure(problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> Structure:
    """Choose the variables that the data leave open and the rows that could bind."""
    can_take, can_give = facts.intake_limit_kw > SIGN_KW, facts.outlet_limit_kw > SIGN_KW
    is_exact = np.arange(problem.step_h.shape[0]) < problem.exact_steps
    grid, pool = facts.has_grid[None, :], facts.is_pool[None, :]
    is_open, flexible = facts.is_open, facts.is_flexible
    tight_in = facts.natural_intake_kw > facts.intake_limit_kw + SIGN_KW
    tight_out = facts.natural_outlet_kw > facts.outlet_limit_kw + SIGN_KW
    least_kw = np.array([ev.charge_min_kw for ev in problem.evs], dtype=np.float64)[:, None]
    has_ev, has_cut = facts.ev_limit_kw > SIGN_KW, facts.cut_limit_kw > SIGN_KW
    is_cut = np.zeros(flexible.shape, dtype=np.bool_)
    np.logical_or.at(is_cut, load_owners(problem), has_cut)
    pool_buy, pool_sell = can_take & pool, can_give & pool
    renewable_buy = pool_buy & facts.is_access[:, None]
    most_in, most_out = facts.natural_intake_kw.sum(axis=0), facts.natural_outlet_kw.sum(axis=0)
    outside = np.repeat(facts.storage.starts_outside[:, None], is_exact.shape[0], axis=1)
    return Structure(
        flexible=flexible,
        grid_import=flexible & can_take & grid,
        grid_export=flexible & can_give & grid,
        pool_buy=pool_buy,
        pool_sell=pool_sell,
        side_exact=is_open & is_exact,
        side_tail=is_open & ~is_exact,
        intake_row=flexible & tight_in & ~(is_open & is_exact) & can_take & (grid | pool),
        outlet_row=flexible & tight_out & ~(is_open & is_exact) & can_give & (grid | pool),
        curtail=facts.curtail_limit_kw > SIGN_KW,
        unserved=facts.unserved_limit_kw > SIGN_KW,
        direction_exact=facts.needs_direction & is_exact,
        direction_tail=facts.needs_direction & ~is_exact,
        ev=has_ev,
        ev_on=has_ev & is_exact & (least_kw > SIGN_KW),
        cut=has_cut,
        cut_day=sum_by_day(problem, facts.cut_limit_kw) > day_limits_kwh(problem) + SIGN_KW,
        served=(facts.unserved_limit_kw > SIGN_KW) & is_cut,
        limit_in=facts.has_grid & (most_in > problem.community_import_limit_kw),
        limit_out=facts.has_grid & (most_out > problem.community_export_limit_kw),
        peak_row=_peak_rows(problem, facts),
        event=counts_event(problem, most_in - SIGN_KW),
        renewable_buy=renewable_buy,
        renewable_sell=pool_sell & flexible & (facts.fixed_kw < -SIGN_KW) & renewable_buy.any(axis=0),
        excess=flexible & grid & tight_in & is_elastic,
        outside=outside & is_elastic,
        is_elastic=is_elastic,
    )


def _peak_rows(problem: DispatchProblem, facts: Facts) -> BoolArray:
    if problem.peak_charge_eur_per_kw <= 0.0:
        return np.zeros(facts.has_grid.shape, dtype=np.bool_)
    most_kw = facts.natural_intake_kw.sum(axis=0) + reserves_kw(problem)
    share, metered_kw = metered_share(problem)
    most_kw[0] = share * most_kw[0] + metered_kw
    result: BoolArray = facts.has_grid & (most_kw > problem.peak_floor_kw[problem.peak_period] + SIGN_KW)
    return result


def metered_share(problem: DispatchProblem) -> tuple[float, float]:
    """Share of step 0's interval still to come, and what is metered already as a mean over the whole interval [kW]."""
    interval_h = float(problem.step_h[0]) + problem.metered_h
    return float(problem.step_h[0]) / interval_h, float(problem.metered_net_kwh.sum()) / interval_h


def pairs(mask: BoolArray) -> tuple[Pair, ...]:
    """Index pairs of a mask, in rising order."""
    return tuple((int(row), int(column)) for row, column in np.argwhere(mask))


def steps(mask: BoolArray) -> tuple[int, ...]:
    """Indices of a mask over steps (or members)."""
    return tuple(int(step) for step in np.flatnonzero(mask))
