from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from controller.apps import replay_command
from controller.apps.cli import app
from models.dispatch.bundle import Bundle, encode
from models.dispatch.result import Plan
from tests.models.dispatch.recorded_plans import bundle_of, hungry, recorded, solve_with, solved


def saved(path: Path, bundle: Bundle) -> str:
    file = path / "one.cwbundle"
    file.write_bytes(encode(bundle))
    return str(file)


def replay(*arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    result = CliRunner().invoke(app, ["replay", *arguments], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def replay_json(*arguments: str) -> tuple[int, dict[str, Any]]:
    status, out, _ = replay(*arguments, "--json")
    assert out.count("\n") == 1
    return status, json.loads(out)


def test_a_bundle_replays_to_the_same_plan_with_the_solver_that_made_it(tmp_path: Path) -> None:
    status, found = replay_json(saved(tmp_path, recorded()))
    assert status == 0
    assert found["agrees"] is True
    assert found["schedule"] == []
    assert [worth["recorded"] for worth in found["worths"]] == pytest.approx(
        [worth["resolved"] for worth in found["worths"]], abs=1e-9
    )
    assert found["audit"] == {"recorded": [], "resolved": []}
    assert found["resolved"]["solver"] == "glpk"


def test_a_bundle_replays_to_a_plan_of_the_same_worth_with_the_other_solver(tmp_path: Path) -> None:
    status, found = replay_json(saved(tmp_path, recorded()), "--solver", "highs")
    assert status == 0
    assert (found["recorded"]["solver"], found["resolved"]["solver"]) == ("glpk", "highs")
    assert all(worth["is_close"] for worth in found["worths"])


def test_a_record_that_claims_another_cost_does_not_agree(tmp_path: Path) -> None:
    problem, plan = solved()
    assert plan.figures is not None
    figures = replace(plan.figures, efficient_cost_eur=plan.figures.efficient_cost_eur - 0.5)
    status, found = replay_json(saved(tmp_path, bundle_of(problem, replace(plan, figures=figures))))
    assert status == 1
    assert [worth["name"] for worth in found["worths"] if not worth["is_close"]] == ["efficient cost F*"]


def test_a_recorded_schedule_that_breaks_a_limit_does_not_agree(tmp_path: Path) -> None:
    problem, plan = solved()
    assert plan.schedule is not None
    charge_kw = plan.schedule.charge_kw + 0.01
    broken = replace(plan, schedule=replace(plan.schedule, charge_kw=charge_kw))
    status, found = replay_json(saved(tmp_path, bundle_of(problem, broken)))
    assert status == 1
    assert any("balance at member" in words for words in found["audit"]["recorded"])
    assert found["schedule"][0]["quantity"] == "charge_kw"


def test_an_interval_without_a_plan_is_solved_and_said_to_have_none(tmp_path: Path) -> None:
    file = saved(tmp_path, bundle_of(solved()[0], None))
    status, out, _ = replay(file)
    assert status == 0
    assert "No plan is on record" in out
    assert replay_json(file)[1]["worths"] == []


def test_the_tables_say_what_agrees_and_what_binds(tmp_path: Path) -> None:
    status, out, _ = replay(saved(tmp_path, recorded()))
    assert status == 0
    for words in (
        "Decision 1-20260612T1230Z-0",
        "5 members, 36 steps, rung optimal",
        "time [s]",
        "peak [kW]",
        "efficient cost F* [EUR]",
        "equity objective [EUR]",
        "Schedules: the same in every entry",
        "highest state of charge",
        "worth [EUR]",
        "It agrees with the record: the same plan",
        "numpy: recorded with 2.4, here",
    ):
        assert words in out, words


def test_limits_that_had_to_give_way_are_shown_and_agree(tmp_path: Path) -> None:
    problem = hungry()
    tight = replace(problem, community_import_limit_kw=np.full(problem.step_h.shape, 0.01))
    status, found = replay_json(saved(tmp_path, bundle_of(tight, solve_with(tight))))
    assert status == 0
    assert any("the community's import limit exceeded" in words for words in found["resolved"]["softened"])
    assert all(binding["dual_eur"] is None for binding in found["binding"])


def test_what_is_shown_of_an_error_is_not_taken_for_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_bundle: Bundle, _solver: str) -> tuple[Plan | None, str]:
        return None, "crashed: the worker said [/red] and [bold]"

    monkeypatch.setattr(replay_command, "_solve", fail)
    status, out, _ = replay(saved(tmp_path, recorded()))
    assert status == 1
    assert "Not solved again: crashed: the worker said [/red] and [bold]" in out


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "start: found b''"),
        (b"members,kw\n", "accepted: a planning bundle"),
        (b"commonwatt-bundle 2\n", "version: found b'2\\n'; accepted: 1"),
        (b"commonwatt-bundle 1\nshort", "checksum: found"),
    ],
)
def test_a_file_that_is_no_bundle_is_bad_use(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "one.cwbundle"
    file.write_bytes(content)
    status, out, err = replay(str(file), "--json")
    assert (status, out) == (2, "")
    assert words in err
    assert str(file) in err


def test_a_file_that_is_not_there_or_cannot_be_opened_is_bad_use(tmp_path: Path) -> None:
    assert replay(str(tmp_path / "none.cwbundle"))[0] == 2
    assert replay(str(tmp_path))[0] == 2


def test_a_solver_that_does_not_exist_is_bad_use(tmp_path: Path) -> None:
    file = saved(tmp_path, recorded())
    assert replay(file, "--solver", "cplex")[0] == 2
    strange = replace(recorded(), settings=replace(recorded().settings, solver="cplex"))
    status, _, err = replay(saved(tmp_path, strange))
    assert status == 2
    assert "solver: found 'cplex'; accepted: glpk | highs" in err


def test_a_solver_that_is_not_installed_is_bad_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_command, "find_spec", lambda _: None)
    status, _, err = replay(saved(tmp_path, recorded()), "--solver", "highs")
    assert status == 2
    assert "HiGHS is not installed" in err


def test_the_help_has_an_example() -> None:
    status, out, _ = replay("--help")
    assert status == 0
    assert "Example: commonwatt replay" in out
