"""Who consumed whose surplus: the shared energy of each interval, split by the site's key to the watt-hour.

Keys move no money and money moves no energy; what members pay is settled elsewhere (see ``money``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray, finite, freeze, non_negative
from models.settlement.rounding import round_to_total


class SharingKey(StrEnum):
    """How shared energy is split among the members that import."""

    PROPORTIONAL = "proportional"
    """In proportion to each member's import."""
    STATIC = "static"
    """By fixed shares; what a member cannot use goes to the others by the same shares."""
    EQUITY = "equity"
    """Maximises sum w_i n_i log a_i: in proportion to weight times need, capped by the import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEnergy:
    """Shared energy of N members in T intervals, in integer watt-hours; arrays are read-only."""

    import_wh: IntArray
    """[N, T] metered import E+ [Wh]."""
    export_wh: IntArray
    """[N, T] metered export E- [Wh]."""
    received_wh: IntArray
    """[N, T] community energy consumed, at most the import [Wh]."""
    supplied_wh: IntArray
    """[N, T] export that members consumed, at most the export [Wh]."""

    @property
    def shared_wh(self) -> IntArray:
        """[T] shared energy Q [Wh]."""
        return np.asarray(self.received_wh.sum(axis=0), dtype=np.int64)

    @property
    def grid_import_wh(self) -> IntArray:
        """[N, T] import that the supplier delivers [Wh]."""
        return self.import_wh - self.received_wh

    @property
    def grid_export_wh(self) -> IntArray:
        """[N, T] export that the supplier takes [Wh]."""
        return self.export_wh - self.supplied_wh


def share_interval(
    import_kwh: ArrayLike,
    export_kwh: ArrayLike,
    key: SharingKey,
    *,
    weight: ArrayLike,
    need: ArrayLike,
    static_share: ArrayLike | None = None,
    is_open: ArrayLike = True,
) -> tuple[FloatArray, FloatArray]:
    """Split the shared energy Q = min(sum E+, sum E-) of one interval, or of T intervals at once, exactly.

    ``proportional``: a_i = E+_i Q / sum E+. ``static``: a_i = min(E+_i, mu s_i). ``equity``: a_i =
    min(E+_i, mu w_i n_i), the solution of max sum w_i n_i log a_i with a_i <= E+_i and sum a_i = Q. Exporters supply in
    proportion to E-_i.

    Args:
        import_kwh: [N] or [N, T] metered import, >= 0 [kWh, or any unit of energy].
        export_kwh: same shape, metered export, >= 0 [same unit].
        key: how to split.
        weight: [N] weights, > 0; used by ``equity``.
        need: [N] persons of the household, > 0; used by ``equity``.
        static_share: [N] shares, >= 0, with a positive sum; needed by ``static``.
        is_open: scalar or [T]; False where sharing is switched off (Q = 0).

    Returns:
        Received and supplied energy, each of the shape of ``import_kwh`` [same unit]; both sum to Q.

    Raises:
        SettlementError: A shape or value outside what is said above.
    """
    shape = np.asarray(import_kwh).shape
    imports = non_negative("import_kwh", import_kwh, shape)
    exports = non_negative("export_kwh", export_kwh, shape)
    drawn, given = imports.sum(axis=0), exports.sum(axis=0)
    shared = np.where(np.asarray(is_open, dtype=np.bool_), np.minimum(drawn, given), 0.0)
    supplied = exports * _ratio(shared, given)
    if key is SharingKey.PROPORTIONAL:
        return imports * _ratio(shared, drawn), supplied
    rate = _rates(key, len(imports), weight, need, static_share)
    columns = fill_to_level(imports.reshape(len(imports), -1), rate, np.atleast_1d(shared))
    return columns.reshape(shape), supplied


def share_energy(
    import_wh: ArrayLike,
    export_wh: ArrayLike,
    key: SharingKey,
    *,
    weight: ArrayLike,
    need: ArrayLike,
    static_share: ArrayLike | None = None,
    is_open: ArrayLike = True,
) -> SharedEnergy:
    """Like ``share_interval`` on integer watt-hours: every column is exact after rounding by largest remainder.

    Args:
        import_wh: [N, T] metered import, integers >= 0 [Wh].
        export_wh: [N, T] metered export, integers >= 0 [Wh].
        key: how to split.
        weight: [N] weights, > 0.
        need: [N] persons, > 0.
        static_share: [N] shares; needed by ``static``.
        is_open: scalar or [T]; False where sharing is switched off.

    Raises:
        SettlementError: A shape or value outside what is said above.
    """
    imports, exports = _whole("import_wh", import_wh), _whole("export_wh", export_wh)
    received, supplied = share_interval(
        imports, exports, key, weight=weight, need=need, static_share=static_share, is_open=is_open
    )
    smaller = np.minimum(imports.sum(axis=0), exports.sum(axis=0))
    shared = np.where(np.asarray(is_open, dtype=np.bool_), smaller, 0)
    energy = SharedEnergy(
        import_wh=imports,
        export_wh=exports,
        received_wh=round_to_total(received, shared),
        supplied_wh=round_to_total(supplied, shared),
    )
    for array in (energy.import_wh, energy.export_wh, energy.received_wh, energy.supplied_wh):
        freeze(array)
    return energy


def fill_to_level(cap: FloatArray, rate: FloatArray, total: FloatArray) -> FloatArray:
    """Water-filling a_i = min(cap_i, mu rate_i) with sum a = min(total, sum cap), for every column at once.

    mu is found by sorting cap/rate: below the k-th of these ratios the members before k are full. What members with
    a rate leave over goes to those without one (a static share of 0), in proportion to their caps.

    Args:
        cap: [N, T] upper bounds, >= 0.
        rate: [N] how fast each is filled, >= 0.
        total: [T] amounts to hand out, >= 0.

    Returns:
        [N, T] amounts, at most ``cap``.
    """
    rated = np.where(rate[:, None] > 0.0, cap, 0.0)
    ratio = np.divide(rated, rate[:, None], out=np.zeros_like(cap), where=rate[:, None] > 0.0)
    order = np.argsort(ratio, axis=0, kind="stable")
    sorted_ratio = np.take_along_axis(ratio, order, axis=0)
    sorted_cap = np.take_along_axis(rated, order, axis=0)
    full_before = np.cumsum(sorted_cap, axis=0) - sorted_cap
    rate_left = np.cumsum(rate[order][::-1], axis=0)[::-1]
    reached = full_before + sorted_ratio * rate_left >= total
    first = np.argmax(reached, axis=0)[None, :]
    left = np.take_along_axis(rate_left, first, axis=0)
    level = _ratio(total - np.take_along_axis(full_before, first, axis=0)[0], left[0])
    filled = np.where(reached.any(axis=0), np.minimum(rated, level * rate[:, None]), rated)
    spare = cap - rated
    over = np.maximum(total - filled.sum(axis=0), 0.0)
    # Below a billionth it is the float error of the sums, and those without a rate get nothing from it.
    over = np.where(over > 1e-9 * np.maximum(total, 1.0), over, 0.0)
    return np.asarray(filled + spare * np.minimum(1.0, _ratio(over, spare.sum(axis=0))))


def _rates(
    key: SharingKey, members: int, weight: ArrayLike, need: ArrayLike, static_share: ArrayLike | None
) -> FloatArray:
    if key is SharingKey.STATIC:
        if static_share is None:
            raise SettlementError("static_share: missing, needed by the key 'static'")
        share = non_negative("static_share", static_share, (members,))
        if not share.sum() > 0.0:
            raise SettlementError("static_share: found only zeros, accepted are shares with a positive sum")
        return share
    rate = finite("weight", weight, (members,)) * finite("need", need, (members,))
    if not np.all(rate > 0.0):
        raise SettlementError("weight and need: accepted are numbers above 0")
    return rate


def _whole(name: str, values: ArrayLike) -> IntArray:
    array = np.array(values)
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
        raise SettlementError(f"{name}: found {array.dtype} of shape {array.shape}, accepted are integers [N, T]")
    return array.astype(np.int64)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0.0)
