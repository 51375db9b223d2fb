"""A settled and explained day of a small community, for tests of what is stored and shown of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from controller.record.day_explanations import DayFacts, explain_day
from controller.record.records import ExplanationRow
from models.domain.interval import settlement_day
from models.explanation.remembered_costs import RememberedCosts
from models.settlement.coalition_day import CoalitionDay
from models.settlement.means import Means
from models.settlement.peak_bills import settle_peak
from models.settlement.peak_game import PeakGame
from models.settlement.settle_day import GameKind, SettledDay, SettlementTerms, settle_day
from models.settlement.shapley import Weighting
from tests.models.settlement.community_day import draw_terms, meter_day

ZONE = ZoneInfo("Europe/Berlin")
DAY = date(2026, 6, 12)


@dataclass(frozen=True, kw_only=True)
class ExplainedDay:
    settled: SettledDay
    rows: tuple[ExplanationRow, ...]

    def row(self, member: str, topic: str = "benefit") -> ExplanationRow:
        return next(row for row in self.rows if (row.member, row.topic) == (member, topic))


def explain_example(
    members: int = 6,
    *,
    seed: int = 3,
    game: GameKind = GameKind.METERED,
    day: CoalitionDay | None = None,
    terms: SettlementTerms | None = None,
    revision: int = 0,
    local_day: date = DAY,
) -> ExplainedDay:
    day = day or meter_day(members, np.random.default_rng(seed), steps=96)
    terms = terms or draw_terms(members, seed)
    costs = RememberedCosts()

    def means() -> Means:
        return Means(rng=np.random.default_rng(seed), map_batches=costs)

    settled = settle_day(day, terms, game, means())
    peak = settle_peak(
        PeakGame((day.import_wh - day.export_wh).astype(np.float64), day.step_h, 5.0),
        terms.weight,
        Weighting.PROPORTIONAL,
        Means(rng=np.random.default_rng(seed)),
    )
    start = settlement_day(local_day, ZONE).start_utc
    facts = DayFacts(
        members=tuple(f"m{number + 1:02d}" for number in range(members)),
        currency="EUR",
        zone=ZONE,
        local_day=local_day,
        starts_utc=tuple(start + timedelta(minutes=15 * step) for step in range(day.shape[1])),
        day=day,
        terms=terms,
        settled=settled,
        game=game,
        revision=revision,
        is_final=game is GameKind.REOPTIMISED,
        peak=peak,
        peak_booked_minor=peak.bill_minor,
    )
    return ExplainedDay(settled=settled, rows=explain_day(facts, means()))


def with_weight_of(terms: SettlementTerms, member: int, weight: float) -> SettlementTerms:
    changed = terms.weight.copy()
    changed[member] = weight
    return replace(terms, weight=changed / changed.mean())
