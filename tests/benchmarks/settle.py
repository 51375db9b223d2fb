"""Time of a day's whole settlement, and the error of sampling and clustering. Prints JSON; not a test.

python tests/benchmarks/settle.py --members 30 --game reoptimised --json
python tests/benchmarks/settle.py --members 30 --game reoptimised --compare --orders 400 --json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import joblib
import numpy as np
from scipy.stats import kendalltau

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from models.settlement.arrays import BoolArray, FloatArray
from models.settlement.clustering import cluster_members
from models.settlement.coalition_day import CoalitionDay
from models.settlement.coalition_program import CoalitionProgram
from models.settlement.linear_program import LinearSolver
from models.settlement.means import MOST_EXACT_REOPTIMISED, Means
from models.settlement.metered_game import MeteredGame
from models.settlement.reoptimised_game import CostBatch, ReoptimisedGame
from models.settlement.sampling import StoppingRule
from models.settlement.settle_day import GameKind, SettlementTerms, settle_day
from models.settlement.shapley import Method, Weighting, find_exact_values
from models.settlement.sharing import SharingKey
from models.settlement.solidarity import SolidarityRule
from models.settlement.valuation import value_by_clusters, value_by_levels, value_by_sampling
from models.settlement.valued_reoptimised import describe_members
from tests.models.settlement.community_day import meter_day


class Workers:
    """Coalition programs on all cores, by joblib."""

    def __init__(self, jobs: int, backend: str) -> None:
        self.jobs = jobs
        self.backend = backend

    def __call__(
        self, cost: CostBatch, program: CoalitionProgram, batches: Sequence[BoolArray], solve: LinearSolver
    ) -> Sequence[FloatArray]:
        if len(batches) < 2 or self.jobs == 1:
            return [cost(program, batch, solve) for batch in batches]
        with joblib.parallel_config(backend=self.backend, n_jobs=self.jobs):
            answers = joblib.Parallel()(joblib.delayed(cost)(program, batch, solve) for batch in batches)
        return list(answers)


def draw_terms(members: int, weighting: Weighting, rng: np.random.Generator) -> SettlementTerms:
    weight = np.exp(rng.uniform(-1.0, 1.0, members))
    return SettlementTerms(
        key=SharingKey.EQUITY,
        weighting=weighting,
        weight=weight / weight.mean(),
        need=rng.integers(1, 6, members).astype(np.float64),
        static_share=None,
        solidarity=SolidarityRule(
            solidarity_frac=0.1,
            support_cap_frac=0.3,
            billed_eur=np.zeros(members),
            income_eur=rng.uniform(30.0, 150.0, members),
            reference_eur=np.full(members, np.inf),
        ),
        carried_loss_eur=np.zeros(members),
    )


def settle(options: argparse.Namespace, day: CoalitionDay, rng: np.random.Generator) -> dict[str, object]:
    """One settlement, timed."""
    terms = draw_terms(options.members, Weighting(options.weighting), rng)
    start = time.perf_counter()
    budget_s = options.budget_s if options.game == GameKind.METERED.value else math.inf
    rule = StoppingRule(
        target_error_frac=options.target_error,
        has_time=lambda: time.perf_counter() - start < budget_s,
    )
    means = Means(
        rng=rng,
        rule=rule,
        map_batches=Workers(options.jobs, options.backend),
        most_players=options.players,
        method=Method(options.method),
        most_pairs=options.pairs,
    )
    settled = settle_day(day, terms, GameKind(options.game), means)
    seconds = time.perf_counter() - start
    valuation = settled.valuation
    return {
        "members": options.members,
        "players": valuation.players,
        "game": options.game,
        "method": valuation.method.value,
        "seconds": round(seconds, 3),
        "gain": round(settled.gain_eur, 6),
        "sum_of_shares": round(float(settled.share_eur.sum()), 6),
        "max_standard_error": float(valuation.error_eur.max()),
        "mean_share": float(valuation.value_eur.mean()),
        "core_excess": settled.core.as_share(settled.gain_eur),
        "coalitions_evaluated": settled.coalitions_evaluated,
        "weighting": options.weighting,
        "orders": valuation.orders,
        "bills_minus_tariff_minor": int(settled.bills.bill_minor.sum()) - settled.bills.utility_minor,
    }


def compare(options: argparse.Namespace, day: CoalitionDay, rng: np.random.Generator) -> dict[str, object]:
    """Error of clusters against the exact values (up to 12 members) or a long sampled run."""
    groups = cluster_members(describe_members(day), options.players, rng)
    metered_game = MeteredGame(day.import_wh, day.export_wh, day.prices)
    metered = find_metered_values(metered_game, rng)
    start = time.perf_counter()
    of_groups = ReoptimisedGame(day, groups, map_batches=Workers(options.jobs, options.backend))
    clustered = value_by_clusters(of_groups, groups, metered_game, metered).value_eur
    clustered_s = time.perf_counter() - start
    of_members = ReoptimisedGame(day, map_batches=Workers(options.jobs, options.backend))
    if options.members <= MOST_EXACT_REOPTIMISED:
        reference, error = find_exact_values(of_members), np.zeros(options.members)
    else:
        rule = StoppingRule(target_error_frac=1e-6, most_pairs=options.orders // 2)
        sampled = value_by_sampling(of_members, rule, rng)
        reference, error = sampled.value_eur, sampled.error_eur
    of_levels = ReoptimisedGame(day, map_batches=Workers(options.jobs, options.backend))
    start = time.perf_counter()
    levels = value_by_levels(of_levels, StoppingRule(target_error_frac=1e-6, most_pairs=options.pairs), rng)
    sampled_s = time.perf_counter() - start
    mean = float(reference.mean())
    difference = np.abs(clustered - reference)
    return {
        "members": options.members,
        "players": len(groups),
        "reference": "exact" if options.members <= MOST_EXACT_REOPTIMISED else f"sampled, {options.orders} orders",
        "reference_max_standard_error_frac": float(error.max()) / mean,
        "clustered_seconds": round(clustered_s, 3),
        "mean_error_frac": float(difference.mean()) / mean,
        "max_error_frac": float(difference.max()) / mean,
        "kendall_tau": float(kendalltau(clustered, reference).statistic),
        "sampled_pairs": options.pairs,
        "sampled_programs": of_levels.coalitions_solved,
        "sampled_seconds": round(sampled_s, 3),
        "sampled_mean_error_frac": float(np.abs(levels.value_eur - reference).mean()) / mean,
        "sampled_max_error_frac": float(np.abs(levels.value_eur - reference).max()) / mean,
        "sampled_kendall_tau": float(kendalltau(levels.value_eur, reference).statistic),
        "metered_mean_error_frac": float(np.abs(metered * (reference.sum() / metered.sum()) - reference).mean()) / mean,
        "metered_kendall_tau": float(kendalltau(metered, reference).statistic),
    }


def find_metered_values(game: MeteredGame, rng: np.random.Generator) -> FloatArray:
    if game.players <= 16:
        return find_exact_values(game)
    return value_by_sampling(game, StoppingRule(target_error_frac=0.005), rng).value_eur


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--game", choices=[kind.value for kind in GameKind], default="metered")
    parser.add_argument("--weighting", choices=[weighting.value for weighting in Weighting], default="proportional")
    parser.add_argument("--players", type=int, default=MOST_EXACT_REOPTIMISED, help="players of the re-optimised game")
    methods = [Method.CLUSTERED.value, Method.SAMPLED.value]
    parser.add_argument("--method", choices=methods, default=methods[0], help="for more members than players")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--backend", default="loky", help="joblib's, such as loky, threading or dask")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target-error", type=float, default=0.02)
    parser.add_argument("--budget-s", type=float, default=5.0, help="time for sampling the metered game")
    parser.add_argument("--compare", action="store_true", help="error of clustering instead of a settlement")
    parser.add_argument("--orders", type=int, default=400, help="orders of the sampled reference of --compare")
    parser.add_argument("--pairs", type=int, default=40, help="pairs of coalitions of a sampled re-optimised game")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    day = meter_day(options.members, rng)
    result = compare(options, day, rng) if options.compare else settle(options, day, rng)
    print(json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
