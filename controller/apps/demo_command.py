"""``commonwatt demo``: builds the world, plays it with live progress, measures, reports."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from controller.apps.demo import play
from controller.apps.demo_measure import count_intervals, measure
from controller.apps.demo_options import DemoOptions
from controller.apps.demo_site import write_demo_site
from controller.apps.demo_world import DemoWorld, build_world
from controller.apps.report import print_summary, write_report
from controller.loop.cycle import CycleReport
from devices.clock import real_s

RESULT_NAME = "result.json"


def run_demo(options: DemoOptions, *, is_json: bool) -> None:
    """Run the demo and show what came of it.

    Args:
        options: What to play.
        is_json: Print the result as one JSON object on stdout; everything else goes to stderr.

    Raises:
        CommonWattError: The options, the site file or the recording do not fit.
    """
    started_s = real_s()
    console = Console(stderr=True)
    with console.status("Building the community and playing its history ..."):
        world = build_world(options)
    count = count_intervals(world)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[news]}"),
        console=console,
    ) as progress:
        task = progress.add_task("intervals", total=count, news="")

        def watch(report: CycleReport) -> None:
            advance = 1 if report.replan == 0 else 0
            progress.update(task, advance=advance, news=_news(world, report))

        played = play(options, world, watch, lambda words: progress.update(task, news=words))
    result, series = measure(world, played)
    result["wall_s"] = round(real_s() - started_s, 3)
    report = write_report(options.output, result, series, world.notes)
    write_demo_site(options, world.site)
    text = json.dumps(result, allow_nan=False)
    (options.output / RESULT_NAME).write_text(text + "\n", encoding="utf-8")
    if is_json:
        typer.echo(text)
    print_summary(console, result, report)


def _news(world: DemoWorld, report: CycleReport) -> str:
    local = report.snapshot.interval_start_utc.astimezone(ZoneInfo(world.site.community.zone))
    plan = report.decision.plan
    import_kw = ""
    if plan is not None and plan.schedule is not None:
        net_kw = float((plan.schedule.import_kw - plan.schedule.export_kw)[:, 0].sum())
        import_kw = f", {net_kw:+.1f} kW planned"
    return f"{local:%a %H:%M} {report.decision.rung}{import_kw}"
