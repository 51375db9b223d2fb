"""What demand-response events open: how far each load may be held back, and which targets count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray, IntArray


def load_owners(problem: DispatchProblem) -> IntArray:
    """[C] Owner of each curtailable load."""
    return np.array([load.member for load in problem.curtailables], dtype=np.int64)


def load_days(problem: DispatchProblem) -> IntArray:
    """[C, T] Local day of each step, as each load counts it."""
    days = np.array([load.day for load in problem.curtailables], dtype=np.int64)
    return days.reshape(len(problem.curtailables), problem.step_h.shape[0])


def discomfort_prices_eur_per_kwh(problem: DispatchProblem) -> FloatArray:
    """[C] What each kWh held back is worth to its member."""
    return np.array([load.discomfort_eur_per_kwh for load in problem.curtailables], dtype=np.float64)


def day_limits_kwh(problem: DispatchProblem) -> FloatArray:
    """[C, D] What may still be held back on each local day; 0 where a load counts fewer days than another."""
    days = max((load.limit_kwh.shape[0] for load in problem.curtailables), default=0)
    limits = np.zeros((len(problem.curtailables), days))
    for index, load in enumerate(problem.curtailables):
        limits[index, : load.limit_kwh.shape[0]] = load.limit_kwh
    return limits


def bound_cuts_kw(problem: DispatchProblem) -> FloatArray:
    """[C, T] What the load wants in open steps, and no more than the day's limit lasts for; else 0 [kW]."""
    cut_kw = np.zeros((len(problem.curtailables), problem.step_h.shape[0]))
    for index, load in enumerate(problem.curtailables):
        lasting_kw = load.limit_kwh[load.day] / problem.step_h
        cut_kw[index] = np.where(load.is_open, np.minimum(load.wanted_kw, lasting_kw), 0.0)
    return cut_kw


def sum_by_day(problem: DispatchProblem, cut_kw: FloatArray) -> FloatArray:
    """[C, D] Energy held back on each local day [kWh]."""
    days, limits = load_days(problem), day_limits_kwh(problem)
    energy_kwh = np.zeros(limits.shape)
    rows = np.broadcast_to(np.arange(limits.shape[0])[:, None], days.shape)
    np.add.at(energy_kwh, (rows, days), cut_kw * problem.step_h)
    return energy_kwh


def sum_by_member(problem: DispatchProblem, cut_kw: FloatArray) -> FloatArray:
    """[N, T] Power held back at each member, of the loads' [C, T] [kW]; ``cut_kw`` may be empty without any load."""
    total_kw = np.zeros(problem.demand_kw.shape)
    if problem.curtailables:
        np.add.at(total_kw, load_owners(problem), cut_kw)
    return total_kw


def find_targets_kw(problem: DispatchProblem) -> FloatArray:
    """[T] Target of the events for the community's net import; infinite where none counts: an island has no grid."""
    if not problem.event_target_kw.size:
        return np.full(problem.step_h.shape, np.inf)
    return np.where(problem.is_islanded, np.inf, problem.event_target_kw)


def counts_event(problem: DispatchProblem, most_kw: FloatArray) -> BoolArray:
    """[T] A target that missing has a price, and that a net import of ``most_kw`` [T] would miss."""
    result: BoolArray = (most_kw > find_targets_kw(problem)) & (problem.event_shortfall_eur_per_kwh > 0.0)
    return result


def event_excess_kw(problem: DispatchProblem, import_kw: FloatArray, export_kw: FloatArray) -> FloatArray:
    """[T] Net import of the community above the events' target [kW]; empty without an event.

    Args:
        problem: The problem.
        import_kw: [N, T] from the grid.
        export_kw: [N, T] to the grid.
    """
    if not problem.event_target_kw.size:
        return np.zeros(0)
    net_kw = (import_kw - export_kw).sum(axis=0)
    result: FloatArray = np.maximum(net_kw - find_targets_kw(problem), 0.0)
    return result
