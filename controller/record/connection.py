"""SQLite opened so that what is committed survives a power loss."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.domain.errors import StoreError

BUSY_S = 5.0
"""How long a writer waits for the other (controller or forwarder); each holds the lock for milliseconds."""

_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
"""Values that must be in force; ``synchronous`` 2 is FULL: every commit reaches the disk."""


def open_writable(path: Path, *, is_checked: bool = True) -> sqlite3.Connection:
    """Open for writing, durable, and check that the file is sound.

    Args:
        path: the database file; its folder must exist.
        is_checked: run the integrity check (a controller's start; not for each helper connection).

    Raises:
        StoreError: it cannot be opened, a setting is not in force, or the file is damaged.
    """
    with translated(path):
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        with translated(path):
            _prepare(connection)
            if is_checked:
                _check_integrity(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open for reading beside a running controller; the file must exist.

    Raises:
        StoreError: there is no such store.
    """
    if not path.is_file():
        message = f"there is no store at {path}; it is made by the first start of the controller"
        raise StoreError(message)
    with translated(path):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None
        )
        connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing: commits at the end, rolls back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # A full disk makes SQLite roll back by itself; a second ROLLBACK would hide that error.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a ``StoreError`` that names the file."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        message = f"store {path}: {error}"
        raise StoreError(message) from error


def _prepare(connection: sqlite3.Connection) -> None:
    for name, wanted in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {wanted}")
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if found != wanted:
            message = f"SQLite keeps {name} at {found}, {wanted} is needed (network folders cannot hold a store)"
            raise StoreError(message)
    connection.execute("PRAGMA trusted_schema = OFF")


def _check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    findings = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
    if findings != ["ok"]:
        message = f"store {path} is damaged: {'; '.join(findings)}; restore a backup or move it away"
        raise StoreError(message)
    orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(5)
    if orphans:
        tables = ", ".join(sorted({row[0] for row in orphans}))
        message = f"store {path} has rows without what they refer to, in: {tables}; restore a backup or move it away"
        raise StoreError(message)
