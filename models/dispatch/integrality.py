"""Does a relaxed point already keep to one side, one direction, one start? And the nearest choice where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.layout import NONE, Layout, gather

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray, IntArray

SMALL_KW = 1e-6
"""Powers below this count as none: far above the solvers' 1e-7, far below a watt [kW]."""

_Part = tuple["IntArray", "BoolArray", bool]
"""Integer columns, whether each is 1, and whether the point keeps to that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value for every integer column, nearest to a relaxed point, and whether the point agrees with it."""

    columns: IntArray
    """Integer columns."""
    values: FloatArray
    """0 or 1 each."""
    is_kept: bool
    """The relaxed point already keeps to this choice, so that no branching is needed."""


def choose_devices(problem: DispatchProblem, layout: Layout, x: FloatArray) -> Choice:
    """The choice of directions, pulses and starts nearest to a point."""
    return _join([_directions(layout, x), _pulses(problem, layout, x), _starts(layout, x)])


def choose_sides(layout: Layout, x: FloatArray, must_keep_side: BoolArray | None = None) -> Choice:
    """The choice of sides nearest to a point.

    Args:
        layout: Columns of the program.
        x: A point of the relaxed program.
        must_keep_side: [T] steps in which both sides at once would be wrong; None: all.
    """
    return _join([_sides(layout, x, must_keep_side)])


def _join(parts: list[_Part]) -> Choice:
    return Choice(
        columns=np.concatenate([columns for columns, _, _ in parts]),
        values=np.concatenate([values for _, values, _ in parts]).astype(np.float64),
        is_kept=all(is_kept for _, _, is_kept in parts),
    )


def _sides(layout: Layout, x: FloatArray, must_keep: BoolArray | None) -> _Part:
    has_side = layout.side != NONE
    taken = gather(x, layout.grid_import) + gather(x, layout.pool_buy)
    given = gather(x, layout.grid_export) + gather(x, layout.pool_sell)
    matters = has_side if must_keep is None else has_side & must_keep[None, :]
    is_kept = bool((np.minimum(taken, given)[matters] <= SMALL_KW).all())
    return layout.side[has_side], (taken >= given)[has_side], is_kept


def _directions(layout: Layout, x: FloatArray) -> _Part:
    has = layout.direction != NONE
    charge, discharge = gather(x, layout.charge)[has], gather(x, layout.discharge)[has]
    is_kept = bool((np.minimum(charge, discharge) <= SMALL_KW).all())
    return layout.direction[has], charge >= discharge, is_kept


def _pulses(problem: DispatchProblem, layout: Layout, x: FloatArray) -> _Part:
    has = layout.ev_on != NONE
    least = np.array([ev.charge_min_kw for ev in problem.evs], dtype=np.float64)[:, None]
    power = gather(x, layout.ev_charge)
    is_between = (power > SMALL_KW) & (power < least - SMALL_KW)
    return layout.ev_on[has], (power >= 0.5 * least)[has], not bool(is_between[has].any())


def _starts(layout: Layout, x: FloatArray) -> _Part:
    has = layout.start != NONE
    share = np.where(has, gather(x, layout.start), -1.0)
    chosen = np.zeros(share.shape, dtype=np.bool_)
    if share.size:
        chosen[np.arange(share.shape[0]), share.argmax(axis=1)] = True
        is_skipped = gather(x, layout.skipped) > 0.5  # more skipped than started
        chosen[is_skipped] = False
    is_kept = bool((np.minimum(share, 1.0 - share)[has] <= SMALL_KW).all())
    return layout.start[has], chosen[has], is_kept


def must_keep_side(problem: DispatchProblem, facts: Facts) -> BoolArray:
    """[T] Steps in which import and export at once would lower F: no sharing and p- > p+.

    Elsewhere a point of the efficiency stage with both can be netted at no cost, as f >= 0 and, where sharing is on,
    p+ - f >= p-: its relaxed optimum is the optimum.
    """
    result: BoolArray = (
        facts.has_grid & ~facts.is_pool & (problem.export_price_eur_per_kwh > problem.import_price_eur_per_kwh)
    )
    return result
