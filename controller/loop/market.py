"""Takes prices, limits and events from the market topics into the outlook, and asks for a re-plan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np

from controller.loop.event_book import EventBook
from controller.loop.outlook import Forecaster
from controller.loop.triggers import ReplanRequests, Trigger
from devices.clock import Clock
from devices.market_messages import decode_market
from devices.protocols import MessageBus
from devices.topics import MarketTopic, market_filter, parse_topic
from devices.wire import Rejection
from models.domain.arrays import FloatArray, freeze, freeze_integers
from models.domain.market import EventNotice, LimitNotice, MarketNotice, PriceNotice
from models.domain.price_series import PriceSeries
from models.domain.telemetry import Drop

_log = logging.getLogger(__name__)

PRICE_LIFE = timedelta(hours=24)
"""A live price holds until the next one, and no longer than this: an old price is worse than the tariff's."""
MOST_NOTICES = 512
"""Prices and limits kept of each; the oldest are dropped."""
OLDEST_NOTICE = timedelta(hours=1)
"""A notice given longer ago than this says what was, not what is."""
RESTORED_LIMIT_LIFE = timedelta(hours=24)
"""A limit that began longer before a restart may have been lifted unheard, and is not taken over."""


class MarketListener:
    """Owner of the live prices, the announced limits and the announced events."""

    def __init__(self, site_id: str, clock: Clock, forecaster: Forecaster, requests: ReplanRequests) -> None:
        """Start without notices."""
        self._site_id = site_id
        self._clock = clock
        self._forecaster = forecaster
        self._requests = requests
        self._prices: list[PriceNotice] = []
        self.drops: dict[Drop, int] = dict.fromkeys(Drop, 0)
        """Messages dropped, by reason."""
        self.book = EventBook()
        """Demand-response events."""
        self.changed = asyncio.Event()
        """Set when a notice was taken; whoever keeps them for a restart clears it."""

    def listen(self, bus: MessageBus) -> None:
        """Subscribe to the site's market topics."""
        bus.subscribe(market_filter(self._site_id), self.handle, qos=1)

    def handle(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 (a MessageHandler)
        """Take one message; what cannot be used is counted and dropped."""
        notice = self._decode(topic, payload, is_retained=is_retained)
        if isinstance(notice, Rejection):
            self.drops[notice.drop] += 1
            _log.warning("a market message was dropped: %s (%s)", notice.drop, notice.detail)
            return
        match notice:
            case PriceNotice():
                self._take_price(notice)
                self._requests.request(Trigger.PRICE)
            case LimitNotice():
                self._take_limit(notice)
                self._requests.request(Trigger.LIMIT)
            case EventNotice() if notice.end_utc <= self._clock.now_utc():
                self.drops[Drop.STALE] += 1
                return
            case EventNotice():
                if self._take_event(notice):
                    self._requests.request(Trigger.EVENT)
        self.changed.set()

    def restore(self, notices: Iterable[MarketNotice]) -> None:
        """Take over what was known before a restart, save for what is out of date; nothing is asked for."""
        now_utc = self._clock.now_utc()
        for notice in notices:
            match notice:
                case PriceNotice() if notice.valid_from_utc + PRICE_LIFE > now_utc - PRICE_LIFE:
                    self._take_price(notice)
                case LimitNotice() if notice.valid_from_utc + RESTORED_LIMIT_LIFE > now_utc:
                    self._take_limit(notice)
                case EventNotice():
                    self._take_event(notice)
                case _:
                    pass

    def notices(self) -> tuple[MarketNotice, ...]:
        """All that a restarted controller has to know."""
        return (*self._prices, *self._forecaster.limits, *self.book.notices(self._clock.now_utc()))

    def _take_event(self, notice: EventNotice) -> bool:
        now_utc = self._clock.now_utc()
        has_changed = self.book.take(notice, now_utc)
        self._forecaster.events = self.book.events(now_utc)
        return has_changed

    def _decode(self, topic: str, payload: bytes, *, is_retained: bool) -> MarketNotice | Rejection:
        parsed = parse_topic(topic)
        if not isinstance(parsed, MarketTopic) or parsed.site != self._site_id:
            return Rejection(drop=Drop.UNKNOWN_TOPIC, detail="not a market topic of this site")
        if is_retained:
            return Rejection(drop=Drop.RETAINED, detail="a retained notice is of unknown age")
        notice = decode_market(payload, parsed.channel)
        if not isinstance(notice, Rejection) and self._clock.now_utc() - notice.ts_utc > OLDEST_NOTICE:
            return Rejection(drop=Drop.STALE, detail="given more than an hour ago")
        return notice

    def _take_price(self, notice: PriceNotice) -> None:
        same = [known for known in self._prices if known.valid_from_utc == notice.valid_from_utc]
        if any(known.ts_utc > notice.ts_utc for known in same):
            return
        later = [known for known in self._prices if known.valid_from_utc != notice.valid_from_utc]
        self._prices = sorted([*later, notice], key=lambda known: known.valid_from_utc)[-MOST_NOTICES:]
        book = self._forecaster.prices
        self._forecaster.prices = replace(
            book,
            live_import=self._series("live import price", [one.import_eur_per_kwh for one in self._prices]),
            live_export=self._series("live export price", [one.export_eur_per_kwh for one in self._prices]),
        )

    def _series(self, name: str, prices: list[float]) -> PriceSeries:
        starts: list[int] = [int(notice.valid_from_utc.timestamp()) for notice in self._prices]
        values: FloatArray = np.array(prices)
        return PriceSeries(
            name=name,
            start_s=freeze_integers(starts),
            price_eur_per_kwh=freeze(values),
            period_s=int(PRICE_LIFE.total_seconds()),
        )

    def _take_limit(self, notice: LimitNotice) -> None:
        known = [one for one in self._forecaster.limits if one.valid_from_utc != notice.valid_from_utc]
        ordered = sorted([*known, notice], key=lambda one: one.valid_from_utc)
        self._forecaster.limits = tuple(ordered[-MOST_NOTICES:])
