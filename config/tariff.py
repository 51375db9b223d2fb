"""What energy costs: one tariff for all members of the community."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.base import ClockTime, Part, PriceEurPerKwh

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class FlatPrice(Part):
    """One price at all times."""

    kind: Literal["flat"] = "flat"
    price_eur_per_kwh: PriceEurPerKwh


class PriceWindow(Part):
    """Hours of the local day with a price of their own; a window may run past midnight."""

    start: ClockTime
    end: ClockTime
    price_eur_per_kwh: PriceEurPerKwh
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    """Days on which the window starts; the part after midnight belongs to the same day."""
    months: Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)] = tuple(range(1, 13))
    """Months in which the window starts."""


class TimeOfUsePrice(Part):
    """A base price and windows in the site's local time; the first window that fits wins."""

    kind: Literal["time_of_use"]
    base_eur_per_kwh: PriceEurPerKwh
    windows: tuple[PriceWindow, ...] = Field(min_length=1)


class SeriesPrice(Part):
    """Prices from a CSV file: a column of interval starts and a column of prices."""

    kind: Literal["series"]
    file: Path
    """Path, relative to the site file."""
    time_column: str
    price_column: str
    stamps: Literal["utc", "local"] = "utc"
    """``local``: naive stamps in the site's zone; ``utc``: ISO 8601 with an offset, or naive UTC."""


Price = Annotated[FlatPrice | TimeOfUsePrice | SeriesPrice, Field(discriminator="kind")]


class Tariff(Part):
    """Prices [currency/kWh], the network fee on shared energy and the charge on the period's peak."""

    import_price: Price
    export_price: Price
    network_fee_eur_per_kwh: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    """Fee on each kWh that one member supplies to another."""
    peak_charge_eur_per_kw: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    """Charge on the community's largest interval mean import of a billing period (local calendar month)."""
    local_price: Literal["mid_market", "supply_demand_ratio"] = "mid_market"
    """How the price inside the community lies between import price less fee and export price."""
    islanded_price_eur_per_kwh: PriceEurPerKwh = 0.2
    """Price of energy shared while the grid is away."""
