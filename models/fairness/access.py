"""Renewable access: how much of what a member used came from the sun, its own or its neighbours'."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from models.fairness.indices import FloatArray


def weigh_access(renewable_kwh: ArrayLike, consumption_kwh: ArrayLike) -> FloatArray:
    """Renewable access r_i = renewable consumption / consumption, each kWh counted once (charging left out).

    Range: 0 to 1. No consumption: NaN (nothing to be renewable), left out by the indices. Missing (NaN): NaN.

    Args:
        renewable_kwh: [N] consumption from own or shared PV, by the colour of stored energy [kWh].
        consumption_kwh: [N] consumption [kWh].

    Raises:
        ValueError: A value is negative, or more was renewable than was consumed (beyond float error).
    """
    renewable = np.asarray(renewable_kwh, dtype=np.float64)
    consumption = np.asarray(consumption_kwh, dtype=np.float64)
    if np.any(renewable < 0.0) or np.any(consumption < 0.0):
        raise ValueError("renewable_kwh and consumption_kwh: accepted are numbers >= 0, or NaN for missing")
    if np.any(renewable > consumption * (1.0 + 1e-9) + 1e-9):
        raise ValueError("renewable_kwh: accepted is at most consumption_kwh")
    ratio = np.divide(renewable, consumption, out=np.full(renewable.shape, np.nan), where=consumption > 0.0)
    return np.asarray(np.minimum(ratio, 1.0))
