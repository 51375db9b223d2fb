"""The one writer of the store: asynchronous outside, one thread with one connection inside.

Nothing here blocks the event loop: every access runs in the store's own thread, so a slow disk delays the
caller and nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from numpy.random import Generator

from controller.record.connection import translated
from controller.record.day_posting import PostedDay
from controller.record.event_records import EffectRow, NoticeRow
from controller.record.outbox import OutboxLimits
from controller.record.outcomes import OutcomeCount, OutcomeRecord
from controller.record.reader import Reader
from controller.record.records import ExplanationRow, IntervalRecord, SettledInterval
from controller.record.settlement_job import ComputedDay, DayJob
from controller.record.transactions import Transactions
from models.domain.errors import StoreError
from models.domain.setpoint import Setpoint

T = TypeVar("T")

_WAITING_LIMIT = 256
"""Calls that may wait for the store's thread; more means that the disk has stopped, and callers are told so."""


class Store:
    """Durable record of one site. Made by ``Store.open``."""

    def __init__(self, path: Path, transactions: Transactions, executor: ThreadPoolExecutor) -> None:
        self.path = path
        self._transactions = transactions
        self._executor = executor
        self._waiting = 0
        self._is_closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        site_id: str,
        language: str,
        started_utc: datetime,
        rng: Generator,
        outbox: OutboxLimits | None = None,
    ) -> Store:
        """Take the lock, bring the file to this version, check it, and begin a new epoch.

        Args:
            path: the SQLite file; made if there is none.
            site_id: must be the one the file was made for.
            language: language of the explanations that are forwarded.
            started_utc: when this controller started.
            rng: draws pseudonyms of members and devices.
            outbox: bounds of what waits for InfluxDB; ``None``: nothing is queued.

        Raises:
            StoreError: another controller runs, the schema is newer, the file is damaged, another site's, or
                cannot be written.
        """
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        transactions = Transactions(path, site_id=site_id, language=language, rng=rng, outbox=outbox)
        store = cls(path, transactions, executor)
        try:
            await store._call(lambda: transactions.start(started_utc))
        except BaseException:
            await store._call(transactions.stop)
            executor.shutdown(wait=False)
            raise
        return store

    @property
    def epoch(self) -> int:
        """Number of this start of the controller; grows with each."""
        return self._transactions.epoch

    async def commit_interval(self, record: IntervalRecord) -> None:
        """Make a decision and all that belongs to it durable, or nothing of it.

        Raises:
            StoreError: nothing was written; the decision must not be dispatched.
        """
        await self._call(lambda: self._transactions.commit_interval(record))

    async def commit_settled(self, settled: Sequence[SettledInterval], *, is_forwarded: bool = True) -> None:
        """Store closed intervals without a decision: history, or corrections as next revisions.

        Raises:
            StoreError: nothing was written.
        """
        await self._call(lambda: self._transactions.commit_settled(settled, is_forwarded=is_forwarded))

    async def commit_day(self, job: DayJob, computed: ComputedDay, settled_utc: datetime) -> PostedDay:
        """Make a settled day durable: bills, ledger entries and explanations, or nothing of it.

        Raises:
            StoreError: nothing was written.
        """
        return await self._call(lambda: self._transactions.commit_day(job, computed, settled_utc))

    async def add_setpoints(self, decision_id: str, setpoints: Sequence[Setpoint]) -> None:
        """Make renewals of a decision's setpoints durable before they are published.

        Raises:
            StoreError: nothing was written; they must not be published.
        """
        await self._call(lambda: self._transactions.add_setpoints(decision_id, setpoints))

    async def add_explanations(self, decision_id: str, rows: Sequence[ExplanationRow]) -> None:
        """Explain a committed decision further; such rows are not forwarded.

        Raises:
            StoreError: nothing was written, or there is no such decision.
        """
        await self._call(lambda: self._transactions.add_explanations(decision_id, rows))

    async def keep_notices(self, notices: Sequence[NoticeRow]) -> None:
        """Keep the market's notices for a restart, instead of those kept before.

        Raises:
            StoreError: nothing was written; those before are still kept.
        """
        await self._call(lambda: self._transactions.keep_notices(notices))

    async def add_effects(self, rows: Sequence[EffectRow]) -> None:
        """Write down what demand-response events came to; a look that is on record stays as it was.

        Raises:
            StoreError: nothing was written.
        """
        await self._call(lambda: self._transactions.add_effects(rows))

    async def record_outcomes(self, record: OutcomeRecord) -> OutcomeCount:
        """Note how setpoints went, and the cycle. An outcome for a setpoint that has ended is ignored.

        Raises:
            StoreError: nothing was written.
        """
        return await self._call(lambda: self._transactions.record_outcomes(record))

    async def count(self, increments: Mapping[str, int]) -> None:
        """Add to counters.

        Raises:
            StoreError: nothing was written.
        """
        await self._call(lambda: self._transactions.count(increments))

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Ask the store something, after all that was committed before.

        Raises:
            StoreError: it cannot be read.
        """
        return await self._call(lambda: self._transactions.read(query))

    async def close(self, ended_utc: datetime) -> None:
        """End the epoch, close the file, give the lock back. A second close does nothing."""
        if self._transactions.is_open:
            try:
                await self._call(lambda: self._transactions.end(ended_utc))
            finally:
                await self._call(self._transactions.stop)
                self._is_closed = True
                self._executor.shutdown(wait=False)

    async def _call(self, work: Callable[[], T]) -> T:
        if self._is_closed:
            message = f"store {self.path} is closed"
            raise StoreError(message)
        if self._waiting >= _WAITING_LIMIT:
            message = f"store {self.path}: {self._waiting} calls wait for the disk; it does not keep up"
            raise StoreError(message)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._translated, work)
        finally:
            self._waiting -= 1

    def _translated(self, work: Callable[[], T]) -> T:
        with translated(self.path):
            return work()
