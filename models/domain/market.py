"""What the market outside tells the community: prices, limits and demand-response events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceNotice:
    """Prices of the grid from a moment on."""

    ts_utc: datetime
    """When the notice was given."""
    valid_from_utc: datetime
    import_eur_per_kwh: float
    """Price of energy drawn [currency/kWh]; may be negative."""
    export_eur_per_kwh: float
    """Price of energy fed in [currency/kWh]; may be negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitNotice:
    """Limits of the community's connection from a moment on."""

    ts_utc: datetime
    """When the notice was given."""
    valid_from_utc: datetime
    import_kw: float | None
    """Most the community may draw [kW]; ``None``: the site's own limit holds again."""
    export_kw: float | None
    """Most the community may feed in [kW]; ``None``: the site's own limit holds again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventNotice:
    """A demand-response event."""

    ts_utc: datetime
    """When the notice was given."""
    valid_from_utc: datetime
    kind: str
    """The sender's word for it: a lower-case letter, then letters, digits and ``_``, at most 32."""
    start_utc: datetime
    end_utc: datetime
    power_kw: float | None
    """Net power asked of the community during the event [kW], positive = drawing; ``None``: not said."""


MarketNotice = PriceNotice | LimitNotice | EventNotice
