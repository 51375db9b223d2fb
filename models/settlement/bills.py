"""Bills of a day in integer minor units: every line sums exactly, and all bills to the utility's tariff (step 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray, freeze
from models.settlement.gain_split import GainOutcome, GainSplit
from models.settlement.rounding import round_to_total
from models.settlement.solidarity import Solidarity

MOST_ROUNDING = 2.0
"""Half a minor unit each from rounding the stand-alone line, wear and the tariff, and a little float error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBills:
    """Bills of N members for one day [minor units]; positive = the member pays. Arrays are read-only."""

    stand_alone_minor: IntArray
    """[N] A_i: what the member would have paid alone, with its batteries' wear."""
    wear_minor: IntArray
    """[N] the day's wear, which the owner bears in kind: not billed."""
    share_minor: IntArray
    """[N] share of the gain."""
    solidarity_minor: IntArray
    """[N] support less what was given; sums to 0."""
    islanded_minor: IntArray
    """[N] for energy shared while the grid was away; sums to 0."""
    utility_minor: int
    """The utility's tariff on the community's metered flows."""

    @property
    def bill_minor(self) -> IntArray:
        """[N] stand-alone - wear - share - solidarity + islanded; adds up to the utility's tariff."""
        return np.asarray(
            self.stand_alone_minor - self.wear_minor - self.share_minor - self.solidarity_minor + self.islanded_minor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactBills:
    """The same lines before rounding; arrays are read-only [currency]."""

    stand_alone_eur: FloatArray
    """[N]"""
    wear_eur: FloatArray
    """[N]"""
    islanded_eur: FloatArray
    """[N] sums to 0."""


def round_bills(
    exact: ExactBills, split: GainSplit, solidarity: Solidarity, utility_minor: int, minor_per_unit: int = 100
) -> DayBills:
    """Round a day's bills by largest remainder, line by line, so that nobody's share falls below 0 by rounding.

    The stand-alone line is rounded to its own sum. What is left between it, wear and the utility's tariff is the gain
    in whole minor units, and the shares, scaled to it, are rounded to that.

    Args:
        exact: stand-alone costs, wear and islanded payments.
        split: the split of the realised gain.
        solidarity: what solidarity does.
        utility_minor: the utility's tariff in minor units.
        minor_per_unit: minor units in one unit of the currency.

    Raises:
        SettlementError: The parts do not fit together: the shares do not add up to the gain.
    """
    wear = _round_line(exact.wear_eur * minor_per_unit)
    alone_total = round(float(exact.stand_alone_eur.sum()) * minor_per_unit)
    if split.outcome is not GainOutcome.LOSS:
        # Rounding must not turn a gain of nothing into a loss of one minor unit.
        alone_total = max(alone_total, utility_minor + int(wear.sum()))
    alone = round_to_total(_shifted(exact.stand_alone_eur * minor_per_unit, alone_total), alone_total)
    gain = alone_total - int(wear.sum()) - utility_minor
    share = _round_shares(split.share_eur * minor_per_unit, gain)
    kept = (split.share_eur - solidarity.given_eur + solidarity.received_eur) * minor_per_unit
    bills = DayBills(
        stand_alone_minor=alone,
        wear_minor=wear,
        share_minor=share,
        solidarity_minor=_round_shares(kept, gain) - share,
        islanded_minor=round_to_total(exact.islanded_eur * minor_per_unit, 0),
        utility_minor=utility_minor,
    )
    for array in (bills.stand_alone_minor, bills.wear_minor, bills.share_minor, bills.solidarity_minor):
        freeze(array)
    freeze(bills.islanded_minor)
    return bills


def _round_line(line: FloatArray) -> IntArray:
    return round_to_total(line, round(float(line.sum())))


def _round_shares(shares: FloatArray, gain: int) -> IntArray:
    """Round shares to the gain in whole minor units; their float sum may be off by the rounding of the other lines."""
    total = float(shares.sum())
    if abs(total - gain) > MOST_ROUNDING:
        raise SettlementError(f"shares add up to {total} minor units, the gain in whole ones is {gain}")
    if gain == 0:
        return np.zeros(len(shares), dtype=np.int64)
    # Scaling keeps shares of 0 at 0; without a share to scale, what rounding left over goes to all.
    return round_to_total(shares * (gain / total) if total * gain > 0.0 else _shifted(shares, gain), gain)


def _shifted(line: FloatArray, total: int) -> FloatArray:
    """Spread a difference of rounding evenly over a line."""
    return line + (total - float(line.sum())) / max(line.size, 1)
