"""Solidarity share: a part of the gain that lowers the highest energy burdens first (money step 5).

Water-filling from above: with the cost so far capped at a reference, so that wasting pays nobody, support is

    s_i = clip(cost_i - level * income_i, 0, cap_i) ,   with the highest level at which all of the pool is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray, finite, freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class SolidarityRule:
    """What the by-law says, and what is known of members; arrays are read-only."""

    solidarity_frac: float
    """sigma, 0 to 1."""
    support_cap_frac: float
    """Support is at most this part of the day's cost, 0 to 1."""
    billed_eur: FloatArray = field(repr=False)
    """[N] billed in the period before this day [currency]."""
    income_eur: FloatArray = field(repr=False)
    """[N] income of the period up to and with this day, > 0; NaN: left out of burdens [currency]."""
    reference_eur: FloatArray
    """[N] cost of a comparable household in the same days; inf: no cap [currency]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solidarity:
    """What solidarity does to N members; arrays are read-only [currency]."""

    given_eur: FloatArray
    """[N] >= 0, part of the own share given into the pool (what the pool could not use is not in it)."""
    received_eur: FloatArray
    """[N] >= 0, support; adds up to what is given."""
    burden_level_frac: float | None
    """Burden down to which support brought those who got it below their cap; ``None``: there was no support."""


def apply_solidarity(share_eur: FloatArray, cost_eur: FloatArray, rule: SolidarityRule) -> Solidarity:
    """Take the pool from the shares and hand it to the highest burdens.

    Args:
        share_eur: [N] shares of the gain, >= 0 [currency].
        cost_eur: [N] what each member would pay for the day with its full share [currency].
        rule: the by-law and what is known of members.

    Returns:
        What each member gives and receives. Only as much is taken as can be handed out.

    Raises:
        SettlementError: A share of the gain, or a value of the rule, outside its range.
    """
    members = len(share_eur)
    _check(share_eur, rule)
    offered = rule.solidarity_frac * share_eur
    day_cost = finite("cost_eur", cost_eur, (members,))
    # Of the cost before giving, so that the cap holds too where less is taken than was offered.
    cap = np.where(np.isnan(rule.income_eur), 0.0, rule.support_cap_frac * np.maximum(day_cost, 0.0))
    so_far = np.minimum(finite("billed_eur", rule.billed_eur, (members,)) + day_cost + offered, rule.reference_eur)
    income = np.where(np.isnan(rule.income_eur), 1.0, rule.income_eur)
    pool = float(offered.sum())
    most = np.clip(so_far, 0.0, cap)
    reachable = min(pool, float(most.sum()))
    given = offered * (reachable / pool) if pool > 0.0 else np.zeros(members)
    if reachable <= 0.0:
        received, level = np.zeros(members), None
    else:
        level = _find_level(so_far, income, cap, reachable)
        support = np.clip(so_far - level * income, 0.0, cap)
        # The level is exact up to float error, which must not make money.
        received = support * (reachable / float(support.sum()))
    freeze(given)
    freeze(received)
    return Solidarity(given_eur=given, received_eur=received, burden_level_frac=level)


def find_reference(
    cost_eur: FloatArray, persons: IntArray, configured_eur: Mapping[int, float] | None = None
) -> FloatArray:
    """Reference cost by number of persons: as configured, or else the community's median for that number.

    Args:
        cost_eur: [N] costs of the same days; NaN: unknown [currency].
        persons: [N] persons of each household.
        configured_eur: reference for some numbers of persons [currency].

    Returns:
        [N] reference; inf where nothing is known [currency].
    """
    reference = np.full(len(cost_eur), np.inf)
    for count in np.unique(persons):
        peers = cost_eur[(persons == count) & ~np.isnan(cost_eur)]
        if configured_eur is not None and int(count) in configured_eur:
            reference[persons == count] = configured_eur[int(count)]
        elif peers.size:
            reference[persons == count] = float(np.median(peers))
    return reference


def _find_level(cost: FloatArray, income: FloatArray, cap: FloatArray, pool: float) -> float:
    """The level at which the support adds up to the pool: support falls linearly between sorted corners."""
    helped = (cap > 0.0) & (cost > 0.0)
    cost, income, cap = cost[helped], income[helped], cap[helped]
    corners = np.unique(np.concatenate([[0.0], cost / income, np.maximum(cost - cap, 0.0) / income]))
    support = np.clip(cost[:, None] - corners * income[:, None], 0.0, cap[:, None]).sum(axis=0)
    # Support falls as the level rises; np.interp wants rising abscissae.
    return float(np.interp(pool, support[::-1], corners[::-1]))


def _check(share: FloatArray, rule: SolidarityRule) -> None:
    members = len(share)
    if np.any(finite("share_eur", share, (members,)) < -1e-9):
        raise SettlementError("solidarity: accepted are shares >= 0; a loss is not shared out again")
    if not (0.0 <= rule.solidarity_frac <= 1.0 and 0.0 <= rule.support_cap_frac <= 1.0):
        raise SettlementError("solidarity_frac and support_cap_frac: accepted are fractions from 0 to 1")
    if rule.income_eur.shape != (members,) or np.any(rule.income_eur <= 0.0):
        raise SettlementError("income_eur: accepted are numbers above 0, or NaN for none, one for each member")
    if rule.reference_eur.shape != (members,) or np.any(np.isnan(rule.reference_eur)):
        raise SettlementError("reference_eur: accepted are numbers, or inf for none, one for each member")
