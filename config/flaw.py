"""One thing wrong with a site, by its place in the data; ``load`` adds line and id and makes it a finding."""

from __future__ import annotations

from dataclasses import dataclass

from config.errors import Severity

Location = tuple[str | int, ...]
"""Keys and list indices from the top, such as ``("members", 3, "pv_kwp")``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What was found where, and what is accepted there. Holds no sensitive value."""

    location: Location
    found: str
    accepted: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    concerns: tuple[Location, ...] = ()
    """Other places that this one was compared with."""


def path_text(location: Location) -> str:
    """The location as people write it: ``members[3].batteries[0].capacity_kwh``."""
    text = ""
    for element in location:
        text += f"[{element}]" if isinstance(element, int) else f".{element}" if text else element
    return text
