"""Commands of settlement, called as a user calls them, on a store with two days."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from controller.apps.cli import app
from tests.controller.record.settled_days import DAY, ROOT, intervals, open_filled

SITE_FILE = str(ROOT / "config" / "sites" / "six.yaml")
NEXT = DAY + timedelta(days=1)


def two_days(folder: Path) -> Path:
    """A store with two days that are not settled."""
    path = folder / "s.sqlite"
    open_filled(path, intervals(DAY), intervals(NEXT)).close()
    return path


def call(*arguments: str, status: int = 0) -> tuple[dict[str, Any], str]:
    """The JSON object and what was said beside it."""
    done = CliRunner().invoke(app, [*arguments, "--config", SITE_FILE, "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 1
    return (json.loads(lines[0]) if lines else {}), done.stderr


def settle_day(store: Path, *more: str, day: str = str(DAY)) -> dict[str, Any]:
    return call("settle", "--store", str(store), "--day", day, "--output", str(store.parent / "out"), *more)[0]
