from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from models.domain.setpoint import Outcome, Reason
from models.domain.telemetry import Reading
from tests.controller.loop.desk import Desk, at_desk, minutes_pass, power
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_METER,
    ANNA_PV,
    ANNA_WASHER,
    BERT_BATTERY,
    BERT_METER,
    make_site,
    say,
    usual_readings,
)

# A second is a sixtieth of a minute of the readings' stamps.
SECOND = 1.0 / 60.0


def speaking(desk: Desk, *but: Reading) -> None:
    """Everybody has spoken just now, some of them something else than usual."""
    minutes = desk.clock.monotonic_s() / 60.0
    changed = {reading.device: reading for reading in but}
    desk.hear(
        *(
            replace(changed.get(reading.device, reading), ts_utc=reading.ts_utc, seq=reading.seq)
            for reading in usual_readings(minutes)
        )
    )


def test_setpoints_live_from_now_for_their_life_and_are_acknowledged() -> None:
    async def play(desk: Desk) -> None:
        await asyncio.sleep(3.0)
        first, second = await desk.send(power(ANNA_BATTERY, 1.0), power(BERT_BATTERY, -2.0))
        assert (first.setpoint_id, second.setpoint_id) == ("1-1", "1-2")
        assert (first.expires_utc - first.not_before_utc).total_seconds() == 60.0
        assert desk.clock.monotonic_s() == 3.0
        await desk.dispatcher.record_ends()

    desk = at_desk(play)
    assert desk.store.ends() == [("1-1", Outcome.ACKNOWLEDGED), ("1-2", Outcome.ACKNOWLEDGED)]
    assert [message.retain for message in desk.bus.sent] == [False, False]


def test_one_deadline_for_all_acknowledgements_and_each_setpoint_ends_once() -> None:
    async def play(desk: Desk) -> None:
        desk.devices.silent, desk.devices.stubborn = [ANNA_BATTERY], [BERT_BATTERY]
        await desk.send(power(ANNA_BATTERY, 1.0), power(BERT_BATTERY, -2.0), power(ANNA_CAR, 0.0))
        assert desk.clock.monotonic_s() == desk.site.control.acknowledgement_deadline_s
        await desk.dispatcher.record_ends()
        await minutes_pass(2.0)
        await desk.dispatcher.record_ends()
        await desk.dispatcher.record_ends()

    desk = at_desk(play)
    ends = [("1-2", Outcome.REFUSED), ("1-3", Outcome.ACKNOWLEDGED), ("1-1", Outcome.EXPIRED)]
    assert desk.store.ends() == ends
    assert len(desk.store.outcomes) == 2


def test_what_is_held_gets_a_new_life_while_its_inputs_are_fresh() -> None:
    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(BERT_BATTERY, -2.0))
        await asyncio.sleep(20.0)
        assert await desk.dispatcher.renew() == 1

    desk = at_desk(play)
    (_, first), (at_s, renewed) = desk.devices.taken
    assert at_s == 20.0
    assert (renewed.power_kw, renewed.setpoint_id, renewed.seq) == (-2.0, "1-2", 2)
    assert renewed.expires_utc > first.expires_utc
    assert [(decision, setpoint.setpoint_id) for decision, setpoint in desk.store.renewals] == [("1-a-0", "1-2")]


@pytest.mark.parametrize("silent", [BERT_BATTERY, BERT_METER])
def test_nothing_is_renewed_once_the_device_or_its_homes_meter_is_stale(silent: object) -> None:
    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(ANNA_BATTERY, 1.0), power(BERT_BATTERY, -2.0))
        await asyncio.sleep(31.0)
        desk.hear(*(reading for reading in usual_readings(31.0 * SECOND) if reading.device != silent))
        assert await desk.dispatcher.renew() == 1

    assert at_desk(play).devices.powers(BERT_BATTERY) == [-2.0]


def test_nothing_is_renewed_after_the_plans_end() -> None:
    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(BERT_BATTERY, -2.0), valid_s=19.9)
        await asyncio.sleep(20.0)
        speaking(desk)
        assert await desk.dispatcher.renew() == 0

    assert at_desk(play).devices.powers(BERT_BATTERY) == [-2.0]


def test_nothing_is_renewed_for_a_car_that_has_left_or_a_run_that_is_over() -> None:
    async def play(desk: Desk) -> None:
        plugged, asked = say(ANNA_CAR, is_plugged=True), say(ANNA_WASHER, is_requested=True, is_running=False)
        speaking(desk, plugged, asked)
        await desk.send(power(ANNA_CAR, 7.0), power(ANNA_WASHER, 2.0))
        assert await desk.dispatcher.renew() == 2
        await asyncio.sleep(1.0)
        speaking(desk, plugged, say(ANNA_WASHER, is_requested=False, is_running=True))
        assert await desk.dispatcher.renew() == 2
        await asyncio.sleep(1.0)
        speaking(desk)
        assert await desk.dispatcher.renew() == 0

    at_desk(play)


def test_a_new_decision_replaces_all_that_was_held() -> None:
    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(ANNA_BATTERY, 1.0), power(BERT_BATTERY, -2.0))
        await desk.send(power(BERT_BATTERY, 3.0), decision="1-b-0")
        assert await desk.dispatcher.renew() == 1

    desk = at_desk(play)
    assert desk.devices.powers(BERT_BATTERY) == [-2.0, 3.0, 3.0]
    assert desk.devices.powers(ANNA_BATTERY) == [1.0]


