"""A member's explanation for a reader at a terminal: sentences first, then the parts as small tables."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.explanation.labels import (
    ASSETS,
    CORRECTION,
    HEADINGS,
    PARTS,
    PEAK,
    SUBTRACTED,
    SUMMARY,
    TIMES,
    WEIGHT,
    WEIGHTS,
)
from models.explanation.language import Language

WIDTH = 88
"""Columns of running text that are easy to read."""
TABLES = (
    ("summary", SUMMARY),
    ("parts", PARTS),
    ("times", TIMES),
    ("assets", ASSETS),
    ("correction", CORRECTION),
    ("peak", PEAK),
)


def print_explanation(answer: Mapping[str, Any], language: Language, console: Console | None = None) -> None:
    """Print an answer as ``explain_command`` and ``explain_interval`` describe it."""
    console = console or Console()
    width = min(WIDTH, console.width)
    for sentence in answer["sentences"]:
        # Wrapped here: rich would break a line between a number and its unit.
        console.print(escape(fill(sentence, width)), highlight=False, soft_wrap=True)
        console.print()
    numbers: dict[str, float] = {}
    for explanation in answer["explanations"]:
        numbers |= explanation["numbers"]
    for heading, table in tabulate(numbers, answer["currency"], language):
        console.print(f"[bold]{escape(heading)}[/bold]", highlight=False)
        console.print(_draw(table))


def tabulate(
    numbers: Mapping[str, float | None], currency: str, language: Language
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Headings with rows of words and amounts, for the numbers that there are; amounts of nothing are left out."""
    tables = [(name, _list_amounts(labels, numbers, currency, language)) for name, labels in TABLES]
    tables.append(("weight", _list_weights(numbers, language)))
    return [(language.say(HEADINGS[name]), rows) for name, rows in tables if rows]


def _list_amounts(
    labels: Mapping[str, str], numbers: Mapping[str, float | None], currency: str, language: Language
) -> list[tuple[str, str]]:
    return [
        (language.say(label), language.amount(-value if key in SUBTRACTED else value, currency))
        for key, label in labels.items()
        if (value := numbers.get(key))
    ]


def _list_weights(numbers: Mapping[str, float | None], language: Language) -> list[tuple[str, str]]:
    return [
        (language.say(label), (language.weight if key in WEIGHTS else language.weight_change)(value))
        for key, label in WEIGHT.items()
        if (value := numbers.get(key))
    ]


def _draw(rows: list[tuple[str, str]]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_column(justify="left")
    table.add_column(justify="right", no_wrap=True)
    for words, amount in rows:
        table.add_row(escape(words), escape(amount))
    return table
