"""Keeps the market's notices in the store, so that a restart does not forget prices, limits and events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from controller.loop.market import MarketListener
from controller.record.event_records import NoticeRow
from controller.record.event_rows import read_notices
from controller.record.store import Store
from devices.market_messages import channel_of, decode_market, encode_market
from devices.topics import MarketChannel
from devices.wire import Rejection
from models.domain.errors import StoreError
from models.domain.market import EventNotice, MarketNotice

_log = logging.getLogger(__name__)

LEAST_PAUSE_S = 1.0
"""Between two writes: a flood of notices must not wear out the disk [s]."""
RETRY_S = 30.0
"""After a write that failed [s]."""
_CHANNELS = {channel.value: channel for channel in MarketChannel}


class NoticeKeeper:
    """Writes what the listener knows whenever that has changed, and gives it back to it at a start."""

    def __init__(self, market: MarketListener, store: Store) -> None:
        self._market = market
        self._store = store

    async def restore(self) -> None:
        """Give the listener what was kept; what cannot be read is left out.

        Raises:
            StoreError: The store cannot be read.
        """
        rows = await self._store.read(lambda reader: read_notices(reader.select))
        self._market.restore(decode_rows(rows))

    async def run(self) -> None:
        """Write what changes, until cancelled; while the store fails, later again."""
        is_failing = False
        while True:
            await self._market.changed.wait()
            try:
                await self.write()
            except StoreError as error:
                if not is_failing:
                    _log.warning("the market's notices are not kept for a restart: %s", error)
                is_failing = True
                self._market.changed.set()
            else:
                is_failing = False
            await asyncio.sleep(RETRY_S if is_failing else LEAST_PAUSE_S)

    async def write(self) -> None:
        """Write what the listener knows now, if that has changed since the last time.

        Raises:
            StoreError: It could not be written.
        """
        if self._market.changed.is_set():
            self._market.changed.clear()
            await self._store.keep_notices([encode_row(notice) for notice in self._market.notices()])


def encode_row(notice: MarketNotice) -> NoticeRow:
    """A notice as it is kept: as it came over the wire."""
    identity = notice.identity if isinstance(notice, EventNotice) else notice.valid_from_utc.isoformat()
    return NoticeRow(channel=channel_of(notice).value, identity=identity, payload=encode_market(notice))


def decode_rows(rows: Iterable[NoticeRow]) -> list[MarketNotice]:
    """Notices that can be read."""
    notices: list[MarketNotice] = []
    for row in rows:
        channel = _CHANNELS.get(row.channel)
        if channel is None:
            _log.warning("a kept notice was left out: its channel is none of %s", ", ".join(_CHANNELS))
            continue
        notice = decode_market(row.payload, channel)
        if isinstance(notice, Rejection):
            _log.warning("a kept %s notice was left out: %s", row.channel, notice.detail)
        else:
            notices.append(notice)
    return notices
