"""How the benefit of the community is spread: losers, and the figures of CityLearn 3.

All but the first rest on the relative benefit B_i; those called ``equity_...`` have CityLearn's names and clip losses
to 0, which hides losers: they are always shown side by side with ``equity_losers_percent``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.fairness.indices import FloatArray, present

TOP_SHARE = 0.2
"""Part of the members whose benefit counts as concentrated (CR20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitFigures:
    """CityLearn's equity figures; ``None`` means undefined."""

    equity_losers_percent: float | None
    equity_gini_benefit: float | None
    equity_cr20_benefit: float | None
    equity_bpr_asset_poor_over_rich: float | None


def relate_benefit(baseline_eur: ArrayLike, cost_eur: ArrayLike) -> FloatArray:
    """Relative benefit B_i = 100 (baseline - cost) / baseline [%].

    Range: any number up to 100, and above 100 for those who earn. Negative: the member loses. Baseline zero, negative
    or missing, or cost missing: NaN (undefined).
    """
    baseline = np.asarray(baseline_eur, dtype=np.float64)
    gain = 100.0 * (baseline - np.asarray(cost_eur, dtype=np.float64))
    defined = np.isfinite(baseline) & (baseline > 0.0)
    return np.asarray(np.divide(gain, baseline, out=np.full(gain.shape, np.nan), where=defined))


def count_losers(share_eur: ArrayLike, reference_eur: ArrayLike, tolerance_eur: float = 0.005) -> int:
    """Members that get less than in the reference split (unit weights and no solidarity), by more than half a cent.

    Range: 0 to n. Zero and negative shares count as they are. Missing (NaN) on either side: not counted.
    """
    difference = np.asarray(share_eur, dtype=np.float64) - np.asarray(reference_eur, dtype=np.float64)
    return int(np.sum(difference[~np.isnan(difference)] < -tolerance_eur))


def find_losers_percent(benefit_percent: ArrayLike) -> float | None:
    """``equity_losers_percent``: members with B_i < 0, of those whose benefit is defined [%].

    Range: 0 to 100. Zero is no loss. Missing (NaN): left out. No defined benefit: ``None``.
    """
    benefit = present(benefit_percent)
    return 100.0 * float(np.mean(benefit < 0.0)) if benefit.size else None


def find_gini_of_benefit(benefit_percent: ArrayLike) -> float | None:
    """``equity_gini_benefit`` = sum_ij |B+_i - B+_j| / (2 n sum B+), with B+ = max(B, 0).

    Range: 0 to 1 - 1/n. Negative benefits count as 0. Missing (NaN): left out. Sum zero or no benefit: ``None``.
    """
    clipped = np.sort(np.maximum(present(benefit_percent), 0.0))
    total = float(clipped.sum())
    if total <= 0.0:
        return None
    rank = np.arange(1, clipped.size + 1)
    return max(0.0, float(((2 * rank - clipped.size - 1) * clipped).sum()) / (clipped.size * total))


def find_cr20_of_benefit(benefit_percent: ArrayLike) -> float | None:
    """``equity_cr20_benefit``: the part of the sum of B+ that the top ceil(0.2 n) members have.

    Range: about 0.2 (all equal) to 1. Negative benefits count as 0. Missing (NaN): left out. Sum zero or no benefit:
    ``None``.
    """
    clipped = np.sort(np.maximum(present(benefit_percent), 0.0))[::-1]
    total = float(clipped.sum())
    if total <= 0.0:
        return None
    # 0.2 * 5 is 1.0000000000000002 in floats of some orders; a hair less keeps the ceiling right.
    top = math.ceil(TOP_SHARE * clipped.size - 1e-9)
    return float(clipped[:top].sum()) / total


def compare_asset_groups(benefit_percent: ArrayLike, has_assets: ArrayLike) -> float | None:
    """``equity_bpr_asset_poor_over_rich``: mean B+ of members without assets over the mean of those with.

    Range: 0 and above; 1 means parity, below 1 the asset-poor benefit less. Negative benefits count as 0. Missing
    benefit (NaN): left out. ``None`` when a member has no group (NaN), a group is empty, or the mean of those with
    assets is not positive.

    Args:
        benefit_percent: [N] relative benefits [%].
        has_assets: [N] 1 for members with PV, battery or EV, 0 for those without, NaN for no group.
    """
    benefit = np.asarray(benefit_percent, dtype=np.float64)
    group = np.asarray(has_assets, dtype=np.float64)
    if np.any(np.isnan(group)):
        return None
    clipped = np.maximum(benefit, 0.0)
    rich = present(clipped[group > 0.5])
    poor = present(clipped[group <= 0.5])
    if not rich.size or not poor.size or rich.mean() <= 0.0:
        return None
    return float(poor.mean() / rich.mean())


def describe_benefits(baseline_eur: ArrayLike, cost_eur: ArrayLike, has_assets: ArrayLike) -> BenefitFigures:
    """All of CityLearn's equity figures, from baseline costs, costs and asset groups of N members."""
    benefit = relate_benefit(baseline_eur, cost_eur)
    return BenefitFigures(
        equity_losers_percent=find_losers_percent(benefit),
        equity_gini_benefit=find_gini_of_benefit(benefit),
        equity_cr20_benefit=find_cr20_of_benefit(benefit),
        equity_bpr_asset_poor_over_rich=compare_asset_groups(benefit, has_assets),
    )
