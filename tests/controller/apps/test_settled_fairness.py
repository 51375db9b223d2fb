"""``commonwatt settle`` tells how fairly the day was split."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.apps.cli import app
from controller.apps.fairness_words import read_fairness
from tests.controller.record.settled_days import DAY, ROOT, intervals, newest, open_filled, settle

SITE_FILE = ROOT / "config" / "sites" / "six.yaml"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.sqlite"
    open_filled(path, intervals(DAY)).close()
    return path


def settle_day(store: Path, site_file: Path = SITE_FILE) -> dict[str, Any]:
    places = ("--store", str(store), "--output", str(store.parent / "out"), "--config", str(site_file))
    done = CliRunner().invoke(app, ["settle", "--day", str(DAY), *places, "--json"])
    assert done.exit_code == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    result["words"] = done.stderr
    return result


def test_the_figures_are_in_the_answer_and_in_the_store(store: Path) -> None:
    result = settle_day(store)
    assert result["fairness"] == read_fairness(store, newest(store))
    assert result["fairness"]["worst_energy_burden"] > 0.0
    assert result["fairness"]["gini_energy_burden"] is None
    assert "energy burden" in result["words"]
    assert "from day 7" in result["words"]
    assert settle_day(store)["fairness"] == result["fairness"]


def test_a_day_of_a_store_that_kept_none_is_still_shown(store: Path) -> None:
    settle_day(store)
    connection = open_filled(store)
    connection.execute("DROP TRIGGER day_fairness_no_delete")
    connection.execute("DELETE FROM day_fairness")
    connection.commit()
    connection.close()
    again = settle_day(store)
    assert again["fairness"] is None
    assert "No fairness figures were kept" in again["words"]


def test_a_core_excess_above_the_bound_is_said_to_the_coordinator(store: Path, tmp_path: Path) -> None:
    text = SITE_FILE.read_text(encoding="utf-8").replace("core_excess_bound_frac: 0.25", "core_excess_bound_frac: 0.0")
    strict = tmp_path / "strict.yaml"
    strict.write_text(text.replace("solidarity_frac: 0.1 ", "solidarity_frac: 1.0 "), encoding="utf-8")
    result = settle_day(store, strict)
    assert result["fairness"]["is_core_excess_above_bound"] == 1.0
    assert any(note.startswith("core excess: a group of members would gain") for note in result["notes"])
    assert "above the by-law's bound of 0 %" in " ".join(result["words"].split())


def test_figures_reach_back_over_the_month(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    connection = open_filled(path, intervals(DAY - timedelta(days=1)), intervals(DAY))
    settle(connection, day=DAY - timedelta(days=1))
    connection.close()
    assert settle_day(path)["fairness"]["day_of_period"] == 2.0
