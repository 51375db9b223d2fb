"""Takes prices, limits and events from the market topics into the outlook, and asks for a re-plan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from controller.loop.event_book import OLDEST_NOTICE, EventBook
from controller.loop.notice_line import NoticeT, find_in_force, insert_notice, is_outdated
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
MOST_AHEAD = timedelta(minutes=5)
"""Clocks differ by less; a notice stamped later than this would shut out every true one until then."""
PAST_LIMIT_LIFE = timedelta(hours=24)
"""Limits that another one has replaced are taken over at a restart for as long as intervals may still need them."""


class MarketListener:
    """Owner of the live prices, the announced limits and the announced events."""

    def __init__(
        self,
        site_id: str,
        clock: Clock,
        forecaster: Forecaster,
        requests: ReplanRequests,
        *,
        price_bound_per_kwh: float,
    ) -> None:
        """Start without notices; prices beyond the bound, in either sign, are not taken [currency/kWh]."""
        self._site_id = site_id
        self._price_bound_per_kwh = price_bound_per_kwh
        self._clock = clock
        self._forecaster = forecaster
        self._requests = requests
        self._prices: tuple[PriceNotice, ...] = ()
        self._is_crowded = False
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
        answer = notice if isinstance(notice, Rejection) else self._take(notice)
        if isinstance(answer, Rejection):
            self._drop(answer)
            return
        if answer is not None:
            self._requests.request(answer)
        self.changed.set()

    def restore(self, notices: Iterable[MarketNotice]) -> None:
        """Take over what was known before a restart, save for what is out of date; nothing is asked for.

        The limit in force is taken over however old it is: to forget one is worse than to keep one that was lifted
        unheard, and the next notice puts that right.
        """
        now_utc = self._clock.now_utc()
        good = [notice for notice in notices if not self._is_refused(notice)]
        for notice in good:
            if isinstance(notice, PriceNotice) and notice.valid_from_utc + PRICE_LIFE > now_utc - PRICE_LIFE:
                self._take_price(notice)
        self._restore_limits([notice for notice in good if isinstance(notice, LimitNotice)], now_utc)
        self.book.restore([notice for notice in good if isinstance(notice, EventNotice)], now_utc)
        self._forecaster.events = self.book.events(now_utc)

    def notices(self) -> tuple[MarketNotice, ...]:
        """All that a restarted controller has to know."""
        return (*self._prices, *self._forecaster.limits, *self.book.notices(self._clock.now_utc()))

    def _decode(self, topic: str, payload: bytes, *, is_retained: bool) -> MarketNotice | Rejection:
        parsed = parse_topic(topic)
        if not isinstance(parsed, MarketTopic) or parsed.site != self._site_id:
            return Rejection(drop=Drop.UNKNOWN_TOPIC, detail="not a market topic of this site")
        if is_retained:
            return Rejection(drop=Drop.RETAINED, detail="a retained notice is of unknown age")
        notice = decode_market(payload, parsed.channel)
        if isinstance(notice, Rejection):
            return notice
        if self._clock.now_utc() - notice.ts_utc > OLDEST_NOTICE:
            return Rejection(drop=Drop.STALE, detail="given more than an hour ago")
        return self._check(notice) or notice

    def _check(self, notice: MarketNotice) -> Rejection | None:
        """Why a notice cannot be right, be it new or kept."""
        if notice.ts_utc - self._clock.now_utc() > MOST_AHEAD:
            return Rejection(drop=Drop.CLOCK_SKEW, detail="stamped in the future")
        if isinstance(notice, PriceNotice):
            dearest = max(abs(notice.import_eur_per_kwh), abs(notice.export_eur_per_kwh))
            if dearest > self._price_bound_per_kwh:
                return Rejection(drop=Drop.SCHEMA, detail="values: no price of a kilowatt-hour in this currency")
        return None

    def _is_refused(self, notice: MarketNotice) -> bool:
        rejection = self._check(notice)
        if rejection is not None:
            self._drop(rejection)
        return rejection is not None

    def _drop(self, rejection: Rejection) -> None:
        self.drops[rejection.drop] += 1
        _log.warning("a market message was dropped: %s (%s)", rejection.drop, rejection.detail)

    def _take(self, notice: MarketNotice) -> Trigger | Rejection | None:
        """What a plan has to be made for, if any, or why the notice was not taken."""
        match notice:
            case PriceNotice():
                return self._take_price(notice) or Trigger.PRICE
            case LimitNotice():
                return self._take_limit(notice) or Trigger.LIMIT
            case EventNotice():
                return self._take_event(notice)

    def _take_event(self, notice: EventNotice) -> Trigger | Rejection | None:
        now_utc = self._clock.now_utc()
        drop, lost = self.book.refuse(notice, now_utc), self.book.crowded_out
        if drop is not None:
            return Rejection(drop=drop, detail="of an event that is over, or older than what is known of it")
        has_changed = self.book.take(notice, now_utc)
        self._forecaster.events = self.book.events(now_utc)
        lost = self.book.crowded_out - lost
        self.drops[Drop.NO_ROOM] += lost
        if lost and not self._is_crowded:
            _log.warning("there are too many demand-response events: the last ones to begin are left out")
        self._is_crowded = lost > 0
        return Trigger.EVENT if has_changed else None

    def _take_price(self, notice: PriceNotice) -> Rejection | None:
        kept = self._insert(self._prices, notice)
        if isinstance(kept, Rejection):
            return kept
        self._prices = kept
        book = self._forecaster.prices
        self._forecaster.prices = replace(
            book,
            live_import=self._series("live import price", [one.import_eur_per_kwh for one in self._prices]),
            live_export=self._series("live export price", [one.export_eur_per_kwh for one in self._prices]),
        )
        return None

    def _series(self, name: str, prices: list[float]) -> PriceSeries:
        starts: list[int] = [int(notice.valid_from_utc.timestamp()) for notice in self._prices]
        values: FloatArray = np.array(prices)
        return PriceSeries(
            name=name,
            start_s=freeze_integers(starts),
            price_eur_per_kwh=freeze(values),
            period_s=int(PRICE_LIFE.total_seconds()),
        )

    def _take_limit(self, notice: LimitNotice) -> Rejection | None:
        kept = self._insert(self._forecaster.limits, notice)
        if isinstance(kept, Rejection):
            return kept
        self._forecaster.limits = kept
        return None

    def _restore_limits(self, limits: list[LimitNotice], now_utc: datetime) -> None:
        ordered = sorted(limits, key=lambda one: one.valid_from_utc)
        in_force = find_in_force(ordered, now_utc)
        for index, notice in enumerate(ordered):
            is_old = notice.valid_from_utc + PAST_LIMIT_LIFE <= now_utc
            if index == in_force or not is_old:
                self._take_limit(notice)
            if index == in_force and is_old and (notice.import_kw is not None or notice.export_kw is not None):
                _log.warning("the limit since %s is taken to be in force still", notice.valid_from_utc.isoformat())

    def _insert(self, known: tuple[NoticeT, ...], notice: NoticeT) -> tuple[NoticeT, ...] | Rejection:
        if is_outdated(known, notice):
            return Rejection(drop=Drop.OLD_SEQUENCE, detail="older than what is known from the same moment on")
        kept = insert_notice(known, notice, self._clock.now_utc())
        if notice not in kept:
            return Rejection(drop=Drop.NO_ROOM, detail="too many notices that begin earlier")
        if known and kept[-1].valid_from_utc < known[-1].valid_from_utc:
            self._drop(Rejection(drop=Drop.NO_ROOM, detail="the notice to begin last, for one that begins earlier"))
        return kept
