"""Fairness figures of a settled day: of the community as a whole, never of one member by id.

Burdens, access and CityLearn's figures are of the billing period up to and with the day; losers, gain and core excess
are the day's own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from models.domain.arrays import FloatArray
from models.fairness.access import weigh_access
from models.fairness.benefit import count_losers, describe_benefits
from models.fairness.burden import weigh_burden
from models.fairness.spread import describe_spread
from models.settlement.arrays import IntArray
from models.settlement.peak_bills import SettledPeak
from models.settlement.settle_day import SettledDay
from models.settlement.shapley import apply_weights

LEAST_GAIN_EUR = 0.01
"""A gain below a cent is nothing to take shares of."""

CORE_NOTE = "core excess: "
"""Begins the note on a day whose core excess is above the by-law's bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodEquity:
    """What the figures rest on besides the day's own settlement; N members."""

    day_of_period: int
    """Settled days of the period, this one counted."""
    elapsed_frac: float
    """Those days over the days of the period."""
    income_eur: FloatArray = field(repr=False)
    """[N] of those days; NaN: none [currency]."""
    billed_before_eur: FloatArray = field(repr=False)
    """[N] for the energy of the earlier days [currency]."""
    stand_alone_before_eur: FloatArray
    """[N] what the earlier days would have cost by oneself, wear included [currency]."""
    wear_before_eur: FloatArray
    """[N] battery wear of the earlier days, borne in kind [currency]."""
    renewable_kwh: FloatArray
    """[N] of the consumption, this day counted."""
    consumption_kwh: FloatArray
    """[N]"""
    has_assets: FloatArray
    """[N] 1 with PV, battery or car, 0 without, NaN: unknown."""
    core_excess_bound_frac: float
    """By-law: the most that a coalition may gain by leaving, as a share of the gain."""


def describe_fairness(
    equity: PeriodEquity, settled: SettledDay, peak: SettledPeak | None, minor_per_unit: int
) -> dict[str, float | None]:
    """Figures by name; ``None``: undefined.

    The peak charge counts in burdens for the part of the period that the income is of, as it is one charge for the
    whole month. CityLearn's figures compare the energy alone: what it would have cost by oneself, and what it does,
    wear included on both sides.

    Args:
        equity: the period so far.
        settled: the day.
        peak: the period's peak charge so far; ``None``: the tariff has none.
        minor_per_unit: minor units in one unit of the currency.
    """
    bills = settled.bills
    billed = equity.billed_before_eur + bills.bill_minor / minor_per_unit
    peak_minor = np.zeros(len(billed)) if peak is None else peak.bill_minor
    burden = weigh_burden(billed + peak_minor / minor_per_unit * equity.elapsed_frac, equity.income_eur)
    spread = describe_spread(burden, weigh_access(equity.renewable_kwh, equity.consumption_kwh), equity.day_of_period)
    benefits = describe_benefits(
        equity.stand_alone_before_eur + _to_eur(bills.stand_alone_minor, minor_per_unit),
        billed + equity.wear_before_eur + _to_eur(bills.wear_minor, minor_per_unit),
        equity.has_assets,
    )
    return {
        **spread.as_dict(),
        "members": float(len(billed)),
        "losers_against_unit_weights": float(count_losers(settled.share_eur, settled.unweighted_share_eur)),
        "peak_losers_against_unit_weights": None if peak is None else float(_count_peak_losers(peak)),
        **asdict(benefits),
        **describe_core(settled, equity.core_excess_bound_frac),
    }


def describe_core(settled: SettledDay, bound_frac: float) -> dict[str, float | None]:
    """The core excess beside the by-law's bound; undefined where nothing was gained."""
    gain = settled.gain_eur
    share = settled.core.as_share(gain) if gain >= LEAST_GAIN_EUR else None
    return {
        "core_excess_frac": share,
        "core_excess_bound_frac": bound_frac,
        "is_core_excess_above_bound": None if share is None else float(share > bound_frac),
    }


def note_core(settled: SettledDay, bound_frac: float, currency: str) -> tuple[str, ...]:
    """A sentence for the coordinator where the by-law's bound is not kept."""
    core = describe_core(settled, bound_frac)
    share = core["core_excess_frac"]
    if share is None or not core["is_core_excess_above_bound"]:
        return ()
    sentence = (
        f"{CORE_NOTE}a group of members would gain {settled.core.excess_eur:.2f} {currency} by settling on its own, "
        f"{100.0 * share:.0f} % of the day's gain; the by-law's bound is {100.0 * bound_frac:.0f} %. Weights closer "
        "to 1 or a smaller solidarity share lower it."
    )
    return (sentence,)


def _count_peak_losers(peak: SettledPeak) -> int:
    return count_losers(peak.share_eur, apply_weights(peak.value_eur, np.ones(len(peak.value_eur))))


def _to_eur(amounts_minor: IntArray, minor_per_unit: int) -> FloatArray:
    return np.asarray(amounts_minor / minor_per_unit)
