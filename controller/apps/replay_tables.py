"""A replay for a reader at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

SHOWN_AT_MOST = 40
"""Rows of a table; the rest is counted."""


def print_replay(replay: Mapping[str, Any], console: Console | None = None) -> None:
    """Print a replay as ``replay_command.describe`` gives it."""
    console = console or Console()
    console.print(
        f"Decision {escape(replay['decision_id'])}, plan from {replay['start_utc']}: {replay['members']} members, "
        f"{replay['steps']} steps, rung {escape(replay['rung'])}",
        highlight=False,
    )
    console.print(f"problem {replay['problem_sha256']}", highlight=False)
    _print_versions(replay["versions"], console)
    console.print(_plans(replay["recorded"], replay["resolved"]))
    if replay["worths"]:
        console.print(_worths(replay["worths"]))
        console.print(_schedule(replay["schedule"]) if replay["schedule"] else "Schedules: the same in every entry")
    for which, violations in replay["audit"].items():
        for violation in violations:
            console.print(f"[red]audit of the {which} plan: {escape(violation)}[/red]", highlight=False)
    if replay["binding"]:
        console.print(_bindings(replay["binding"]))
    console.print(_verdict(replay), highlight=False)


def _verdict(replay: Mapping[str, Any]) -> str:
    failure = replay["resolved"]["failure"]
    if failure:
        return f"[red]Not solved again: {escape(failure)}[/red]"
    if not replay["agrees"]:
        return "[red]It does not agree with the record.[/red]"
    if not replay["worths"]:
        return "[yellow]No plan is on record for this interval; the one made now keeps every limit.[/yellow]"
    same = "the same plan" if not replay["schedule"] else "another plan of the same worth"
    return f"[green]It agrees with the record: {same}; both keep every limit.[/green]"


def _print_versions(versions: Mapping[str, Mapping[str, str]], console: Console) -> None:
    recorded, here = versions["recorded"], versions["here"]
    names = sorted({**recorded, **here})
    changed = [name for name in names if recorded.get(name) != here.get(name)]
    if not changed:
        console.print(
            "Versions: as recorded (" + ", ".join(f"{name} {here[name]}" for name in names) + ")", highlight=False
        )
        return
    for name in changed:
        console.print(
            f"{name}: recorded with {recorded.get(name, 'nothing')}, here {here.get(name, 'nothing')}",
            style="yellow",
            markup=False,
            highlight=False,
        )


def _plans(recorded: Mapping[str, Any], resolved: Mapping[str, Any]) -> Table:
    table = Table(title="Plans", title_justify="left")
    table.add_column("")
    table.add_column("recorded", justify="right")
    table.add_column("now", justify="right")
    for label, key in (
        ("solver", "solver"),
        ("ended", "termination"),
        ("gap", "gap_frac"),
        ("time [s]", "solve_s"),
        ("cost F [EUR]", "cost_eur"),
        ("price of equity [EUR]", "price_of_equity_eur"),
        ("peak [kW]", "peak_kw"),
        ("discomfort [EUR]", "discomfort_eur"),
        ("events' targets missed [kWh]", "event_shortfall_kwh"),
        ("limits exceeded", "softened"),
    ):
        table.add_row(escape(label), _show(recorded.get(key)), _show(resolved.get(key)))
    return table


def _worths(worths: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Do they agree?", title_justify="left")
    table.add_column("")
    for name in ("recorded", "now", "difference", "tolerance"):
        table.add_column(name, justify="right")
    table.add_column("")
    for worth in worths:
        verdict = "[green]yes[/green]" if worth["is_close"] else "[red]no[/red]"
        difference = worth["resolved"] - worth["recorded"]
        table.add_row(
            escape(f"{worth['name']} [{worth['unit']}]"),
            _show(worth["recorded"]),
            _show(worth["resolved"]),
            f"{difference:+.5f}",
            f"{worth['tolerance']:.5f}",
            verdict,
        )
    return table


def _schedule(entries: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Where the schedules differ most", title_justify="left")
    table.add_column("quantity")
    for name in ("row", "step", "recorded", "now", "entries that differ"):
        table.add_column(name, justify="right")
    for entry in entries:
        step = "" if entry["step"] < 0 else str(entry["step"])
        table.add_row(
            entry["quantity"],
            str(entry["row"]),
            step,
            _show(entry["recorded"]),
            _show(entry["resolved"]),
            str(entry["count"]),
        )
    return table


def _bindings(bindings: Sequence[Mapping[str, Any]]) -> Table:
    title = "What binds (worth: what one more unit would save the equity stage, the most of any step)"
    table = Table(title=title, title_justify="left")
    table.add_column("limit")
    table.add_column("where")
    table.add_column("steps")
    table.add_column("at", justify="right")
    table.add_column(escape("worth [EUR]"), justify="right")
    for binding in bindings[:SHOWN_AT_MOST]:
        worth = "" if binding["dual_eur"] is None else f"{binding['dual_eur']:.4f}"
        at = f"{binding['value']:.3f} {binding['unit']}"
        table.add_row(binding["limit"], binding["place"] or "community", _spans(binding["steps"]), at, worth)
    if len(bindings) > SHOWN_AT_MOST:
        table.add_row(f"and {len(bindings) - SHOWN_AT_MOST} more, by --json", "", "", "", "")
    return table


def _spans(steps: Sequence[int]) -> str:
    """``0-3, 7`` for 0, 1, 2, 3, 7; ``all`` for a limit on the whole horizon."""
    if not steps:
        return "all"
    spans: list[list[int]] = []
    for step in steps:
        if spans and step == spans[-1][1] + 1:
            spans[-1][1] = step
        else:
            spans.append([step, step])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def _show(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(_show(item) for item in value) or "none"
    return f"{value:.5f}" if isinstance(value, float) else escape(str(value))
