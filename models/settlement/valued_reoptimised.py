"""The re-optimised game of a day, valued: exactly, by sampling, or with clusters as players."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.settlement.arrays import FloatArray, IntArray
from models.settlement.clustering import cluster_members
from models.settlement.coalition_day import CoalitionDay
from models.settlement.core import CoreExcess, climb_to_excess, find_core_excess
from models.settlement.means import Means
from models.settlement.metered_core import bound_core_excess
from models.settlement.metered_game import MeteredGame
from models.settlement.reoptimised_game import ReoptimisedGame
from models.settlement.shapley import Method
from models.settlement.valuation import Valuation, value_by_clusters, value_by_levels, value_by_sampling, value_exactly
from models.settlement.valued_games import ValuedGame, scale_to, value_members

DEVICE_WEIGHT = 3.0
"""How much a kWh of battery or of charging counts beside a kWh of net profile when members are clustered: in two
communities of 30 members in 10 clusters this took the mean error from 27 and 33 % of the mean value to 19 and 13 %, as
flexible members no longer share a cluster with others of the same profile."""

MOST_STEPS_OUT = 10
"""Steps of the search for a coalition that would leave a sampled community; each evaluates as many programs as there
are members."""


def value_reoptimised(day: CoalitionDay, rate: FloatArray | None, means: Means) -> ValuedGame:
    """Value the re-optimised game by the method that the means choose for so many members.

    Args:
        day: flows and devices as metered.
        rate: [N] weights for Kalai-Samet values; ``None``: not asked for.
        means: randomness, method, solver, cores.

    Raises:
        SettlementError: The day's data are not acceptable.
        SolverError: A coalition's program was not solved.
    """
    if means.choose_method(day.shape[0]) is Method.SAMPLED:
        return _value_by_sampling(day, rate, means)
    groups = cluster_members(describe_members(day), _choose_players(day, means), means.rng)
    game = ReoptimisedGame(day, groups, means.solve, means.map_batches)
    plain = _value_groups(game, groups, day, None, means)
    weighted = None if rate is None else _value_groups(game, groups, day, rate, means).value_eur
    return ValuedGame(
        alone_eur=game.alone_eur,
        plain=plain,
        weighted_eur=weighted,
        coalitions=game.coalitions_solved,
        find_excess=lambda share_eur: _find_excess_of_groups(game, groups, share_eur),
    )


def _choose_players(day: CoalitionDay, means: Means) -> int:
    members = day.shape[0]
    return members if means.choose_method(members) is Method.EXACT else means.choose_clusters(members)


def describe_members(day: CoalitionDay) -> FloatArray:
    """What members are clustered by: net profile, battery capacity and energy charged into cars [N, T + 2] [kWh]."""
    devices = np.zeros((day.shape[0], 2))
    for battery in day.batteries:
        devices[battery.member, 0] += battery.soc_max_kwh - battery.soc_min_kwh
    for car in day.evs:
        devices[car.member, 1] += car.charged_kwh.sum()
    return np.hstack([day.net_kwh, DEVICE_WEIGHT * devices])


def _value_by_sampling(day: CoalitionDay, rate: FloatArray | None, means: Means) -> ValuedGame:
    """Plain values at levels; Kalai-Samet values, whose levels differ by member, along orders."""
    game = ReoptimisedGame(day, None, means.solve, means.map_batches)
    rule = replace(means.rule, most_pairs=min(means.most_pairs, means.rule.most_pairs))
    plain = value_by_levels(game, rule, means.rng)
    weighted = None if rate is None else value_by_sampling(game, rule, means.rng, rate).value_eur
    metered = MeteredGame(day.import_wh, day.export_wh, day.prices)
    return ValuedGame(
        alone_eur=game.alone_eur,
        plain=plain,
        weighted_eur=weighted,
        coalitions=game.coalitions_solved,
        find_excess=lambda share_eur: _search_excess(game, metered, share_eur, plain.gain_eur),
    )


def _value_groups(
    game: ReoptimisedGame, groups: list[IntArray], day: CoalitionDay, rate: FloatArray | None, means: Means
) -> Valuation:
    """Values of members from a game of groups; groups of several members are split by their metered values."""
    if len(groups) == day.shape[0]:
        return value_exactly(game, rate)
    metered = MeteredGame(day.import_wh, day.export_wh, day.prices)
    return value_by_clusters(game, groups, metered, value_members(metered, means, rate).value_eur, rate)


def _find_excess_of_groups(game: ReoptimisedGame, groups: list[IntArray], share_eur: FloatArray) -> CoreExcess:
    """Core excess over unions of groups; all of them are remembered from the valuation."""
    values = game.tabulate()
    together = np.array([share_eur[group].sum() for group in groups])
    return find_core_excess(values * scale_to(share_eur, float(values[-1])), together)


def _search_excess(game: ReoptimisedGame, metered: MeteredGame, share_eur: FloatArray, gain_eur: float) -> CoreExcess:
    """A coalition that would leave, searched from the one that would leave the metered game; no bound is known."""
    scale = scale_to(share_eur, gain_eur)
    if scale <= 0.0:
        return climb_to_excess(game, np.zeros(len(share_eur)), np.zeros(len(share_eur), dtype=np.bool_), 0)
    everyone = np.ones((1, len(share_eur)), dtype=np.bool_)
    metered_scale = float(share_eur.sum()) / max(float(metered.evaluate(everyone)[0]), 1e-12)
    start = bound_core_excess(metered.scaled(metered_scale), share_eur).coalition
    found = climb_to_excess(game, share_eur / scale, start, MOST_STEPS_OUT)
    return replace(found, excess_eur=found.excess_eur * scale)
