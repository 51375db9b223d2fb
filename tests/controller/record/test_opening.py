"""Opening: versions, locks, damage and settings."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from controller.record.connection import open_writable
from controller.record.lock import StoreLock
from controller.record.migrations import APPLICATION_ID, migrate, read_version
from controller.record.reader import open_reader
from controller.record.schema import MIGRATIONS
from controller.record.store import Store
from models.domain.errors import StoreError
from tests.controller.record.examples import START, open_store, record


def test_each_migration_takes_the_file_one_version_further_and_keeps_its_rows(tmp_path: Path) -> None:
    connection = open_writable(tmp_path / "s.sqlite")
    scripts = (
        "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1), (2);",
        "ALTER TABLE a ADD COLUMN y TEXT; CREATE TRIGGER t BEFORE DELETE ON a BEGIN SELECT RAISE(ABORT, 'no;no'); END;",
        "UPDATE a SET y = 'semi;colon';",
    )
    assert migrate(connection, scripts[:1]) == 0
    assert migrate(connection, scripts) == 1
    assert migrate(connection, scripts) == 3
    assert connection.execute("SELECT * FROM a").fetchall() == [(1, "semi;colon"), (2, "semi;colon")]
    with pytest.raises(sqlite3.IntegrityError, match="no;no"):
        connection.execute("DELETE FROM a")
    connection.close()


def test_a_migration_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    connection = open_writable(tmp_path / "s.sqlite")
    scripts = (
        "CREATE TABLE a (x INTEGER) STRICT;",
        "CREATE TABLE b (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);",
    )
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, scripts)
    assert read_version(connection) == 1
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    connection.close()


async def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    await (await open_store(path)).close(START)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StoreError, match=rf"version {len(MIGRATIONS) + 1}.*newer CommonWatt"):
        await open_store(path)
    with pytest.raises(StoreError, match="newer CommonWatt"), open_reader(path):
        pass


async def test_an_older_store_is_not_read_before_a_controller_has_migrated_it(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_writable(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.close()
    with pytest.raises(StoreError, match="start the controller"), open_reader(path):
        pass


async def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE contacts (a)")
    connection.close()
    with pytest.raises(StoreError, match="not a CommonWatt store"):
        await open_store(path)


async def test_another_sites_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    await (await open_store(path)).close(START)

    with pytest.raises(StoreError, match="belongs to site 'sunhill', not 'moonhill'"):
        await Store.open(
            path, site_id="moonhill", language="en", started_utc=START, rng=np.random.default_rng(1), outbox=None
        )
    await (await open_store(path)).close(START)


async def test_a_second_controller_is_refused_within_a_second_and_told_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    first = await open_store(path)
    began_s = time.monotonic()
    with pytest.raises(StoreError, match=f"another controller \\(process {os.getpid()}\\)"):
        await open_store(path)
    assert time.monotonic() - began_s < 1.0
    await first.commit_interval(record(1))
    await first.close(START)
    second = await open_store(path)
    assert second.epoch == 2
    await second.close(START)


def hold_lock(path: Path, told: Connection) -> None:
    StoreLock(path).take()
    told.send("held")
    signal.pause()


async def test_a_killed_controllers_lock_is_free_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=hold_lock, args=(path, sending))
    process.start()
    assert receiving.recv() == "held"
    with pytest.raises(StoreError, match=f"process {process.pid}"):
        await open_store(path)
    process.kill()
    process.join()
    store = await open_store(path)
    await store.close(START)


async def test_a_damaged_file_is_named_and_not_used(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    for index in range(1, 20):
        await store.commit_interval(record(index))
    await store.close(START)
    content = bytearray(path.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        await open_store(path)


async def test_rows_without_what_they_refer_to_are_found_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    await store.close(START)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("INSERT INTO cycles VALUES ('nobody', 1, '{}', '[]', '{}')")
    connection.close()
    with pytest.raises(StoreError, match="without what they refer to, in: cycles"):
        await open_store(path)


async def test_a_missing_folder_and_a_missing_store_are_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="lock file"):
        await open_store(tmp_path / "nowhere" / "s.sqlite")
    with pytest.raises(StoreError, match="there is no store"), open_reader(tmp_path / "s.sqlite"):
        pass


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    connection = open_writable(tmp_path / "s.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()
