"""The main job in two real processes: ``commonwatt simulate`` and ``commonwatt run`` over a real Mosquitto, MQTT 5."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from config.composition import compose_description
from controller.record.reader import Reader, open_reader
from controller.record.records import DecisionRow, Rung
from devices.messages import decode_setpoint, decode_telemetry
from devices.mqtt import MqttConnection
from devices.topics import DeviceTopic, parse_topic
from models.domain.errors import StoreError
from models.domain.setpoint import Setpoint
from models.domain.telemetry import DeviceKey, Reading
from tests.integration.servers import Mosquitto

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(420)]

MEMBERS = 12
PLAYED_INTERVALS = 3
"""Intervals with homes that speak; one more is run after they have died."""
STALE_AFTER_S = 15.0
PATIENCE_S = 200.0
"""Time that three intervals of a minute may take, with the wait for the first one [s]."""
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
CANARY = "31337.77"
"""An income; like the name that goes with it, it is never told to anybody."""
COMMAND = (sys.executable, "-c", "from controller.apps.cli import main; main()")


@dataclass
class Observer:
    """What passed over the broker, seen by somebody who only listens."""

    setpoints: list[Setpoint] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    newest_sample_utc: dict[DeviceKey, datetime] = field(default_factory=dict)
    ages_s: list[float] = field(default_factory=list)
    """Age of each setpoint's own device's newest reading when the setpoint was made [s]."""

    def listen(self, bus: MqttConnection) -> None:
        bus.subscribe("commonwatt/v1/+/+/+/telemetry", self.take_telemetry)
        bus.subscribe("commonwatt/v1/+/+/+/setpoint", self.take_setpoint, qos=1)

    def take_telemetry(self, topic: str, payload: bytes, _: bool) -> None:
        self.payloads.append(payload)
        device = device_of(topic)
        reading = decode_telemetry(payload, device)
        assert isinstance(reading, Reading)
        self.newest_sample_utc[device] = reading.ts_utc

    def take_setpoint(self, topic: str, payload: bytes, is_retained: bool) -> None:
        self.payloads.append(payload)
        setpoint = decode_setpoint(payload, device_of(topic))
        assert isinstance(setpoint, Setpoint)
        assert not is_retained
        self.setpoints.append(setpoint)
        self.ages_s.append((setpoint.not_before_utc - self.newest_sample_utc[setpoint.device]).total_seconds())


def device_of(topic: str) -> DeviceKey:
    parsed = parse_topic(topic)
    assert isinstance(parsed, DeviceTopic)
    return parsed.device


def write_site(folder: Path, port: int) -> Path:
    site = compose_description(MEMBERS, seed=7)
    site["interval_min"] = 1
    site["broker"] = {"port": port, "protocol": "5"}
    site["control"] = {
        "telemetry_period_s": 5.0,
        "stale_after_s": STALE_AFTER_S,
        "setpoint_renewal_s": 10.0,
        "setpoint_life_s": 30.0,
        "replan_min_gap_s": 10.0,
    }
    site["members"][0] |= {"income_eur_per_month": float(CANARY), "name": "Zebulon Quetzal"}
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(site), encoding="utf-8")
    return path


@contextmanager
def running(folder: Path, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the product, which does not outlive the test."""
    root = Path(__file__).resolve().parents[2]
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.err").open("wb") as err:
        process = subprocess.Popen(
            [*COMMAND, "--log-level", "info", name, *arguments],
            cwd=folder,
            stdout=out,
            stderr=err,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=20.0)


def read_store(path: Path, query: Callable[[Reader], Any]) -> Any:
    with open_reader(path) as reader:
        return query(reader)


def ticks(path: Path) -> list[DecisionRow]:
    """Plans of intervals, without re-plans; none while there is no store yet."""
    try:
        decisions = read_store(path, lambda reader: reader.decisions(*ALWAYS))
    except StoreError:
        return []
    return [decision for decision in decisions if decision.replan == 0]


