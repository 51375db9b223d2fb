"""Brings a database file to this program's schema version, and refuses one that is newer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from controller.record.schema import MIGRATIONS
from models.domain.errors import StoreError

APPLICATION_ID = 0x43574154
"""``CWAT``: marks a SQLite file as a CommonWatt store."""


def read_version(connection: sqlite3.Connection) -> int:
    """Schema version of the file; 0 for a new one.

    Raises:
        StoreError: the file is some other program's database.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    has_tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
    if application_id != APPLICATION_ID and (version or has_tables):
        message = "the file is a SQLite database, but not a CommonWatt store; give store.path another name"
        raise StoreError(message)
    return version


def require_version(connection: sqlite3.Connection) -> None:
    """Check that the file has exactly this program's schema version.

    Raises:
        StoreError: older (a controller has to open it first), newer, or not a store.
    """
    version = read_version(connection)
    _refuse_newer(version, len(MIGRATIONS))
    if version < len(MIGRATIONS):
        message = f"the store has schema version {version}, this program needs {len(MIGRATIONS)}: start the controller"
        raise StoreError(message)


def migrate(connection: sqlite3.Connection, scripts: tuple[str, ...] = MIGRATIONS) -> int:
    """Bring the file to the newest version, each step one transaction.

    Returns:
        The version the file had before.

    Raises:
        StoreError: the file is newer than this program, or another program's.
    """
    before = read_version(connection)
    _refuse_newer(before, len(scripts))
    for version, script in enumerate(scripts[before:], start=before + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return before


def _refuse_newer(found: int, known: int) -> None:
    if found > known:
        message = (
            f"the store has schema version {found}, this program knows versions up to {known}: "
            "it was written by a newer CommonWatt; install that version or restore an older backup"
        )
        raise StoreError(message)


def _statements(script: str) -> Iterator[str]:
    # executescript() would commit first, so a script is cut into statements, triggers kept whole.
    pending = ""
    for piece in script.split(";"):
        pending += piece + ";"
        if sqlite3.complete_statement(pending):
            if pending.strip(" \n;"):
                yield pending
            pending = ""
