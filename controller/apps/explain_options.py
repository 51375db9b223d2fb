"""Options of ``commonwatt explain``; the work is loaded when it is asked for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer


def explain(
    member: Annotated[str, typer.Argument(help="Id of the member.")],
    *,
    config: Annotated[Path, typer.Option(help="The site file.")],
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Settled day; without it, the newest one.")
    ] = None,
    interval: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M%z"],
            help="An interval instead of a day; local time, or with a zone.",
        ),
    ] = None,
    language: Annotated[
        Literal["en", "de", "fr", "es", "it"] | None, typer.Option(help="Without it, the site's language.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A store to read instead of the site's.")
    ] = None,
    with_what_if: Annotated[
        bool,
        typer.Option(
            "--what-if",
            help="Solve the interval again: without what moved the battery, with the car or appliance at another time.",
        ),
    ] = False,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Tell a member why its bill, or its devices in an interval, are as they are.

    Exit status: 0 told, 1 nothing to tell (not settled yet), 2 no such member or bad use.
    """
    from controller.apps.explain_command import Question, explain_member

    question = Question(
        member=member,
        day=None if day is None else day.date(),
        interval=interval,
        language=language,
        store=store,
        with_what_if=with_what_if,
    )
    raise typer.Exit(explain_member(config, question, is_json=is_json))
