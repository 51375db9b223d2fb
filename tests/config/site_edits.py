"""The example site with one thing changed, and what the check finds in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from config.errors import Finding
from config.load import parse_site

SITES = Path(__file__).parents[2] / "config" / "sites"
Edit = Callable[[dict[str, Any]], object]


def example() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((SITES / "six.yaml").read_text(encoding="utf-8"))
    return data


def findings_after(edit: Edit, folder: Path = SITES) -> list[Finding]:
    data = example()
    edit(data)
    return list(parse_site(yaml.safe_dump(data, sort_keys=False), folder).findings)


def only_finding(edit: Edit) -> Finding:
    findings = findings_after(edit)
    assert len(findings) == 1, "\n".join(map(str, findings))
    return findings[0]


def put(path: str, value: object) -> Edit:
    """An edit that sets what stands at a dotted path."""

    def edit(data: Any) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in way:
            data = data.setdefault(part, {}) if isinstance(data, dict) else data[part]
        data[last] = value

    return edit
