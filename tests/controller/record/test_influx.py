"""The InfluxDB sink against small HTTP servers that answer as real ones do."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from config.operation import Influxdb
from config.sensitive import Sensitive
from controller.record import outbox
from controller.record.connection import open_writable, transaction
from controller.record.forwarder import Forwarder, ForwarderOptions
from controller.record.influx import InfluxSink, InfluxTarget, resolve_target
from controller.record.line_protocol import Point
from controller.record.migrations import migrate
from controller.record.outbox import OutboxLimits
from controller.record.sink import Readable, Refused, Unreachable, Written
from models.domain.errors import SiteFileError
from tests.controller.record.servers import Answer, free_port, http_server

TOKEN = "canary-token-7351"  # the value that must not show up anywhere
LINE = "meter,site=s import_wh=1i 1781258400"


def target(url: str) -> InfluxTarget:
    return InfluxTarget(url=url, org="o", bucket="b", token=Sensitive(TOKEN), timeout_s=2.0)


def plain_server(status: int, body: bytes = b"") -> object:
    def answer(path: str, headers: dict[str, str], content: bytes) -> Answer:
        del headers, content
        return (status, body) if urlsplit(path).path == "/api/v2/write" else (404, b"{}")

    return http_server(answer)


def test_lines_go_to_the_bucket_in_seconds_with_the_token() -> None:
    seen: list[tuple[dict[str, list[str]], str, str]] = []

    def answer(path: str, headers: dict[str, str], content: bytes) -> Answer:
        if urlsplit(path).path != "/api/v2/write":
            return 404, b""
        text = gzip.decompress(content) if headers.get("content-encoding") == "gzip" else content
        seen.append((parse_qs(urlsplit(path).query), headers["authorization"], text.decode()))
        return 204, b""

    with http_server(answer) as url:
        sink = InfluxSink(target(url))
        assert sink.write([LINE, LINE + "1"]) == Written()
        assert sink.label == "acknowledged only (the server cannot be asked)"
        assert sink.read_back([LINE]) == Readable(missing=frozenset())
        sink.close()
    query, token, text = seen[0]
    assert (query["bucket"], query["org"], query["precision"]) == (["b"], ["o"], ["s"])
    assert token == f"Token {TOKEN}"
    assert text.split("\n") == [LINE, LINE + "1"]


@pytest.mark.parametrize("status", [400, 422])
def test_a_refusal_gives_the_servers_reason(status: int) -> None:
    with plain_server(status, b'{"code":"invalid","message":"field type conflict"}') as url:  # type: ignore[attr-defined]
        sink = InfluxSink(target(url))
        result = sink.write([LINE])
        sink.close()
    assert isinstance(result, Refused)
    assert "field type conflict" in result.reason
    assert str(status) in result.reason


@pytest.mark.parametrize("status", [401, 403, 404, 413, 429, 500, 503])
def test_what_may_pass_or_be_mended_is_not_a_refusal(status: int) -> None:
    with plain_server(status, TOKEN.encode()) as url:  # type: ignore[attr-defined]
        sink = InfluxSink(target(url))
        result = sink.write([LINE])
        sink.close()
    assert isinstance(result, Unreachable)
    assert str(status) in result.reason
    assert TOKEN not in result.reason


def test_a_server_that_is_away_is_unreachable(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sink = InfluxSink(target(f"http://127.0.0.1:{free_port()}"))
    result = sink.write([LINE])
    sink.close()
    assert isinstance(result, Unreachable)
    assert TOKEN not in result.reason + caplog.text


def test_a_wrong_token_is_told_before_a_line_is_written() -> None:
    with http_server(lambda path, _headers, _body: (401, b"{}") if path.startswith("/query") else (404, b"")) as url:
        sink = InfluxSink(target(url))
        result = sink.write([LINE])
        sink.close()
    assert result == Unreachable(reason="HTTP 401 from /query: the token is not accepted")


def test_a_refused_point_becomes_a_dead_letter_with_the_servers_reason(tmp_path: Path) -> None:
    held: list[str] = []

    def answer(path: str, headers: dict[str, str], content: bytes) -> Answer:
        if urlsplit(path).path != "/api/v2/write":
            return 404, b""
        text = gzip.decompress(content) if headers.get("content-encoding") == "gzip" else content
        if b"junk" in text:
            return 400, b'{"code":"invalid","message":"unable to parse junk"}'
        held.extend(text.decode().split("\n"))
        return 204, b""

    connection = open_writable(tmp_path / "s.sqlite")
    migrate(connection)
    names = [f"m{i}" for i in range(8)] + ["junk"] + [f"m{i}" for i in range(8, 12)]
    points = [Point(measurement=name, tags={}, fields={"a_wh": 1}, time_s=1) for name in names]
    with transaction(connection):
        outbox.put(connection, points, 0, OutboxLimits())
    with http_server(answer) as url:
        forwarder = Forwarder(
            tmp_path / "s.sqlite",
            InfluxSink(target(url)),
            rng=np.random.default_rng(1),
            monotonic_s=lambda: 0.0,
            options=ForwarderOptions(batch_rows=5, poll_s=0.01),
        )
        forwarder.start()
        assert forwarder.wait_until_empty(30.0)
        assert forwarder.stop(30.0)
    letters = connection.execute("SELECT line, reason FROM dead_letter").fetchall()
    assert [line for line, _ in letters] == ["junk a_wh=1i 1"]
    assert "unable to parse junk" in letters[0][1]
    assert sorted(held) == sorted(f"m{i} a_wh=1i 1" for i in range(12))
    assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    connection.close()


def test_the_token_comes_from_its_file_beside_the_site_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    found = resolve_target(Influxdb(url="http://h:8086/", token_file=Path("token")), tmp_path, {})
    assert found.token.reveal() == TOKEN
    assert found.url == "http://h:8086"
    assert TOKEN not in repr(found)


def test_the_token_comes_from_its_environment_variable(tmp_path: Path) -> None:
    found = resolve_target(Influxdb(url="http://h", token_env="INFLUX_TOKEN"), tmp_path, {"INFLUX_TOKEN": TOKEN})
    assert found.token.reveal() == TOKEN
    assert resolve_target(Influxdb(url="http://h"), tmp_path, {}).token.reveal() == ""


def test_a_missing_token_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(SiteFileError, match=r"influxdb\.token_file: cannot read .*nowhere"):
        resolve_target(Influxdb(url="http://h", token_file=Path("nowhere")), tmp_path, {})
    with pytest.raises(SiteFileError, match=r"influxdb\.token_file: .*empty is empty"):
        resolve_target(Influxdb(url="http://h", token_file=Path("empty")), tmp_path, {})
    with pytest.raises(SiteFileError, match=r"influxdb\.token_env: .*INFLUX_TOKEN is not set"):
        resolve_target(Influxdb(url="http://h", token_env="INFLUX_TOKEN"), tmp_path, {})
