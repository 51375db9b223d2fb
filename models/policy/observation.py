"""What the policy sees: F figures of each member and C of the community, in physical units.

Incomes are not among them; they enter through the energy burden only. The order of the columns is part of the
contract with every policy file and stands in its manifest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from models.domain.arrays import BoolArray, FloatArray
from models.domain.errors import PolicyError

Float32Array = NDArray[np.float32]

LEAST_MEAN_DEMAND_KW = 0.05
"""Empty homes count as if they had this demand, so that figures per demand stay finite (a fridge needs about this)."""
_YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column with the range in which a policy may be trusted."""

    name: str
    unit: str
    least: float
    most: float


MEMBER_FEATURES = (
    Feature(name="log_weight", unit="1", least=-3.0, most=3.0),
    Feature(name="burden_frac", unit="1", least=0.0, most=2.0),
    Feature(name="burden_gap_frac", unit="1", least=-2.0, most=2.0),
    Feature(name="has_burden", unit="0 or 1", least=0.0, most=1.0),
    Feature(name="access_frac", unit="1", least=0.0, most=1.0),
    Feature(name="access_gap_frac", unit="1", least=-1.0, most=1.0),
    Feature(name="is_priority", unit="0 or 1", least=0.0, most=1.0),
    Feature(name="pv_kwp_per_mean_kw", unit="kWp/kW", least=0.0, most=2000.0),
    Feature(name="battery_kwh_per_mean_kw", unit="h", least=0.0, most=4000.0),
    Feature(name="last_share_frac", unit="1", least=-1.0, most=1.0),
)
"""Columns of ``members`` [n, F]. A gap is a member's figure less the mean of those who have one."""

COMMUNITY_FEATURES = (
    Feature(name="season_sin", unit="1", least=-1.0, most=1.0),
    Feature(name="season_cos", unit="1", least=-1.0, most=1.0),
    Feature(name="period_elapsed_frac", unit="1", least=0.0, most=1.0),
    Feature(name="gain_frac", unit="1", least=-1.0, most=2.0),
    Feature(name="core_excess_frac", unit="1", least=-1.0, most=10.0),
    Feature(name="gini_energy_burden", unit="1", least=0.0, most=1.0),
    Feature(name="gini_renewable_access", unit="1", least=0.0, most=1.0),
    Feature(name="mean_burden_frac", unit="1", least=0.0, most=2.0),
)
"""Columns of ``community`` [1, C]. Gain and core excess are shares of the stand-alone cost and of the gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityState:
    """Where the community stands: arrays of N members and figures of the whole."""

    weight: FloatArray
    """[N] in force, > 0."""
    burden_frac: FloatArray
    """[N] billed cost of the period over income of the same days, >= 0; NaN: no income known, or no household."""
    access_frac: FloatArray
    """[N] renewable consumption over consumption, 0 to 1; NaN: nothing consumed yet."""
    is_priority: BoolArray | FloatArray
    """[N] 1 or 0; between them where it is asked what an average member would get."""
    pv_kwp: FloatArray
    """[N]"""
    battery_kwh: FloatArray
    """[N]"""
    mean_demand_kw: FloatArray
    """[N]"""
    last_share_frac: FloatArray
    """[N] part of the gain of the last settled day; 0 where none was settled."""
    day_of_year: int
    """1 to 366, local."""
    period_elapsed_frac: float
    gain_frac: float = 0.0
    core_excess_frac: float = 0.0
    gini_energy_burden: float = 0.0
    gini_renewable_access: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Inputs of a policy, finite and read-only."""

    members: Float32Array
    """[N, F] in the order of ``MEMBER_FEATURES``."""
    community: Float32Array
    """[1, C] in the order of ``COMMUNITY_FEATURES``."""


def observe(state: EquityState) -> Observation:
    """The state as a policy's inputs; what is unknown of a member is taken as the mean of the others.

    Raises:
        PolicyError: the arrays differ in length, or a figure is not finite where it must be known.
    """
    _check_arrays(state)
    burden, burden_gap, mean_burden = _with_mean_for_unknown(state.burden_frac)
    access, access_gap, _ = _with_mean_for_unknown(state.access_frac)
    demand_kw = np.maximum(state.mean_demand_kw, LEAST_MEAN_DEMAND_KW)
    columns = (
        np.log(np.maximum(state.weight, np.finfo(np.float32).tiny)),
        burden,
        burden_gap,
        ~np.isnan(state.burden_frac),
        access,
        access_gap,
        state.is_priority,
        state.pv_kwp / demand_kw,
        state.battery_kwh / demand_kw,
        state.last_share_frac,
    )
    angle = 2.0 * math.pi * (state.day_of_year - 1) / _YEAR_DAYS
    community = (
        math.sin(angle),
        math.cos(angle),
        state.period_elapsed_frac,
        state.gain_frac,
        state.core_excess_frac,
        state.gini_energy_burden,
        state.gini_renewable_access,
        mean_burden,
    )
    return Observation(
        members=_freeze(np.column_stack(columns), MEMBER_FEATURES),
        community=_freeze(np.array([community]), COMMUNITY_FEATURES),
    )


def find_unfamiliar(
    observation: Observation,
    members: tuple[Feature, ...] = MEMBER_FEATURES,
    community: tuple[Feature, ...] = COMMUNITY_FEATURES,
) -> tuple[str, ...]:
    """Names of the features that lie outside their range for at least one member."""
    names = []
    for features, values in ((members, observation.members), (community, observation.community)):
        least = np.array([feature.least for feature in features], dtype=np.float32)
        most = np.array([feature.most for feature in features], dtype=np.float32)
        outside = np.flatnonzero(((values < least) | (values > most)).any(axis=0))
        names += [features[column].name for column in outside.tolist()]
    return tuple(names)


def _check_arrays(state: EquityState) -> None:
    may_be_unknown = ("burden_frac", "access_frac")
    for field in fields(state):
        values = getattr(state, field.name)
        if not isinstance(values, np.ndarray):
            continue
        if values.shape != state.weight.shape or values.ndim != 1 or not values.size:
            found = f"{field.name}: found {values.shape} figures, weight has {state.weight.shape}"
            raise PolicyError(f"{found}; accepted: one for each of the same members")
        is_wrong = np.isinf(values) if field.name in may_be_unknown else ~np.isfinite(values)
        if is_wrong.any():
            raise PolicyError(f"{field.name}: found a value that is not finite")


def _with_mean_for_unknown(values: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    is_known = ~np.isnan(values)
    mean = float(values[is_known].mean()) if is_known.any() else 0.0
    filled = np.where(is_known, values, mean)
    return filled, filled - mean, mean


def _freeze(values: FloatArray, features: tuple[Feature, ...]) -> Float32Array:
    with np.errstate(over="ignore"):
        array = values.astype(np.float32)
    for column in np.flatnonzero(~np.isfinite(array).all(axis=0)).tolist():
        feature = features[column]
        raise PolicyError(f"{feature.name}: found a value that is not finite; accepted: a number [{feature.unit}]")
    array.setflags(write=False)
    return array
