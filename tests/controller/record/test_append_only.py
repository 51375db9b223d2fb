from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from controller.record.connection import open_writable
from controller.record.outcomes import CycleRow, OutcomeRecord
from controller.record.schema import APPEND_ONLY
from tests.controller.record.examples import START, open_store, record


async def filled(path: Path) -> sqlite3.Connection:
    store = await open_store(path)
    await store.commit_interval(record(1))
    await store.record_outcomes(OutcomeRecord(cycle=CycleRow(decision_id="1-1-0", finished_utc=START)))
    await store.close(START)
    return open_writable(path)


@pytest.mark.parametrize("table", [*APPEND_ONLY, "setpoints"])
async def test_rows_cannot_be_deleted(tmp_path: Path, table: str) -> None:
    connection = await filled(tmp_path / "s.sqlite")
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0  # noqa: S608
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    connection.close()


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_rows_cannot_be_changed(tmp_path: Path, table: str) -> None:
    connection = await filled(tmp_path / "s.sqlite")
    column = connection.execute(f"SELECT * FROM {table}").description[0][0]  # noqa: S608
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(f"UPDATE {table} SET {column} = {column}")  # noqa: S608
    connection.close()


@pytest.mark.parametrize(
    "statement, words",
    [
        ("UPDATE setpoints SET power_kw = 9", "never changed"),
        ("UPDATE setpoints SET state = 'pending'", "ends once"),
        ("UPDATE setpoints SET state = 'expired' WHERE state = 'refused'", "ends once"),
        ("UPDATE setpoints SET state = 'lost'", "CHECK"),
    ],
)
async def test_a_setpoint_changes_only_towards_its_end(tmp_path: Path, statement: str, words: str) -> None:
    connection = await filled(tmp_path / "s.sqlite")
    if "refused" in statement:
        connection.execute("UPDATE setpoints SET state = 'refused'")
    with pytest.raises(sqlite3.IntegrityError, match=words):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "row",
    [
        "(1781258400, 'home-9', 0, 'measured', -1, 0, NULL, NULL, NULL, NULL, NULL, NULL)",
        "(1781258400, 'home-9', 0, 'measured', NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL)",
        "(1781258400, 'home-9', 0, 'missing', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "(1781258400, 'home-9', 0, 'guessed', 1, 0, NULL, NULL, NULL, NULL, NULL, NULL)",
        "(1781258400, 'home-9', 9, 'measured', 1, 0, NULL, NULL, NULL, NULL, NULL, NULL)",
        "(1781258400, 'home-9', 0, 'measured', 1.5, 0, NULL, NULL, NULL, NULL, NULL, NULL)",
    ],
    ids=["negative", "unknown import", "missing but 0", "no such quality", "no such revision", "not whole Wh"],
)
async def test_the_tables_themselves_refuse_impossible_energy(tmp_path: Path, row: str) -> None:
    connection = await filled(tmp_path / "s.sqlite")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"INSERT INTO metered VALUES {row}")  # noqa: S608
    good = "(1781258400, 'home-9', 0, 'measured', 1, 0, NULL, NULL, NULL, NULL, NULL, NULL)"
    connection.execute(f"INSERT INTO metered VALUES {good}")  # noqa: S608
    connection.close()