def last_words(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


async def until(is_so: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for something that a process brings about, and fail with its last words if it ends before."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            assert process.poll() is None, last_words(log)
            await asyncio.sleep(0.2)


async def test_two_processes_plan_three_intervals_and_survive_the_death_of_all_homes(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site, store, observer = write_site(tmp_path, mosquitto.port), tmp_path / "commonwatt.sqlite", Observer()
    bus = MqttConnection(mosquitto.address, client_id="observer", rng=np.random.default_rng(1))
    observer.listen(bus)
    async with bus:
        assert await bus.wait_connected(20.0)
        with running(tmp_path, "simulate", "--config", str(site), "--seed", "7") as homes:
            await until(lambda: len(observer.newest_sample_utc) > MEMBERS, homes, tmp_path / "simulate.err")
            count = str(PLAYED_INTERVALS + 1)
            with running(tmp_path, "run", "--config", str(site), "--intervals", count, "--json") as controller:
                log = tmp_path / "run.err"
                await until(lambda: len(ticks(store)) == PLAYED_INTERVALS, controller, log)
                homes.send_signal(signal.SIGKILL)
                killed_utc = datetime.now(UTC)
                async with asyncio.timeout(PATIENCE_S):
                    while controller.poll() is None:  # noqa: ASYNC110 (another process has no event)
                        await asyncio.sleep(0.2)
                assert controller.returncode == 0, last_words(log)
    check_plans(store, killed_utc)
    check_setpoints(store, observer, killed_utc)
    check_report(tmp_path / "run.out")
    check_secrecy(tmp_path, site, observer)


def check_plans(store: Path, killed_utc: datetime) -> None:
    planned = ticks(store)
    assert [decision.rung for decision in planned] == [Rung.OPTIMAL] * PLAYED_INTERVALS + [Rung.DEVICE]
    starts = [decision.interval_start_utc for decision in planned]
    assert starts == [starts[0] + timedelta(minutes=number) for number in range(PLAYED_INTERVALS + 1)]
    assert planned[-1].faults == ("no device has a fresh reading",)
    # The death itself was an event: the rest of the interval was planned anew, on the rung that needs no reading.
    all_plans = read_store(store, lambda reader: reader.decisions(*ALWAYS))
    after = [one for one in all_plans if one.replan and one.valid_from_utc > killed_utc]
    assert [one.rung for one in after][-1:] == [Rung.DEVICE]
    settled = read_store(store, lambda reader: reader.settled(*ALWAYS))
    assert len(settled) >= PLAYED_INTERVALS - 1
    assert all(len(one.allocations) == MEMBERS for one in settled[1:])


def check_setpoints(store: Path, observer: Observer, killed_utc: datetime) -> None:
    ids = Counter(setpoint.setpoint_id for setpoint in observer.setpoints)
    states = read_store(store, lambda reader: reader.setpoint_states(*ALWAYS))
    assert states["acknowledged"] > 0
    assert states["pending"] == states["sent"] == 0
    assert states["acknowledged"] + states["refused"] + states["expired"] == len(ids) == len(observer.setpoints)
    assert max(observer.ages_s) <= STALE_AFTER_S
    last_sample_utc = max(observer.newest_sample_utc.values())
    assert last_sample_utc <= killed_utc
    blind = [
        one for one in observer.setpoints if one.not_before_utc > last_sample_utc + timedelta(seconds=STALE_AFTER_S)
    ]
    assert blind == []


def check_report(out: Path) -> None:
    (line,) = out.read_text(encoding="utf-8").splitlines()
    report = json.loads(line)
    assert report["intervals"] == PLAYED_INTERVALS + 1
    assert report["plans_by_rung"] == {"optimal": PLAYED_INTERVALS, "device": 1}


def check_secrecy(folder: Path, site: Path, observer: Observer) -> None:
    """What only the site file may say is in no message, log, result or store."""
    written = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path != site]
    # As a number of its own: a weight such as 1.31337869 has these digits, too.
    whole = CANARY.partition(".")[0]
    for secret in (rf"(?<![\d.]){whole}(?!\d)", CANARY.replace(".", ""), "Zebulon"):
        pattern = re.compile(secret.encode())
        assert pattern.search(f'{{"income":{CANARY}, "cents":{CANARY.replace(".", "")}, "name":"Zebulon"}}'.encode())
        assert not [content for content in (*observer.payloads, *written) if pattern.search(content)]
