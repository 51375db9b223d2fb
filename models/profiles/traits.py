"""What stays the same in a home from day to day: its people, its appliances and its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from config.members import Member
from models.profiles.appliances import APPLIANCES, Appliance
from models.profiles.behaviour import BehaviourGroup, Role, draw_group, list_roles
from models.profiles.profiles import FloatArray

_HOUSEHOLD_KWH = (1900.0, 2750.0, 3450.0, 4050.0, 4500.0)
"""Typical yearly demand of 1, 2, ... persons without electric heating, hot water or car [kWh], of the order of the
German "Stromspiegel" comparison of household bills."""
_HOUSEHOLD_LIMITS_KWH = (1500.0, 5000.0)
_BUSINESS_KWH = (3000.0, 1800.0)
"""Yearly demand of a small business: fixed part, and part for each person who works there [kWh]."""
_SIZE_SPREAD = 0.16
"""Standard deviation of the logarithm of a home's demand among homes of the same size."""
_LEAST_CONTINUOUS_FRAC = 0.4
"""Standby, cold, light and screens are at least this share of the whole demand."""
CONTINUOUS_SHARES = {"standby": 0.32, "cold": 0.21, "screens": 0.27, "light": 0.15, "pump": 0.05}
"""How the demand that is not appliance runs splits; the shares differ from home to home around these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One home."""

    group: BehaviourGroup
    roles: tuple[Role, ...]
    persons: int
    appliances: tuple[Appliance, ...]
    shift_h: float
    """How much later than its group this home lives [h]."""
    mean_kw: dict[str, float]
    """Mean power of each continuous part over a year [kW]."""
    cold_period_min: float
    """Time from one start of the fridge's compressor to the next [min]."""
    opening_h: tuple[float, float]
    """A business's opening hours [h]."""


def draw_traits(member: Member, rng: np.random.Generator) -> Traits:
    """A home that fits the member; the same stream gives the same home."""
    group = draw_group(member, rng)
    owned = _draw_appliances(member, group, rng)
    yearly_kwh = _draw_yearly_kwh(member, group, rng)
    runs_kwh = 365.0 * sum(
        appliance.run_kwh * (appliance.runs_per_day + appliance.runs_per_person_day * min(member.persons, 6))
        for appliance in owned
    )
    continuous_kw = max(yearly_kwh - runs_kwh, _LEAST_CONTINUOUS_FRAC * yearly_kwh) / 8760.0
    shares = np.array(list(CONTINUOUS_SHARES.values())) * rng.lognormal(0.0, 0.2, len(CONTINUOUS_SHARES))
    powers_kw: FloatArray = continuous_kw * shares / shares.sum()
    return Traits(
        group=group,
        roles=list_roles(group, member.persons),
        persons=min(member.persons, 6),
        appliances=owned,
        shift_h=float(np.clip(rng.normal(0.0, 0.5), -1.2, 1.2)),
        mean_kw=dict(zip(CONTINUOUS_SHARES, powers_kw.tolist(), strict=True)),
        cold_period_min=float(rng.uniform(35.0, 70.0)),
        opening_h=(float(rng.uniform(7.0, 9.5)), float(rng.uniform(16.5, 19.5))),
    )


def _draw_appliances(member: Member, group: BehaviourGroup, rng: np.random.Generator) -> tuple[Appliance, ...]:
    luck = rng.random(len(APPLIANCES))
    owned = [appliance for appliance, draw in zip(APPLIANCES, luck, strict=True) if draw < appliance.owned_by_frac]
    if group is BehaviourGroup.BUSINESS:
        return tuple(appliance for appliance in owned if appliance.name in {"kettle", "coffee_machine", "microwave"})
    wet = [appliance for appliance in owned if appliance.is_wet]
    elsewhere = {appliance.name for appliance in wet[: len(member.shiftable_loads)]}
    return tuple(appliance for appliance in owned if appliance.name not in elsewhere)


def _draw_yearly_kwh(member: Member, group: BehaviourGroup, rng: np.random.Generator) -> float:
    spread = float(rng.lognormal(-0.5 * _SIZE_SPREAD**2, _SIZE_SPREAD))
    if group is BehaviourGroup.BUSINESS:
        fixed_kwh, person_kwh = _BUSINESS_KWH
        return (fixed_kwh + person_kwh * member.persons) * spread
    typical_kwh = _HOUSEHOLD_KWH[min(member.persons, len(_HOUSEHOLD_KWH)) - 1]
    return float(np.clip(typical_kwh * spread, *_HOUSEHOLD_LIMITS_KWH))
