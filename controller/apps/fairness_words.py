"""Fairness figures of a settled day for readers: the worst-off beside every index, losers beside clipped Ginis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from controller.record.day_records import DaySettlement
from controller.record.fairness_rows import read_day_fairness
from controller.record.reader import open_reader
from controller.record.records import Figures
from models.fairness.indices import FIRST_SHOWN_DAY

NOT_YET = f"from day {FIRST_SHOWN_DAY}"
"""Shown for indices of a period's first days, which a single dear day would dominate."""
UNDEFINED = "undefined"
SPREAD_HEADINGS = ("month so far", "worst off", "Gini", "Jain", "Theil")
BENEFIT_HEADINGS = (
    "saving against being alone",
    "losers",
    "Gini, losses as 0",
    "top fifth's part",
    "without / with devices",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessPage:
    """Tables and sentences, all text."""

    spread: tuple[tuple[str, ...], ...]
    """Rows under ``SPREAD_HEADINGS``."""
    benefit: tuple[str, ...]
    """The row under ``BENEFIT_HEADINGS``."""
    sentences: tuple[str, ...]


def lay_out_fairness(figures: Figures) -> FairnessPage:
    """The figures of a settled day as ``describe_fairness`` names them; what is undefined says so."""
    is_shown = (figures.get("day_of_period") or 0.0) >= FIRST_SHOWN_DAY
    return FairnessPage(
        spread=(
            _spread_row("energy burden", _percent(figures, "worst_energy_burden"), "energy_burden", figures, is_shown),
            _spread_row(
                "renewable access", _percent(figures, "least_renewable_access"), "renewable_access", figures, is_shown
            ),
        ),
        benefit=(
            "energy, month so far",
            _percent(figures, "equity_losers_percent", 1.0),
            _index(figures, "equity_gini_benefit"),
            _percent(figures, "equity_cr20_benefit"),
            _index(figures, "equity_bpr_asset_poor_over_rich"),
        ),
        sentences=tuple(_sentences(figures)),
    )


def read_fairness(store: Path, day: DaySettlement) -> dict[str, float | None] | None:
    """The figures of a settled day; ``None``: it was settled by a version that kept none.

    Raises:
        StoreError: the store cannot be read.
    """
    with open_reader(store) as reader:
        return read_day_fairness(reader.select, day.local_day, day.revision)


def print_fairness(console: Console, figures: Figures | None) -> None:
    """Both tables and the sentences."""
    if figures is None:
        console.print("No fairness figures were kept of this revision.")
        return
    page = lay_out_fairness(figures)
    for headings, rows in ((SPREAD_HEADINGS, page.spread), (BENEFIT_HEADINGS, (page.benefit,))):
        table = Table()
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for sentence in page.sentences:
        console.print(sentence, highlight=False)


def _spread_row(words: str, worst: str, name: str, figures: Figures, is_shown: bool) -> tuple[str, ...]:  # noqa: FBT001
    indices = (_index(figures, f"{kind}_{name}") if is_shown else NOT_YET for kind in ("gini", "jain", "theil"))
    return (words, worst, *indices)


def _sentences(figures: Mapping[str, float | None]) -> list[str]:
    days, known = _count(figures, "day_of_period"), _count(figures, "members_with_burden")
    members = _count(figures, "members")
    basis = (
        f"Settled days of the month: {days}. Burden: what was billed, and the part of the month's peak charge that "
        f"belongs to these days, over the income of these days, known of {known} of {members} members; "
        "worst off is the highest burden, and the lowest renewable access."
    )
    told = [basis]
    told.append(
        "Saving: what a member pays less for energy than by itself, as a share of that. Losers are those who pay "
        "more; a Gini that counts losses as 0 does not see them. Last: the mean saving of members without PV, battery "
        "or car over that of those with."
    )
    losers = figures.get("losers_against_unit_weights")
    if losers is not None:
        told.append(
            f"{losers:.0f} of {members} members get less of the last day's gain than they would with equal weights and "
            "without solidarity."
        )
    peak_losers = figures.get("peak_losers_against_unit_weights")
    if peak_losers:
        told.append(
            f"{peak_losers:.0f} of {members} members save less of the month's peak charge than they would with equal "
            "weights."
        )
    told.append(_tell_core(figures))
    return told


def _tell_core(figures: Figures) -> str:
    excess, bound = figures.get("core_excess_frac"), figures.get("core_excess_bound_frac") or 0.0
    if excess is None:
        return "Core excess: undefined, as nothing was gained."
    kept = "above" if figures.get("is_core_excess_above_bound") else "within"
    return (
        f"Core excess: the most that a group of members would gain by leaving is {100.0 * excess:.1f} % of the gain, "
        f"{kept} the by-law's bound of {100.0 * bound:.0f} %."
    )


def _count(figures: Figures, name: str) -> str:
    return f"{figures.get(name) or 0.0:.0f}"


def _index(figures: Figures, name: str) -> str:
    value = figures.get(name)
    return UNDEFINED if value is None else f"{value:.3f}"


def _percent(figures: Figures, name: str, scale: float = 100.0) -> str:
    value = figures.get(name)
    return UNDEFINED if value is None else f"{scale * value:.1f} %"
