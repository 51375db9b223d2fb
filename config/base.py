"""Field types that every part of the site file shares: frozen, strict about unknown keys, bounded."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Part(BaseModel):
    """A part of the site file: frozen, unknown keys refused, no NaN or infinity, inputs hidden in errors."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


def _refuse_booleans(value: object) -> object:
    if isinstance(value, bool):
        message = "a number is needed, not true or false"
        raise ValueError(message)
    return value


def _clock_time(value: object) -> object:
    # YAML 1.1 reads an unquoted 17:00 as the base-60 number 1020; give it back its meaning.
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1440:
        hours, minutes = divmod(value, 60)
        return time(hours % 24, minutes)
    if value == "24:00":
        return time(0, 0)
    return value


_number = BeforeValidator(_refuse_booleans)

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$")]
"""Lower-case letters, digits, ``-`` and ``_``; 1 to 32 characters; safe in topics, tags and file names."""

PowerKw = Annotated[float, _number, Field(ge=0.0, le=10_000.0)]
"""A rating or limit [kW], 0 to 10 000."""

EnergyKwh = Annotated[float, _number, Field(gt=0.0, le=100_000.0)]
"""A capacity [kWh], above 0, at most 100 000."""

Fraction = Annotated[float, _number, Field(ge=0.0, le=1.0)]
"""A share or efficiency as a fraction, 0 to 1 (never percent)."""

Efficiency = Annotated[float, _number, Field(ge=0.5, le=1.0)]
"""A conversion efficiency as a fraction, 0.5 to 1 (never percent)."""

PriceEurPerKwh = Annotated[float, _number, Field(ge=-10.0, le=10.0)]
"""An energy price [currency/kWh], -10 to 10; negative prices are allowed."""

DurationS = Annotated[float, _number, Field(gt=0.0, le=86_400.0)]
"""A duration [s], above 0, at most one day."""

ClockTime = Annotated[time, BeforeValidator(_clock_time)]
"""A time of day in the site's zone, ``HH:MM``; ``24:00`` means midnight at the day's end."""
