"""One day to settle as a value that can be sent to a worker process, and what is computed from it.

The same job gives the same result, to the bit: its randomness is seeded by the site and the day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from controller.record.day_explanations import DayFacts, explain_day
from controller.record.day_fairness import PeriodEquity, describe_fairness, note_core
from controller.record.records import ExplanationRow
from models.explanation.remembered_costs import RememberedCosts
from models.settlement.arrays import BoolArray, IntArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.means import Means
from models.settlement.peak_bills import SettledPeak, accrue_peak, settle_peak
from models.settlement.peak_game import PeakGame
from models.settlement.reoptimised_game import MapBatches, map_here
from models.settlement.sampling import StoppingRule
from models.settlement.settle_day import GameKind, SettledDay, SettlementTerms, settle_day
from models.settlement.shapley import Method

TARGET_ERROR_FRAC = 0.02
"""Largest standard error of a sampled value, as a share of the mean value."""
MOST_PAIRS = 4000
"""Bound on sampled pairs of orders, reached where a game's values scatter a lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakJob:
    """The peak charge of the billing period up to and with the day."""

    net_wh: IntArray
    """[N, T'] net import of the settled days of the period and of this one."""
    charge_eur_per_kw: float
    booked_minor: IntArray
    """[N] booked by earlier days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayJob:
    """Everything that a day's settlement depends on."""

    site_id: str
    local_day: date
    zone: str
    currency: str
    members: tuple[str, ...]
    starts_utc: tuple[datetime, ...]
    day: CoalitionDay
    price_lines: dict[str, tuple[int, ...]]
    """[T] stored prices, in micro-currency, by name of ``day_records.PRICE_LINES``."""
    terms: SettlementTerms = field(repr=False)
    game: GameKind
    most_players: int
    """Players of the re-optimised game that are valued exactly; clusters above that, where ``clusters`` says so."""
    is_clustered: bool = False
    """Value a larger community by clusters even where it could be sampled: faster, and less exact."""
    peak: PeakJob | None
    """``None``: the tariff has no peak charge."""
    is_estimated: BoolArray
    """[N, T]"""
    equity: PeriodEquity = field(repr=False)
    """For the fairness figures, which change no bill: not part of the digest."""
    notes: tuple[str, ...]
    follows: int | None
    """Newest revision of the day when its data were read."""
    inputs: tuple[tuple[datetime, int], ...] = ()
    """Intervals that were read, with the revision of each."""
    is_final: bool

    @property
    def digest(self) -> str:
        """SHA-256 of all that the result depends on."""
        state = hashlib.sha256()
        inputs = (
            *(self.site_id, self.local_day, self.members, self.day, self.price_lines, self.terms, self.game),
            *(self.most_players, self.is_clustered, self.peak, self.is_estimated, self.is_final),
        )
        for piece in _flatten(inputs):
            state.update(piece)
        return state.hexdigest()

    @property
    def seed(self) -> int:
        """Of all randomness in it."""
        return int.from_bytes(hashlib.sha256(f"{self.site_id} {self.local_day}".encode()).digest()[:8], "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputedDay:
    """What came of a job."""

    settled: SettledDay
    peak: SettledPeak | None
    peak_minor: IntArray
    """[N] what the day books for the peak charge."""
    explanations: tuple[ExplanationRow, ...]
    fairness: dict[str, float | None]
    """Figures of the community."""
    notes: tuple[str, ...]
    """The job's, and what the coordinator should know of the result."""


def compute_day(job: DayJob, map_batches: MapBatches = map_here) -> ComputedDay:
    """Settle and explain a day; CPU work only.

    Args:
        job: what to settle.
        map_batches: how coalitions' programs are spread over cores.

    Raises:
        SettlementError: the data are not acceptable.
        SolverError: a coalition's program was not solved.
    """
    costs = RememberedCosts(map_batches)
    settled = settle_day(job.day, job.terms, job.game, _means(job, costs))
    peak, peak_minor = _settle_peak(job, _means(job, costs))
    facts = DayFacts(
        members=job.members,
        currency=job.currency,
        zone=ZoneInfo(job.zone),
        local_day=job.local_day,
        starts_utc=job.starts_utc,
        day=job.day,
        terms=job.terms,
        settled=settled,
        game=job.game,
        revision=0 if job.follows is None else job.follows + 1,
        is_final=job.is_final,
        peak=peak,
        peak_booked_minor=None if peak is None else peak_minor,
    )
    return ComputedDay(
        settled=settled,
        peak=peak,
        peak_minor=peak_minor,
        explanations=explain_day(facts, _means(job, costs)),
        fairness=describe_fairness(job.equity, settled, peak, job.terms.minor_per_unit),
        notes=(*job.notes, *note_core(settled, job.equity.core_excess_bound_frac, job.currency)),
    )


def _means(job: DayJob, costs: MapBatches) -> Means:
    return Means(
        rng=np.random.default_rng(job.seed),
        rule=StoppingRule(target_error_frac=TARGET_ERROR_FRAC, most_pairs=MOST_PAIRS),
        map_batches=costs,
        most_players=job.most_players,
        method=Method.CLUSTERED if job.is_clustered else None,
    )


def _settle_peak(job: DayJob, means: Means) -> tuple[SettledPeak | None, IntArray]:
    if job.peak is None:
        return None, np.zeros(len(job.members), dtype=np.int64)
    game = PeakGame(job.peak.net_wh, job.day.step_h, job.peak.charge_eur_per_kw)
    peak = settle_peak(game, job.terms.weight, job.terms.weighting, means, job.terms.minor_per_unit)
    return peak, accrue_peak(peak.bill_minor, job.peak.booked_minor)


def _flatten(value: Any) -> Iterator[bytes]:
    """Canonical bytes of a value's pieces, each with its kind and length."""
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        yield f"array {array.dtype.str} {array.shape};".encode()
        yield array.tobytes()
    elif is_dataclass(value) and not isinstance(value, type):
        yield f"{type(value).__name__};".encode()
        for one in fields(value):
            yield from _flatten(getattr(value, one.name))
    elif isinstance(value, dict):
        yield from _flatten(tuple(sorted(value.items())))
    elif isinstance(value, tuple):
        yield f"tuple {len(value)};".encode()
        for item in value:
            yield from _flatten(item)
    else:
        text = str(value)
        yield f"{type(value).__name__} {len(text)} {text};".encode()
