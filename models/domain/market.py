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
    """A demand-response event: announced, changed by a newer notice, or called off."""

    ts_utc: datetime
    """When the notice was given."""
    valid_from_utc: datetime
    kind: str
    """The sender's word for it: a lower-case letter, then letters, digits and ``_``, at most 32."""
    start_utc: datetime
    end_utc: datetime
    power_kw: float | None
    """Most that the community should draw, net, during the event [kW]; negative: it should feed in. ``None``: no
    target; the event only allows curtailable loads to be held back."""
    event_id: str | None = None
    """The sender's own name for it, an identifier as in the site file; a newer notice of the same name replaces it."""
    is_cancelled: bool = False
    """The event will not take place, or is over from now on."""

    @property
    def identity(self) -> str:
        """What a newer notice has to share to be about the same event: its id or, without one, kind and start."""
        # No identifier holds an @, so the two ways never meet.
        return self.event_id or f"{self.kind}@{self.start_utc.isoformat()}"


MarketNotice = PriceNotice | LimitNotice | EventNotice
