"""Where each quantity of the model stands among the columns of its linear program."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.dispatch.problem import DispatchProblem, FloatArray, IntArray

NONE = -1
"""Index of a column that does not exist: the quantity is 0, or given by the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Column indices; ``NONE`` where there is no column."""

    grid_import: IntArray
    """[N, T]"""
    grid_export: IntArray
    """[N, T]"""
    pool_buy: IntArray
    """[N, T]"""
    pool_sell: IntArray
    """[N, T]"""
    curtail: IntArray
    """[N, T]"""
    unserved: IntArray
    """[N, T]"""
    unserved_share: IntArray
    """[T] the largest share unserved, by need and weight."""
    excess: IntArray
    """[N, T]"""
    side: IntArray
    """[N, T]"""
    charge: IntArray
    """[B, T]"""
    discharge: IntArray
    """[B, T]"""
    soc: IntArray
    """[B, T]"""
    direction: IntArray
    """[B, T]"""
    below: IntArray
    """[B, T]"""
    above: IntArray
    """[B, T]"""
    ev_charge: IntArray
    """[E, T]"""
    ev_on: IntArray
    """[E, T]"""
    ev_shortfall: IntArray
    """[E]"""
    cut: IntArray
    """[C, T]"""
    start: IntArray
    """[S, K] K: the most options of any run."""
    skipped: IntArray
    """[S]"""
    shared: IntArray
    """[T]"""
    community_import: IntArray
    """[T]"""
    community_export: IntArray
    """[T]"""
    over_import: IntArray
    """[T]"""
    over_export: IntArray
    """[T]"""
    peak: IntArray
    """[Q]"""
    event_excess: IntArray
    """[T]"""
    access_missing: IntArray
    """[N]"""
    balance_row: IntArray
    """[N, T] row of a flexible member's balance."""
    unserved_fair_row: IntArray
    """[N, T] row that keeps what goes unserved at or below the largest share."""
    total_in_row: IntArray
    """[T]"""
    total_out_row: IntArray
    """[T]"""


def layout_shapes(problem: DispatchProblem) -> dict[str, tuple[int, ...]]:
    """Shape of each array of a layout."""
    members, steps = problem.demand_kw.shape
    batteries, evs, runs = len(problem.batteries), len(problem.evs), len(problem.runs)
    options = max((run.option_kw.shape[0] for run in problem.runs), default=0)
    shapes: dict[str, tuple[int, ...]] = {field.name: (steps,) for field in fields(Layout)}
    by_member = ("grid_import", "grid_export", "pool_buy", "pool_sell", "curtail", "unserved", "excess", "side")
    shapes |= dict.fromkeys((*by_member, "balance_row", "unserved_fair_row"), (members, steps))
    by_battery = ("charge", "discharge", "soc", "direction", "below", "above")
    shapes |= dict.fromkeys(by_battery, (batteries, steps))
    shapes |= dict.fromkeys(("ev_charge", "ev_on"), (evs, steps)) | {"cut": (len(problem.curtailables), steps)}
    single = {"ev_shortfall": evs, "skipped": runs, "peak": problem.peak_floor_kw.shape[0], "access_missing": members}
    shapes |= {name: (count,) for name, count in single.items()}
    shapes["start"] = (runs, options)
    return shapes


def locate(problem: DispatchProblem, columns: Mapping[str, IntArray], rows: Mapping[str, IntArray]) -> Layout:
    """Layout of a program from the numbers of its families; what it does not have is ``NONE`` everywhere.

    Args:
        problem: The problem.
        columns: Column numbers by family, each of the shape that ``Layout`` states.
        rows: Row numbers by family.
    """
    found = {f"{family}_row": numbers for family, numbers in rows.items()} | dict(columns)
    absent = {name: np.full(shape, NONE, dtype=np.int64) for name, shape in layout_shapes(problem).items()}
    return Layout(**{name: found.get(name, none) for name, none in absent.items()})


def gather(x: FloatArray, columns: IntArray) -> FloatArray:
    """Values at the columns, 0 where there is none; same shape as ``columns``."""
    padded = np.append(x, 0.0)
    result: FloatArray = padded[columns]
    return result
