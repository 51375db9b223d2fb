"""What a demo is asked to play."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path

STORE_NAME = "commonwatt.sqlite"
"""The demo's store, in its output folder."""
SITE_NAME = "site.yaml"
"""The invented community, beside it, for the commands that ask for a site file."""

MOST_EVENT_KW = 10_000.0
"""Largest target of an event, either way: as large as a community's connection may be in a site file [kW]."""
_EVENT = re.compile(
    r"(?P<start>(?:[01]\d|2[0-3]):[0-5]\d)-(?P<end>(?:[01]\d|2[0-3]):[0-5]\d|24:00)"
    r"(?:@(?P<power_kw>[-+]?\d+(?:\.\d+)?) ?kW)?",
    re.IGNORECASE,
)
_WATTS = re.compile(r"@([-+]?\d+(?:\.\d+)?) ?W$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedEvent:
    """A demand-response event on the demo's first day, in the site's local time."""

    start: time
    end: time
    """Not after the start: on the following day."""
    power_kw: float | None
    """Most that the community should draw, net [kW]; ``None``: no target."""


def read_event(text: str) -> AskedEvent:
    """An event as it is asked for, such as ``18:00-20:00`` or ``18:00-20:00@3.5kW``.

    Raises:
        ValueError: It is not written so; the message says what was found and what is accepted.
    """
    found = _EVENT.fullmatch(text.strip())
    if found is None:
        accepted = "HH:MM-HH:MM or HH:MM-HH:MM@KW, such as 18:00-20:00 or 18:00-20:00@3.5kW"
        watts = _WATTS.search(text.strip())
        hint = f"; {watts[1]} W is {float(watts[1]) / 1000.0:g} kW" if watts else ""
        raise ValueError(f"found {text!r}; accepted is {accepted}{hint}")
    start, end = (time.fromisoformat(found[name].replace("24:00", "00:00")) for name in ("start", "end"))
    if start == end:
        raise ValueError(f"found {text!r}, which takes no time; accepted is an end that differs from the start")
    power_kw = None if found["power_kw"] is None else float(found["power_kw"])
    if power_kw is not None and abs(power_kw) > MOST_EVENT_KW:
        raise ValueError(f"found {text!r}; accepted is a target from {-MOST_EVENT_KW:g} to {MOST_EVENT_KW:g} kW")
    return AskedEvent(start=start, end=end, power_kw=power_kw)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Options of ``commonwatt demo``; ``None`` means: what the site file or the recording says."""

    members: int
    days: int
    seed: int
    output: Path
    """Folder for the report, the result and the store."""
    site_file: Path | None = None
    """Play this site instead of an invented community."""
    profiles: Path | None = None
    """Folder with recorded homes."""
    homes: tuple[str, ...] = ()
    """Recorded homes to play, in the order of members; empty: a balanced choice."""
    start: date | None = None
    """Local day at whose midnight the demo starts."""
    zone: str | None = None
    export_price_eur_per_kwh: float | None = None
    history_days: int = 14
    events: tuple[AskedEvent, ...] = ()
    """Demand-response events, announced over MQTT as a grid operator would."""
