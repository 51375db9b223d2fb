"""A short write to a store beside a running controller: SQLite lets one in after the other."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np

from config.schema import Site
from controller.record.connection import open_read_only, open_writable, transaction, translated
from controller.record.line_protocol import Point
from controller.record.lock import StoreLock
from controller.record.migrations import migrate, read_version, require_version
from controller.record.outbox import OutboxLimits, put
from controller.record.points import PointContext
from controller.record.pseudonyms import Pseudonyms
from controller.record.quantities import to_epoch_ms
from controller.record.schema import MIGRATIONS
from controller.record.settled_day import Queue


def bring_up_to_date(store: Path) -> int | None:
    """Bring a store of an earlier version to this one, where no controller runs on it.

    Returns:
        The schema version that it had; ``None``: it is up to date, or there is none.

    Raises:
        StoreError: a controller runs on it, or it is not a store of this or an earlier version.
    """
    if not store.is_file():
        return None
    with translated(store):
        connection = open_read_only(store)
        try:
            before = read_version(connection)
        finally:
            connection.close()
    if before >= len(MIGRATIONS):
        return None
    lock = StoreLock(store)
    lock.take()
    try:
        connection = open_writable(store)
        try:
            with translated(store):
                return migrate(connection)
        finally:
            connection.close()
    finally:
        lock.release()


@contextmanager
def second_writer(store: Path, site: Site, now_utc: datetime) -> Iterator[tuple[sqlite3.Connection, Queue | None]]:
    """One transaction, and where points for the time-series database go; ``None`` where there is none.

    Raises:
        StoreError: the store cannot be written; nothing was.
    """
    with translated(store):
        connection = open_writable(store, is_checked=False)
        try:
            require_version(connection)
            with transaction(connection):
                yield connection, None if site.influxdb is None else _queue(connection, site, now_utc)
        finally:
            connection.close()


def _queue(connection: sqlite3.Connection, site: Site, now_utc: datetime) -> Queue:
    pseudonyms = Pseudonyms(np.random.default_rng(secrets.randbits(128)))
    pseudonyms.load(connection)
    context = PointContext(
        site=site.community.id,
        language=site.community.language,
        member=lambda member: pseudonyms.of_member(connection, member),
        device=lambda device: pseudonyms.of_device(connection, device),
    )

    def queue(points: Callable[[PointContext], Iterator[Point]]) -> None:
        put(connection, points(context), to_epoch_ms(now_utc), OutboxLimits())

    return queue
