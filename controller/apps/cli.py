"""The ``commonwatt`` command."""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from config.errors import CommonWattError
from controller.apps.demo_arguments import demo
from controller.apps.explain_options import explain
from controller.apps.extras import EXIT_FAILED, extra

app = typer.Typer(
    name="commonwatt",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Event-driven real-time market controller for community microgrids.",
    epilog="Start with: commonwatt demo",
)


def main() -> None:
    """Entry point: a user's mistake ends in one clear message, never in a bare traceback."""
    try:
        app()
    except CommonWattError as error:
        typer.secho(f"commonwatt: {error}", err=True, fg=typer.colors.RED)
        sys.exit(EXIT_FAILED)
    except KeyboardInterrupt:
        typer.echo("commonwatt: stopped", err=True)
        sys.exit(130)


def _print_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"commonwatt {version('commonwatt')}")
        raise typer.Exit


@app.callback()
def set_up(
    *,
    is_version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and stop.",
            callback=lambda value: _print_version(is_asked=value),
            is_eager=True,
        ),
    ] = False,
    log_level: Annotated[
        str, typer.Option("--log-level", help="debug, info, warning or error; to stderr.")
    ] = "warning",
) -> None:
    """Event-driven real-time market controller for community microgrids."""
    del is_version
    levels = {"debug", "info", "warning", "error"}
    if log_level not in levels:
        raise typer.BadParameter(f"{log_level!r} is not one of {', '.join(sorted(levels))}", param_hint="--log-level")
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


app.command(
    epilog="Example: commonwatt demo --members 12 --days 1 --seed 7 --event 18:00-20:00@3.5kW",
)(demo)


@app.command(epilog="Example: commonwatt check site.yaml")
def check(
    site: Annotated[Path, typer.Argument(help="The site file.")],
    *,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Check a site file and report every error at once."""
    from controller.apps.check_command import check_file

    raise typer.Exit(check_file(site, is_json=is_json))


app.command(epilog="Example: commonwatt explain m03 --config commonwatt-demo/site.yaml --language de")(explain)


@app.command(
    epilog="Example: commonwatt replay commonwatt-demo/commonwatt.bundles/20260512T100002Z_2-20260512T1000Z-0.cwbundle"
)
def replay(
    bundle: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A bundle from the folder beside the store.")
    ],
    *,
    solver: Annotated[
        Literal["glpk", "highs"] | None, typer.Option(help="Solver to use; without it, the one that was used.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Solve one recorded interval again, compare, and show what binds. Members are positions in the site file, from 0.

    Exit status: 0 the plans agree within tolerance, 1 they do not, 2 the bundle or the solver cannot be used.
    """
    from controller.apps.replay_command import replay_file

    raise typer.Exit(replay_file(bundle, solver=solver, is_json=is_json))


@app.command(epilog="Example: commonwatt run --config site.yaml --dry-run")
def run(
    *,
    config: Annotated[Path, typer.Option(help="The site file.")],
    is_dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan and record, send nothing to devices.")] = False,
    intervals: Annotated[int | None, typer.Option(min=1, help="Stop after this many intervals.")] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout at the end.")] = False,
) -> None:
    """Run the controller against the site's broker."""
    from controller.apps.run_command import run_controller

    raise typer.Exit(run_controller(config, is_dry_run=is_dry_run, intervals=intervals, is_json=is_json))


@app.command(epilog="Example: commonwatt simulate --config site.yaml --seed 7")
def simulate(
    *,
    config: Annotated[Path, typer.Option(help="The site file.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same homes.")] = 1,
    profiles: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder with recorded homes.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=60, help="Stop after this many days.")] = 7,
    passwords: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="File with gateway:password lines, where the broker asks for them."
        ),
    ] = None,
) -> None:
    """Play the site's meters, batteries, cars and appliances on its broker, in real time."""
    with extra("sim"):
        from controller.apps.simulate_command import run_simulation

    raise typer.Exit(run_simulation(config, seed=seed, profiles=profiles, days=days, passwords=passwords))


@app.command(epilog="Example: commonwatt settle --config site.yaml --day 2026-06-12")
def settle(  # noqa: PLR0913 (one for each option)
    *,
    config: Annotated[Path, typer.Option(help="The site file.")],
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Local day to settle.")] = None,
    game: Annotated[
        Literal["metered", "reoptimised"] | None,
        typer.Option(help="Flows as metered, or every coalition's own best dispatch; without it, the site's choice."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for the CSV files; without it, beside the store.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A store to use instead of the site's.")
    ] = None,
    is_verified: Annotated[
        bool, typer.Option("--verify", help="Check the ledger, and that bills, readings and texts are as booked.")
    ] = False,
    anchor: Annotated[
        list[str] | None, typer.Option(help="With --verify: a published hash that the ledger has to contain.")
    ] = None,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to compute on.")] = None,
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], help="With --invoice: a month to true up.")
    ] = None,
    invoice: Annotated[str | None, typer.Option(help="The utility's invoice of that month, such as 1234.56.")] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Settle a day, or settle it again: bills, ledger, explanations, CSV files. The same data give the same bytes.

    With --month and --invoice: book what the utility's invoice of a month that is over differs from its bills.

    Exit status: 0 done (and the ledger is whole, with --verify), 1 failed or broken, 2 bad use.
    """
    from controller.apps.settle_command import SettleWish
    from controller.apps.settle_command import settle as settle_day
    from models.settlement.settle_day import GameKind

    wish = SettleWish(
        day=None if day is None else day.date(),
        game=None if game is None else GameKind(game),
        output=output,
        store=store,
        is_verified=is_verified,
        anchors=tuple(anchor or ()),
        dask=dask,
        month=None if month is None else month.date(),
        invoice=invoice,
    )
    raise typer.Exit(settle_day(config, wish, is_json=is_json))


@app.command("import-meters", epilog="Example: commonwatt import-meters june.csv --config site.yaml --stamps local")
def import_meters(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The network operator's CSV file.")],
    *,
    config: Annotated[Path, typer.Option(help="The site file.")],
    unit: Annotated[
        Literal["Wh", "kWh", "W", "kW"] | None, typer.Option(help="Unit of the values, where headings do not say.")
    ] = None,
    stamps: Annotated[Literal["utc", "local"] | None, typer.Option(help="What times without an offset are.")] = None,
    marks: Annotated[
        Literal["start", "end"], typer.Option("--stamps-mark", help="Which end of the interval a time names.")
    ] = "start",
    member: Annotated[str | None, typer.Option(help="Whose values they are, where no column says.")] = None,
    store: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A store to use instead of the site's.")
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    r"""Take the operator's validated meter values over the metered ones, and tell which days to settle again.

    Columns: a time; the member; and import_kwh, export_kwh (or _wh, _kw, _w), or OBIS codes such as "1-1:1.9.0 \[kWh]",
    or obis, value and unit. A file is imported whole or not at all. Exit status: 0 imported, 1 refused, 2 bad use.
    """
    from controller.apps.import_command import ImportWish
    from controller.apps.import_command import import_meters as import_file

    wish = ImportWish(file=file, store=store, unit=unit, stamps=stamps, marks=marks, member=member)
    raise typer.Exit(import_file(config, wish, is_json=is_json))
