"""Plots of a demo as SVG text, drawn without a screen."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controller.apps.demo_result import DemoSeries, FloatArray

INK = "#1f2933"
GRID = "#e4e7eb"
WITHOUT = "#9aa5b1"
WITH = "#0b7285"
SUN = "#f2a20c"
BATTERY = "#5f3dc4"
PRICE = "#c92a2a"
LOCAL = "#2b8a3e"

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "commonwatt",
    "svg.fonttype": "none",
}
MOST_NAMED_MEMBERS = 40
"""Beyond this many members, a bar's label would not be readable."""


@contextmanager
def _canvas(height_in: float, width_in: float = 9.6) -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        yield figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    with mpl.rc_context(STYLE):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _time_axis(axes: Axes, zone: str) -> None:
    tz = ZoneInfo(zone)
    locator = mdates.AutoDateLocator(tz=tz, minticks=5, maxticks=10)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=tz))
    axes.margins(x=0.01)


def _days(moments: Sequence[datetime]) -> FloatArray:
    """Matplotlib's dates [d since 1970]."""
    return np.asarray(mdates.date2num(list(moments)), dtype=np.float64)


def _steps(axes: Axes, starts: Sequence[datetime], values: FloatArray, **style: Any) -> None:
    axes.step(_days(starts), values, where="post", **style)


def draw_import(series: DemoSeries) -> str:
    """Community import with and without the controller."""
    with _canvas(3.6) as (figure, axes):
        before, after = series.uncontrolled, series.controlled
        _steps(axes, series.starts_utc, before.net_import_kw, color=WITHOUT, lw=1.6, label="without controller")
        _steps(axes, series.starts_utc, after.net_import_kw, color=WITH, lw=2.0, label="with controller")
        for course, colour in ((before, WITHOUT), (after, WITH)):
            axes.axhline(course.peak_kw, color=colour, lw=0.9, ls=":")
        axes.axhline(0.0, color=INK, lw=0.7)
        axes.set_ylabel("net import [kW]")
        _time_axis(axes, series.zone)
        axes.legend(loc="upper left", ncols=2, bbox_to_anchor=(0.0, 1.14), borderaxespad=0.0)
        return _svg(figure)


def draw_batteries(series: DemoSeries) -> str:
    """Battery schedule and state of charge, with the sun behind."""
    with _canvas(3.4) as (figure, axes):
        days = _days(series.starts_utc)
        power, pv_kw = series.controlled.battery_kw, series.controlled.pv_kw
        axes.fill_between(days, pv_kw, step="post", color=SUN, alpha=0.22, lw=0, label="PV generation")
        axes.fill_between(days, power, step="post", color=BATTERY, alpha=0.55, lw=0, label="batteries (+ charging)")
        axes.axhline(0.0, color=INK, lw=0.7)
        axes.set_ylabel("power [kW]")
        level = axes.twinx()
        level.grid(visible=False)
        level.spines["top"].set_visible(False)
        level.plot(days, 100.0 * series.controlled.soc_frac, color=BATTERY, lw=1.8, label="state of charge")
        level.plot(
            days, 100.0 * series.uncontrolled.soc_frac, color=WITHOUT, lw=1.2, ls="--", label="same, without controller"
        )
        level.set_ylim(0.0, 105.0)
        level.set_ylabel("state of charge [%]")
        _time_axis(axes, series.zone)
        handles, labels = axes.get_legend_handles_labels()
        more_handles, more_labels = level.get_legend_handles_labels()
        axes.legend(
            handles + more_handles,
            labels + more_labels,
            loc="upper left",
            ncols=4,
            bbox_to_anchor=(0.0, 1.16),
            borderaxespad=0.0,
        )
        return _svg(figure)


def draw_prices(series: DemoSeries) -> str:
    """Import, local and export price."""
    with _canvas(2.5) as (figure, axes):
        _steps(axes, series.starts_utc, series.import_price, color=PRICE, lw=1.8, label="import")
        _steps(axes, series.starts_utc, series.local_price, color=LOCAL, lw=1.8, label="local (inside the community)")
        _steps(axes, series.starts_utc, series.export_price, color=SUN, lw=1.8, label="export")
        axes.set_ylabel(f"price [{series.currency}/kWh]")
        axes.set_ylim(bottom=min(0.0, float(np.min(series.export_price)) * 1.1))
        _time_axis(axes, series.zone)
        axes.legend(loc="upper left", ncols=3, bbox_to_anchor=(0.0, 1.2), borderaxespad=0.0)
        return _svg(figure)


