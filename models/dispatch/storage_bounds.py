"""Tightest bounds on battery powers and states of charge; a start outside the limits is brought back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray

OUTSIDE_KWH = 1e-6
"""A start this far outside its limits is rounding, not a state to bring back [kWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageBounds:
    """Bounds of B batteries in T steps."""

    charge_limit_kw: FloatArray
    """[B, T] tightest bound on charging [kW]."""
    discharge_limit_kw: FloatArray
    """[B, T] [kW]"""
    soc_lower_kwh: FloatArray
    """[B, T] lowest state at the end of each step; rises to the limit where the start is below [kWh]."""
    soc_upper_kwh: FloatArray
    """[B, T] [kWh]"""
    starts_outside: BoolArray
    """[B] batteries outside their limits at the start."""


def bound_storage(problem: DispatchProblem, fixed_kw: FloatArray) -> StorageBounds:
    """Bounds from limits, start, power and the room of the owner's connection.

    A start below (above) the limits sets the lower (upper) bound of each step to what charging (discharging) as
    fast as the power and the connection allow has reached by then; from the limit on, the limit holds.
    """
    count, steps = len(problem.batteries), problem.step_h.shape[0]
    owner = np.array([battery.member for battery in problem.batteries], dtype=np.int64)
    charge, discharge = _column(problem, "charge_limit_kw"), _column(problem, "discharge_limit_kw")
    eta_c, eta_d = _column(problem, "charge_efficiency_frac"), _column(problem, "discharge_efficiency_frac")
    start = _column(problem, "soc_start_kwh")
    soc_min, soc_max = _column(problem, "soc_min_kwh"), _column(problem, "soc_max_kwh")
    island = problem.is_islanded[None, :]
    room_in = np.where(island, 0.0, problem.member_import_limit_kw[:, None] - fixed_kw)[owner]
    room_out = np.where(island, 0.0, problem.member_export_limit_kw[:, None] + fixed_kw)[owner]
    forced_in = np.clip(room_in, 0.0, charge[:, None]) * problem.step_h * eta_c[:, None]
    forced_out = np.clip(room_out, 0.0, discharge[:, None]) * problem.step_h / eta_d[:, None]
    lower = np.minimum(soc_min[:, None], start[:, None] + np.cumsum(forced_in, axis=1))
    upper = np.maximum(soc_max[:, None], start[:, None] - np.cumsum(forced_out, axis=1))
    # On the way back it only goes one way.
    may_charge = upper <= soc_max[:, None] + OUTSIDE_KWH
    may_discharge = lower >= soc_min[:, None] - OUTSIDE_KWH
    charge_kw, discharge_kw = np.zeros((count, steps)), np.zeros((count, steps))
    least, most = start.copy(), start.copy()
    for step, hours in enumerate(problem.step_h):
        charge_kw[:, step] = np.clip((upper[:, step] - least) / (eta_c * hours), 0.0, charge * may_charge[:, step])
        discharge_kw[:, step] = np.clip(
            (most - lower[:, step]) * eta_d / hours, 0.0, discharge * may_discharge[:, step]
        )
        most = np.minimum(upper[:, step], most + hours * eta_c * charge_kw[:, step])
        least = np.maximum(lower[:, step], least - hours * discharge_kw[:, step] / eta_d)
    return StorageBounds(
        charge_limit_kw=charge_kw,
        discharge_limit_kw=discharge_kw,
        soc_lower_kwh=lower,
        soc_upper_kwh=upper,
        starts_outside=(start < soc_min - OUTSIDE_KWH) | (start > soc_max + OUTSIDE_KWH),
    )


def _column(problem: DispatchProblem, name: str) -> FloatArray:
    return np.array([getattr(battery, name) for battery in problem.batteries], dtype=np.float64)
