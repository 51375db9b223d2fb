"""What a starting controller knows of the caps that live."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.record.event_records import Curtailment
from controller.record.live_caps import LiveCap, read_live_caps
from controller.record.outcomes import OutcomeRecord, SetpointOutcome
from controller.record.store import Store
from models.domain.setpoint import Outcome, Reason, Setpoint
from models.domain.telemetry import DeviceKey
from tests.controller.record.examples import START, interval_start, open_store, record

HEATER = DeviceKey("gw-1", "heat")


def cap(number: int, minute: float, power_kw: float = 0.5) -> Setpoint:
    """A setpoint that lives for ten minutes."""
    begin_utc = START + timedelta(minutes=minute)
    return Setpoint(
        setpoint_id=f"1-cap-{number}",
        device=HEATER,
        epoch=1,
        seq=1000 + number,
        power_kw=power_kw,
        not_before_utc=begin_utc,
        expires_utc=begin_utc + timedelta(minutes=10),
        reason=Reason.HOLD_BACK_EVENT,
    )


async def hold_back(
    store: Store, index: int, sent: Setpoint, *, held_back_kw: float = 1.2, outcome: Outcome = Outcome.ACKNOWLEDGED
) -> None:
    made = record(index)
    start_utc = interval_start(index)
    decision = replace(made.decision, committed_utc=start_utc, interval_start_utc=start_utc)
    curtailments = (Curtailment(device=HEATER, member="home-1", held_back_kw=held_back_kw),)
    await store.commit_interval(
        replace(made, decision=decision, settled=(), setpoints=(sent,), curtailments=curtailments)
    )
    end = SetpointOutcome(setpoint_id=sent.setpoint_id, outcome=outcome, at_utc=START)
    await store.record_outcomes(OutcomeRecord(outcomes=(end,)))


async def live(store: Store, minute: float) -> tuple[LiveCap, ...]:
    return await store.read(lambda reader: read_live_caps(reader.select, START + timedelta(minutes=minute)))


async def test_the_newest_cap_is_known_while_it_lives(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await hold_back(store, 0, cap(1, 0.0, 0.7))
    await hold_back(store, 1, cap(2, 5.0))
    known = LiveCap(device=HEATER, allowed_kw=0.5, held_back_kw=1.2, until_utc=START + timedelta(minutes=15))
    assert await live(store, 14.9) == (known,)
    assert await live(store, 15.0) == ()
    await store.close(START)


async def test_a_load_that_was_released_is_held_by_nothing(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await hold_back(store, 0, cap(1, 0.0))
    await hold_back(store, 1, cap(2, 5.0, 3.0), held_back_kw=0.0)
    assert await live(store, 6.0) == ()
    await store.close(START)


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.EXPIRED])
async def test_a_cap_that_the_load_did_not_take_does_not_hold_it(tmp_path: Path, outcome: Outcome) -> None:
    store = await open_store(tmp_path / "s.sqlite")
    await hold_back(store, 0, cap(1, 0.0), outcome=outcome)
    assert await live(store, 6.0) == ()
    await store.close(START)
