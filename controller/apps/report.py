"""The demo's report: one HTML file with everything in it, and the summary on the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.apps import figures
from controller.apps.demo_options import STORE_NAME
from controller.apps.demo_result import DemoSeries
from controller.apps.demo_settlement import LINES
from controller.apps.fairness_words import (
    BENEFIT_HEADINGS,
    NOT_YET,
    SPREAD_HEADINGS,
    lay_out_fairness,
    print_fairness,
)
from controller.apps.report_events import list_rows, say_effect
from controller.apps.report_explanation import tell_one_member
from models.fairness.indices import FIRST_SHOWN_DAY

REPORT_NAME = "report.html"
NOTHING = "-"
"""Shown where a figure is not defined."""


def write_report(folder: Path, result: Mapping[str, Any], series: DemoSeries, notes: tuple[str, ...]) -> Path:
    """Write the report and return its path."""
    environment = Environment(
        loader=PackageLoader("controller.apps", "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    zone = ZoneInfo(series.zone)
    before, after = series.uncontrolled, series.controlled
    events = list_rows(result["demand_response"], zone)
    page = environment.get_template("report.html.j2").render(
        result=result,
        series=series,
        notes=notes,
        first=series.starts_utc[0].astimezone(zone),
        last=(series.starts_utc[-1] + timedelta(hours=series.interval_h)).astimezone(zone),
        plots={
            "import": figures.draw_import(series),
            "batteries": figures.draw_batteries(series),
            "prices": figures.draw_prices(series),
            "sharing": figures.draw_sharing(series),
            "burden": figures.draw_by_member(series, before.burden_frac, after.burden_frac, "energy burden"),
            "access": figures.draw_by_member(series, before.access_frac, after.access_frac, "renewable access"),
            "solve": figures.draw_solve_times(series),
            "split": figures.draw_split(series) if series.money else "",
        },
        members=_member_rows(series),
        parts=_cost_rows(result),
        events=events,
        effect=say_effect(result["demand_response"], result["held_back"], series.currency),
        fairness=None if result["fairness"] is None else lay_out_fairness(result["fairness"]),
        fairness_headings=(SPREAD_HEADINGS, BENEFIT_HEADINGS),
        has_ginis=result["days"] >= FIRST_SHOWN_DAY,
        has_islanded=any(one.amounts["islanded"] for one in series.money),
        money_sums={line: round(sum(one.amounts[line] for one in series.money), 6) + 0.0 for line in LINES},
        explanation=tell_one_member(folder / STORE_NAME, tuple(series.members), series.currency),
    )
    path = folder / REPORT_NAME
    path.write_text(page, encoding="utf-8")
    return path


def _member_rows(series: DemoSeries) -> list[dict[str, Any]]:
    before, after = series.uncontrolled, series.controlled
    return [
        {
            "id": member,
            "owns": " + ".join(
                word for word, has in (("PV", series.has_pv[row]), ("battery", series.has_battery[row])) if has
            )
            or NOTHING,
            "consumption_kwh": after.consumption_kwh[row],
            "received_kwh": series.received_kwh[:, row].sum(),
            "supplied_kwh": series.received_kwh[row].sum(),
            "billed_before": before.billed[row],
            "billed_after": after.billed[row],
            "access_before": 100.0 * before.access_frac[row],
            "access_after": 100.0 * after.access_frac[row],
        }
        for row, member in enumerate(series.members)
    ]


COST_PARTS = (
    ("energy", "grid energy at the tariff"),
    ("network_fee", "network fee on shared energy"),
    ("peak_charge", "peak charge, pro-rated to these days"),
    ("wear", "battery ageing"),
    ("stored", "less energy left in batteries"),
    ("deferred", "charging and runs still to be served"),
)


def _cost_rows(result: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    parts = result["community_cost_parts"]
    rows = [(words, parts["uncontrolled"][name], parts["controlled"][name]) for name, words in COST_PARTS]
    total = result["community_cost"]
    return [*rows, ("total", total["uncontrolled"], total["controlled"])]


def _figure(value: float | None, digits: int = 2) -> str:
    return NOTHING if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def change_percent(pair: Mapping[str, float | None]) -> str:
    """Change from without to with the controller, as ``-12.3 %``."""
    before, after = pair["uncontrolled"], pair["controlled"]
    if before is None or after is None or before == 0.0:
        return NOTHING
    return f"{100.0 * (after - before) / abs(before):+.1f} %"


def print_summary(console: Console, result: Mapping[str, Any], report: Path) -> None:
    """The summary table."""
    currency = result["currency"]
    table = Table(title="The same days, without and with the controller", title_justify="left")
    for heading, justify in (("", "left"), ("without", "right"), ("with", "right"), ("change", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for words, name, digits in (
        (f"community cost [{currency}]", "community_cost", 2),
        ("highest import, interval mean [kW]", "peak_import_kw", 2),
        ("highest energy burden, share of income", "worst_energy_burden", 4),
        ("Gini of energy burden", "gini_energy_burden", 3),
        ("lowest renewable access, share of use", "least_renewable_access", 3),
        ("Gini of renewable access", "gini_renewable_access", 3),
    ):
        pair = result[name]
        if name.startswith("gini_") and result["days"] < FIRST_SHOWN_DAY:
            table.add_row(words, NOT_YET, NOT_YET, NOTHING)
            continue
        table.add_row(
            escape(words),
            _figure(pair["uncontrolled"], digits),
            _figure(pair["controlled"], digits),
            change_percent(pair),
        )
    console.print(table)
    rungs = ", ".join(f"{count} {rung}" for rung, count in result["plans_by_rung"].items())
    sent = result["setpoints"]
    console.print(
        f"{result['intervals']} intervals: {rungs}; {result['replans']} re-plans between them; "
        f"plan {result['solve_s']['median']:.2f} s median, {result['solve_s']['max']:.2f} s longest"
    )
    console.print(
        f"{sent['sent']} setpoints: {sent['acknowledged']} acknowledged, {sent['refused']} refused, "
        f"{sent['expired']} expired; {result['shared_kwh']:.1f} kWh shared; "
        f"meters and store agree to {result['max_energy_residual_wh']:.2f} Wh"
    )
    if result["demand_response"]:
        said = say_effect(result["demand_response"], result["held_back"], currency)
        console.print(f"Demand response. {said}")
    settlement = result["settlement"]
    if settlement is not None:
        is_exact = "exactly" if settlement["sum_equals_tariff"] else "which is NOT"
        console.print(
            f"Settled ({settlement['stage']}, {settlement['game']} game, {settlement['method']}): "
            f"gain {_figure(settlement['gain'])} {currency}; the bills add up to "
            f"{_figure(settlement['sum_of_bills'])} {currency}, {is_exact} the utility's tariff"
        )
        print_fairness(console, result["fairness"])
    console.print(f"Report: {report.resolve()}", soft_wrap=True)
