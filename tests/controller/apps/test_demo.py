"""The demo from end to end: what it must reach, that it repeats, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TIMING_FIELDS = ("solve_s", "loop_stall_s_max", "wall_s")


def play(output: Path, *options: str, hash_seed: str = "0") -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from controller.apps.cli import main; main()",
            "demo",
            "--json",
            "--output",
            str(output),
            *options,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert len(lines) == 1
    result: dict[str, Any] = json.loads(lines[0])
    return result


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def result(output: Path) -> dict[str, Any]:
    return play(output, "--members", "6", "--seed", "3")


def assert_reached(result: dict[str, Any]) -> None:
    assert result["intervals"] == 96
    assert result["plans_by_rung"] == {"optimal": 96}
    assert result["max_energy_residual_wh"] <= 1.0
    assert result["community_cost"]["controlled"] < result["community_cost"]["uncontrolled"]
    assert result["peak_import_kw"]["controlled"] < result["peak_import_kw"]["uncontrolled"]
    ends = result["setpoints"]
    assert ends["sent"] == ends["acknowledged"] + ends["refused"] + ends["expired"]
    assert ends["acknowledged"] > 0


@pytest.mark.timeout(300)
def test_every_interval_is_planned_optimally_and_costs_and_peak_fall(result: dict[str, Any]) -> None:
    assert_reached(result)


@pytest.mark.timeout(300)
def test_the_result_has_every_promised_figure(result: dict[str, Any]) -> None:
    pairs = ("peak_import_kw", "community_cost", "gini_energy_burden", "gini_renewable_access")
    assert all(set(result[name]) == {"uncontrolled", "controlled"} for name in pairs)
    assert set(result["solve_s"]) == {"median", "max"}
    assert {"intervals", "replans", "loop_stall_s_max", "wall_s"} <= set(result)


@pytest.mark.timeout(300)
def test_burdens_are_those_of_the_settled_bills(result: dict[str, Any], output: Path) -> None:
    fairness = result["fairness"]
    assert result["days"] == fairness["day_of_period"] == 1
    assert result["worst_energy_burden"]["controlled"] == pytest.approx(fairness["worst_energy_burden"], rel=0.01)
    assert result["least_renewable_access"]["controlled"] == pytest.approx(fairness["least_renewable_access"], abs=0.01)
    assert fairness["gini_energy_burden"] is None
    with sqlite3.connect(output / "commonwatt.sqlite") as connection:
        first, *_, last = (
            json.loads(row[0]) for row in connection.execute("SELECT fairness FROM decisions ORDER BY valid_from_ms")
        )
    assert first["worst_energy_burden"] is first["gini_energy_burden"] is None
    assert last["worst_energy_burden"] >= 0.0
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "How fairly it is spread" in page
    assert page.count("<td>from day 7</td>") == 6


@pytest.mark.timeout(300)
def test_a_communitys_cost_is_the_sum_of_its_parts(result: dict[str, Any]) -> None:
    for course in ("uncontrolled", "controlled"):
        parts = result["community_cost_parts"][course]
        assert result["community_cost"][course] == pytest.approx(sum(parts.values()), abs=1e-4)


@pytest.mark.timeout(300)
def test_the_same_seed_gives_the_same_day_whatever_the_hash_seed(result: dict[str, Any], tmp_path: Path) -> None:
    again = play(tmp_path, "--members", "6", "--seed", "3", hash_seed="4711")
    for name in TIMING_FIELDS:
        again.pop(name)
    assert again == {name: value for name, value in result.items() if name not in TIMING_FIELDS}


@pytest.mark.timeout(300)
def test_the_report_needs_nothing_from_elsewhere(result: dict[str, Any], output: Path) -> None:
    assert result["intervals"] == 96
    page = (output / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 8
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", page)
    assert "url(http" not in page
    assert json.loads((output / "result.json").read_text()) == result


@pytest.mark.timeout(300)
def test_the_store_has_one_decision_an_interval_and_an_end_for_each_setpoint(
    result: dict[str, Any], output: Path
) -> None:
    with sqlite3.connect(output / "commonwatt.sqlite") as connection:
        ticks = connection.execute("SELECT count(*) FROM decisions WHERE replan = 0").fetchone()[0]
        open_ends = connection.execute(
            "SELECT count(*) FROM setpoints WHERE state NOT IN ('acknowledged', 'refused', 'expired')"
        ).fetchone()[0]
    assert ticks == 96
    assert open_ends == 0
    assert result["setpoints"]["sent"] > 0


@pytest.mark.timeout(300)
def test_recorded_homes_reach_the_same(california_profiles: Path, tmp_path: Path) -> None:
    assert_reached(play(tmp_path, "--members", "6", "--profiles", str(california_profiles)))
