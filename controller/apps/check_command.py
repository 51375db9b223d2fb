"""``commonwatt check``: every error of a site file at once, in words."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from config.errors import Severity
from config.load import read_site


def check_file(path: Path, *, is_json: bool) -> int:
    """Report on a site file; returns the exit status, 0 for a good file and 1 for one with errors."""
    reading = read_site(path)
    errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    warnings = [finding for finding in reading.findings if finding.severity is not Severity.ERROR]
    if is_json:
        findings = [
            {
                "severity": finding.severity.value,
                "path": finding.path,
                "line": finding.line,
                "found": finding.found,
                "accepted": finding.accepted,
                "hint": finding.hint,
            }
            for finding in reading.findings
        ]
        typer.echo(
            json.dumps({"file": str(path), "errors": len(errors), "warnings": len(warnings), "findings": findings})
        )
        return 1 if errors else 0
    for finding in reading.findings:
        colour = typer.colors.RED if finding.severity is Severity.ERROR else typer.colors.YELLOW
        typer.secho(str(finding), err=True, fg=colour)
    if errors:
        typer.echo(f"{path}: {_count(len(errors), 'error')}, {_count(len(warnings), 'warning')}", err=True)
        return 1
    site = reading.site
    summary = "" if site is None else f": {len(site.members)} members, {len(site.gateways)} gateways"
    typer.echo(f"{path}: no errors, {_count(len(warnings), 'warning')}{summary}")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
