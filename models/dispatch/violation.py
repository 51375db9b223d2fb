"""What an audit finds, and how far off a number may be before it is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.dispatch.problem import FloatArray

POWER_TOLERANCE_KW = 1e-4
"""A tenth of a watt: a thousand times the solvers' own feasibility tolerance [kW]."""
ENERGY_TOLERANCE_KWH = 1e-3
"""One watt-hour: the accuracy that settlement promises [kWh]."""
MONEY_TOLERANCE_EUR = 1e-3
"""A tenth of a cent for the whole horizon, plus a millionth of the amount [EUR]."""
BURDEN_TOLERANCE_FRAC = 1e-4
"""A hundredth of a percent of income, plus a millionth of the burden."""
PRICE_ROUNDING_EUR_PER_KWH = 1e-6
"""Where the difference that sharing needs is this close to 0, either is right [EUR/kWh]."""
LISTED_AT_MOST = 50
WORDED_AT_MOST = 200
"""Limits that a plan's record names in words; the largest come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that a plan does and may not."""

    rule: str
    """Name of what is broken, e.g. ``balance``."""
    place: str
    """Member or device, and step."""
    size: float
    """By how much, in ``unit``."""
    unit: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.rule} at {self.place}: off by {self.size:.6g} {self.unit}"


def find_exceeding(
    rule: str, what: str, excess: FloatArray, tolerance: float, unit: str = "kW", steps: int = 0
) -> Iterator[Violation]:
    """Places at which an excess [rows, T] (or [rows]) is above its tolerance, or not a number."""
    excess = np.atleast_1d(excess)[:, :steps] if steps else np.atleast_1d(excess)
    for place in np.argwhere(~(excess <= tolerance))[:LISTED_AT_MOST]:
        where = f"{what} {place[0]}" + (f", step {place[1]}" if len(place) > 1 else "")
        yield Violation(rule=rule, place=where, size=float(excess[tuple(place)]), unit=unit)
