"""What is written down of a settled day for each member: the benefit and the peak charge, as numbers and sentences.

Made where the day is settled, and stored in the same transaction as its ledger; a day that is settled again has the
next revision; what that changed, and what was estimated, is told by ``revision_explanations``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from controller.record.catalogues import load_languages
from controller.record.quantities import to_epoch_s
from controller.record.records import ExplanationRow
from controller.record.texts import to_json
from models.domain.interval import settlement_day
from models.explanation.benefit import Benefit, explain_benefits
from models.explanation.day_parts import DayPart, find_day_parts
from models.explanation.day_wording import DayContext, word_benefit
from models.explanation.peak import PeakSaving, explain_peak
from models.explanation.peak_wording import DayBill, word_peak
from models.settlement.arrays import IntArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.means import Means
from models.settlement.peak_bills import SettledPeak
from models.settlement.settle_day import GameKind, SettledDay, SettlementTerms

BENEFIT_TOPIC = "benefit"
PEAK_TOPIC = "peak"
PEAK_REASON = "peak_shared"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFacts:
    """A settled day with all that its explanation needs."""

    members: tuple[str, ...]
    """[N] ids in the order of the arrays."""
    currency: str
    zone: ZoneInfo
    local_day: date
    starts_utc: tuple[datetime, ...]
    """[T]"""
    day: CoalitionDay
    terms: SettlementTerms
    settled: SettledDay
    game: GameKind
    revision: int
    is_final: bool
    peak: SettledPeak | None = None
    """The peak charge of the period so far; none without a peak charge."""
    peak_booked_minor: IntArray | None = None
    """[N] what this day books for it."""


def explain_day(facts: DayFacts, means: Means) -> tuple[ExplanationRow, ...]:
    """Explanations of every member's day; computes, and reads or writes nothing.

    Args:
        facts: the settled day.
        means: as for ``settle_day``, with a fresh generator of the same seed; with ``RememberedCosts`` as
            ``map_batches`` nothing is solved again.

    Raises:
        SettlementError: The means are not those of the settlement.
        SolverError: A coalition's program was not solved.
    """
    window = find_day_parts(facts.starts_utc, facts.zone)
    benefits = explain_benefits(facts.day, facts.settled, facts.terms, facts.game, means, window=window)
    rows = [_benefit_row(facts, member, benefit) for member, benefit in zip(facts.members, benefits, strict=True)]
    if facts.peak is not None:
        savings = explain_peak(facts.peak, facts.terms.minor_per_unit)
        rows += [
            _peak_row(facts, position, saving, benefit.bill_minor)
            for position, (saving, benefit) in enumerate(zip(savings, benefits, strict=True))
        ]
    return tuple(rows)


def insert_day_explanations(
    connection: sqlite3.Connection, local_day: date, revision: int, rows: Sequence[ExplanationRow]
) -> None:
    """Write a day's explanations inside the caller's transaction.

    Raises:
        StoreError: A number or text that may not be stored.
    """
    for row in rows:
        place = f"explanation of {row.topic}"
        start_s = 0 if row.interval_start_utc is None else to_epoch_s(row.interval_start_utc)
        connection.execute(
            "INSERT INTO day_explanations VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                local_day.isoformat(),
                revision,
                row.member,
                row.topic,
                start_s,
                str(row.reason),
                to_json(row.numbers, place=place),
                to_json(row.texts, place=place),
            ),
        )


def _benefit_row(facts: DayFacts, member: str, benefit: Benefit) -> ExplanationRow:
    minor = facts.terms.minor_per_unit
    context = DayContext(
        local_day=facts.local_day,
        members=len(facts.members),
        currency=facts.currency,
        minor_per_unit=minor,
        has_peak_charge=facts.peak is not None,
    )
    # The parts of the plain share follow the order of the windows; one at the day's end may be missing.
    times = dict(zip((part.value for part in DayPart), (*benefit.by_time_minor, 0, 0, 0), strict=False))
    amounts = {
        "benefit": benefit.benefit_minor,
        "alone": benefit.alone_minor,
        "bill": benefit.bill_minor,
        "wear": benefit.wear_minor,
        "islanded": benefit.islanded_minor,
        "equal": benefit.equal_minor,
        "mean_plain": benefit.mean_plain_minor,
        "part_plain": benefit.plain_minor,
        "part_weighting": benefit.weighting_minor,
        "part_scaling": benefit.scaling_minor,
        "part_carried": benefit.carried_minor,
        "part_solidarity": benefit.solidarity_minor,
        "part_rounding": benefit.rounding_minor,
        **{f"time_{name}": amount for name, amount in times.items()},
        "time_wear": benefit.wear_part_minor,
        **{f"asset_{asset.value}": amount for asset, amount in benefit.by_asset_minor.items()},
        "asset_planning": benefit.planning_minor,
    }
    return ExplanationRow(
        member=member,
        topic=BENEFIT_TOPIC,
        reason=benefit.outcome.value,
        numbers=_numbers(facts, amounts),
        texts={language.code: word_benefit(benefit, context, language) for language in load_languages()},
        interval_start_utc=settlement_day(facts.local_day, facts.zone).start_utc,
    )


def _peak_row(facts: DayFacts, position: int, saving: PeakSaving, energy_minor: int) -> ExplanationRow:
    amounts = {
        "peak_alone": saving.alone_minor,
        "peak_bill": saving.bill_minor,
        "peak_plain": saving.plain_minor,
        "peak_weighting": saving.weighting_minor,
        "peak_rounding": saving.rounding_minor,
    }
    day = None
    if facts.peak_booked_minor is not None:
        day = DayBill(energy_minor=energy_minor, peak_minor=int(facts.peak_booked_minor[position]))
        amounts |= {"peak_today": day.peak_minor, "total": day.total_minor}
    minor = facts.terms.minor_per_unit
    return ExplanationRow(
        member=facts.members[position],
        topic=PEAK_TOPIC,
        reason=PEAK_REASON,
        numbers=_numbers(facts, amounts),
        texts={language.code: word_peak(saving, facts.currency, minor, language, day) for language in load_languages()},
        interval_start_utc=settlement_day(facts.local_day, facts.zone).start_utc,
    )


def _numbers(facts: DayFacts, amounts: Mapping[str, int]) -> dict[str, float | None]:
    """Amounts in the currency by name, whole minor units each, with what they belong to."""
    numbers: dict[str, float | None] = {
        f"{name}_eur": amount / facts.terms.minor_per_unit for name, amount in amounts.items()
    }
    return numbers | {"revision": float(facts.revision), "is_final": float(facts.is_final)}
