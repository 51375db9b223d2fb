"""Columns of the whole model; the same variables and bounds as ``models.dispatch.model``."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.bounds import (
    BURDEN_LIMIT_EUR,
    LIMIT_SLACK,
    bound_access_missing_kwh,
    bound_ev_surplus_kwh,
    bound_event_excess_kw,
    bound_peak_kw,
    bound_shared_kw,
    bound_soc_kwh,
)
from models.dispatch.layout import NONE, layout_shapes

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import ProgramBuilder
    from models.dispatch.facts import Facts
    from models.dispatch.problem import BoolArray, DispatchProblem, IntArray
    from models.dispatch.structure import Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Column numbers by variable, ``NONE`` where a variable does not exist; shapes as in ``Layout``."""

    grid_import: IntArray
    grid_export: IntArray
    pool_buy: IntArray
    pool_sell: IntArray
    curtail: IntArray
    unserved: IntArray
    side: IntArray
    renewable_buy: IntArray
    renewable_sell: IntArray
    charge: IntArray
    discharge: IntArray
    soc: IntArray
    direction: IntArray
    ev_charge: IntArray
    ev_on: IntArray
    ev_shortfall: IntArray
    ev_surplus: IntArray
    start: IntArray
    cut: IntArray
    shared: IntArray
    community_import: IntArray
    community_export: IntArray
    peak: IntArray
    event_excess: IntArray
    burden: IntArray
    """[1]"""
    access_missing: IntArray
    excess: IntArray
    over_import: IntArray
    over_export: IntArray
    below: IntArray
    above: IntArray
    skipped: IntArray
    unserved_share: IntArray

    def with_totals(
        self, *, community_import: IntArray, community_export: IntArray, peak: IntArray, event_excess: IntArray
    ) -> Columns:
        """The same with the community's totals."""
        return replace(
            self,
            community_import=community_import,
            community_export=community_export,
            peak=peak,
            event_excess=event_excess,
        )


def option_mask(problem: DispatchProblem) -> BoolArray:
    """[S, K] start options that exist."""
    counts = np.array([run.option_kw.shape[0] for run in problem.runs], dtype=np.int64)
    result: BoolArray = np.arange(counts.max(initial=0))[None, :] < counts[:, None]
    return result


def add_columns(builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure) -> Columns:
    """All columns of the whole model."""
    intake, outlet = facts.intake_limit_kw, facts.outlet_limit_kw
    is_elastic, add = structure.is_elastic, builder.add_columns
    spare = LIMIT_SLACK if is_elastic else 0.0
    most_in, most_out = facts.natural_intake_kw.sum(axis=0), facts.natural_outlet_kw.sum(axis=0)
    has_peak = np.full(problem.peak_floor_kw.shape, problem.peak_charge_eur_per_kw > 0.0)
    one, slack = np.ones(1), np.full(1, LIMIT_SLACK)
    has_burden = np.array([bool(facts.is_burden.any())])
    return replace(
        add_device_columns(builder, problem, facts, structure),
        grid_import=add("grid_import", structure.grid_import, intake),
        grid_export=add("grid_export", structure.grid_export, outlet),
        pool_buy=add("pool_buy", structure.pool_buy, intake),
        pool_sell=add("pool_sell", structure.pool_sell, outlet),
        unserved=add("unserved", structure.unserved, facts.unserved_limit_kw),
        side=add("side", structure.side_exact, one, integer=True),
        renewable_buy=add("renewable_buy", structure.renewable_buy, intake),
        renewable_sell=add("renewable_sell", structure.renewable_sell, np.maximum(-facts.fixed_kw, 0.0)),
        shared=add("shared", facts.is_pool, bound_shared_kw(facts)),
        community_import=add("community_import", facts.has_grid, most_in + spare),
        community_export=add("community_export", facts.has_grid, most_out),
        peak=add("peak", has_peak, bound_peak_kw(problem, facts) + spare, problem.peak_floor_kw),
        event_excess=add("event_excess", structure.event, bound_event_excess_kw(problem, facts) + spare),
        burden=add("burden", has_burden, np.full(1, BURDEN_LIMIT_EUR), np.full(1, -BURDEN_LIMIT_EUR)),
        access_missing=add("access_missing", facts.is_access, bound_access_missing_kwh(facts)),
        excess=add("excess", structure.excess, slack),
        over_import=add("over_import", structure.limit_in & is_elastic, slack),
        over_export=add("over_export", structure.limit_out & is_elastic, slack),
        below=add("below", structure.outside, slack),
        above=add("above", structure.outside, slack),
        skipped=add("skipped", np.full(len(problem.runs), is_elastic), one),
        unserved_share=add("unserved_share", np.any(structure.unserved, axis=0) & is_elastic, slack),
    )


def add_device_columns(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure
) -> Columns:
    """Columns of batteries, cars, runs, loads held back and curtailed PV; every other family has none."""
    storage, add = facts.storage, builder.add_columns
    every = np.ones(storage.charge_limit_kw.shape, dtype=np.bool_)
    soc_lower, soc_upper = bound_soc_kwh(problem, facts, is_elastic=structure.is_elastic)
    evs, one = np.ones(len(problem.evs), dtype=np.bool_), np.ones(1)
    needed = np.array([ev.energy_needed_kwh for ev in problem.evs], dtype=np.float64)
    absent = {name: np.full(shape, NONE, dtype=np.int64) for name, shape in _shapes(problem).items()}
    present = {
        "charge": add("charge", every, storage.charge_limit_kw),
        "discharge": add("discharge", every, storage.discharge_limit_kw),
        "soc": add("soc", every, soc_upper, soc_lower),
        "direction": add("direction", structure.direction_exact, one, integer=True),
        "ev_charge": add("ev_charge", structure.ev, facts.ev_limit_kw),
        "ev_on": add("ev_on", structure.ev_on, one, integer=True),
        "ev_shortfall": add("ev_shortfall", evs, needed),
        "ev_surplus": add("ev_surplus", evs, bound_ev_surplus_kwh(problem, facts)),
        "start": add("start", option_mask(problem), one, integer=True),
        "curtail": add("curtail", structure.curtail, facts.curtail_limit_kw),
        "cut": add("cut", structure.cut, facts.cut_limit_kw),
    }
    return Columns(**(absent | present))


def _shapes(problem: DispatchProblem) -> dict[str, tuple[int, ...]]:
    """Shapes of all families of columns."""
    known = layout_shapes(problem)
    members, steps = problem.demand_kw.shape
    by_member = dict.fromkeys(("renewable_buy", "renewable_sell"), (members, steps))
    known |= by_member | {"burden": (1,), "unserved_share": (steps,), "ev_surplus": (len(problem.evs),)}
    return {field.name: known[field.name] for field in fields(Columns)}
