from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from controller.record.reader import open_reader
from controller.record.store import Store
from models.domain.errors import StoreError
from tests.controller.record.examples import START, open_store, record

DAY = (START - timedelta(days=1), START + timedelta(days=30))


async def set_size_limit(store: Store, pages: int) -> None:
    connection = store._transactions._require_open()
    await store._call(lambda: connection.execute(f"PRAGMA max_page_count = {pages}"))


async def page_count(store: Store) -> int:
    connection = store._transactions._require_open()
    return int(await store._call(lambda: connection.execute("PRAGMA page_count").fetchone()[0]))


async def test_a_full_disk_refuses_the_commit_keeps_what_was_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    await set_size_limit(store, await page_count(store) + 20)
    index = 1
    with pytest.raises(StoreError, match="full"):  # noqa: PT012  (fills the disk until it refuses)
        while index < 1000:
            await store.commit_interval(record(index))
            index += 1
    assert index > 1
    with open_reader(path) as reader:
        assert [decision.decision_id for decision in reader.decisions(*DAY)] == [f"1-{i}-0" for i in range(1, index)]
        waiting = reader.outbox_rows()
    with pytest.raises(StoreError, match="full"):
        await store.commit_interval(record(index))
    await set_size_limit(store, 1_000_000)
    await store.commit_interval(record(index))
    assert await store.read(lambda reader: len(reader.settled(*DAY))) == index
    assert await store.read(lambda reader: reader.outbox_rows()) == waiting // (index - 1) * index
    await store.close(START)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_pseudonyms_drawn_in_a_refused_commit_are_not_used_later(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    store = await open_store(path)
    await set_size_limit(store, await page_count(store))
    with pytest.raises(StoreError, match="full"):
        await store.commit_interval(record(1, members=40))
    await set_size_limit(store, 1_000_000)
    await store.commit_interval(record(1, members=40))
    await store.close(START)
    with sqlite3.connect(path) as connection:
        pseudonyms = [row[0] for row in connection.execute("SELECT pseudonym FROM pseudonyms")]
        lines = [row[0] for row in connection.execute("SELECT line FROM outbox WHERE line LIKE 'meter,%'")]
    assert len(pseudonyms) == len(set(pseudonyms)) == 80
    used = {line.split("member=")[1].split(",")[0] for line in lines}
    assert used <= set(pseudonyms)
