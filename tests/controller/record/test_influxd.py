"""Strings and InfluxQL: the outbox into a real InfluxDB 1.

Version 1.6 has no v2 write path, so a small server before it moves ``/api/v2/write`` to ``/write``; storing,
types, refusals and InfluxQL are InfluxDB's own.
"""

from __future__ import annotations

import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest

from config.sensitive import Sensitive
from controller.record.forwarder import Forwarder, ForwarderOptions
from controller.record.influx import InfluxSink, InfluxTarget
from controller.record.sink import Readable, Written
from tests.controller.record.examples import START, open_store, record
from tests.controller.record.servers import Answer, free_port, http_server, influxd

pytestmark = pytest.mark.integration
BUCKET = "commonwatt"


def send(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  (loopback)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  (loopback)
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def version_2_front(port: int) -> Iterator[str]:
    kept = ("content-type", "content-encoding")

    def answer(path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path)
        url = f"http://127.0.0.1:{port}{path}"
        if parts.path == "/api/v2/write":
            query = parse_qs(parts.query)
            form = {"db": query["bucket"][0], "precision": query["precision"][0]}
            url = f"http://127.0.0.1:{port}/write?{urlencode(form)}"
        return send(url, body, {name: headers[name] for name in kept if name in headers})

    with http_server(answer) as url:
        yield url


def make_database(port: int) -> None:
    send(f"http://127.0.0.1:{port}/query?{urlencode({'q': f'CREATE DATABASE {BUCKET}'})}", b"", {})


def sink_for(url: str) -> InfluxSink:
    return InfluxSink(InfluxTarget(url=url, org="o", bucket=BUCKET, token=Sensitive("a-token-of-this-test")))


def lines_of(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT line FROM outbox ORDER BY id")]


async def test_every_field_sentences_included_arrives_and_is_read_back(tmp_path: Path) -> None:
    path, port = tmp_path / "s.sqlite", free_port()
    store = await open_store(path)
    for index in range(1, 6):
        await store.commit_interval(record(index, members=5))
    await store.close(START)
    lines = lines_of(path)
    with influxd(tmp_path, port) as server, version_2_front(port) as url:
        server.start()
        make_database(port)
        forwarder = Forwarder(
            path,
            sink_for(url),
            rng=np.random.default_rng(1),
            monotonic_s=time.monotonic,
            options=ForwarderOptions(batch_rows=100, poll_s=0.05, backoff_first_s=0.1),
        )
        forwarder.start()
        assert forwarder.wait_until_empty(60.0)
        assert forwarder.stop(30.0)
        assert forwarder.status.read_back == "acknowledged and read back (InfluxQL)"
        assert forwarder.status.removed == len(lines)
        assert lines_of(path) == []
        asked = {"db": BUCKET, "q": "SELECT text FROM explanation LIMIT 1"}
        _, body = send(f"http://127.0.0.1:{port}/query?{urlencode(asked)}", b"", {})
        assert b'The battery stores your surplus, \\"for tonight\\".' in body


async def test_reading_back_finds_a_missing_and_a_different_field_and_a_refusal_its_reason(tmp_path: Path) -> None:
    path, port = tmp_path / "s.sqlite", free_port()
    stamp = int(START.timestamp())
    good = f'meter,site=s import_wh=5i,quality="measured",is_x=true,soc_frac=0.1 {stamp}'
    with influxd(tmp_path, port) as server, version_2_front(port) as url:
        server.start()
        make_database(port)
        sink = sink_for(url)
        assert sink.write([good]) == Written()
        wanted = [
            good,
            good.replace("5i", "6i"),
            good.replace("measured", "missing"),
            good.replace("is_x", "is_y"),
            good.replace("site=s", "site=t"),
            good.replace(str(stamp), str(stamp + 1)),
        ]
        assert sink.read_back(wanted) == Readable(missing=frozenset({1, 2, 3, 4, 5}))
        sink.close()
        store = await open_store(path)
        await store.commit_interval(record(1))
        await store.close(START)
        with sqlite3.connect(path) as writing:
            writing.execute(
                "INSERT INTO outbox (created_ms, point_key, line) VALUES (0, 'x', ?)",
                (f'meter,site=s import_wh="text" {stamp}',),
            )
        forwarder = Forwarder(
            path, sink_for(url), rng=np.random.default_rng(1), monotonic_s=time.monotonic, options=ForwarderOptions()
        )
        forwarder.start()
        assert forwarder.wait_until_empty(60.0)
        assert forwarder.stop(30.0)
        with sqlite3.connect(path) as reading:
            letters = reading.execute("SELECT line, reason FROM dead_letter").fetchall()
    assert len(letters) == 1
    assert "field type conflict" in letters[0][1]
    assert lines_of(path) == []
