"""Demand response in the store: notices, what was held back, and each event's effect."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controller.record.connection import open_writable
from controller.record.event_points import MEASUREMENT
from controller.record.event_records import Curtailment, EffectRow, EffectStage, EventFigures, NoticeRow
from controller.record.event_rows import read_effects, read_effects_ending, read_held_back, read_notices
from controller.record.event_schema import EVENT_TABLES
from controller.record.line_protocol import decode
from controller.record.migrations import migrate, read_version
from controller.record.outcomes import OutcomeRecord, SetpointOutcome
from controller.record.reader import open_reader
from controller.record.schema import MIGRATIONS
from controller.record.store import Store
from models.domain.demand_response import DemandEvent, EventSource
from models.domain.errors import StoreError
from models.domain.interval import Span
from models.domain.setpoint import Outcome, Reason, Setpoint
from models.domain.telemetry import DeviceKey
from tests.controller.record.examples import INTERVAL, START, interval_start, open_store, record

HEATER = DeviceKey("gw-1", "heat")
DAY = Span(start_utc=START - timedelta(hours=10), end_utc=START + timedelta(hours=14))
EVENT = DemandEvent(
    start_utc=START, end_utc=START + timedelta(hours=2), key="e-1", source=EventSource.MQTT, target_kw=4.0
)
FIGURES = EventFigures(
    net_kwh=6.5, peak_kw=4.25, above_kwh=0.5, cost=1.25, held_back_kwh={"tier-1": 0.75}, discomfort={"tier-1": 0.15}
)


def cap(number: int, minute: float, *, life_min: float = 10.0, epoch: int = 1) -> Setpoint:
    begin_utc = START + timedelta(minutes=minute)
    return Setpoint(
        setpoint_id=f"{epoch}-cap-{number}",
        device=HEATER,
        epoch=epoch,
        seq=1000 + number,
        power_kw=0.5,
        not_before_utc=begin_utc,
        expires_utc=begin_utc + timedelta(minutes=life_min),
        reason=Reason.HOLD_BACK_EVENT,
    )


async def hold_back(store: Store, index: int, *caps: Setpoint, held_back_kw: float = 1.2) -> str:
    """A decision that caps the heater, with renewals."""
    made = record(index)
    decision = replace(
        made.decision, committed_utc=interval_start(index + 1), interval_start_utc=interval_start(index + 1)
    )
    curtailments = (Curtailment(device=HEATER, member="home-1", held_back_kw=held_back_kw),)
    await store.commit_interval(
        replace(made, decision=decision, settled=(), setpoints=caps[:1], curtailments=curtailments)
    )
    if caps[1:]:
        await store.add_setpoints(decision.decision_id, caps[1:])
    return decision.decision_id


async def answer(store: Store, *caps: Setpoint, outcome: Outcome = Outcome.ACKNOWLEDGED) -> None:
    outcomes = tuple(SetpointOutcome(setpoint_id=one.setpoint_id, outcome=outcome, at_utc=START) for one in caps)
    await store.record_outcomes(OutcomeRecord(outcomes=outcomes))


async def held(store: Store, span: Span = DAY) -> list[tuple[float, float]]:
    """Minutes after the start, of each stretch."""
    found = await store.read(lambda reader: read_held_back(reader.select, span))
    assert all((one.device, one.member, one.held_back_kw) == (HEATER, "home-1", 1.2) for one in found)
    return [
        ((one.span.start_utc - START) / timedelta(minutes=1), (one.span.end_utc - START) / timedelta(minutes=1))
        for one in found
    ]


async def test_a_load_is_held_back_for_as_long_as_its_setpoints_live(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    caps = (cap(1, 0.0), cap(2, 5.0))
    await hold_back(store, 0, *caps)
    await answer(store, *caps)
    assert await held(store) == [(0.0, 15.0)]
    await store.close(START)


async def test_the_next_cap_or_a_release_ends_what_the_one_before_held_back(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    first, second, release = cap(1, 15.0, life_min=60.0), cap(2, 30.0, life_min=60.0), cap(3, 40.0)
    await hold_back(store, 0, first)
    await hold_back(store, 1, second)
    await hold_back(store, 2, release, held_back_kw=0.0)
    await answer(store, first, second, release)
    assert await held(store) == [(15.0, 30.0), (30.0, 40.0)]
    assert await held(store, Span(start_utc=START, end_utc=START + timedelta(minutes=20))) == [(15.0, 20.0)]
    await store.close(START)


async def test_a_decision_without_a_setpoint_for_the_load_leaves_the_old_one_its_life(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await hold_back(store, 0, cap(1, 15.0, life_min=20.0))
    await store.commit_interval(replace(record(2), settled=(), setpoints=()))
    await answer(store, cap(1, 15.0, life_min=20.0))
    assert await held(store) == [(15.0, 35.0)]
    await store.close(START)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.EXPIRED])
async def test_a_cap_that_the_device_did_not_take_held_nothing_back(tmp_path: Path, outcome: Outcome) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await hold_back(store, 0, cap(1, 0.0))
    await answer(store, cap(1, 0.0), outcome=outcome)
    assert await held(store) == []
    await store.close(START)


async def test_what_was_held_back_is_still_known_after_a_restart(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await hold_back(store, 0, cap(1, 0.0))
    await answer(store, cap(1, 0.0))
    await store.close(START)
    again = await open_store(tmp_path / "s.sqlite")
    assert await held(again) == [(0.0, 10.0)]
    await again.close(START)


async def test_notices_replace_those_kept_before(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    first, second, third = (NoticeRow(channel="price", identity=str(k), payload=b"{}") for k in range(3))
    await store.keep_notices([first, second])
    await store.keep_notices([third, second])
    await store.close(START)
    with open_reader(tmp_path / "s.sqlite") as reader:
        assert read_notices(reader.select) == [second, third]


async def test_a_notice_that_is_too_long_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    kept = NoticeRow(channel="event", identity="a", payload=b"{}")
    await store.keep_notices([kept])
    with pytest.raises(StoreError):
        await store.keep_notices([replace(kept, payload=b"x" * 5000)])
    assert await store.read(lambda reader: read_notices(reader.select)) == [kept]
    await store.close(START)


async def test_an_effect_comes_back_as_it_was_written_whatever_members_are_called(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await store.commit_interval(record(1))
    looks = [
        EffectRow(
            event=EVENT,
            stage=EffectStage.STARTED,
            at_utc=START,
            decision_id=record(1).decision.decision_id,
            with_event=FIGURES,
            without_event=replace(FIGURES, net_kwh=9.0, held_back_kwh={}, discomfort={}),
        ),
        EffectRow(event=EVENT, stage=EffectStage.ENDED, at_utc=START + INTERVAL, metered=replace(FIGURES, cost=None)),
    ]
    await store.add_effects(looks)
    assert await store.read(lambda reader: read_effects(reader.select, START, START + INTERVAL)) == looks
    assert await store.read(lambda reader: read_effects(reader.select, START + INTERVAL, START + 2 * INTERVAL)) == []
    await store.close(START)


async def test_looks_are_found_by_the_end_of_their_event_however_long_ago_it_began(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    look = EffectRow(event=replace(EVENT, end_utc=START + timedelta(days=5)), stage=EffectStage.ANNOUNCED, at_utc=START)
    await store.add_effects([look])
    for since_days, until_days, found in ((5.0, 9.0, [look]), (5.01, 9.0, []), (-1.0, 0.0, [])):
        since_utc, until_utc = START + timedelta(days=since_days), START + timedelta(days=until_days)
        assert await store.read(partial(read_ending, since_utc, until_utc)) == found
    await store.close(START)


def read_ending(since_utc: datetime, until_utc: datetime, reader: Any) -> list[EffectRow]:
    return read_effects_ending(reader.select, since_utc, until_utc)


async def test_a_look_that_was_taken_stays_as_it_was_and_is_forwarded_once(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    look = EffectRow(event=EVENT, stage=EffectStage.ENDED, at_utc=START, metered=FIGURES)
    await store.add_effects([look])
    await store.add_effects([replace(look, metered=replace(FIGURES, net_kwh=1.0))])
    assert await store.read(lambda reader: read_effects(reader.select, START, START + INTERVAL)) == [look]
    assert len(await store.read(outbox)) == 2
    await store.close(START)


def outbox(reader: Any) -> list[str]:
    return [row["line"] for row in reader.select("SELECT line FROM outbox ORDER BY id", ())]


async def test_points_name_members_by_pseudonym_and_speak_of_no_tier(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await store.add_effects(
        [EffectRow(event=EVENT, stage=EffectStage.STARTED, at_utc=START, with_event=FIGURES, without_event=FIGURES)]
    )
    whole, member = (decode(line) for line in await store.read(outbox))
    assert whole.measurement == member.measurement == MEASUREMENT
    assert whole.tags == {"site": "sunhill", "event": "e-1", "source": "mqtt", "stage": "started"}
    assert whole.time_s == START.timestamp()
    assert whole.fields["with_net_kwh"] == whole.fields["without_net_kwh"] == 6.5
    assert (whole.fields["target_kw"], whole.fields["duration_h"]) == (4.0, 2.0)
    assert member.fields == {"held_back_kwh": 0.75, "discomfort_eur": 0.15}
    assert not any("tier" in text or "income" in text for line in await store.read(outbox) for text in line.split(","))
    await store.close(START)


@pytest.mark.parametrize("table", EVENT_TABLES)
async def test_rows_can_be_neither_changed_nor_deleted(tmp_path: Path, table: str) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await hold_back(store, 0, cap(1, 0.0))
    await store.add_effects([EffectRow(event=EVENT, stage=EffectStage.ENDED, at_utc=START)])
    await store.close(START)
    connection = open_writable(tmp_path / "s.sqlite")
    column = connection.execute(f"SELECT * FROM {table}").description[0][0]  # noqa: S608
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):  # noqa: S608
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


async def test_a_store_from_before_events_is_brought_up_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_writable(path)
    migrate(connection, MIGRATIONS[:3])
    connection.execute("INSERT INTO counters VALUES ('telemetry.accepted', 7)")
    connection.close()
    store = await open_store(path)
    assert (await store.read(lambda reader: reader.counters()))["telemetry.accepted"] == 7
    assert await held(store) == []
    assert await store.read(lambda reader: read_notices(reader.select)) == []
    await store.close(START)
    connection = open_writable(path)
    assert read_version(connection) == len(MIGRATIONS) >= 4
    connection.close()
