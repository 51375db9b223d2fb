"""Settled days with everything that explaining them needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.explanation.benefit import Benefit, explain_benefits
from models.explanation.remembered_costs import RememberedCosts
from models.settlement.arrays import IntArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.means import Means
from models.settlement.sampling import StoppingRule
from models.settlement.settle_day import GameKind, SettledDay, SettlementTerms, settle_day
from models.settlement.shapley import Method
from tests.models.settlement.community_day import draw_terms, meter_day


@dataclass(frozen=True, kw_only=True)
class Explained:
    day: CoalitionDay
    terms: SettlementTerms
    settled: SettledDay
    benefits: tuple[Benefit, ...]
    costs: RememberedCosts
    solved: int


def quarter(steps: int) -> IntArray:
    return np.arange(steps) * 4 // steps


def explain(
    day: CoalitionDay,
    terms: SettlementTerms,
    game: GameKind,
    *,
    seed: int = 1,
    most_players: int = 12,
    method: Method | None = None,
) -> Explained:
    costs = RememberedCosts()

    def means() -> Means:
        return Means(
            rng=np.random.default_rng(seed),
            rule=StoppingRule(target_error_frac=0.2, most_pairs=40),
            map_batches=costs,
            most_players=most_players,
            method=method,
            most_pairs=8,
        )

    settled = settle_day(day, terms, game, means())
    solved = costs.known
    benefits = explain_benefits(day, settled, terms, game, means(), window=quarter(day.shape[1]))
    return Explained(day=day, terms=terms, settled=settled, benefits=benefits, costs=costs, solved=solved)


def explain_random(
    seed: int, members: int, game: GameKind, *, steps: int = 24, sigma: float = 0.1, most_players: int = 12
) -> Explained:
    day = meter_day(members, np.random.default_rng(seed), steps=steps)
    return explain(day, draw_terms(members, seed % 997, sigma=sigma), game, seed=seed, most_players=most_players)
