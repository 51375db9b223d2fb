from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from math import inf, nan

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devices.simulator.setpoint_gate import SetpointGate
from models.domain.setpoint import Reason, Setpoint
from tests.devices.simulator.village import BAT, CAR, START, at, make_setpoint

LIMIT_KW = 4.0


def refuse_above_limit(power_kw: float, _: datetime) -> str | None:
    return None if abs(power_kw) <= LIMIT_KW else "too much"


def make_gate() -> SetpointGate:
    return SetpointGate(BAT, origin_utc=START, refusal=refuse_above_limit)


def refusal_of(gate: SetpointGate, setpoint: Setpoint, minute: float = 0.0) -> str | None:
    answer = gate.offer(setpoint, at(minute))
    assert answer is not None
    return answer.acknowledgement.refusal


def test_a_good_setpoint_is_held_from_now_to_its_very_end() -> None:
    gate = make_gate()
    assert gate.held_kw(0.0) is None
    assert refusal_of(gate, make_setpoint(3.0, life_min=15)) is None
    assert gate.held_kw(0.0) == 3.0
    assert gate.held_kw(899.999999) == 3.0
    assert gate.held_kw(900.0) is None


def test_a_repeat_gets_the_same_answer_and_prolongs_nothing() -> None:
    gate = make_gate()
    setpoint = make_setpoint(3.0)
    first = gate.offer(setpoint, at(0))
    again = gate.offer(setpoint, at(5))
    assert first is not None
    assert again is not None
    assert (again.acknowledgement, again.is_repeat) == (first.acknowledgement, True)
    assert gate.until_s == 900.0


def test_an_amended_answer_is_what_a_repeat_gets() -> None:
    gate = make_gate()
    answer = gate.offer(make_setpoint(3.0), at(0))
    assert answer is not None
    gate.amend(replace(answer.acknowledgement, applied_kw=0.0))
    again = gate.offer(make_setpoint(3.0), at(1))
    assert again is not None
    assert again.acknowledgement.applied_kw == 0.0


@pytest.mark.parametrize(
    "setpoint, minute, refusal",
    [
        (make_setpoint(3.0, seq=5), 0.0, "old sequence: found 5, accepted above 5"),
        (make_setpoint(3.0, seq=4), 0.0, "old sequence: found 4, accepted above 5"),
        (make_setpoint(3.0, epoch=0, seq=9), 0.0, "old epoch: found 0, accepted 1 or later"),
        (make_setpoint(3.0, seq=6), 15.0, "expired"),
        (make_setpoint(3.0, seq=6, minute=1.0), 0.0, "not yet in force"),
        (make_setpoint(3.0, seq=6, life_min=180.0), 0.0, "life too long: accepted up to 7200 s"),
        (make_setpoint(5.0, seq=6), 0.0, "outside limits: too much"),
        (make_setpoint(nan, seq=6), 0.0, "malformed: power is not finite, or the life ends before it begins"),
        (make_setpoint(-inf, seq=6), 0.0, "malformed: power is not finite, or the life ends before it begins"),
        (
            make_setpoint(1.0, seq=6, life_min=0.0),
            0.0,
            "malformed: power is not finite, or the life ends before it begins",
        ),
    ],
)
def test_what_breaks_a_rule_is_refused_in_words_and_changes_nothing(
    setpoint: Setpoint, minute: float, refusal: str
) -> None:
    gate = make_gate()
    assert refusal_of(gate, make_setpoint(2.0, seq=5)) is None
    changed = replace(setpoint, setpoint_id="another")
    assert refusal_of(gate, changed, minute) == refusal
    assert gate.held_kw(0.0) == 2.0
    assert gate.until_s == 900.0


def test_a_new_epoch_begins_its_sequence_anew() -> None:
    gate = make_gate()
    assert refusal_of(gate, make_setpoint(2.0, seq=50)) is None
    assert refusal_of(gate, make_setpoint(1.0, epoch=2, seq=1)) is None
    assert gate.held_kw(0.0) == 1.0


def test_a_controllers_clock_may_run_two_seconds_ahead() -> None:
    assert refusal_of(make_gate(), make_setpoint(1.0, minute=2.0 / 60.0)) is None


def test_retained_messages_and_those_for_others_are_not_even_answered() -> None:
    gate = make_gate()
    assert gate.offer(make_setpoint(1.0), START, is_retained=True) is None
    assert gate.offer(make_setpoint(1.0, device=CAR), START) is None
    assert gate.held_kw(0.0) is None


class GateHistory(RuleBasedStateMachine):
    """Any history of fresh, broken, late and repeated setpoints, against a model that only remembers what was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = make_gate()
        self.now_s = 0
        self.offered: list[Setpoint] = []
        self.taken: list[Setpoint] = []

    def offer(self, setpoint: Setpoint) -> bool:
        answer = self.gate.offer(setpoint, START + timedelta(seconds=self.now_s))
        assert answer is not None
        return answer.acknowledgement.is_accepted and not answer.is_repeat

    @rule(seconds=st.integers(1, 600))
    def let_time_pass(self, seconds: int) -> None:
        self.now_s += seconds

    @rule(
        power_kw=st.one_of(st.floats(-6.0, 6.0), st.sampled_from([nan, inf])),
        epoch=st.integers(0, 3),
        seq=st.integers(0, 20),
        delay_s=st.integers(-900, 30),
        life_s=st.integers(0, 1200),
    )
    def offer_any(self, power_kw: float, epoch: int, seq: int, delay_s: int, life_s: int) -> None:
        begins = START + timedelta(seconds=self.now_s + delay_s)
        setpoint = Setpoint(
            setpoint_id=f"s{len(self.offered)}",
            device=BAT,
            epoch=epoch,
            seq=seq,
            power_kw=power_kw,
            not_before_utc=begins,
            expires_utc=begins + timedelta(seconds=life_s),
            reason=Reason.IDLE,
        )
        self.offered.append(setpoint)
        newest = max(((known.epoch, known.seq) for known in self.taken), default=(-1, -1))
        is_good = abs(power_kw) <= LIMIT_KW and (epoch, seq) > newest and delay_s <= 2 and delay_s + life_s > 0 < life_s
        assert self.offer(setpoint) == is_good
        if is_good:
            self.taken.append(setpoint)

    @precondition(lambda self: self.offered)
    @rule(data=st.data())
    def repeat_any(self, data: st.DataObject) -> None:
        setpoint = data.draw(st.sampled_from(self.offered))
        before = self.gate.held_kw(self.now_s), self.gate.until_s
        is_newer = (setpoint.epoch, setpoint.seq) > max(((one.epoch, one.seq) for one in self.taken), default=(-1, -1))
        if self.offer(setpoint):
            # Once refused for being early, and forgotten since: it may be taken now, by the same rules.
            now = START + timedelta(seconds=self.now_s)
            assert is_newer
            assert setpoint.not_before_utc - timedelta(seconds=2) <= now < setpoint.expires_utc
            assert abs(setpoint.power_kw) <= LIMIT_KW
            self.taken.append(setpoint)
        else:
            assert (self.gate.held_kw(self.now_s), self.gate.until_s) == before

    @invariant()
    def a_power_is_held_exactly_while_the_newest_taken_setpoint_lives(self) -> None:
        now = START + timedelta(seconds=self.now_s)
        alive = self.taken[-1].power_kw if self.taken and now < self.taken[-1].expires_utc else None
        assert self.gate.held_kw(self.now_s) == alive


TestGateHistory = GateHistory.TestCase
