"""The store's transactions, each all or nothing, on the one writing connection; runs in the store's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from numpy.random import Generator

from controller.record.connection import open_writable, transaction
from controller.record.day_posting import PostedDay
from controller.record.event_points import points_of_effects
from controller.record.event_records import EffectRow, NoticeRow
from controller.record.event_rows import insert_curtailments, insert_effects, replace_notices
from controller.record.line_protocol import Point
from controller.record.lock import StoreLock
from controller.record.migrations import migrate
from controller.record.outbox import OutboxLimits, add_counts, put
from controller.record.outcomes import OutcomeCount, OutcomeRecord, SetpointOutcome
from controller.record.points import PointContext, dispatch_tags, outcome_point, points_of_record, points_of_settled
from controller.record.pseudonyms import Pseudonyms
from controller.record.quantities import to_epoch_ms
from controller.record.reader import Reader
from controller.record.records import ExplanationRow, IntervalRecord, SettledInterval
from controller.record.setpoint_rows import (
    expire_earlier,
    insert_cycle,
    insert_setpoints,
    to_setpoint,
    update_outcome,
)
from controller.record.settled_day import write_settlement
from controller.record.settlement_job import ComputedDay, DayJob
from controller.record.writer import insert_decision, insert_later_explanations, insert_settled
from models.domain.errors import StoreError
from models.domain.setpoint import Setpoint

T = TypeVar("T")


class Transactions:
    """Owner of the lock and of the writing connection."""

    def __init__(self, path: Path, *, site_id: str, language: str, rng: Generator, outbox: OutboxLimits | None) -> None:
        self.epoch = 0
        self._path = path
        self._site_id = site_id
        self._language = language
        self._limits = outbox
        self._pseudonyms = Pseudonyms(rng)
        self._lock = StoreLock(path)
        self._connection: sqlite3.Connection | None = None

    @property
    def is_open(self) -> bool:
        """Started and not stopped."""
        return self._connection is not None

    def start(self, started_utc: datetime) -> None:
        """Lock, open, migrate, check, and begin an epoch; what earlier epochs left open is ended."""
        started_ms = to_epoch_ms(started_utc)
        self._lock.take()
        self._connection = open_writable(self._path)
        migrate(self._connection)
        with self._transaction() as connection:
            self._claim(connection)
            (newest,) = connection.execute("SELECT coalesce(max(epoch), 0) FROM epochs").fetchone()
            self.epoch = newest + 1
            connection.execute("INSERT INTO epochs (epoch, started_ms) VALUES (?, ?)", (self.epoch, started_ms))
            add_counts(connection, {"setpoints.orphaned": expire_earlier(connection, self.epoch, started_ms)})
        self._pseudonyms.load(self._connection)

    def end(self, ended_utc: datetime) -> None:
        """Note the orderly end of this epoch."""
        with self._transaction() as connection:
            connection.execute("UPDATE epochs SET ended_ms = ? WHERE epoch = ?", (to_epoch_ms(ended_utc), self.epoch))

    def stop(self) -> None:
        """Close the file and give the lock back, whatever happened before."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        finally:
            self._lock.release()

    def commit_interval(self, record: IntervalRecord) -> None:
        """The first transaction of a cycle."""
        with self._transaction() as connection:
            for settled in record.settled:
                insert_settled(connection, settled)
            insert_decision(connection, record, self.epoch)
            insert_setpoints(
                connection, record.decision.decision_id, record.setpoints, epoch=self.epoch, is_renewal=False
            )
            insert_curtailments(connection, record.decision.decision_id, record.curtailments)
            created_ms = to_epoch_ms(record.decision.committed_utc)
            self._queue(connection, lambda context: points_of_record(record, context), created_ms)

    def commit_settled(self, settled: Sequence[SettledInterval], *, is_forwarded: bool) -> None:
        """Closed intervals without a decision."""
        with self._transaction() as connection:
            for interval in settled:
                insert_settled(connection, interval)
                if is_forwarded:
                    end_ms = to_epoch_ms(interval.start_utc) + interval.duration_s * 1000
                    self._queue(connection, _points_of(interval), end_ms)

    def commit_day(self, job: DayJob, computed: ComputedDay, settled_utc: datetime) -> PostedDay:
        """A settled day: bills, ledger and explanations."""
        with self._transaction() as connection:
            created_ms = to_epoch_ms(settled_utc)
            return write_settlement(
                connection, job, computed, settled_utc, lambda points: self._queue(connection, points, created_ms)
            )

    def add_setpoints(self, decision_id: str, setpoints: Sequence[Setpoint]) -> None:
        """Renewals of a decision's setpoints."""
        with self._transaction() as connection:
            insert_setpoints(connection, decision_id, setpoints, epoch=self.epoch, is_renewal=True)

    def add_explanations(self, decision_id: str, rows: Sequence[ExplanationRow]) -> None:
        """What was found out on a decision after its commit; it stays here, nothing of it is forwarded."""
        with self._transaction() as connection:
            insert_later_explanations(connection, decision_id, rows)

    def keep_notices(self, notices: Sequence[NoticeRow]) -> None:
        """What a restarted controller has to know of the market."""
        with self._transaction() as connection:
            replace_notices(connection, notices)

    def add_effects(self, rows: Sequence[EffectRow]) -> None:
        """Looks at demand-response events."""
        with self._transaction() as connection:
            written = insert_effects(connection, rows)
            if written:
                created_ms = to_epoch_ms(written[-1].at_utc)
                self._queue(connection, lambda context: points_of_effects(written, context), created_ms)

    def record_outcomes(self, record: OutcomeRecord) -> OutcomeCount:
        """The second transaction of a cycle."""
        with self._transaction() as connection:
            taken = [outcome for outcome in record.outcomes if update_outcome(connection, outcome)]
            if record.cycle is not None:
                insert_cycle(connection, record.cycle)
            for outcome in taken:
                if outcome.outcome is not None:
                    self._queue_outcome(connection, outcome)
            ignored = len(record.outcomes) - len(taken)
            add_counts(connection, {"setpoints.ignored_outcomes": ignored})
        return OutcomeCount(taken=len(taken), ignored=ignored)

    def count(self, increments: Mapping[str, int]) -> None:
        """Add to counters."""
        with self._transaction() as connection:
            add_counts(connection, increments)

    def read(self, query: Callable[[Reader], T]) -> T:
        """Answer a query from the writing connection."""
        return query(Reader(self._require_open()))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._require_open()
        try:
            with transaction(connection):
                yield connection
        except BaseException:
            # Pseudonyms drawn inside went with the rollback. Before the first table there is nothing to load.
            if self.epoch:
                self._pseudonyms.load(connection)
            raise

    def _require_open(self) -> sqlite3.Connection:
        if self._connection is None:
            message = f"store {self._path} is closed"
            raise StoreError(message)
        return self._connection

    def _claim(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('site', ?) ON CONFLICT DO NOTHING", (self._site_id,))
        (found,) = connection.execute("SELECT value FROM meta WHERE key = 'site'").fetchone()
        if found != self._site_id:
            message = f"store {self._path} belongs to site {found!r}, not {self._site_id!r}; choose another path"
            raise StoreError(message)

    def _context(self, connection: sqlite3.Connection) -> PointContext:
        return PointContext(
            site=self._site_id,
            language=self._language,
            member=lambda member: self._pseudonyms.of_member(connection, member),
            device=lambda device: self._pseudonyms.of_device(connection, device),
        )

    def _queue(
        self,
        connection: sqlite3.Connection,
        points: Callable[[PointContext], Iterator[Point]],
        created_ms: int,
    ) -> None:
        if self._limits is not None:
            put(connection, points(self._context(connection)), created_ms, self._limits)

    def _queue_outcome(self, connection: sqlite3.Connection, outcome: SetpointOutcome) -> None:
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        row = cursor.execute(
            "SELECT setpoints.*, rung, valid_from_ms, member FROM setpoints JOIN decisions USING (decision_id)"
            " LEFT JOIN asset_states USING (decision_id, gateway, device) WHERE setpoint_id = ?",
            (outcome.setpoint_id,),
        ).fetchone()
        if row["is_renewal"] or outcome.outcome is None:
            return
        setpoint, ended = to_setpoint(row), outcome.outcome.value

        def points(context: PointContext) -> Iterator[Point]:
            yield outcome_point(
                setpoint,
                tags=dispatch_tags(setpoint, row["rung"], row["member"], context),
                decision_id=row["decision_id"],
                outcome=ended,
                applied_kw=outcome.applied_kw,
                time_s=row["valid_from_ms"] // 1000,
                context=context,
            )

        self._queue(connection, points, to_epoch_ms(outcome.at_utc))


def _points_of(interval: SettledInterval) -> Callable[[PointContext], Iterator[Point]]:
    return lambda context: points_of_settled(interval, context)
