"""Field types that every part of the site file shares: frozen, strict about unknown keys, bounded."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


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
        raise ValueError("a number is needed, not true or false")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _read_clock_time(value: object) -> object:
    if value == "24:00":
        return time(0, 0)
    # A bare 17 would be taken for seconds after midnight, and 1020 is what YAML 1.1 makes of an unquoted 17:00.
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError('a time of day is needed, such as "17:00"')


_number = BeforeValidator(_refuse_booleans)

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$")]
"""Lower-case letters, digits, ``-`` and ``_``; 1 to 32 characters; safe in topics, tags and file names."""

PowerKw = Annotated[float, Field(ge=0.0, le=10_000.0), _number]
"""A rating or limit [kW], 0 to 10 000."""

EnergyKwh = Annotated[float, Field(gt=0.0, le=10_000.0), _number]
"""A capacity [kWh], above 0, at most 10 000."""

RatingKw = Annotated[float, Field(gt=0.0, le=1000.0), _number]
"""A member's device [kW], above 0, at most 1000."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0), _number]
"""A share or efficiency as a fraction, 0 to 1 (never percent)."""

MonthlyCost = Annotated[float, Field(gt=0.0, le=1_000_000.0), _number]
"""A household's cost of a month [currency], above 0."""

Efficiency = Annotated[float, Field(ge=0.5, le=1.0), _number]
"""A conversion efficiency as a fraction, 0.5 to 1 (never percent)."""

PriceEurPerKwh = Annotated[float, Field(ge=-1000.0, le=1000.0), _number]
"""An energy price [currency/kWh]; may be negative. The whole site's check is stricter where it knows the currency."""

DurationS = Annotated[float, Field(gt=0.0, le=86_400.0), _number]
"""A duration [s], above 0, at most one day."""

ClockTime = Annotated[
    time,
    BeforeValidator(_read_clock_time),
    WithJsonSchema({"type": "string", "pattern": r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", "examples": ["17:00"]}),
]
"""A time of day in the site's zone, ``HH:MM``; ``24:00`` means midnight at the day's end."""
