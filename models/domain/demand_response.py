"""Demand-response events: where they come from, which steps they open, and what may still be held back.

An event opens curtailable loads in every step that it touches, and may say the most that the community should
draw, net. Model after arXiv 2502.08764: critical, flexible and curtailable loads, and a price threshold that follows
the day's prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from models.domain.arrays import BoolArray, FloatArray, IntArray, freeze, freeze_integers
from models.domain.interval import PlanSteps, Span, local_day_of, settlement_day
from models.domain.market import EventNotice

PIECE = timedelta(minutes=15)
"""Length of time over which a price counts once for the day's mean and deviation."""
LEAST_DEVIATION_EUR_PER_KWH = 1e-6
"""Smaller differences between a day's prices are rounding, not a signal [currency/kWh]."""


class EventSource(StrEnum):
    """What began an event. Bounded vocabulary: it is a tag in the database."""

    MQTT = "mqtt"
    """A notice on the market's topic."""
    PRICE = "price"
    """The day's own import prices."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DemandEvent:
    """One stretch of time in which curtailable loads may be held back."""

    start_utc: datetime
    end_utc: datetime
    key: str
    """The same for every notice about the same event, and for a price event each time it is found."""
    source: EventSource
    target_kw: float | None = None
    """Most that the community should draw, net [kW]; negative: it should feed in; ``None``: no target."""

    @property
    def span(self) -> Span:
        """When it is."""
        return Span(start_utc=self.start_utc, end_utc=self.end_utc)


def event_of(notice: EventNotice) -> DemandEvent:
    """The event that a notice announces."""
    return DemandEvent(
        start_utc=notice.start_utc,
        end_utc=notice.end_utc,
        key=notice.identity,
        source=EventSource.MQTT,
        target_kw=notice.power_kw,
    )


def find_price_events(
    starts_utc: Sequence[datetime], import_price_eur_per_kwh: FloatArray, threshold_std: float
) -> tuple[DemandEvent, ...]:
    """Dear stretches of one local day: ``p > mean + threshold * std`` of that day's own prices.

    Args:
        starts_utc: [K + 1] starts of the day's pieces, which are equally long, and the day's end.
        import_price_eur_per_kwh: [K] prices of the pieces.
        threshold_std: Standard deviations above the mean (``price_threshold_std``).

    Returns:
        Contiguous pieces as one event each, oldest first; none on a day of equal prices.
    """
    deviation = float(np.std(import_price_eur_per_kwh))
    if deviation < LEAST_DEVIATION_EUR_PER_KWH:
        return ()
    limit = float(np.mean(import_price_eur_per_kwh)) + threshold_std * deviation
    is_dear = import_price_eur_per_kwh > limit + LEAST_DEVIATION_EUR_PER_KWH
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_dear, [False]])))
    return tuple(
        DemandEvent(
            start_utc=starts_utc[begin],
            end_utc=starts_utc[end],
            key=f"price@{starts_utc[begin].isoformat()}",
            source=EventSource.PRICE,
        )
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    )


def day_pieces(day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """[K + 1] starts of a local day's pieces and its end; 92, 96 or 100 quarter-hours."""
    span = settlement_day(day, zone)
    return (*(span.start_utc + number * PIECE for number in range(round(span.hours * 4))), span.end_utc)


def share_of_steps(event: DemandEvent, steps: PlanSteps) -> FloatArray:
    """[T] part of each step that the event takes, 0 to 1."""
    begin_s = np.array([start.timestamp() for start in steps.starts_utc])
    length_s = steps.step_h * 3600.0
    least_s = np.minimum(begin_s + length_s, event.end_utc.timestamp())
    overlap_s = least_s - np.maximum(begin_s, event.start_utc.timestamp())
    return freeze(np.clip(overlap_s / length_s, 0.0, 1.0))


def touches(event: DemandEvent, steps: PlanSteps) -> BoolArray:
    """[T] steps for which the event holds: all that it touches, be it by a part."""
    begin_s = np.array([start.timestamp() for start in steps.starts_utc])
    end_s = begin_s + steps.step_h * 3600.0
    # Lengths in floating hours put a step's end a microsecond off the next one's start.
    is_touched: BoolArray = (event.start_utc.timestamp() < end_s - 1e-3) & (event.end_utc.timestamp() > begin_s + 1e-3)
    return is_touched


def find_open_steps(events: Iterable[DemandEvent], steps: PlanSteps) -> BoolArray:
    """[T] steps in which loads may be held back: an event holds for them."""
    is_open = np.zeros(len(steps.step_h), dtype=np.bool_)
    for event in events:
        is_open |= touches(event, steps)
    is_open.setflags(write=False)
    return is_open


def find_targets(events: Iterable[DemandEvent], steps: PlanSteps) -> FloatArray:
    """[T] most that the community should draw in each step, the least of overlapping events; infinite without any.

    Empty where no event with a target holds for any step.
    """
    target_kw = np.full(len(steps.step_h), np.inf)
    for event in events:
        if event.target_kw is not None:
            held = touches(event, steps)
            target_kw[held] = np.minimum(target_kw[held], event.target_kw)
    return freeze(target_kw) if bool(np.isfinite(target_kw).any()) else freeze(np.zeros(0))


def number_days(steps: PlanSteps, zone: ZoneInfo) -> tuple[IntArray, tuple[date, ...]]:
    """[T] index of each step's local day, 0 = the first step's, and the days themselves.

    A coarse step that reaches over midnight counts to the day it begins in.
    """
    local = [local_day_of(start, zone) for start in steps.starts_utc]
    days = tuple(dict.fromkeys(local))
    return freeze_integers([days.index(day) for day in local]), days


def find_remaining(limit_kwh_per_day: float, held_back_kwh: Mapping[date, float], days: Sequence[date]) -> FloatArray:
    """[D] what may still be held back on each local day [kWh], never below 0."""
    return freeze([max(0.0, limit_kwh_per_day - held_back_kwh.get(day, 0.0)) for day in days])


def limit_to_demand(wanted_kw: FloatArray, member: Sequence[int], demand_kw: FloatArray) -> FloatArray:
    """[C, T] what loads want, scaled down where a member's together would exceed its demand.

    Args:
        wanted_kw: [C, T] >= 0.
        member: [C] index of each load's member.
        demand_kw: [N, T] demand that the loads are a part of.
    """
    total_kw = np.zeros_like(demand_kw)
    np.add.at(total_kw, np.array(member, dtype=np.int64), wanted_kw)
    allowed_kw = np.maximum(demand_kw, 0.0)
    factor = np.divide(allowed_kw, total_kw, out=np.ones_like(total_kw), where=total_kw > allowed_kw)
    scaled_kw: FloatArray = wanted_kw * factor[np.array(member, dtype=np.int64)]
    return scaled_kw


def split_by_day(span: Span, zone: ZoneInfo) -> dict[date, float]:
    """Hours of a stretch of time on each local day that it touches [h]."""
    hours: dict[date, float] = {}
    begin_utc = span.start_utc
    while begin_utc < span.end_utc:
        day = local_day_of(begin_utc, zone)
        end_utc = min(span.end_utc, settlement_day(day, zone).end_utc)
        hours[day] = hours.get(day, 0.0) + Span(start_utc=begin_utc, end_utc=end_utc).hours
        begin_utc = end_utc
    return hours
