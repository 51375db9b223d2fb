"""Intervals, plan steps, settlement days and billing periods: where time is cut.

Intervals and plan steps are aligned to UTC. Settlement days and billing periods are cut at midnight in the
site's zone, so a day has 92, 96 or 100 quarter-hours (and 94 or 98 where the clock moves by half an hour).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from models.domain.arrays import FloatArray, IntArray, freeze, freeze_integers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME = timedelta(0)
MOST_SPLITS = 8
"""Coarse steps that are split for what ends within them: bounds the size of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time; its start belongs to it, its end does not."""

    start_utc: datetime
    end_utc: datetime

    @property
    def hours(self) -> float:
        """Length [h]."""
        return (self.end_utc - self.start_utc) / timedelta(hours=1)

    def contains(self, moment_utc: datetime) -> bool:
        """Whether the moment lies in it."""
        return self.start_utc <= moment_utc < self.end_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSteps:
    """The T steps of a plan, without gaps between them."""

    starts_utc: tuple[datetime, ...]
    """[T]"""
    step_h: FloatArray
    """[T] lengths [h], > 0, read-only; step 0 is what is left of the running interval."""

    @property
    def end_utc(self) -> datetime:
        """End of the last step."""
        return self.starts_utc[-1] + timedelta(hours=float(self.step_h[-1]))


def require_utc(moment: datetime) -> datetime:
    """The moment itself, if it is aware and in UTC.

    Raises:
        ValueError: it is naive or has another offset; local times exist only at the edges.
    """
    if moment.utcoffset() != _NO_TIME:
        raise ValueError(f"an aware UTC time is needed, found {moment.isoformat()}")
    return moment


def floor_to_interval(moment_utc: datetime, interval_min: int) -> datetime:
    """Start of the interval that the moment lies in.

    Raises:
        ValueError: the moment is not aware UTC.
    """
    since = (require_utc(moment_utc) - _EPOCH) % timedelta(minutes=interval_min)
    return moment_utc - since


def next_interval_start(moment_utc: datetime, interval_min: int) -> datetime:
    """First interval start after the moment (an interval later if the moment is itself one)."""
    return floor_to_interval(moment_utc, interval_min) + timedelta(minutes=interval_min)


def interval_starts(span: Span, interval_min: int) -> tuple[datetime, ...]:
    """Starts of the intervals that a span consists of.

    Raises:
        ValueError: the span does not begin and end on interval starts.
    """
    for edge in (span.start_utc, span.end_utc):
        if floor_to_interval(edge, interval_min) != edge:
            raise ValueError(f"{edge.isoformat()} is not the start of a {interval_min}-minute interval")
    step = timedelta(minutes=interval_min)
    return tuple(span.start_utc + k * step for k in range((span.end_utc - span.start_utc) // step))


def plan_steps(
    now_utc: datetime,
    *,
    interval_min: int,
    fine_steps: int,
    coarse_steps: int,
    coarse_step_min: int,
    ends_utc: Iterable[datetime] = (),
) -> PlanSteps:
    """Steps of a plan made now: the rest of the running interval, fine steps, then coarse steps.

    Coarse steps are aligned to their own length, so the first of them is shortened where the fine steps end
    between two alignments. One is split where something ends within it, such as a car's stay: no step counts time that
    is not there, and none that is there is lost.

    Args:
        now_utc: time of planning; at an interval's start step 0 is a whole interval.
        interval_min: length of an interval [min].
        fine_steps: steps of one interval each, at least 1; the first may be shortened.
        coarse_steps: steps after them, at least 0.
        coarse_step_min: length of a coarse step [min], a multiple of the interval.
        ends_utc: moments at which a step should end, at most ``MOST_SPLITS`` within coarse steps, the nearest first;
            the last interval's start before each counts.

    Raises:
        ValueError: the time is not aware UTC, or the lengths do not fit.
    """
    if fine_steps < 1 or coarse_steps < 0 or interval_min < 1 or coarse_step_min % interval_min:
        raise ValueError(
            f"no steps of {fine_steps} x {interval_min} min and {coarse_steps} x {coarse_step_min} min: "
            "at least one fine step is needed, and a coarse step must be a multiple of the interval",
        )
    edges = [now_utc]
    for _ in range(fine_steps):
        edges.append(next_interval_start(edges[-1], interval_min))
    for _ in range(coarse_steps):
        edges.append(next_interval_start(edges[-1], coarse_step_min))
    ends = {floor_to_interval(moment, interval_min) for moment in ends_utc}
    splits = [moment for moment in sorted(ends - set(edges)) if edges[fine_steps] < moment < edges[-1]]
    edges = sorted(edges + splits[:MOST_SPLITS])
    hour = timedelta(hours=1)
    lengths = [(end - start) / hour for start, end in pairwise(edges)]
    return PlanSteps(starts_utc=tuple(edges[:-1]), step_h=freeze(lengths))


def local_day_of(moment_utc: datetime, zone: ZoneInfo) -> date:
    """Calendar day in the zone at that moment."""
    return require_utc(moment_utc).astimezone(zone).date()


def settlement_day(day: date, zone: ZoneInfo) -> Span:
    """From one local midnight to the next; where the clock skips midnight, from the moment it does."""
    return Span(start_utc=_local_midnight(day, zone), end_utc=_local_midnight(day + timedelta(days=1), zone))


def billing_period(moment_utc: datetime, zone: ZoneInfo) -> Span:
    """The local calendar month that the moment lies in."""
    first = local_day_of(moment_utc, zone).replace(day=1)
    return Span(start_utc=_local_midnight(first, zone), end_utc=_local_midnight(_next_month(first), zone))


def billing_period_index(starts_utc: tuple[datetime, ...], zone: ZoneInfo) -> IntArray:
    """[T] which billing period each step begins in; 0 is the period of the first step.

    A coarse step that reaches over the month's end counts to the month it begins in.
    """
    days = [local_day_of(start, zone) for start in starts_utc]
    months = [12 * day.year + day.month for day in days]
    return freeze_integers([month - months[0] for month in months])


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _local_midnight(day: date, zone: ZoneInfo) -> datetime:
    # fold 0 is the earlier of two midnights, and the moment of the jump where midnight is skipped.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
