"""Options of ``commonwatt demo``; the work is loaded when it is asked for."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

import typer

from controller.apps.demo_options import AskedEvent, DemoOptions, read_event
from controller.apps.extras import extra


def _check_zone(zone: str | None) -> str | None:
    if zone is not None and zone not in available_timezones():
        near = ", ".join(get_close_matches(zone, sorted(available_timezones()), n=3))
        hint = f"; did you mean {near}?" if near else "; accepted is a name such as Europe/Berlin"
        message = f"no time zone is called {zone!r}{hint}"
        raise typer.BadParameter(message)
    return zone


def _read_event(text: str) -> AskedEvent:
    try:
        return read_event(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def demo(  # noqa: PLR0913 (one for each option)
    *,
    members: Annotated[int, typer.Option(min=1, max=200, help="Members of the invented community.")] = 12,
    days: Annotated[int, typer.Option(min=1, max=31, help="Days to play after the history.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same days.")] = 1,
    profiles: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder with recorded homes (load_kw.csv, pv_kw.csv, homes.csv, prices.csv).",
        ),
    ] = None,
    homes: Annotated[
        str | None, typer.Option(help="Recorded homes to play, comma-separated, one for each member.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Play this site file instead of an invented community."),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="IANA zone of the recording's local stamps.", callback=_check_zone)
    ] = None,
    export_price: Annotated[float | None, typer.Option(min=-10.0, max=10.0, help="Flat feed-in price per kWh.")] = None,
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Local day to start on.")] = None,
    event: Annotated[
        list[AskedEvent] | None,
        typer.Option(
            metavar="FROM-TO[@KW]",
            help="Demand-response event on the first day, local time, announced an hour before: 18:00-20:00 lets loads "
            "be held back, 18:00-20:00@3.5kW also asks that the community draw at most 3.5 kW. Repeatable.",
            parser=_read_event,
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for report, result and store.")] = Path("commonwatt-demo"),
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Play a community, its devices and the controller for a day, in virtual time, and write a report."""
    with extra("sim"):
        from controller.apps.demo_command import run_demo

    run_demo(
        DemoOptions(
            members=members,
            days=days,
            seed=seed,
            output=output,
            site_file=config,
            profiles=profiles,
            homes=tuple(part.strip() for part in homes.split(",")) if homes else (),
            start=start.date() if start else None,
            zone=zone,
            export_price_eur_per_kwh=export_price,
            events=tuple(event or ()),
        ),
        is_json=is_json,
    )