def test_a_curtailed_inverter_is_set_free_once_and_then_left_alone() -> None:
    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(ANNA_PV, -1.0, Reason.CURTAIL_LIMIT))
        assert desk.dispatcher.curtailed_members().tolist() == [True, False, False]
        (release,) = await desk.send(decision="1-b-0")
        assert (release.power_kw, release.reason) == (-5.0, Reason.NO_CURTAILMENT)
        assert desk.dispatcher.curtailed_members().tolist() == [False, False, False]
        assert await desk.send(decision="1-c-0") == ()

    assert at_desk(play).devices.powers(ANNA_PV) == [-1.0, -5.0]


def test_an_inverter_that_stays_curtailed_is_not_set_free_in_between() -> None:
    async def play(desk: Desk) -> None:
        await desk.send(power(ANNA_PV, -1.0, Reason.CURTAIL_LIMIT))
        await desk.send(power(ANNA_PV, -2.0, Reason.CURTAIL_PRICE), decision="1-b-0")

    assert at_desk(play).devices.powers(ANNA_PV) == [-1.0, -2.0]


def test_what_is_forgotten_is_neither_sent_nor_renewed() -> None:
    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(ANNA_BATTERY, 1.0))
        desk.dispatcher.intend((power(BERT_BATTERY, 2.0),), "1-b-0", desk.clock.now_utc())
        desk.dispatcher.forget()
        assert await desk.dispatcher.renew() == 0

    assert len(at_desk(play).devices.taken) == 1


def test_no_older_setpoint_is_sent_after_a_newer_one() -> None:
    """A renewal that wants its turn in the middle of a dispatch waits for it."""

    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(BERT_BATTERY, -2.0))
        desk.devices.silent = [BERT_BATTERY]
        async with desk.dispatcher.exclusive:
            newer = desk.dispatcher.intend((power(BERT_BATTERY, 3.0),), "1-b-0", desk.clock.now_utc())
            renewing = asyncio.create_task(desk.dispatcher.renew())
            await asyncio.sleep(1.0)
            await desk.dispatcher.send(newer)
        await renewing

    desk = at_desk(play)
    assert desk.devices.powers(BERT_BATTERY) == [-2.0, 3.0]
    seqs = [setpoint.seq for _, setpoint in desk.devices.taken]
    assert seqs == sorted(seqs)


def test_a_power_outside_the_rating_is_stopped_recorded_and_the_rest_is_sent() -> None:
    async def play(desk: Desk) -> None:
        await desk.send(power(ANNA_BATTERY, 44.0), power(BERT_BATTERY, 1.0))
        assert desk.clock.monotonic_s() == 0.0
        await desk.dispatcher.record_ends()

    desk = at_desk(play)
    assert desk.devices.powers(ANNA_BATTERY) == []
    assert desk.devices.powers(BERT_BATTERY) == [1.0]
    refused = desk.store.outcomes[0].outcomes[0]
    assert (refused.setpoint_id, refused.outcome) == ("1-1", Outcome.REFUSED)
    assert refused.refusal is not None
    assert refused.refusal.startswith("not sent: setpoint 1-1 for gw-anna/bat asks for 44.0 kW")


def test_while_the_store_fails_nothing_is_renewed_and_no_end_is_lost() -> None:
    async def play(desk: Desk) -> None:
        renewing = asyncio.create_task(desk.dispatcher.renew_forever())
        speaking(desk)
        await desk.send(power(BERT_BATTERY, -2.0))
        desk.store.is_failing = True
        for _ in range(10):
            await asyncio.sleep(10.0)
            speaking(desk)
        assert not renewing.done()
        assert desk.devices.powers(BERT_BATTERY) == [-2.0]
        desk.store.is_failing = False
        await asyncio.sleep(25.0)
        renewing.cancel()

    desk = at_desk(play)
    assert desk.store.ends()[0] == ("1-1", Outcome.ACKNOWLEDGED)
    assert desk.devices.powers(BERT_BATTERY) == [-2.0, -2.0]


def test_renewals_come_with_their_period_until_the_plan_ends() -> None:
    async def play(desk: Desk) -> None:
        renewing = asyncio.create_task(desk.dispatcher.renew_forever())
        speaking(desk)
        await desk.send(power(BERT_BATTERY, -2.0), valid_s=95.0)
        for _ in range(30):
            await asyncio.sleep(5.0)
            speaking(desk)
        renewing.cancel()

    desk = at_desk(play, make_site(control={"setpoint_renewal_s": 20.0, "setpoint_life_s": 60.0}))
    assert [at_s for at_s, _ in desk.devices.taken] == [0.0, 20.0, 40.0, 60.0, 80.0]


def test_a_meter_that_is_stale_stops_only_its_own_home() -> None:
    async def play(desk: Desk) -> None:
        speaking(desk)
        await desk.send(power(ANNA_BATTERY, 1.0), power(BERT_BATTERY, -2.0))
        await asyncio.sleep(40.0)
        desk.hear(*(reading for reading in usual_readings(40.0 * SECOND) if reading.device != ANNA_METER))
        await desk.dispatcher.renew()

    desk = at_desk(play)
    assert desk.devices.powers(ANNA_BATTERY) == [1.0]
    assert desk.devices.powers(BERT_BATTERY) == [-2.0, -2.0]
