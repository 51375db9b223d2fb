"""Draws how planning time grows with the community, from the JSON lines of ``plan.py``.

Example:
    python tests/benchmarks/plan_growth.py tests/benchmarks/plan_results.jsonl docs/images/plan_growth.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = {"glpk": "#0b7285", "highs": "#f2a20c"}
NAMES = {"glpk": "GLPK", "highs": "HiGHS"}
STAGES = ("write the program", "efficiency", "equity", "tie-break")
STAGE_COLOURS = ("#9aa5b1", "#2b8a3e", "#5f3dc4", "#c92a2a")


def read_results(path: Path) -> list[dict[str, Any]]:
    """One result for each line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Median time against members for each solver, and the shares of the stages."""
    style: Any = {"font.size": 10, "svg.hashsalt": "commonwatt", "svg.fonttype": "none", "axes.spines.top": False}
    with mpl.rc_context({**style, "axes.spines.right": False}):
        figure = Figure(figsize=(11.6, 4.6), layout="constrained")
        growth, shares = figure.subplots(1, 2)
        for solver, colour in COLOURS.items():
            rows = [row for row in results if row["solver"] == solver and not row["extras"]]
            growth.loglog(*_medians(rows), "o-", color=colour, label=NAMES[solver])
            extras = [row for row in results if row["solver"] == solver and row["extras"]]
            if extras:
                growth.loglog(*_medians(extras), "s--", color=colour, label=f"{NAMES[solver]}, cars and runs")
            based = [row for row in rows if row.get("baseline_median_s")]
            growth.loglog(
                [row["members"] for row in based],
                [row["baseline_median_s"] for row in based],
                "o:",
                color=colour,
                alpha=0.6,
                label=f"{NAMES[solver]}, plain Pyomo",
            )
        growth.set(xlabel="members", ylabel="median of the whole plan [s]")
        growth.grid(color="#e4e7eb")
        growth.legend(frameon=False, fontsize=9, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
        labels = [
            f"{row['members']} {NAMES[row['solver']]}" + (", cars and runs" if row["extras"] else "") for row in results
        ]
        left = [0.0] * len(results)
        for stage, (name, colour) in enumerate(zip(STAGES, STAGE_COLOURS, strict=True)):
            parts = [100.0 * row["stage_median_s"][stage] / sum(row["stage_median_s"]) for row in results]
            shares.barh(labels, parts, left=left, color=colour, label=name)
            left = [start + part for start, part in zip(left, parts, strict=True)]
        shares.set(xlabel="share of the time [%]", xlim=(0, 100))
        shares.invert_yaxis()
        shares.legend(frameon=False, fontsize=9, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0))
        figure.savefig(path, metadata={"Date": None})


def _medians(rows: list[dict[str, Any]]) -> tuple[list[int], list[float]]:
    """Members and median seconds."""
    return [row["members"] for row in rows], [row["median_s"] for row in rows]


if __name__ == "__main__":
    draw(read_results(Path(sys.argv[1])), Path(sys.argv[2]))
