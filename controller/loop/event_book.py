"""The demand-response events that were announced and are not over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from models.domain.demand_response import DemandEvent, event_of
from models.domain.market import EventNotice

MOST_EVENTS = 64
"""Events kept; where there are more, those that begin first stay."""


class EventBook:
    """Owner of the announced events: the newest notice about each, until it is over.

    The notice that called an event off is kept as well, so that an older one that arrives late does not bring it back.
    """

    def __init__(self) -> None:
        """Start without events."""
        self._notices: dict[str, EventNotice] = {}

    def take(self, notice: EventNotice, now_utc: datetime) -> bool:
        """Take a notice; returns whether the events are others now."""
        known = self._notices.get(notice.identity)
        if notice.end_utc <= now_utc or (known is not None and known.ts_utc > notice.ts_utc):
            return False
        before = self.events(now_utc)
        self._notices[notice.identity] = notice
        kept = [one for one in self._notices.values() if one.end_utc > now_utc]
        kept = sorted(kept, key=lambda one: (one.start_utc, one.end_utc, one.identity))[:MOST_EVENTS]
        self._notices = {one.identity: one for one in kept}
        return self.events(now_utc) != before

    def restore(self, notices: Iterable[EventNotice], now_utc: datetime) -> None:
        """Take over what was known before a restart; what is over is left out."""
        for notice in notices:
            self.take(notice, now_utc)

    def events(self, now_utc: datetime) -> tuple[DemandEvent, ...]:
        """Events that are on or to come, the first to begin first."""
        return tuple(
            event_of(notice)
            for notice in self._notices.values()
            if notice.end_utc > now_utc and not notice.is_cancelled
        )

    def notices(self, now_utc: datetime) -> tuple[EventNotice, ...]:
        """What a restarted controller has to know, cancellations included."""
        return tuple(notice for notice in self._notices.values() if notice.end_utc > now_utc)
