"""Stated estimates for missing meter values: flagged, and replaced by a revision when the real ones come."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import BoolArray, FloatArray, IntArray, freeze


class EstimateRule(StrEnum):
    """How a missing value was estimated."""

    NONE = "none"
    """Nothing was missing."""
    SAME_INTERVAL = "same_interval"
    """Mean of the same interval on earlier days."""
    SAME_DAY = "same_day"
    """Mean of the member's known intervals of the day; used where no earlier day knows the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedMeter:
    """Metered values without gaps; arrays are read-only."""

    energy_wh: IntArray
    """[N, T] as metered, or estimated [Wh]."""
    is_estimated: BoolArray
    """[N, T]"""
    rule: tuple[EstimateRule, ...]
    """[N] the weakest rule that each member's values needed."""


def fill_gaps(metered_wh: FloatArray, history_wh: FloatArray, members: tuple[str, ...]) -> EstimatedMeter:
    """Fill the gaps of a day: by the mean of earlier days, else by the mean of the day. Never by 0.

    Args:
        metered_wh: [N, T] import or export, >= 0; NaN where missing [Wh].
        history_wh: [D, N, T] the same on earlier days of the same kind, intervals aligned by local clock; NaN where
            missing; D may be 0 [Wh].
        members: [N] ids, for the message.

    Raises:
        SettlementError: A member has no value on the day nor, for some interval, on any earlier one; or a value is
            negative or infinite.
    """
    known = ~np.isnan(metered_wh)
    if np.any(metered_wh[known] < 0.0) or np.any(np.isinf(metered_wh[known])):
        raise SettlementError("metered energy: accepted are finite numbers >= 0, or NaN for missing")
    usual = _mean_of_known(history_wh, axis=0) if len(history_wh) else np.full(metered_wh.shape, np.nan)
    of_day = np.broadcast_to(_mean_of_known(metered_wh, axis=1)[:, None], metered_wh.shape)
    filled = np.where(known, metered_wh, np.where(np.isnan(usual), of_day, usual))
    if np.any(np.isnan(filled)):
        member, step = (int(k) for k in np.argwhere(np.isnan(filled))[0])
        raise SettlementError(f"{members[member]}, interval {step}: no meter value, and no other day to estimate from")
    needs_day = np.atleast_1d((~known & np.isnan(usual)).any(axis=1))
    needs_history = np.atleast_1d((~known).any(axis=1))
    rules = [
        EstimateRule.SAME_DAY if day else EstimateRule.SAME_INTERVAL if history else EstimateRule.NONE
        for day, history in zip(needs_day, needs_history, strict=True)
    ]
    result = EstimatedMeter(energy_wh=np.rint(filled).astype(np.int64), is_estimated=~known, rule=tuple(rules))
    freeze(result.energy_wh)
    freeze(result.is_estimated)
    return result


def _mean_of_known(values: FloatArray, axis: int) -> FloatArray:
    """Mean over an axis of what is not NaN; NaN where nothing is known."""
    count = (~np.isnan(values)).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.asarray(np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0))
