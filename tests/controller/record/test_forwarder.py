"""The forwarder's steps against a server that keeps, refuses, forgets and goes away on request."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.record import outbox
from controller.record.connection import open_writable, transaction
from controller.record.forwarder import Forwarder, ForwarderOptions
from controller.record.line_protocol import Point
from controller.record.migrations import migrate
from controller.record.outbox import OutboxLimits
from controller.record.sink import Delivery, Readable, Refused, Unreachable, Written

OPTIONS = ForwarderOptions(batch_rows=4, batches_in_flight=2, poll_s=0.01, backoff_first_s=1.0, backoff_last_s=8.0)


@dataclass
class Server:
    """A time-series database; a line is bad if it holds the word ``bad``."""

    label: str = "read back"
    settle_s: float = 0.0
    is_up: bool = True
    is_forgetful: bool = False
    is_readable: bool = True
    held: list[str] = field(default_factory=list)
    writes: int = 0
    is_closed: bool = False

    def write(self, lines: Sequence[str]) -> Delivery:
        self.writes += 1
        if not self.is_up:
            return Unreachable(reason="connection refused")
        if any("bad" in line for line in lines):
            return Refused(reason="HTTP 400: field type conflict")
        if not self.is_forgetful:
            self.held.extend(line for line in lines if line not in self.held)
        return Written()

    def read_back(self, lines: Sequence[str]) -> Readable | Unreachable:
        if not self.is_up or not self.is_readable:
            return Unreachable(reason="connection refused")
        return Readable(missing=frozenset(i for i, line in enumerate(lines) if line not in self.held))

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Bench:
    """A forwarder driven step by step, its time in the test's hand."""

    path: Path
    server: Server
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.connection = open_writable(self.path)
        migrate(self.connection)
        self.forwarder = Forwarder(
            self.path,
            self.server,
            rng=np.random.default_rng(3),
            monotonic_s=lambda: self.now_s,
            options=OPTIONS,
        )

    def put(self, *names: str, created_ms: int = 0) -> None:
        points = [Point(measurement="m", tags={"n": name}, fields={"a_wh": 1}, time_s=1) for name in names]
        with transaction(self.connection):
            outbox.put(self.connection, points, created_ms, OutboxLimits())

    def step(self, times: int = 1) -> float:
        pause_s = 0.0
        for _ in range(times):
            pause_s = self.forwarder._step(self.connection)
        return pause_s

    def waiting(self) -> list[str]:
        return [name_of(row.line) for row in outbox.take(self.connection, after_id=0, limit=1000)]

    def buried(self) -> list[tuple[str, str]]:
        rows = self.connection.execute("SELECT line, reason FROM dead_letter ORDER BY id")
        return [(name_of(line), reason) for line, reason in rows]


def name_of(line: str) -> str:
    return line.split("n=")[1].split(" ", maxsplit=1)[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "s.sqlite", Server())


def test_lines_arrive_oldest_first_and_leave_only_after_they_were_read_back(bench: Bench) -> None:
    bench.put("a", "b", "c", "d", "e")
    bench.step()
    assert [name_of(line) for line in bench.server.held] == ["a", "b", "c", "d"]
    assert bench.waiting() == ["a", "b", "c", "d", "e"]
    bench.step()
    assert bench.waiting() == ["e"]
    bench.step(3)
    assert bench.waiting() == []
    assert [name_of(line) for line in bench.server.held] == ["a", "b", "c", "d", "e"]
    assert bench.forwarder.status.removed == 5
    assert bench.forwarder.status.read_back == "read back"


def test_a_line_is_read_back_only_when_it_has_settled(bench: Bench) -> None:
    bench.server.settle_s = 20.0
    bench.put("a")
    bench.step()
    assert bench.step() == OPTIONS.poll_s
    bench.now_s = 19.9
    bench.step()
    assert bench.waiting() == ["a"]
    bench.now_s = 20.0
    bench.step()
    assert bench.waiting() == []


def test_no_more_batches_are_written_than_may_wait_for_their_reading_back(bench: Bench) -> None:
    bench.server.settle_s = 20.0
    bench.put(*(f"n{i}" for i in range(20)))
    bench.step(10)
    assert bench.server.writes == OPTIONS.batches_in_flight


def test_a_line_that_the_server_lost_is_written_again(bench: Bench) -> None:
    bench.put("a", "b", "c")
    bench.step()
    bench.server.held.remove(bench.server.held[1])
    bench.step()
    assert bench.waiting() == ["b"]
    assert bench.forwarder.status.rewritten == 1
    bench.step()
    assert bench.waiting() == []
    assert sorted(name_of(line) for line in bench.server.held) == ["a", "b", "c"]


def test_a_line_that_never_shows_becomes_a_dead_letter(bench: Bench) -> None:
    bench.server.is_forgetful = True
    bench.put("a")
    bench.step(20)
    assert bench.waiting() == []
    assert bench.buried() == [("a", "acknowledged 8 times, but the server does not show it")]
    assert bench.server.writes == 8


