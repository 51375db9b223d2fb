"""Rows that tie members together; the twin of ``models.dispatch.community``, whose docstrings are the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.arrays.objectives import put_member_costs
from models.dispatch.bounds import mean_income_eur
from models.dispatch.curtailment import find_targets_kw, load_owners
from models.dispatch.facts import Facts, device_owners
from models.dispatch.layout import NONE
from models.dispatch.reserve import reserves_kw
from models.dispatch.structure import Structure, metered_share

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import ProgramBuilder
    from models.dispatch.arrays.columns import Columns
    from models.dispatch.problem import DispatchProblem

INF = np.inf


def add_community_rows(
    builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, structure: Structure, columns: Columns
) -> None:
    """All rows of the community."""
    pool_in = builder.add_rows("pool_in", facts.is_pool, 0.0, 0.0)
    pool_out = builder.add_rows("pool_out", facts.is_pool, 0.0, 0.0)
    for rows, trade in ((pool_in, columns.pool_buy), (pool_out, columns.pool_sell)):
        builder.put(rows, trade, 1.0)
        builder.put(rows, columns.shared, -1.0)
    add_totals(builder, facts, columns)
    add_limits(builder, problem, structure, columns)
    add_peak(builder, problem, structure, columns)
    add_events(builder, problem, structure, columns)
    add_burden(builder, problem, facts, columns)
    add_access(builder, problem, facts, columns)
    if structure.is_elastic:
        fair = builder.add_rows("unserved_fair", structure.unserved, -INF, 0.0)
        builder.put(fair, columns.unserved, 1.0)
        builder.put(fair, columns.unserved_share[None, :], -problem.demand_kw / problem.weight[:, None])


def add_totals(builder: ProgramBuilder, facts: Facts, columns: Columns) -> None:
    """Twin of ``community.add_totals``."""
    flexible = facts.is_flexible
    fixed_in = np.where(flexible, 0.0, np.maximum(facts.fixed_kw, 0.0)).sum(axis=0)
    fixed_out = np.where(flexible, 0.0, np.maximum(-facts.fixed_kw, 0.0)).sum(axis=0)
    total_in = builder.add_rows("total_in", facts.has_grid, fixed_in, fixed_in)
    total_out = builder.add_rows("total_out", facts.has_grid, fixed_out, fixed_out)
    builder.put(total_in, columns.community_import, 1.0)
    builder.put(total_out, columns.community_export, 1.0)
    for rows, grid, pool in (
        (total_in, columns.grid_import, columns.pool_buy),
        (total_out, columns.grid_export, columns.pool_sell),
    ):
        builder.put(rows, grid, -1.0)
        builder.put(rows, np.where(flexible, pool, NONE), -1.0)
        builder.put(rows, columns.shared, 1.0)
    builder.put(total_in, columns.excess, -1.0)


def add_limits(builder: ProgramBuilder, problem: DispatchProblem, structure: Structure, columns: Columns) -> None:
    """Twin of ``community.add_limits``."""
    for family, mask, limit, sign, over in (
        ("limit_in", structure.limit_in, problem.community_import_limit_kw, 1.0, columns.over_import),
        ("limit_out", structure.limit_out, problem.community_export_limit_kw, -1.0, columns.over_export),
    ):
        rows = builder.add_rows(family, mask, -INF, limit)
        builder.put(rows, columns.community_import, sign)
        builder.put(rows, columns.community_export, -sign)
        builder.put(rows, over, -1.0)


def add_peak(builder: ProgramBuilder, problem: DispatchProblem, structure: Structure, columns: Columns) -> None:
    """Twin of ``community.add_peak``."""
    share, metered_kw = np.ones(structure.peak_row.shape), np.zeros(structure.peak_row.shape)
    share[0], metered_kw[0] = metered_share(problem)
    rows = builder.add_rows("peak_of", structure.peak_row, -INF, -metered_kw - share * reserves_kw(problem))
    builder.put(rows, columns.community_import, share)
    builder.put(rows, columns.community_export, -share)
    builder.put(rows, columns.peak[problem.peak_period], -1.0)


def add_events(builder: ProgramBuilder, problem: DispatchProblem, structure: Structure, columns: Columns) -> None:
    """Twin of ``community.add_events``."""
    rows = builder.add_rows("event_of", structure.event, -INF, find_targets_kw(problem))
    builder.put(rows, columns.community_import, 1.0)
    builder.put(rows, columns.community_export, -1.0)
    builder.put(rows, columns.event_excess, -1.0)


def add_burden(builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, columns: Columns) -> None:
    """Twin of ``community.add_burden``."""
    candidates = facts.is_burden
    scale = np.where(candidates, mean_income_eur(problem) / np.where(candidates, problem.income_eur, 1.0), 0.0)
    rows = builder.add_rows("worst", candidates, np.zeros(candidates.shape), INF)
    builder.put(rows, columns.burden[0], 1.0)
    constant = put_member_costs(builder, problem, facts, columns, rows, -scale)
    builder.set_row_lower("worst", (scale * (problem.billed_eur + constant))[candidates])


def add_access(builder: ProgramBuilder, problem: DispatchProblem, facts: Facts, columns: Columns) -> None:
    """Twin of ``community.add_access``."""
    step_h, alpha, flexible = problem.step_h, problem.access_share_frac, facts.is_flexible
    own = np.where(flexible, problem.pv_kw, np.minimum(problem.pv_kw, problem.demand_kw)) @ step_h
    rows = builder.add_rows("access", facts.is_access, facts.access_needed_kwh - own, INF)
    _, ev_owner, run_owner = device_owners(problem)
    builder.put(rows, columns.access_missing, 1.0)
    for column in (columns.curtail, columns.grid_export, np.where(flexible, columns.pool_sell, NONE)):
        builder.put(rows[:, None], column, -step_h)
    builder.put(rows[:, None], columns.renewable_buy, step_h)
    builder.put(rows[ev_owner][:, None], columns.ev_charge, -alpha * step_h)
    for s, run in enumerate(problem.runs):
        options = run.option_kw.shape[0]
        builder.put(rows[run_owner[s]], columns.start[s, :options], -alpha * (run.option_kw @ step_h))
    builder.put(rows[load_owners(problem)][:, None], columns.cut, alpha * step_h)
    some = builder.add_rows("renewable_some", columns.renewable_buy != NONE, -INF, 0.0)
    most = builder.add_rows("renewable_most", columns.renewable_sell != NONE, -INF, 0.0)
    every = builder.add_rows("renewable_all", (columns.renewable_buy != NONE).any(axis=0), -INF, 0.0)
    builder.put(some, columns.renewable_buy, 1.0)
    builder.put(some, columns.pool_buy, -1.0)
    builder.put(most, columns.renewable_sell, 1.0)
    builder.put(most, columns.pool_sell, -1.0)
    builder.put(every, columns.renewable_buy, 1.0)
    builder.put(every, columns.renewable_sell, -1.0)
    builder.put(every, np.where(flexible, NONE, columns.pool_sell), -1.0)
