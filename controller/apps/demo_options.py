"""What a demo is asked to play."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

STORE_NAME = "commonwatt.sqlite"
"""The demo's store, in its output folder."""
SITE_NAME = "site.yaml"
"""The invented community, beside it, for the commands that ask for a site file."""


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