def test_a_refused_line_is_found_among_good_ones_and_does_not_block_them(bench: Bench) -> None:
    bench.put("a", "bad1", "b", "c", "d", "bad2", "e")
    bench.step(12)
    assert bench.waiting() == []
    assert sorted(name_of(line) for line in bench.server.held) == ["a", "b", "c", "d", "e"]
    assert bench.buried() == [
        ("bad1", "HTTP 400: field type conflict"),
        ("bad2", "HTTP 400: field type conflict"),
    ]
    assert bench.forwarder.status.refused == 2
    assert not bench.forwarder.status.is_failing


def test_while_the_server_is_away_everything_waits_and_pauses_grow_to_a_bound(bench: Bench) -> None:
    bench.server.is_up = False
    bench.put("a", "b")
    pauses_s = [bench.step() for _ in range(8)]
    assert bench.waiting() == ["a", "b"]
    for pause_s, full_s in zip(pauses_s, [1, 2, 4, 8, 8, 8, 8, 8], strict=True):
        assert full_s / 2 <= pause_s <= full_s
    assert bench.forwarder.status.is_failing
    assert bench.forwarder.status.last_error == "connection refused"
    bench.server.is_up = True
    bench.step(2)
    assert bench.waiting() == []
    assert not bench.forwarder.status.is_failing


def test_when_reading_back_fails_the_line_stays(bench: Bench) -> None:
    bench.put("a")
    bench.step()
    bench.server.is_readable = False
    assert bench.step() >= OPTIONS.backoff_first_s / 2
    assert bench.waiting() == ["a"]
    bench.server.is_readable = True
    bench.step()
    assert bench.waiting() == []


def test_a_point_replaced_while_under_way_is_forwarded_in_its_newer_form(bench: Bench) -> None:
    bench.put("a")
    bench.step()
    newer = Point(measurement="m", tags={"n": "a"}, fields={"a_wh": 2}, time_s=1)
    with transaction(bench.connection):
        outbox.put(bench.connection, [newer], 0, OutboxLimits())
    bench.step(4)
    assert bench.waiting() == []
    assert bench.server.held == ["m,n=a a_wh=1i 1", "m,n=a a_wh=2i 1"]


def test_a_new_forwarder_sends_again_what_was_not_yet_read_back(bench: Bench) -> None:
    bench.server.settle_s = 20.0
    bench.put("a")
    bench.step()
    again = Bench(bench.path, bench.server)
    again.step()
    assert bench.server.writes == 2
    assert bench.server.held == ["m,n=a a_wh=1i 1"]


@settings(max_examples=40, deadline=None)
@given(
    weather=st.lists(st.sampled_from(["up", "down", "forgetful", "crash", "restart"]), max_size=25),
    bad=st.sets(st.integers(0, 19)),
)
def test_whatever_the_server_does_every_line_arrives_or_is_a_dead_letter(
    tmp_path_factory: pytest.TempPathFactory, weather: list[str], bad: set[int]
) -> None:
    bench = Bench(tmp_path_factory.mktemp("f") / "s.sqlite", Server())
    names = [f"{'bad' if i in bad else 'ok'}{i}" for i in range(20)]
    bench.put(*names)
    for event in weather:
        bench.server.is_up = event != "down"
        bench.server.is_forgetful = event == "forgetful"
        if event == "crash":
            bench.server.held = bench.server.held[: len(bench.server.held) // 2]
        if event == "restart":
            bench.connection.close()
            bench = Bench(bench.path, bench.server)
        bench.step()
    already = set(names) - set(bench.waiting()) - {name for name, _ in bench.buried()}
    bench.server.is_up, bench.server.is_forgetful = True, False
    bench.step(200)
    assert bench.waiting() == []
    held = {name_of(line) for line in bench.server.held}
    buried = {name for name, _ in bench.buried()}
    assert {name for name in names if name.startswith("bad")} == {name for name in buried if name.startswith("bad")}
    # What left the outbox before a later crash was on the server once; everything else is there now.
    assert set(names) <= held | buried | already
    bench.connection.close()


def test_the_thread_empties_the_outbox_and_ends_cleanly(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "s.sqlite", Server())
    bench.put(*(f"n{i}" for i in range(50)))
    bench.forwarder.start()
    assert bench.forwarder.wait_until_empty(30.0)
    assert bench.waiting() == []
    assert len(bench.server.held) == 50
    bench.put("late")
    assert bench.forwarder.wait_until_empty(30.0)
    assert bench.waiting() == []
    assert bench.forwarder.stop(30.0)
    assert bench.server.is_closed


def test_a_store_that_cannot_be_opened_is_reported_and_the_thread_still_ends(tmp_path: Path) -> None:
    server = Server()
    forwarder = Forwarder(
        tmp_path / "nowhere" / "s.sqlite",
        server,
        rng=np.random.default_rng(1),
        monotonic_s=lambda: 0.0,
        options=OPTIONS,
    )
    forwarder.start()
    assert not forwarder.wait_until_empty(0.2)
    assert forwarder.stop(30.0)
    assert "unable to open" in str(forwarder.status.last_error)


def test_the_forwarder_does_not_keep_the_writer_out(bench: Bench) -> None:
    bench.put("a")
    bench.step()
    writer = sqlite3.connect(bench.path, timeout=0.0, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("ROLLBACK")
    writer.close()
