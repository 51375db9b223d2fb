"""One member's explanation for the demo's report, as the store holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.apps.explain_page import tabulate
from controller.record.catalogues import load_language
from controller.record.reader import open_reader
from controller.record.records import ExplanationRow

LANGUAGE = "en"
"""The report is in English; ``commonwatt explain`` speaks the others."""


def tell_one_member(store_path: Path, members: tuple[str, ...], currency: str) -> dict[str, Any] | None:
    """Sentences and tables of the member with the middle benefit of the newest settled day; ``None``: none is settled.

    Args:
        store_path: The demo's store.
        members: Ids of the members.
        currency: The site's.

    Raises:
        StoreError: The store cannot be read.
    """
    with open_reader(store_path) as reader:
        days = reader.explained_days()
        if not days:
            return None
        told = [(member, found[1]) for member in members if (found := reader.day_explanations(member, days[-1]))]
    ordered = sorted(told, key=lambda one: (_benefit(one[1]), one[0]))
    member, rows = ordered[(len(ordered) - 1) // 2]
    numbers: dict[str, float | None] = {}
    for row in rows:
        numbers |= row.numbers
    return {
        "member": member,
        "day": days[-1].isoformat(),
        "sentences": [row.texts[LANGUAGE] for row in rows],
        "tables": tabulate(numbers, currency, load_language(LANGUAGE)),
    }


def _benefit(rows: tuple[ExplanationRow, ...]) -> float:
    return max((row.numbers.get("benefit_eur") or 0.0 for row in rows if row.topic == "benefit"), default=0.0)
