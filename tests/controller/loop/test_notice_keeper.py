"""Market notices over a restart: written when they change, given back at a start, whatever the disk holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from controller.loop.notice_keeper import NoticeKeeper, decode_rows, encode_row
from controller.record.event_records import NoticeRow
from devices.clock import VirtualClock
from devices.virtual_loop import run_virtual
from models.domain.errors import StoreError
from models.domain.market import MarketNotice
from tests.controller.loop.neighbours import START, at
from tests.controller.loop.test_event_book import notice
from tests.controller.loop.test_market import Market, event, limit, price
from tests.controller.record.examples import open_store

HEARD: tuple[MarketNotice, ...] = (
    price(0.0, 0.5),
    price(30.0, -0.01),
    limit(15.0, 12.345),
    event(60.0, 90.0),
    notice(off=True),
)


@pytest.mark.parametrize("one", HEARD)
def test_a_notice_is_kept_as_it_came_over_the_wire(one: MarketNotice) -> None:
    assert decode_rows([encode_row(one)]) == [one]


async def test_a_restart_finds_what_was_heard_before(tmp_path: Path) -> None:
    market = Market()
    store = await open_store(tmp_path / "s.sqlite")
    for one in HEARD[:4]:
        market.say(one)
    await NoticeKeeper(market.listener, store).write()
    await store.close(START)
    again, store = Market(), await open_store(tmp_path / "s.sqlite")
    await NoticeKeeper(again.listener, store).restore()
    await store.close(START)
    assert set(again.listener.notices()) == set(HEARD[:4])
    assert not again.listener.changed.is_set()


async def test_damaged_rows_are_left_out_and_the_others_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    market, store = Market(), await open_store(tmp_path / "s.sqlite")
    good = encode_row(price(0.0, 0.5))
    bad = (replace(good, identity="x", payload=b"\x00"), replace(good, channel="limit", identity="y"))
    await store.keep_notices([good, *bad])
    with caplog.at_level(logging.WARNING):
        await NoticeKeeper(market.listener, store).restore()
    assert market.listener.notices() == (price(0.0, 0.5),)
    assert sum("left out" in line for line in caplog.messages) == 2
    await store.close(START)


def test_a_row_of_a_channel_that_nobody_knows_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    good = encode_row(price(0.0, 0.5))
    with caplog.at_level(logging.WARNING):
        assert decode_rows([replace(good, channel="weather"), good]) == [price(0.0, 0.5)]
    assert sum("left out" in line for line in caplog.messages) == 1


class Disk:
    """A store that takes notices, or is full."""

    def __init__(self) -> None:
        self.is_full = False
        self.kept: list[Sequence[NoticeRow]] = []
        self.tries = 0

    async def keep_notices(self, rows: Sequence[NoticeRow]) -> None:
        self.tries += 1
        if self.is_full:
            message = "the disk is full"
            raise StoreError(message)
        self.kept.append(rows)


def in_time(market: Market, disk: Disk, *happenings: tuple[float, object]) -> None:
    """Let a keeper run while notices come in at seconds after the start."""

    async def main(clock: VirtualClock) -> None:
        # The event belongs to the loop that waits for it.
        market.listener.changed = asyncio.Event()
        keeper = NoticeKeeper(market.listener, disk)  # type: ignore[arg-type]
        running = asyncio.create_task(keeper.run())
        for second, happening in happenings:
            await clock.sleep_until_utc(at(second / 60.0))
            if isinstance(happening, bool):
                disk.is_full = happening
            elif happening is not None:
                market.say(happening)  # type: ignore[arg-type]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(main, start_utc=START)


def test_a_flood_of_notices_costs_one_write_a_second() -> None:
    market, disk = Market(), Disk()
    flood = [(10.0 + number / 100.0, price(float(number), 0.4)) for number in range(150)]
    in_time(market, disk, *flood, (20.0, None))
    assert disk.tries == 3
    assert len(disk.kept[-1]) == 150


def test_a_full_disk_is_tried_again_and_nothing_is_forgotten() -> None:
    market, disk = Market(), Disk()
    in_time(market, disk, (1.0, True), (2.0, price(0.0, 0.5)), (40.0, False), (70.0, None))
    assert [len(rows) for rows in disk.kept] == [1]
    assert disk.tries >= 2


def test_nothing_is_written_where_nothing_was_heard() -> None:
    disk = Disk()
    in_time(Market(), disk, (300.0, None))
    assert disk.tries == 0
