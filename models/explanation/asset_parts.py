"""What a member's own assets contribute to its share: a game among them inside the community's metered game.

    m(A) = c({i} with A) + c(S) - c(S and i with A) ,   averaged over the coalitions S of the others,

which is v(S and i with A) - v(S), as stand-alone costs drop out. The Shapley value of m splits the member's metered
value among its demand, PV, batteries and cars.
"""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np

from models.settlement.arrays import FloatArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.game import add_over_subsets
from models.settlement.sampling import draw_orders

MOST_EXACT_MEMBERS = 12
"""Members up to which all coalitions of the others are averaged over: 2048, with up to 16 sets of assets each."""
PAIRS = 128
"""Antithetic pairs of joining orders drawn for more members."""
NOTHING_KWH = 1e-9
"""Smaller amounts are float error of sums of metered watt-hours."""


class Asset(StrEnum):
    """What a member has behind its meter."""

    DEMAND = "demand"
    """All that is used in the home, shiftable runs included."""
    PV = "pv"
    BATTERY = "battery"
    EV = "ev"


SETS = 1 << len(Asset)


def split_by_asset(day: CoalitionDay, rng: np.random.Generator) -> FloatArray:
    """Parts of the members' values in the metered game by asset.

    Args:
        day: the day as metered.
        rng: seeded source of randomness; used for more than 12 members.

    Returns:
        [N, 4] in the order of ``Asset``; an asset that a member does not have, or that did nothing, gets 0. Rows add
        up to the members' metered values, estimated where sampled [currency].
    """
    parts = _value_assets(_value_sets(day, rng))
    # An idle asset adds nothing to any set, up to float error of sums in another order.
    return np.where(find_profiles(day).any(axis=2).T, parts, 0.0)


def find_profiles(day: CoalitionDay) -> FloatArray:
    """[4, N, T] net import of each asset; they add up to the metered net import [kWh]."""
    net = day.net_kwh
    pv = -np.asarray(day.pv_wh, dtype=np.float64) / 1000.0
    battery, car = np.zeros(day.shape), np.zeros(day.shape)
    for one in day.batteries:
        battery[one.member] += one.charged_kwh - one.discharged_kwh
    for stay in day.evs:
        car[stay.member] += stay.charged_kwh
    profiles = np.stack([net - pv - battery - car, pv, battery, car])
    if day.is_fixed is not None:
        # Outside its membership a member's meters do not count, whatever its devices do.
        profiles[:, day.is_fixed & (day.import_wh + day.export_wh == 0)] = 0.0
    profiles[np.abs(profiles) < NOTHING_KWH] = 0.0
    return profiles


def _value_sets(day: CoalitionDay, rng: np.random.Generator) -> FloatArray:
    """[N, 16] m(A) of each set of assets (bit a: asset a is in), averaged over coalitions of the others."""
    margin = day.prices.margin_eur_per_kwh
    counts = margin > 0.0
    drawn = np.asarray(day.import_wh, dtype=np.float64)[:, counts] / 1000.0
    given = np.asarray(day.export_wh, dtype=np.float64)[:, counts] / 1000.0
    sets = _find_flows(find_profiles(day)[:, :, counts], np.minimum(drawn, given))
    if day.shape[0] <= MOST_EXACT_MEMBERS:
        return _average_all(drawn, given, sets, margin[counts])
    return _average_orders(drawn, given, sets, margin[counts], rng)


def _find_flows(profiles: FloatArray, both_ways: FloatArray) -> FloatArray:
    """[2, 16, N, T] import and export of members with each set of assets [kWh]."""
    net = add_over_subsets(profiles)
    flows = np.stack([np.maximum(net, 0.0), np.maximum(-net, 0.0)])
    has_asset = profiles.any(axis=2)
    owned = add_over_subsets((has_asset.T * (1 << np.arange(len(Asset)))).T.astype(np.float64))
    # What flowed both ways within an interval belongs to the home as it is: to every set with all that it owns.
    is_whole = owned == owned[-1]
    is_whole[0] = False
    flows += is_whole[None, :, :, None] * both_ways
    return flows


def _average_all(drawn: FloatArray, given: FloatArray, sets: FloatArray, margin: FloatArray) -> FloatArray:
    members = len(drawn)
    all_drawn, all_given = add_over_subsets(drawn), add_over_subsets(given)
    codes = np.arange(1 << members)
    size = add_over_subsets(np.ones(members)).astype(np.int64)
    chance = np.array([1.0 / (members * math.comb(members - 1, k)) if k < members else 0.0 for k in range(members + 1)])
    worth = np.zeros((members, SETS))
    for member in range(members):
        others = codes[(codes >> member) & 1 == 0]
        weight = chance[size[others]]
        before = np.minimum(all_drawn[others], all_given[others]) @ margin
        for code in range(1, SETS):
            after = np.minimum(all_drawn[others] + sets[0, code, member], all_given[others] + sets[1, code, member])
            worth[member, code] = weight @ (after @ margin - before)
    return worth


def _average_orders(
    drawn: FloatArray, given: FloatArray, sets: FloatArray, margin: FloatArray, rng: np.random.Generator
) -> FloatArray:
    members = len(drawn)
    worth = np.zeros((members, SETS))
    orders = np.concatenate(draw_orders(np.ones(members), PAIRS, rng))
    for order in orders:
        before_drawn, before_given = np.empty_like(drawn), np.empty_like(given)
        before_drawn[order] = np.cumsum(drawn[order], axis=0) - drawn[order]
        before_given[order] = np.cumsum(given[order], axis=0) - given[order]
        before = np.minimum(before_drawn, before_given) @ margin
        for code in range(1, SETS):
            after = np.minimum(before_drawn + sets[0, code], before_given + sets[1, code])
            worth[:, code] += after @ margin - before
    return worth / len(orders)


def _value_assets(worth: FloatArray) -> FloatArray:
    """[N, 4] the Shapley values of assets from the worth of their sets [N, 16]."""
    assets = len(Asset)
    values = np.zeros((len(worth), assets))
    for asset in range(assets):
        for code in range(SETS):
            if not code >> asset & 1:
                chance = 1.0 / (assets * math.comb(assets - 1, code.bit_count()))
                values[:, asset] += chance * (worth[:, code | 1 << asset] - worth[:, code])
    return values
