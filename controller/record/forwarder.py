"""Empties the outbox into the time-series database, in a thread of its own with a connection of its own.

Nothing of it touches the event loop. A line leaves the outbox when the server has acknowledged it and, where it
can be asked, has shown it; a line that the server refuses goes to the dead letters, with the server's reason.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from numpy.random import Generator

from controller.record.connection import open_writable, transaction
from controller.record.outbox import OutboxLimits, OutboxRow, add_counts, bury, keep_waiting, remove, take
from controller.record.sink import Readable, Refused, Sink, Unreachable, Written
from models.domain.errors import StoreError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwarderOptions:
    """Sizes and times of forwarding."""

    batch_rows: int = 1000
    batches_in_flight: int = 30
    """Acknowledged batches that wait to be read back."""
    poll_s: float = 1.0
    backoff_first_s: float = 1.0
    backoff_last_s: float = 60.0
    read_back_attempts: int = 8
    """Times that a line is written again when the server does not show it; then it is a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwarderStatus:
    """What the forwarder has done since its start."""

    read_back: str = "not asked yet"
    is_failing: bool = False
    last_error: str | None = None
    acknowledged: int = 0
    """Lines, repeated writes included."""
    removed: int = 0
    """Lines that have left the outbox as arrived."""
    rewritten: int = 0
    """Lines written again because the server did not show them."""
    refused: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class _Batch:
    rows: Sequence[OutboxRow]
    due_s: float
    attempt: int


class Forwarder:
    """The thread. ``start`` once, ``stop`` once; ``status`` may be asked from anywhere."""

    def __init__(
        self,
        store_path: Path,
        sink: Sink,
        *,
        rng: Generator,
        monotonic_s: Callable[[], float],
        limits: OutboxLimits | None = None,
        options: ForwarderOptions | None = None,
    ) -> None:
        self._store_path = store_path
        self._sink = sink
        self._rng = rng
        self._monotonic_s = monotonic_s
        self._limits = limits or OutboxLimits()
        self._options = options or ForwarderOptions()
        self._status = ForwarderStatus()
        self._stopping = threading.Event()
        self._is_empty = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)
        self._in_flight: deque[_Batch] = deque()
        self._cursor_id = 0
        self._failures_in_row = 0

    @property
    def status(self) -> ForwarderStatus:
        """A snapshot."""
        return self._status

    def start(self) -> None:
        """Begin forwarding."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Ask the thread to end and wait for it; what has not arrived stays in the outbox.

        Returns:
            Whether it ended in time (a request under way ends at its own time limit).
        """
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def wait_until_empty(self, timeout_s: float) -> bool:
        """Wait until a look into the outbox, begun after this call, finds nothing left to do."""
        self._is_empty.clear()
        return self._is_empty.wait(timeout_s)

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while not self._stopping.is_set():
                try:
                    if connection is None:
                        connection = open_writable(self._store_path, is_checked=False)
                    pause_s = self._step(connection)
                except (sqlite3.Error, StoreError) as error:
                    pause_s = self._fail(f"store: {error}")
                if pause_s > 0:
                    self._stopping.wait(pause_s)
        finally:
            if connection is not None:
                connection.close()
            self._sink.close()

    def _step(self, connection: sqlite3.Connection) -> float:
        """Read back what is due, else write the next batch.

        Returns:
            Seconds to wait before the next step.
        """
        now_s = self._monotonic_s()
        if self._in_flight and self._in_flight[0].due_s <= now_s:
            return self._confirm(connection, self._in_flight.popleft())
        if len(self._in_flight) < self._options.batches_in_flight:
            rows = take(connection, after_id=self._cursor_id, limit=self._options.batch_rows)
            if rows:
                failure = self._deliver(connection, rows, attempt=1)
                return 0.0 if failure is None else self._fail(failure)
        if not self._in_flight:
            self._is_empty.set()
            return self._options.poll_s
        return min(self._options.poll_s, max(0.0, self._in_flight[0].due_s - now_s))

    def _deliver(self, connection: sqlite3.Connection, rows: Sequence[OutboxRow], *, attempt: int) -> str | None:
        """Write rows; on a refusal halve them until the refused line stands alone.

        Returns:
            Why it stopped, if the server could not be reached; rows written until then are taken care of.
        """
        match self._sink.write([row.line for row in rows]):
            case Written():
                self._recover()
                self._in_flight.append(_Batch(rows, self._monotonic_s() + self._sink.settle_s, attempt))
                self._status = replace(self._status, acknowledged=self._status.acknowledged + len(rows))
            case Refused(reason=reason) if len(rows) == 1:
                self._bury(connection, {rows[0].row_id: reason})
            case Refused():
                middle = len(rows) // 2
                return self._deliver(connection, rows[:middle], attempt=attempt) or self._deliver(
                    connection, rows[middle:], attempt=attempt
                )
            case Unreachable(reason=reason):
                return reason
        self._cursor_id = max(self._cursor_id, rows[-1].row_id)
        return None

    def _confirm(self, connection: sqlite3.Connection, batch: _Batch) -> float:
        rows = keep_waiting(connection, batch.rows)
        answer = self._sink.read_back([row.line for row in rows]) if rows else Readable(missing=frozenset())
        if isinstance(answer, Unreachable):
            self._in_flight.appendleft(batch)
            return self._fail(answer.reason)
        with transaction(connection):
            remove(connection, (row.row_id for index, row in enumerate(rows) if index not in answer.missing))
            add_counts(connection, {"outbox.arrived": len(rows) - len(answer.missing)})
        self._recover()
        self._status = replace(
            self._status, read_back=self._sink.label, removed=self._status.removed + len(rows) - len(answer.missing)
        )
        missing = [rows[index] for index in sorted(answer.missing)]
        return self._rewrite(connection, missing, batch.attempt) if missing else 0.0

    def _rewrite(self, connection: sqlite3.Connection, rows: Sequence[OutboxRow], attempt: int) -> float:
        if attempt >= self._options.read_back_attempts:
            reason = f"acknowledged {attempt} times, but the server does not show it"
            self._bury(connection, dict.fromkeys((row.row_id for row in rows), reason))
            return 0.0
        failure = self._deliver(connection, rows, attempt=attempt + 1)
        if failure is not None:
            # As if acknowledged: the next read-back finds it missing and writes it again.
            self._in_flight.append(_Batch(rows, self._monotonic_s(), attempt))
            return self._fail(failure)
        self._status = replace(self._status, rewritten=self._status.rewritten + len(rows))
        return self._options.poll_s

    def _bury(self, connection: sqlite3.Connection, rows: dict[int, str]) -> None:
        with transaction(connection):
            bury(connection, rows, self._limits)
        self._status = replace(self._status, refused=self._status.refused + len(rows))
        log.warning("%d lines refused by the time-series database: %s", len(rows), next(iter(rows.values())))

    def _fail(self, reason: str) -> float:
        if not self._status.is_failing:
            log.warning("forwarding stands still, the outbox keeps what comes: %s", reason)
        self._status = replace(self._status, is_failing=True, last_error=reason, failures=self._status.failures + 1)
        self._failures_in_row += 1
        full_s = min(
            self._options.backoff_last_s, self._options.backoff_first_s * 2.0 ** min(self._failures_in_row - 1, 30)
        )
        return float(self._rng.uniform(full_s / 2.0, full_s))

    def _recover(self) -> None:
        if self._status.is_failing:
            log.info("forwarding goes on")
            self._status = replace(self._status, is_failing=False)
        self._failures_in_row = 0