def draw_sharing(series: DemoSeries) -> str:
    """Who received whose energy: sellers in rows, buyers in columns."""
    sellers = [index for index in range(len(series.members)) if series.received_kwh[index].sum() > 0.0]
    matrix = series.received_kwh[sellers] if sellers else np.zeros((1, len(series.members)))
    height = min(12.0, 1.6 + 0.34 * len(matrix))
    with _canvas(height) as (figure, axes):
        axes.grid(visible=False)
        image = axes.imshow(matrix, aspect="auto", cmap="YlGnBu", vmin=0.0)
        axes.set_yticks(range(len(matrix)), [series.members[index] for index in sellers] or ["nobody"])
        axes.set_xticks(range(len(series.members)), series.members, rotation=90 if len(series.members) > 14 else 0)
        axes.set_ylabel("supplied by")
        axes.set_xlabel("received by")
        if matrix.shape[1] <= 14:
            top = float(matrix.max()) or 1.0
            for (row, column), value in np.ndenumerate(matrix):
                if value >= 0.05:
                    colour = "white" if value > 0.55 * top else INK
                    axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=8, color=colour)
        figure.colorbar(image, ax=axes, label="energy [kWh]", pad=0.01)
        return _svg(figure)


def draw_by_member(series: DemoSeries, before: FloatArray, after: FloatArray, label: str) -> str:
    """A figure in percent for each member, with and without the controller."""
    count = len(series.members)
    with _canvas(3.0) as (figure, axes):
        place = np.arange(count)
        axes.bar(place - 0.2, 100.0 * before, width=0.38, color=WITHOUT, label="without controller")
        axes.bar(place + 0.2, 100.0 * after, width=0.38, color=WITH, label="with controller")
        axes.axhline(0.0, color=INK, lw=0.7)
        axes.grid(visible=False, axis="x")
        if count <= MOST_NAMED_MEMBERS:
            axes.set_xticks(place, series.members, rotation=90 if count > 14 else 0)
        axes.set_ylabel(f"{label} [%]")
        axes.margins(x=0.01)
        axes.legend(loc="upper left", ncols=2, bbox_to_anchor=(0.0, 1.16), borderaxespad=0.0)
        return _svg(figure)


def draw_split(series: DemoSeries) -> str:
    """Each member's part of the gain: its share, and what solidarity adds or takes."""
    with _canvas(3.0) as (figure, axes):
        place = np.arange(len(series.money))
        share = np.array([one.amounts["share"] for one in series.money])
        solidarity = np.array([one.amounts["solidarity"] for one in series.money])
        axes.bar(place - 0.2, share, width=0.38, color=WITH, label="share of the gain")
        axes.bar(place + 0.2, solidarity, width=0.38, color=LOCAL, label="solidarity (+ received, - given)")
        axes.plot(place, share + solidarity, "_", color=INK, ms=26, mew=2.2, label="both together")
        axes.axhline(0.0, color=INK, lw=0.7)
        axes.grid(visible=False, axis="x")
        if len(place) <= MOST_NAMED_MEMBERS:
            names = [one.member for one in series.money]
            axes.set_xticks(place, names, rotation=90 if len(place) > 14 else 0)
        axes.set_ylabel(f"part of the gain [{series.currency}]")
        axes.margins(x=0.01)
        axes.legend(loc="upper left", ncols=3, bbox_to_anchor=(0.0, 1.16), borderaxespad=0.0)
        return _svg(figure)


def draw_solve_times(series: DemoSeries) -> str:
    """Seconds that each plan took, by the rung it came from."""
    with _canvas(2.6) as (figure, axes):
        rungs = list(dict.fromkeys(series.rungs))
        for rung, colour in zip(rungs, (WITH, SUN, BATTERY, PRICE, INK), strict=False):
            chosen = [index for index, name in enumerate(series.rungs) if name == rung]
            times = _days([series.solve_at_utc[index] for index in chosen])
            axes.plot(times, series.solve_s[chosen], ".", color=colour, ms=6, label=rung)
        axes.set_ylabel("plan [s]")
        axes.set_ylim(bottom=0.0)
        _time_axis(axes, series.zone)
        axes.legend(loc="upper left", ncols=5, bbox_to_anchor=(0.0, 1.2), borderaxespad=0.0)
        return _svg(figure)
