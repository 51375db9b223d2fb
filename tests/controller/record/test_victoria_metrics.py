"""The outbox into a real VictoriaMetrics, over the official client's v2 write API, and read back."""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from config.sensitive import Sensitive
from controller.record.forwarder import Forwarder, ForwarderOptions
from controller.record.influx import InfluxSink, InfluxTarget
from controller.record.line_protocol import Point, decode
from controller.record.sink import Readable, Written
from tests.controller.record.examples import SITE, START, open_store, record
from tests.controller.record.servers import free_port, victoria_metrics

pytestmark = pytest.mark.integration
CYCLES = 12
MEMBERS = 5


def sink_for(port: int, settle_s: float = 0.5) -> InfluxSink:
    url = f"http://127.0.0.1:{port}"
    return InfluxSink(
        InfluxTarget(url=url, org="o", bucket="commonwatt", token=Sensitive("a-token-of-this-test")), settle_s=settle_s
    )


def forwarder_for(path: Path, port: int) -> Forwarder:
    options = ForwarderOptions(
        batch_rows=100, poll_s=0.2, backoff_first_s=0.1, backoff_last_s=0.5, read_back_attempts=50
    )
    return Forwarder(path, sink_for(port), rng=np.random.default_rng(5), monotonic_s=time.monotonic, options=options)


async def fill(path: Path) -> list[Point]:
    """Commit cycles; the points that then wait."""
    store = await open_store(path)
    for index in range(1, CYCLES + 1):
        await store.commit_interval(record(index, members=MEMBERS))
    await store.close(START)
    with sqlite3.connect(path) as connection:
        return [decode(line) for (line,) in connection.execute("SELECT line FROM outbox")]


def numbers_of(points: list[Point]) -> dict[tuple[str, str, int], float]:
    """Series name and tags, and time: value, for every field that VictoriaMetrics can hold."""
    return {
        (f"{point.measurement}_{name}", str(sorted(point.tags.items())), point.time_s): float(value)
        for point in points
        for name, value in point.fields.items()
        if not isinstance(value, str)
    }


def export(port: int) -> dict[tuple[str, str, int], float]:
    query = urllib.parse.urlencode({"match[]": f'{{site="{SITE}"}}', "start": "0"})
    url = f"http://127.0.0.1:{port}/api/v1/export?{query}"
    found: dict[tuple[str, str, int], float] = {}
    with urllib.request.urlopen(url, timeout=10) as answer:
        for series in map(json.loads, answer.read().splitlines()):
            name = series["metric"].pop("__name__")
            series["metric"].pop("db", None)
            for value, stamp_ms in zip(series["values"], series["timestamps"], strict=True):
                found[name, str(sorted(series["metric"].items())), stamp_ms // 1000] = value
    return found


def assert_all_there(port: int, points: list[Point]) -> None:
    """Every number is there; what else is there is 0, which this server makes of strings."""
    held, wanted = export(port), numbers_of(points)
    assert {key: held.pop(key) for key in wanted} == pytest.approx(wanted)
    assert set(held.values()) <= {0}


def waiting(path: Path) -> tuple[int, int]:
    with sqlite3.connect(path) as connection:
        lines = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
        return lines, connection.execute("SELECT count(*) FROM dead_letter").fetchone()[0]


async def test_what_was_committed_while_the_server_was_down_all_arrives_when_it_is_up(tmp_path: Path) -> None:
    path, port = tmp_path / "s.sqlite", free_port()
    points = await fill(path)
    with victoria_metrics(tmp_path, port) as server:
        forwarder = forwarder_for(path, port)
        forwarder.start()
        assert not forwarder.wait_until_empty(1.0)
        assert forwarder.status.is_failing
        server.start()
        assert forwarder.wait_until_empty(60.0)
        assert forwarder.stop(30.0)
        assert waiting(path) == (0, 0)
        assert forwarder.status.removed == len(points)
        assert forwarder.status.read_back.startswith("acknowledged and numbers read back")
        assert_all_there(port, points)


async def test_what_the_server_acknowledged_and_forgot_is_written_again(tmp_path: Path) -> None:
    path, port = tmp_path / "s.sqlite", free_port()
    points = await fill(path)
    lines = [row[0] for row in sqlite3.connect(path).execute("SELECT line FROM outbox")]
    with victoria_metrics(tmp_path, port) as server:
        server.start()
        sink = sink_for(port)
        assert sink.write(lines) == Written()
        server.kill()
        server.start()
        answer = sink.read_back(lines)
        assert isinstance(answer, Readable)
        assert len(answer.missing) > len(lines) / 2
        sink.close()
        forwarder = forwarder_for(path, port)
        forwarder.start()
        assert forwarder.wait_until_empty(60.0)
        assert forwarder.stop(30.0)
        assert_all_there(port, points)
    assert waiting(path) == (0, 0)


def test_a_line_that_it_drops_in_silence_is_seen_as_missing(tmp_path: Path) -> None:
    port = free_port()
    stamp = int(START.timestamp())
    good = f"meter,site={SITE} import_wh=5i {stamp}"
    only_text = f'explanation,site={SITE} text="why" {stamp}'
    with victoria_metrics(tmp_path, port) as server:
        server.start()
        sink = sink_for(port)
        assert sink.write([good, only_text]) == Written()
        deadline_s = time.monotonic() + 20.0
        wanted = [good, f"meter,site={SITE} export_wh=5i {stamp}", f"meter,site={SITE} import_wh=5i {stamp + 1}"]
        while sink.read_back(wanted) != Readable(missing=frozenset({1, 2})) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        assert sink.read_back(wanted) == Readable(missing=frozenset({1, 2}))
        sink.close()
