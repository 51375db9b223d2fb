"""Values that only come out of the store: totals, and records with what was added to them later."""

from __future__ import annotations

from dataclasses import dataclass

from controller.record.records import ExplanationRow
from models.domain.setpoint import Setpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTotals:
    """One member's provisional sums over a range of settled intervals."""

    billed_micro: int
    """+ paid, - received."""
    consumption_wh: int
    use_wh: int
    renewable_wh: int
    shared_wh: int
    sold_wh: int
    intervals: int
    """Intervals with an allocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSetpoint:
    """A setpoint with how it went."""

    setpoint: Setpoint
    decision_id: str
    state: str
    """pending, sent, acknowledged, refused or expired."""
    is_renewal: bool
    applied_kw: float | None
    refusal: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExplanation:
    """An explanation with the decision that it belongs to."""

    decision_id: str
    row: ExplanationRow
