"""The demand-response events that were announced and are not over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from models.domain.demand_response import DemandEvent, event_of
from models.domain.market import EventNotice
from models.domain.telemetry import Drop

MOST_EVENTS = 64
"""Events kept; where there are more, those that begin first stay."""
MOST_CALLED_OFF = 256
"""Notices kept of events that were called off or shortened; where there are more, those given last stay."""
OLDEST_NOTICE = timedelta(hours=1)
"""A notice given longer ago than this says what was, not what is, and is not taken."""


class EventBook:
    """Owner of the announced events: the newest notice about each, until it is over.

    The notice that called an event off is kept as well, so that an older one that arrives late does not bring it back.
    """

    def __init__(self) -> None:
        """Start without events."""
        self._notices: dict[str, EventNotice] = {}
        self.crowded_out = 0
        """Notices for which there was no room."""

    def refuse(self, notice: EventNotice, now_utc: datetime) -> Drop | None:
        """Why a notice says nothing new; an event that is known can be ended at any moment, a past one as well."""
        known = self._notices.get(notice.identity)
        if known is None or _needed_until(known) <= now_utc:
            return Drop.STALE if notice.end_utc <= now_utc else None
        return Drop.OLD_SEQUENCE if known.ts_utc > notice.ts_utc else None

    def take(self, notice: EventNotice, now_utc: datetime) -> bool:
        """Take a notice; returns whether the events are others now."""
        if self.refuse(notice, now_utc) is not None:
            return False
        before = self.events(now_utc)
        self._put(notice, now_utc)
        return self.events(now_utc) != before

    def restore(self, notices: Iterable[EventNotice], now_utc: datetime) -> None:
        """Take over what was known before a restart; what nobody needs any more is left out."""
        for notice in notices:
            if self.refuse(notice, now_utc) is not Drop.OLD_SEQUENCE:
                self._put(notice, now_utc)

    def events(self, now_utc: datetime) -> tuple[DemandEvent, ...]:
        """Events that are on or to come, the first to begin first."""
        return tuple(event_of(notice) for notice in self._notices.values() if _is_live(notice, now_utc))

    def notices(self, now_utc: datetime) -> tuple[EventNotice, ...]:
        """What a restarted controller has to know, cancellations included."""
        return tuple(notice for notice in self._notices.values() if _needed_until(notice) > now_utc)

    def _put(self, notice: EventNotice, now_utc: datetime) -> None:
        self._notices[notice.identity] = notice
        needed = self.notices(now_utc)
        live = [one for one in needed if _is_live(one, now_utc)]
        live.sort(key=lambda one: (one.start_utc, one.end_utc, one.identity))
        off = [one for one in needed if not _is_live(one, now_utc)]
        off.sort(key=lambda one: (one.ts_utc, one.identity), reverse=True)
        kept = [*live[:MOST_EVENTS], *off[:MOST_CALLED_OFF]]
        self.crowded_out += len(needed) - len(kept)
        self._notices = {one.identity: one for one in kept}


def _is_live(notice: EventNotice, now_utc: datetime) -> bool:
    return notice.end_utc > now_utc and not notice.is_cancelled


def _needed_until(notice: EventNotice) -> datetime:
    # Whatever was given before it is too old to be taken from then on.
    return max(notice.end_utc, notice.ts_utc + OLDEST_NOTICE)
