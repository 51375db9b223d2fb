"""Time of one interval's commit for 30 members on this disk; prints one JSON object."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.controller.record.examples import START, open_store, record

MEMBERS = 30
INTERVALS = 200


async def measure(folder: Path) -> dict[str, float]:
    """Commit intervals one after the other; milliseconds, and rows of an interval."""
    path = folder / "store.sqlite"
    store = await open_store(path)
    taken_ms = []
    for index in range(1, INTERVALS + 1):
        interval = record(index, members=MEMBERS)
        began_s = time.perf_counter()
        await store.commit_interval(interval)
        taken_ms.append(1000 * (time.perf_counter() - began_s))
    await store.close(START)
    size_kib = path.stat().st_size / 1024
    with sqlite3.connect(path) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = sum(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)  # noqa: S608
    return {
        "members": MEMBERS,
        "intervals": INTERVALS,
        "rows_per_interval": round(rows / INTERVALS, 1),
        "kib_per_interval": round(size_kib / INTERVALS, 1),
        "median_ms": round(statistics.median(taken_ms), 2),
        "p99_ms": round(statistics.quantiles(taken_ms, n=100)[98], 2),
        "max_ms": round(max(taken_ms), 2),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        print(json.dumps(asyncio.run(measure(Path(folder)))))
