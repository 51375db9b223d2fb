"""Which intervals are closed when: meters off the boundary, missed intervals, a store that cannot be written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

import pytest

from controller.loop.closing import MOST_TRIES
from controller.record.records import SettledInterval
from controller.record.store import Store
from models.domain.errors import StoreError
from models.domain.snapshot import MeterQuality
from tests.controller.loop.neighbours import ANNA_METER, BERT_METER, CLEO_METER, at, count
from tests.controller.loop.workshop import Workshop, in_workshop


async def hear_off_the_boundary(shop: Workshop, minutes: float) -> None:
    """Every meter samples 30 s before and 30 s after the quarter-hours; Cleo draws 6 kW, the others nothing."""
    await shop.clock.sleep_until_utc(at(minutes))
    shop.desk.hear(
        count(ANNA_METER, minutes, 100.0, 50.0),
        count(BERT_METER, minutes, 200.0),
        count(CLEO_METER, minutes, 300.0 + 0.1 * minutes),
    )


def test_an_interval_that_meters_have_not_counted_to_its_end_is_closed_by_the_next_cycle() -> None:
    async def play(shop: Workshop) -> None:
        closed = []
        for boundary in (0.0, 15.0, 30.0, 45.0):
            await hear_off_the_boundary(shop, boundary + 0.4 if boundary == 0.0 else boundary - 0.1)
            closed.append((await shop.tick_only(boundary + (0.5 if boundary == 0.0 else 0.0))).closed)
            await hear_off_the_boundary(shop, boundary + 0.5)
        starts = [[one.settled.start_utc for one in some] for some in closed]
        # The first interval began before anybody was heard.
        assert starts == [[], [], [], [at(15)]]
        cleo = closed[3][0].energies[2]
        assert cleo.quality is MeterQuality.INTERPOLATED
        assert cleo.import_kwh == pytest.approx(1.5)

    in_workshop(play)


def test_a_settled_interval_whose_commit_failed_is_written_by_the_next_cycle() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        shop.desk.store.is_failing = True
        lost = await shop.tick(15)
        assert [one.settled.start_utc for one in lost.closed] == [at(0)]
        shop.desk.store.is_failing = False
        await shop.tick(30)

    store = in_workshop(play).desk.store
    recorded = [settled.start_utc for record in store.intervals for settled in record.settled]
    assert recorded == [at(15)]
    assert [settled.start_utc for settled in store.settled] == [at(0)]


class Picky:
    """A store that takes every interval but one."""

    def __init__(self, poisoned: datetime) -> None:
        self.poisoned = poisoned
        self.written: list[datetime] = []

    async def commit_settled(self, settled: Sequence[SettledInterval]) -> None:
        for one in settled:
            if one.start_utc == self.poisoned:
                message = "refused"
                raise StoreError(message)
            self.written.append(one.start_utc)


def test_a_record_that_the_store_refuses_is_given_up_and_stops_no_other() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        ticks = range(15, 15 * (MOST_TRIES + 2), 15)
        closed = [(await shop.tick(minutes)).closed for minutes in ticks]
        picky, closer = Picky(at(0)), shop.cycle.closer
        for some in closed:
            closer.keep(some)
            await closer.write_kept(cast("Store", picky))
        assert picky.written == [at(minutes) for minutes in ticks[:-1]]
        assert closer.lost == 1

    in_workshop(play)


def test_a_store_that_takes_nothing_costs_no_interval() -> None:
    async def play(shop: Workshop) -> None:
        await shop.tick(0)
        closed = (await shop.tick(15)).closed
        closer = shop.cycle.closer
        closer.keep(closed)
        for _ in range(2 * MOST_TRIES):
            await closer.write_kept(cast("Store", Picky(at(0))))
        assert closer.lost == 0
        await closer.write_kept(cast("Store", shop.desk.store))

    assert [settled.start_utc for settled in in_workshop(play).desk.store.settled] == [at(0)]
