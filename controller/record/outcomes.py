"""What is known after dispatch: how each setpoint went and what the cycle took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.domain.setpoint import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SetpointOutcome:
    """What became of one setpoint."""

    setpoint_id: str
    outcome: Outcome | None
    """``None``: sent, its end still open."""
    applied_kw: float | None = None
    """Power that the device holds since [kW]."""
    refusal: str | None = None
    at_utc: datetime
    """When it was sent, acknowledged, refused or found expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleRow:
    """How the cycle behind a decision went."""

    decision_id: str
    finished_utc: datetime
    phase_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase: freeze, settle, weigh, plan, commit, dispatch."""
    faults: tuple[str, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)
    """Events since the decision before, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecord:
    """The second transaction of a cycle; also used alone for acknowledgements that come later."""

    outcomes: tuple[SetpointOutcome, ...] = ()
    cycle: CycleRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """How many outcomes were taken, and how many came too late or for an unknown setpoint."""

    taken: int
    ignored: int
