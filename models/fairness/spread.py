"""How burdens and access are spread over the members of a community, as figures that belong together.

The worst-off burden stands beside every Gini: waste can lower a Gini, and never the worst-off burden.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.fairness.indices import (
    FIRST_SHOWN_DAY,
    find_worst,
    measure_gini,
    measure_jain,
    measure_theil,
    present,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadFigures:
    """Figures of a community in a billing period so far; ``None`` means undefined, never zero."""

    day_of_period: int
    """Days of the period that the figures cover; 0: none."""
    members_with_burden: int
    """Members whose burden is known: households with an income."""
    worst_energy_burden: float | None
    """Highest burden, a fraction of the income; 0 and above."""
    gini_energy_burden: float | None
    """0 (all alike) to 1; undefined before day 7 of the period."""
    jain_energy_burden: float | None
    """1/n (one bears everything) to 1 (all alike)."""
    theil_energy_burden: float | None
    """0 (all alike) to ln n."""
    least_renewable_access: float | None
    """Lowest renewable part of a member's consumption, 0 to 1."""
    gini_renewable_access: float | None
    """Undefined before day 7 of the period, as that of burdens."""
    jain_renewable_access: float | None
    theil_renewable_access: float | None

    def as_dict(self) -> dict[str, float | None]:
        """The figures by name."""
        return {name: None if value is None else float(value) for name, value in asdict(self).items()}


def describe_spread(burden_frac: ArrayLike, access_frac: ArrayLike, day_of_period: int) -> SpreadFigures:
    """All figures of burdens and access.

    Negative burdens count as 0; missing ones (NaN) are left out. Ginis are undefined before day 7 of the period,
    when a single dear day still dominates them.

    Args:
        burden_frac: [N] billed cost of the period so far over the income of the same days; NaN: none known.
        access_frac: [N] renewable part of the consumption, 0 to 1; NaN: nothing was consumed.
        day_of_period: days of the period that they cover.
    """
    burden = np.maximum(np.asarray(burden_frac, dtype=np.float64), 0.0)
    is_shown = day_of_period >= FIRST_SHOWN_DAY
    access = present(access_frac)
    return SpreadFigures(
        day_of_period=day_of_period,
        members_with_burden=int(present(burden).size),
        worst_energy_burden=find_worst(burden),
        gini_energy_burden=measure_gini(burden) if is_shown else None,
        jain_energy_burden=measure_jain(burden),
        theil_energy_burden=measure_theil(burden),
        least_renewable_access=float(access.min()) if access.size else None,
        gini_renewable_access=measure_gini(access) if is_shown else None,
        jain_renewable_access=measure_jain(access),
        theil_renewable_access=measure_theil(access),
    )
