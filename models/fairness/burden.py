"""Energy burden: the part of a member's income that energy takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from models.fairness.indices import FloatArray


def pro_rate_income(
    income_eur_per_month: ArrayLike, *, days: float, days_in_month: int, income_min_eur_per_month: float
) -> FloatArray:
    """Income of the days that the billed cost covers [currency].

    Args:
        income_eur_per_month: [N] monthly incomes [currency/month]; NaN: none known, or not a household.
        days: days covered, > 0.
        days_in_month: days of the billing period.
        income_min_eur_per_month: lower incomes count as this [currency/month], > 0.

    Returns:
        [N] incomes, NaN where there is none.

    Raises:
        ValueError: A number of days or the least income is not above 0.
    """
    if not (days > 0.0 and days_in_month > 0 and income_min_eur_per_month > 0.0):
        raise ValueError("days, days_in_month and income_min_eur_per_month: accepted are numbers above 0")
    income = np.asarray(income_eur_per_month, dtype=np.float64)
    floored = np.where(np.isnan(income), np.nan, np.fmax(income, income_min_eur_per_month))
    return np.asarray(floored * (days / days_in_month))


def weigh_burden(billed_eur: ArrayLike, income_eur: ArrayLike) -> FloatArray:
    """Energy burden b_i = max(0, billed cost) / income of the same days.

    Range: 0 and above; 0.1 means that energy took a tenth of the income. Net earners (negative cost) have burden 0.
    Missing cost or income (NaN): NaN, left out by the indices.

    Args:
        billed_eur: [N] billed cost of the period so far [currency].
        income_eur: [N] income of the same days [currency], > 0 or NaN.

    Raises:
        ValueError: An income is not above 0.
    """
    income = np.asarray(income_eur, dtype=np.float64)
    if np.any(income <= 0.0):
        raise ValueError("income_eur: accepted are numbers above 0, or NaN for none")
    # np.maximum keeps NaN, so that an unknown bill does not become a burden of 0.
    return np.asarray(np.maximum(np.asarray(billed_eur, dtype=np.float64), 0.0) / income)
