"""Stories in which something breaks: what is not known is not used, and nothing breaks that need not."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from controller.loop.solver_messages import FailureKind
from controller.loop.triggers import Trigger
from controller.record.reader import open_reader
from controller.record.records import Rung
from devices.messages import encode_setpoint
from devices.topics import DeviceChannel, DeviceTopic
from tests.scenario.control_room import ControlRoom
from tests.scenario.invariants import ALWAYS
from tests.scenario.story import Story
from tests.scenario.test_stories import village

BATTERIES = ("gw-anna/bat", "gw-bert/bat")


def holds_nothing(*members: str) -> object:
    def look(room: ControlRoom) -> None:
        assert [room.held_kw(member) for member in members] == [None] * len(members)

    return look


def holds_something(*members: str) -> object:
    def look(room: ControlRoom) -> None:
        assert None not in [room.held_kw(member) for member in members]

    return look


def test_when_all_telemetry_dies_nothing_is_renewed_and_devices_revert_and_the_controller_goes_on(
    tmp_path: Path,
) -> None:
    room = (
        Story(village(), tmp_path)
        .at(20)
        .expect_that(holds_something("anna", "bert"))  # type: ignore[arg-type]
        .all_fall_silent()
        .at(21.8)
        .expect_that(holds_nothing("anna", "bert"))  # type: ignore[arg-type]
        .expect_plan(Rung.DEVICE, because=Trigger.LEFT)
        .at(31)
        .expect_plan(Rung.DEVICE, because=Trigger.INTERVAL)
        .expect_setpoints("", since=20.51, some=False)
        .play()
    )
    assert room.reports[-1].faults == ("no device has a fresh reading",)
    assert all(report.is_committed for report in room.reports)


def test_one_home_falls_silent_and_the_others_go_on(tmp_path: Path) -> None:
    (
        Story(village(), tmp_path)
        .at(20)
        .falls_silent("gw-bert")
        .at(23)
        .expect_plan(Rung.OPTIMAL, because=Trigger.LEFT)
        .expect_that(holds_nothing("bert"))  # type: ignore[arg-type]
        .expect_that(holds_something("anna"))  # type: ignore[arg-type]
        .at(31)
        .expect_plan(Rung.OPTIMAL, because=Trigger.INTERVAL)
        .expect_setpoints("gw-bert/bat", since=20.51, some=False)
        .expect_setpoints("gw-anna/bat", since=20.51, some=True)
        .speaks_again("gw-bert")
        .at(33)
        .expect_plan(Rung.OPTIMAL, because=Trigger.JOINED)
        .expect_that(holds_something("anna", "bert"))  # type: ignore[arg-type]
        .play()
    )


def test_the_broker_goes_and_returns(tmp_path: Path) -> None:
    (
        Story(village(), tmp_path)
        .at(20)
        .broker_goes()
        .at(22)
        .expect_that(holds_nothing("anna", "bert"))  # type: ignore[arg-type]
        .at(31)
        .expect_plan(Rung.DEVICE)
        .broker_returns()
        .at(33)
        .expect_plan(Rung.OPTIMAL, because=Trigger.JOINED)
        .expect_that(holds_something("anna", "bert"))  # type: ignore[arg-type]
        .play()
    )


@pytest.mark.parametrize("kind", [FailureKind.CRASHED, FailureKind.DEADLINE])
def test_a_solver_that_fails_costs_a_rung_and_is_used_again_once_it_works(tmp_path: Path, kind: FailureKind) -> None:
    room = (
        Story(village(), tmp_path, soc_kwh={"bert": 8.0})
        .input("bert", demand_kw=2.0)
        .at(14)
        .solver_breaks(kind)
        .at(16)
        .expect_plan(Rung.PREVIOUS)
        .expect_that(holds_something("anna", "bert"))  # type: ignore[arg-type]
        .at(29)
        .solver_is_mended()
        .at(31)
        .expect_plan(Rung.OPTIMAL)
        .play()
    )
    assert any(f"solver {kind}: as the story tells" in report.faults for report in room.reports)


def test_without_any_plan_batteries_serve_their_homes(tmp_path: Path) -> None:
    (
        Story(village(), tmp_path, soc_kwh={"bert": 8.0})
        .input("bert", demand_kw=2.0)
        .solver_breaks()
        .at(1)
        .expect_plan(Rung.RULE)
        .expect("gw-bert/bat", at_most_kw=-1.9, at_least_kw=-2.1)
        .at(14)
        .solver_is_mended()
        .at(16)
        .expect_plan(Rung.OPTIMAL)
        .play()
    )


def kill_solver(room: ControlRoom) -> None:
    assert room.controller is not None
    pid = room.controller.cycle._planner._solver.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_solver_process_is_replaced_and_asked_again_in_the_same_interval(tmp_path: Path) -> None:
    room = (
        Story(village(), tmp_path)
        .with_solver_process()
        .at(1)
        .expect_plan(Rung.OPTIMAL)
        .at(14)
        .expect_that(kill_solver)
        .at(16)
        .expect_plan(Rung.OPTIMAL)
        .at(31)
        .expect_plan(Rung.OPTIMAL)
        .play()
    )
    faults = [fault for report in room.reports for fault in report.faults]
    assert faults == ["solver crashed, asked again: the worker was ended by SIGKILL"]


def test_after_a_restart_the_epoch_grows_and_old_setpoints_are_refused(tmp_path: Path) -> None:
    def replay_the_last_one(room: ControlRoom) -> None:
        _, old = [one for one in room.setpoints("gw-bert/bat") if one[1].epoch == 1][-1]
        room.replayed.append((old.epoch, old.seq))
        topic = DeviceTopic(site="village", device=old.device, channel=DeviceChannel.SETPOINT)
        # A copy with a new life and another power: the very same message would be answered from memory.
        now_utc = room.clock.now_utc()
        life = old.expires_utc - old.not_before_utc
        changed = replace(old, power_kw=3.3, not_before_utc=now_utc, expires_utc=now_utc + life)
        room.broker.deliver(str(topic), encode_setpoint(changed))

    room = (
        Story(village(), tmp_path)
        .at(20)
        .controller_restarts()
        .at(22)
        .expect_that(holds_nothing("anna", "bert"))  # type: ignore[arg-type]
        .at(31)
        .expect_plan(Rung.OPTIMAL)
        .expect_that(replay_the_last_one)
        .at(32)
        .expect_that(holds_something("anna", "bert"))  # type: ignore[arg-type]
        .play()
    )
    epochs = [setpoint.epoch for _, setpoint in room.setpoints() if (setpoint.epoch, setpoint.seq) not in room.replayed]
    assert epochs == sorted(epochs)
    assert set(epochs) == {1, 2}
    answers = [passed.payload for passed in room.broker.passed if passed.topic.endswith("/ack")]
    assert [b"old epoch" in answer for answer in answers].count(True) == 1
    with open_reader(room.store_path) as reader:
        lives = [one.decision_id[:2] for one in reader.decisions(*ALWAYS)]
        assert lives == sorted(lives)
        assert set(lives) == {"1-", "2-"}
        # Both lives of the controller settled their own intervals; the one in which it restarted is nobody's.
        assert len(reader.settled(*ALWAYS)) == 1


@pytest.mark.parametrize(
    "fields, reason",
    [
        ('"power_w":1e9', "schema"),
        ('"power_w":90000', "outside_rating"),
        ('"power_w":NaN', "schema"),
        ('"power_kw":2.0', "schema"),
        ('"import_wh_total":9e9,"export_wh_total":0', "outside_rating"),
    ],
)
def test_a_reading_that_cannot_be_true_never_reaches_a_plan(tmp_path: Path, fields: str, reason: str) -> None:
    payload = '{"schema":1,"ts_utc":"2026-06-12T10:20:03.000Z","seq":9999999999999,' + fields + "}"
    seen: list[dict[str, int]] = []
    room = (
        Story(village(), tmp_path)
        .at(20.1)
        .hears("commonwatt/v1/village/gw-cleo/meter/telemetry", payload.encode())
        .at(20.11)
        .expect_that(lambda one: seen.append(one.controller.counters()) if one.controller else None)
        .at(31)
        .expect_plan(Rung.OPTIMAL)
        .play()
    )
    assert [
        name for name, count in seen[0].items() if name.startswith("telemetry.") and count and "acc" not in name
    ] == [f"telemetry.{reason}"]
    for report in room.reports:
        for reading in report.snapshot.fresh.values():
            assert reading.power_kw is None or abs(reading.power_kw) < 10.0
