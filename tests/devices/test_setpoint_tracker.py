from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devices.setpoint_tracker import EndedSetpoint, SetpointTracker
from models.domain.errors import DeviceError
from models.domain.setpoint import Acknowledgement, Outcome, Reason, Setpoint
from models.domain.telemetry import DeviceKey
from tests.devices.example_site import BATTERY, EV, START_UTC


def setpoint(
    number: int, *, device: DeviceKey = BATTERY, from_utc: datetime = START_UTC, life_s: float = 60.0, epoch: int = 1
) -> Setpoint:
    return Setpoint(
        setpoint_id=f"sp-{device.device}-{epoch}-{number}",
        device=device,
        epoch=epoch,
        seq=number,
        power_kw=2.0,
        not_before_utc=from_utc,
        expires_utc=from_utc + timedelta(seconds=life_s),
        reason=Reason.CHARGE_CHEAP,
    )


def answer(to: Setpoint, *, is_accepted: bool = True, device: DeviceKey | None = None) -> Acknowledgement:
    return Acknowledgement(
        device=device or to.device,
        setpoint_id=to.setpoint_id,
        epoch=to.epoch,
        seq=to.seq,
        is_accepted=is_accepted,
        applied_kw=to.power_kw if is_accepted else None,
        refusal=None if is_accepted else "too hot",
        ts_utc=START_UTC,
    )


def test_an_answer_ends_its_setpoint_and_a_second_answer_finds_none() -> None:
    tracker, asked = SetpointTracker(), setpoint(1)
    tracker.open(asked)
    ended = tracker.acknowledge(answer(asked), START_UTC)
    assert ended is not None
    assert (ended.outcome, ended.setpoint, ended.ended_utc) == (Outcome.ACKNOWLEDGED, asked, START_UTC)
    assert tracker.acknowledge(answer(asked), START_UTC) is None
    assert tracker.expire(START_UTC + timedelta(days=1)) == ()


def test_a_refusal_ends_it_as_refused() -> None:
    tracker, asked = SetpointTracker(), setpoint(1)
    tracker.open(asked)
    ended = tracker.acknowledge(answer(asked, is_accepted=False), START_UTC)
    assert ended is not None
    assert ended.outcome is Outcome.REFUSED
    assert ended.acknowledgement is not None
    assert ended.acknowledgement.refusal == "too hot"


def test_another_devices_answer_ends_nothing() -> None:
    tracker, asked = SetpointTracker(), setpoint(1)
    tracker.open(asked)
    assert tracker.acknowledge(answer(asked, device=EV), START_UTC) is None
    assert len(tracker) == 1


def test_an_answer_at_the_end_of_its_life_is_too_late() -> None:
    tracker, asked = SetpointTracker(), setpoint(1)
    tracker.open(asked)
    assert tracker.acknowledge(answer(asked), asked.expires_utc) is None
    assert [ended.outcome for ended in tracker.expire(asked.expires_utc)] == [Outcome.EXPIRED]


def test_nothing_expires_before_its_time_and_the_next_time_is_known() -> None:
    tracker = SetpointTracker()
    assert tracker.next_expiry_utc() is None
    late, early = setpoint(1, life_s=60.0), setpoint(2, life_s=20.0)
    tracker.open(late)
    tracker.open(early)
    assert tracker.next_expiry_utc() == early.expires_utc
    assert tracker.expire(early.expires_utc - timedelta(microseconds=1)) == ()
    tracker.acknowledge(answer(early), START_UTC)
    assert tracker.next_expiry_utc() == late.expires_utc


@pytest.mark.parametrize("epoch, seq", [(1, 5), (1, 4), (0, 9)])
def test_a_number_that_is_not_new_is_a_broken_contract(epoch: int, seq: int) -> None:
    tracker = SetpointTracker()
    tracker.open(setpoint(5))
    tracker.acknowledge(answer(setpoint(5)), START_UTC)
    with pytest.raises(DeviceError, match=r"rise above \(1, 5\)|open already"):
        tracker.open(setpoint(seq, epoch=epoch))


def test_an_id_that_is_open_cannot_be_opened_for_another_device() -> None:
    tracker, first = SetpointTracker(), setpoint(1)
    tracker.open(first)
    twin = Setpoint(
        setpoint_id=first.setpoint_id,
        device=EV,
        epoch=1,
        seq=1,
        power_kw=2.0,
        not_before_utc=START_UTC,
        expires_utc=START_UTC + timedelta(seconds=5),
        reason=Reason.IDLE,
    )
    with pytest.raises(DeviceError, match="open already"):
        tracker.open(twin)


class EverySetpointEndsOnce(RuleBasedStateMachine):
    """Any order of opening, answering, waiting and leaving: each setpoint ends once, for one good reason."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = SetpointTracker()
        self.now_utc = START_UTC
        self.opened: list[Setpoint] = []
        self.ended: list[EndedSetpoint] = []

    @rule(device=st.sampled_from([BATTERY, EV]), life_s=st.floats(0.1, 120.0))
    def open(self, device: DeviceKey, life_s: float) -> None:
        asked = setpoint(len(self.opened), device=device, from_utc=self.now_utc, life_s=life_s)
        self.tracker.open(asked)
        self.opened.append(asked)

    @precondition(lambda self: self.opened)
    @rule(data=st.data(), is_accepted=st.booleans(), device=st.sampled_from([BATTERY, EV]))
    def answer(self, data: st.DataObject, is_accepted: bool, device: DeviceKey) -> None:
        asked = data.draw(st.sampled_from(self.opened))
        ended = self.tracker.acknowledge(answer(asked, is_accepted=is_accepted, device=device), self.now_utc)
        if ended is not None:
            assert device == asked.device
            assert self.now_utc < asked.expires_utc
            self.ended.append(ended)

    @rule(duration_s=st.floats(0.0, 90.0))
    def wait(self, duration_s: float) -> None:
        self.now_utc += timedelta(seconds=duration_s)
        expired = self.tracker.expire(self.now_utc)
        assert all(ended.setpoint.expires_utc <= self.now_utc for ended in expired)
        assert [ended.setpoint.expires_utc for ended in expired] == sorted(e.setpoint.expires_utc for e in expired)
        self.ended.extend(expired)

    @invariant()
    def no_setpoint_is_lost_or_ends_twice(self) -> None:
        ends = Counter(ended.setpoint.setpoint_id for ended in self.ended)
        assert all(count == 1 for count in ends.values())
        assert len(self.opened) == len(self.ended) + len(self.tracker)

    def teardown(self) -> None:
        self.ended.extend(self.tracker.abandon(self.now_utc))
        assert Counter(e.setpoint.setpoint_id for e in self.ended) == Counter(s.setpoint_id for s in self.opened)
        assert len(self.tracker) == 0


TestEverySetpointEndsOnce = EverySetpointEndsOnce.TestCase
