"""The command line as a stranger meets it: help, versions, mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

COMMANDS = ("demo", "check", "run", "simulate", "replay")
SITES = Path(__file__).parents[3] / "config" / "sites"


def call(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from controller.apps.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=60,
    )


def test_the_version_is_the_distributions() -> None:
    done = call("--version")
    assert done.returncode == 0
    assert done.stdout.strip() == f"commonwatt {version('commonwatt')}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = call(command, "--help")
    assert done.returncode == 0
    assert f"Example: commonwatt {command}" in done.stdout


def test_the_first_help_names_every_command_and_where_to_start() -> None:
    done = call("--help")
    assert all(command in done.stdout for command in COMMANDS)
    assert "commonwatt demo" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("demo", "--members", "0"),
        ("demo", "--members", "many"),
        ("demo", "--start", "12.05.2026"),
        ("demo", "--profiles", "/nowhere/at/all"),
        ("demo", "--event", "tonight"),
        ("demo", "--event", "18:00-20:00", "--event", "18:00-20:00@3500W"),
        ("run",),
        ("fly",),
        ("--log-level", "loud", "check", "x.yaml"),
    ],
)
def test_bad_use_ends_with_2_and_says_so_without_a_traceback(arguments: tuple[str, ...]) -> None:
    done = call(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert done.stdout == ""


def test_a_bad_event_is_told_with_what_was_found_and_what_is_accepted() -> None:
    said = " ".join(call("demo", "--event", "18-20").stderr.replace("│", " ").split())
    assert "'--event'" in said
    assert "found '18-20'; accepted is HH:MM-HH:MM or HH:MM-HH:MM@KW" in said


@pytest.mark.parametrize("command", ["run", "simulate", "demo"])
def test_a_bad_site_file_never_starts_anything(command: str, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text((SITES / "six.yaml").read_text().replace("Europe/Berlin", "Europe/Berlim"))
    done = call(command, "--config", str(site), cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "zone" in done.stderr
    assert "Europe/Berlin" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["site.yaml"]


def test_check_tells_a_good_site_in_a_sentence_and_as_json() -> None:
    told = call("check", str(SITES / "six.yaml"))
    assert told.returncode == 0
    assert "no errors" in told.stdout
    found = json.loads(call("check", str(SITES / "six.yaml"), "--json").stdout)
    assert found["errors"] == 0


def test_check_reports_every_error_of_a_file_at_once(tmp_path: Path) -> None:
    text = (SITES / "six.yaml").read_text()
    site = tmp_path / "site.yaml"
    site.write_text(text.replace("Europe/Berlin", "Mars/Base", 1) + "\nunknown_part: 1\n")
    done = call("check", str(site), "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert {"community.zone", "unknown_part"} <= {finding["path"] for finding in found["findings"]}


def test_a_folder_without_a_load_file_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    done = call("demo", "--profiles", str(tmp_path), "--output", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "load_kw.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_recording_that_does_not_cover_the_asked_day_names_the_days_it_has(
    california_profiles: Path, tmp_path: Path
) -> None:
    done = call(
        "demo", "--profiles", str(california_profiles), "--start", "2016-12-01", "--output", str(tmp_path / "out")
    )
    assert done.returncode == 1
    assert "2016-10-03" in done.stderr
    assert "Traceback" not in done.stderr
