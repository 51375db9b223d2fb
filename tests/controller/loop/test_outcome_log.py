from __future__ import annotations

import asyncio
from datetime import timedelta

from controller.loop.outcome_log import OutcomeLog
from devices.clock import VirtualClock
from devices.setpoint_tracker import EndedSetpoint
from devices.virtual_loop import run_virtual
from models.domain.setpoint import Acknowledgement, Outcome, Reason, Setpoint
from tests.controller.loop.neighbours import BERT_BATTERY, START


def setpoint(number: int) -> Setpoint:
    return Setpoint(
        setpoint_id=f"1-{number}",
        device=BERT_BATTERY,
        epoch=1,
        seq=number,
        power_kw=1.0,
        not_before_utc=START,
        expires_utc=START + timedelta(seconds=60),
        reason=Reason.IDLE,
    )


def ended(number: int, *, is_accepted: bool = True) -> EndedSetpoint:
    one = setpoint(number)
    answer = Acknowledgement(
        device=one.device,
        setpoint_id=one.setpoint_id,
        epoch=1,
        seq=number,
        is_accepted=is_accepted,
        applied_kw=0.9 if is_accepted else None,
        refusal=None if is_accepted else "full",
        ts_utc=START,
    )
    outcome = Outcome.ACKNOWLEDGED if is_accepted else Outcome.REFUSED
    return EndedSetpoint(setpoint=one, outcome=outcome, acknowledgement=answer, ended_utc=START)


def expired(number: int) -> EndedSetpoint:
    return EndedSetpoint(setpoint=setpoint(number), outcome=Outcome.EXPIRED, acknowledgement=None, ended_utc=START)


def test_each_end_is_handed_out_once_and_says_what_the_device_said() -> None:
    async def main(clock: VirtualClock) -> None:
        await asyncio.sleep(7.0)
        log = OutcomeLog(clock)
        log.note_end(ended(1))
        log.note_end(ended(2, is_accepted=False))
        log.note_end(expired(3))
        log.note_unsent(setpoint(4), "outside")
        taken = log.take()
        assert [(one.setpoint_id, one.outcome, one.applied_kw, one.refusal) for one in taken] == [
            ("1-1", Outcome.ACKNOWLEDGED, 0.9, None),
            ("1-2", Outcome.REFUSED, None, "full"),
            ("1-3", Outcome.EXPIRED, None, None),
            ("1-4", Outcome.REFUSED, None, "not sent: outside"),
        ]
        assert {one.at_utc for one in taken} == {START + timedelta(seconds=7)}
        assert log.take() == ()
        log.note_end(ended(5))
        log.give_back(taken)
        assert [one.setpoint_id for one in log.take()] == ["1-1", "1-2", "1-3", "1-4", "1-5"]

    run_virtual(main, start_utc=START)


def test_waiting_ends_with_the_last_expected_end_or_at_the_deadline() -> None:
    async def main(clock: VirtualClock) -> None:
        log = OutcomeLog(clock)
        log.expect([])
        assert await log.wait(5.0)
        log.expect([setpoint(1), setpoint(2)])
        log.note_end(ended(1))
        asyncio.get_running_loop().call_later(2.0, log.note_end, ended(2))
        assert await log.wait(5.0)
        assert clock.monotonic_s() == 2.0
        log.expect([setpoint(3)])
        log.note_end(ended(9))
        assert not await log.wait(5.0)
        assert clock.monotonic_s() == 7.0

    run_virtual(main, start_utc=START)
