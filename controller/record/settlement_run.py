"""Settles every local day after its end: at first from the flows as metered, then by the site's final game.

Beside the control loop and never in its way: data are read in the store's thread, computed in another process, and
written in one transaction. Days missed while the controller was down are settled at its start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta

from config.schema import Site
from controller.record.anchor import note_anchor
from controller.record.day_fairness import CORE_NOTE
from controller.record.day_posting import PostedDay
from controller.record.day_rows import read_settled_days
from controller.record.reader import Reader
from controller.record.settlement_input import SettlementWish, build_job
from controller.record.settlement_process import SettlementFailure, SettlementProcess
from controller.record.store import Store
from devices.clock import Clock
from models.domain.errors import CommonWattError, SettlementError
from models.domain.interval import local_day_of, settlement_day
from models.domain.tariff import PriceBook
from models.settlement.ledger import Stage
from models.settlement.settle_day import GameKind

_log = logging.getLogger(__name__)

MOST_EXACT_MEMBERS = 12
"""Members up to which a day's re-optimised game is small: 17 s on two cores."""
QUICK_CLUSTERS = 8
"""Clusters of a larger community where it has to be quick: 256 programs."""
LATE_INTERVALS = 1
"""Intervals after midnight in which readings of the last one still come in."""


class SettlementRun:
    """Owner of the days that are to be settled."""

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        store: Store,
        process: SettlementProcess,
        read_prices: Callable[[], PriceBook],
        is_quick: bool = False,
    ) -> None:
        """Take the parts.

        Args:
            site: the site.
            clock: knows the day.
            store: holds the readings and takes the bills.
            process: computes.
            read_prices: the site's prices, for intervals that were not recorded when they ended.
            is_quick: value communities of more than 12 members by few clusters: within two minutes, and less exact.
        """
        self._site = site
        self._clock = clock
        self._store = store
        self._process = process
        self._read_prices = read_prices
        self._is_quick = is_quick
        self.refused: dict[date, str] = {}
        """Days that could not be settled, and why."""
        self.watchers: list[Callable[[PostedDay], None]] = []
        """Called with each day that was settled."""

    async def run(self) -> None:
        """Settle what was missed, then each day after its end, until cancelled."""
        while True:
            await self.settle_ended()
            await self._clock.sleep_until_utc(self._next_utc())

    async def settle_ended(self) -> None:
        """Settle every day that has ended."""
        await self.settle_before(local_day_of(self._clock.now_utc() - self._late(), self._site.zone))

    async def settle_before(self, until: date) -> None:
        """Settle all days of this billing period and the one before it, up to ``until``, that are still open."""
        since = (until.replace(day=1) - timedelta(days=1)).replace(day=1)
        found = await self._store.read(lambda reader: find_open_days(reader, self._site, since, until))
        for day, stage in found.items():
            await self._settle_all_games(day, stage)

    async def settle_day(self, local_day: date, wish: SettlementWish) -> PostedDay:
        """Settle one day.

        Raises:
            SettlementError: it cannot be settled; the message says why.
            StoreError: nothing was written.
        """
        job = await self._store.read(lambda reader: build_job(reader, self._site, local_day, wish, self._read_prices))
        computed = await self._process.compute(job)
        if isinstance(computed, SettlementFailure):
            raise SettlementError(f"{local_day} could not be settled by the {job.game} game: {computed.detail}")
        posted = await self._store.commit_day(job, computed, self._clock.now_utc())
        if posted.is_new and posted.anchor is not None:
            note_anchor(self._store.path, posted.anchor)
        return posted

    async def _settle_all_games(self, day: date, stage: Stage | None) -> None:
        games = [GameKind.METERED] if stage is None else []
        final = GameKind(self._site.settlement.final_game)
        try:
            for game in dict.fromkeys([*games, final]):
                posted = await self.settle_day(day, self._wish(game, is_final=game is final))
                _log.info("%s settled: %s, revision %d", day, posted.day.stage.value, posted.day.revision)
                for note in posted.day.notes if game is final else ():
                    if note.startswith(CORE_NOTE):
                        _log.warning("%s, %s", day, note)
                for watcher in self.watchers:
                    watcher(posted)
        except CommonWattError as error:
            # On the edge: a day that stays open is told of again only when the reason is another one.
            if self.refused.get(day) != str(error):
                _log.warning("%s", error)
            self.refused[day] = str(error)

    def _wish(self, game: GameKind, *, is_final: bool) -> SettlementWish:
        is_small = len(self._site.members) <= MOST_EXACT_MEMBERS
        return SettlementWish(
            game=game,
            is_final=is_final,
            most_players=MOST_EXACT_MEMBERS if is_small or not self._is_quick else QUICK_CLUSTERS,
            is_clustered=self._is_quick and not is_small,
        )

    def _late(self) -> timedelta:
        return timedelta(
            minutes=LATE_INTERVALS * self._site.interval_min, seconds=60.0 + self._site.control.tick_delay_s
        )

    def _next_utc(self) -> datetime:
        today = local_day_of(self._clock.now_utc() - self._late(), self._site.zone)
        return settlement_day(today, self._site.zone).end_utc + self._late()


def find_open_days(reader: Reader, site: Site, since: date, until: date) -> dict[date, Stage | None]:
    """Days in ``[since, until)`` that were shared and are not settled for good, oldest first, with how they stand."""
    settled = read_settled_days(reader.select, since, until)
    open_days: dict[date, Stage | None] = {}
    for number in range((until - since).days):
        day = since + timedelta(days=number)
        stage = settled.get(day)
        if stage in (None, Stage.PROVISIONAL) and _was_shared(reader, site, day):
            open_days[day] = stage
    return open_days


def _was_shared(reader: Reader, site: Site, day: date) -> bool:
    span = settlement_day(day, site.zone)
    rows = reader.select(
        "SELECT 1 FROM allocations WHERE start_s >= ? AND start_s < ? LIMIT 1",
        (int(span.start_utc.timestamp()), int(span.end_utc.timestamp())),
    )
    return bool(rows)
