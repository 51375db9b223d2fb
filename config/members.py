"""The members and what stands behind their connection."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.base import ClockTime, Efficiency, EnergyKwh, Fraction, Identifier, Part, PowerKw, RatingKw
from config.sensitive import Sensitive


class Battery(Part):
    """A battery behind a member's meter."""

    id: Identifier
    capacity_kwh: EnergyKwh
    charge_limit_kw: RatingKw
    discharge_limit_kw: RatingKw
    charge_efficiency_frac: Efficiency = 0.95
    discharge_efficiency_frac: Efficiency = 0.95
    soc_min_frac: Fraction = 0.05
    soc_max_frac: Fraction = 1.0
    wear_eur_per_kwh: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Cost of ageing for each kWh discharged at the terminals."""


class Ev(Part):
    """A charging point with its car; the charging current is 0 or at least its minimum."""

    id: Identifier
    capacity_kwh: EnergyKwh
    charge_limit_kw: RatingKw = 7.4
    charge_min_kw: PowerKw = 1.4
    """Smallest power of a running charge (6 A on one phase is 1.4 kW)."""
    charge_efficiency_frac: Efficiency = 0.92
    typical_departure: ClockTime = Field(default="07:00", validate_default=True)
    """Local time of departure where the charging point does not tell."""
    typical_daily_kwh: Annotated[float, Field(ge=0.0, le=200.0)] = 8.0


class ShiftableLoad(Part):
    """An appliance run that may start anywhere in a window and then runs through."""

    id: Identifier
    power_kw: RatingKw
    duration_min: Annotated[int, Field(ge=1, le=720)]
    window_start: ClockTime
    window_end: ClockTime
    """Local time by which the run has to be finished."""
    runs_per_day_frac: Fraction = 0.7
    """Share of days on which the appliance is asked for (used by simulated homes only)."""


class CurtailableLoad(Part):
    """A load that may be held back during a demand-response event: heat pump, water heater, air conditioning.

    Its consumption is part of the home's demand. It takes a setpoint as the most that it may draw, and draws what it
    wants again when the setpoint has expired.
    """

    id: Identifier
    power_kw: RatingKw
    """Most that it draws."""
    typical_share_frac: Fraction = 0.3
    """Its usual part of the home's demand, for forecasts and simulated homes; a member's loads together are at most
    the whole of it."""
    discomfort_eur_per_kwh: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.2
    """What going without one kWh of it is worth to the member: it is held back only where that saves more. The whole
    site's check is stricter where it knows the currency."""
    limit_kwh_per_day: Annotated[float, Field(ge=0.0, le=1000.0)] = 3.0
    """Most that is held back on one local day; 0: never."""


class Member(Part):
    """One member of the community."""

    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(default=None, repr=False)
    """Shown to the operator and the member only; never on the wire or in a database."""
    kind: Literal["household", "business"] = "household"
    persons: Annotated[int, Field(ge=1, le=50)] = 1
    priority_tier: Sensitive[Annotated[int, Field(ge=0, le=3)]] = Sensitive(0)
    """0: none; 1 to 3: members that the access constraint protects, in rising degree."""
    income_eur_per_month: Sensitive[Annotated[float, Field(ge=0.0, le=1_000_000.0)]] | None = None
    """Unset: the member is left out of burden figures."""
    import_limit_kw: PowerKw = 17.0
    export_limit_kw: PowerKw = 17.0
    pv_kwp: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    pv_tilt_deg: Annotated[float, Field(ge=0.0, le=90.0)] = 30.0
    pv_azimuth_deg: Annotated[float, Field(ge=0.0, le=360.0)] = 180.0
    """Compass direction the modules face; 180 is south."""
    batteries: tuple[Battery, ...] = ()
    evs: tuple[Ev, ...] = ()
    shiftable_loads: tuple[ShiftableLoad, ...] = ()
    curtailable_loads: tuple[CurtailableLoad, ...] = ()
