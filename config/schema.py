"""The site: everything that one YAML file says, checked as a whole."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from config.base import Identifier, Part, PowerKw
from config.gateways import Gateway
from config.members import Member
from config.operation import (
    Broker,
    ByLaw,
    Control,
    DemandResponse,
    Horizon,
    Influxdb,
    Policy,
    Settlement,
    Sharing,
    Solver,
    Store,
)
from config.tariff import Tariff


class Location(Part):
    """Where the community lies; simulated homes take the sun from it."""

    latitude_deg: Annotated[float, Field(ge=-90.0, le=90.0)]
    longitude_deg: Annotated[float, Field(ge=-180.0, le=180.0)]
    altitude_m: Annotated[float, Field(ge=-450.0, le=6000.0)] = 0.0


class Community(Part):
    """The community itself."""

    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=80)]
    zone: str
    """IANA time zone, such as ``Europe/Berlin``."""
    location: Location | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code; a label only: all amounts are in this currency."""
    language: Literal["en", "de", "fr", "es", "it"] = "en"
    import_limit_kw: PowerKw = 1000.0
    """Limit of the community's connection, drawing."""
    export_limit_kw: PowerKw = 1000.0

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            message = f"no time zone is called {value!r}"
            raise ValueError(message) from error
        return value


class Site(Part):
    """One community's whole configuration."""

    version: Literal[1] = 1
    community: Community
    interval_min: Literal[1, 5, 15, 30, 60] = 15
    horizon: Horizon = Horizon()
    tariff: Tariff
    members: tuple[Member, ...] = Field(min_length=1, max_length=2000)
    gateways: tuple[Gateway, ...] = Field(min_length=1)
    sharing: Sharing = Sharing()
    by_law: ByLaw = ByLaw()
    settlement: Settlement = Settlement()
    solver: Solver = Solver()
    control: Control = Control()
    demand_response: DemandResponse = DemandResponse()
    broker: Broker = Broker()
    store: Store = Store()
    influxdb: Influxdb | None = None
    policy: Policy = Policy()

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.community.zone)
