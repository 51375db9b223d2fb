"""A member's benefit of a settled day, taken apart in whole minor units: every sum of parts is what it explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.explanation.asset_parts import Asset, split_by_asset
from models.explanation.time_parts import split_by_time
from models.settlement.arrays import FloatArray, IntArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.gain_split import GainOutcome
from models.settlement.means import Means
from models.settlement.rounding import round_to_total
from models.settlement.settle_day import GameKind, SettledDay, SettlementTerms

SIMILAR_FRAC = 0.05
"""An amount within this of what it is compared with is called neither more nor less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """Why a member's benefit of a day is what it is [minor units]; positive = good for the member."""

    outcome: GainOutcome
    alone_minor: int
    """What the member would have paid alone, battery wear included."""
    bill_minor: int
    wear_minor: int
    """Wear of its own batteries, which it bears in kind."""
    islanded_minor: int
    """Paid for energy shared while the grid was away. alone - benefit = bill + wear - islanded."""
    plain_minor: int
    """Plain Shapley share."""
    weighting_minor: int
    """Effect of the weights."""
    scaling_minor: int
    """From the best possible gain to the realised one."""
    carried_minor: int
    """Earlier losses given back, less today's loss."""
    solidarity_minor: int
    rounding_minor: int
    by_time_minor: tuple[int, ...]
    """Plain share by part of the day."""
    wear_part_minor: int
    """Plain share that comes from batteries wearing less, or more, together than alone."""
    by_asset_minor: Mapping[Asset, int]
    """Plain share by the member's own assets, in the metered game."""
    planning_minor: int
    """Plain share that the metered game does not see: what planning devices together could gain (where values are
    sampled, their sampling error as well)."""
    equal_minor: int
    """What the benefit would be if the realised gain were divided equally."""
    mean_plain_minor: int
    """Mean of all members' plain shares."""

    @property
    def benefit_minor(self) -> int:
        """What being in the community was worth: share and solidarity, as they stand on the bill."""
        return (
            self.plain_minor
            + self.weighting_minor
            + self.scaling_minor
            + self.carried_minor
            + self.solidarity_minor
            + self.rounding_minor
        )

    @property
    def cost_minor(self) -> int:
        """What the day cost the member: its bill and the wear of its batteries, without islanded payments."""
        return self.alone_minor - self.benefit_minor

    @property
    def compared_to_equal(self) -> int:
        """1: the benefit is more than an equal part of the gain, -1: less, 0: about the same."""
        return _compare(self.benefit_minor, self.equal_minor)

    @property
    def compared_to_mean(self) -> int:
        """1: the plain share is more than that of the average home, -1: less, 0: about the same."""
        return _compare(self.plain_minor, self.mean_plain_minor)


def explain_benefits(
    day: CoalitionDay,
    settled: SettledDay,
    terms: SettlementTerms,
    game: GameKind,
    means: Means,
    *,
    window: IntArray,
) -> tuple[Benefit, ...]:
    """Take the benefit of every member apart.

    Args:
        day: the day as metered.
        settled: its settlement.
        terms: under which it was settled.
        game: which game valued it.
        means: as for the settlement, with a fresh generator of the same seed; with ``RememberedCosts`` as
            ``map_batches`` no coalition is solved again.
        window: [T] index from 0 of the part of the day that each interval lies in.

    Returns:
        One for each member, in their order.

    Raises:
        SettlementError: The means are not those of the settlement.
        SolverError: A coalition's program was not solved.
    """
    by_time = split_by_time(day, settled, game, means, window)
    by_asset = split_by_asset(day, means.rng)
    return tuple(
        _take_apart(settled, member, by_time[member], by_asset[member], terms.minor_per_unit)
        for member in range(day.shape[0])
    )


def _take_apart(
    settled: SettledDay, member: int, by_time_eur: FloatArray, by_asset_eur: FloatArray, minor: int
) -> Benefit:
    split, bills = settled.split, settled.bills
    # Each line is the difference of two rounded totals, so that lines cannot drift from what they lead to.
    plain, weighted, scaled, share = (
        round(float(line[member]) * minor)
        for line in (split.plain_eur, split.weighted_eur, split.scaled_eur, split.share_eur)
    )
    plain_eur = float(split.plain_eur[member])
    time = _round_parts(by_time_eur, plain_eur, plain, minor)
    planning_eur = plain_eur - float(by_asset_eur.sum())
    assets = _round_parts(np.append(by_asset_eur, planning_eur), plain_eur, plain, minor)
    # A gain of nothing may come out of float sums a hair below 0.
    is_nothing = split.outcome is GainOutcome.LOSS and round(settled.gain_eur * minor) == 0
    return Benefit(
        outcome=GainOutcome.NO_GAIN if is_nothing else split.outcome,
        alone_minor=int(bills.stand_alone_minor[member]),
        bill_minor=int(bills.bill_minor[member]),
        wear_minor=int(bills.wear_minor[member]),
        islanded_minor=int(bills.islanded_minor[member]),
        plain_minor=plain,
        weighting_minor=weighted - plain,
        scaling_minor=scaled - weighted,
        carried_minor=share - scaled,
        solidarity_minor=int(bills.solidarity_minor[member]),
        rounding_minor=int(bills.share_minor[member]) - share,
        by_time_minor=tuple(time[:-1]),
        wear_part_minor=time[-1],
        by_asset_minor=dict(zip(Asset, assets[:-1], strict=True)),
        planning_minor=assets[-1],
        equal_minor=round(settled.gain_eur / len(split.plain_eur) * minor),
        mean_plain_minor=round(float(split.plain_eur.mean()) * minor),
    )


def _compare(amount_minor: int, other_minor: int) -> int:
    difference = amount_minor - other_minor
    return 0 if abs(difference) <= max(1.0, SIMILAR_FRAC * abs(other_minor)) else (1 if difference > 0 else -1)


def _round_parts(parts_eur: FloatArray, total_eur: float, total_minor: int, minor: int) -> list[int]:
    """Parts in minor units with exactly the rounded total; float error of their sum goes to the largest."""
    exact = parts_eur * minor
    exact[int(np.argmax(np.abs(exact)))] += total_eur * minor - float(exact.sum())
    return [int(part) for part in round_to_total(exact, total_minor)]
