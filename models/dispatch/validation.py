"""Edge check of a dispatch problem: shapes, finite values, bounds, indices; nothing else reaches a solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.domain.errors import ProblemError

if TYPE_CHECKING:
    from models.dispatch.problem import BatteryData, CurtailableData, DispatchProblem, EvData, RunData

MAX_POWER_KW = 1e6
"""Larger than any community's connection; keeps coefficients in the solvers' range."""
MAX_PRICE_EUR_PER_KWH = 1e3
MAX_PENALTY_EUR_PER_KWH = 1e5
"""Of what is missing or too much: some times the dearest price, which in yen is a three-digit number."""
MAX_ENERGY_KWH = 1e7
MAX_MONEY_EUR = 1e9
MAX_STEP_H = 48.0
SHARE_ROUNDING_KW = 1e-6
"""By how much the parts of a demand may exceed it, as sums of shares do [kW]."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What one array or number of the problem may hold."""

    shape: str
    """Letters of the axes: N members, T steps, Q billing periods, B batteries, E cars, D local days."""
    lowest: float
    highest: float
    nan_allowed: bool = False
    infinite_allowed: bool = False
    """Positive infinity means that there is none."""


_ARRAYS: dict[str, _Rule] = {
    "step_h": _Rule("T", 1e-4, MAX_STEP_H),
    "demand_kw": _Rule("NT", 0.0, MAX_POWER_KW),
    "pv_kw": _Rule("NT", 0.0, MAX_POWER_KW),
    "metered_net_kwh": _Rule("N", -MAX_ENERGY_KWH, MAX_ENERGY_KWH),
    "import_price_eur_per_kwh": _Rule("T", -MAX_PRICE_EUR_PER_KWH, MAX_PRICE_EUR_PER_KWH),
    "export_price_eur_per_kwh": _Rule("T", -MAX_PRICE_EUR_PER_KWH, MAX_PRICE_EUR_PER_KWH),
    "network_fee_eur_per_kwh": _Rule("T", 0.0, MAX_PRICE_EUR_PER_KWH),
    "local_price_eur_per_kwh": _Rule("T", -MAX_PRICE_EUR_PER_KWH, MAX_PRICE_EUR_PER_KWH),
    "is_islanded": _Rule("T", 0, 1),
    "member_import_limit_kw": _Rule("N", 0.0, MAX_POWER_KW),
    "member_export_limit_kw": _Rule("N", 0.0, MAX_POWER_KW),
    "community_import_limit_kw": _Rule("T", 0.0, MAX_POWER_KW),
    "community_export_limit_kw": _Rule("T", 0.0, MAX_POWER_KW),
    "peak_floor_kw": _Rule("Q", 0.0, MAX_POWER_KW),
    "weight": _Rule("N", 1e-3, 1e3),
    "income_eur": _Rule("N", 1e-2, MAX_MONEY_EUR, nan_allowed=True),
    "billed_eur": _Rule("N", -MAX_MONEY_EUR, MAX_MONEY_EUR),
    "is_priority": _Rule("N", 0, 1),
    "renewable_kwh": _Rule("N", 0.0, MAX_ENERGY_KWH),
    "consumption_kwh": _Rule("N", 0.0, MAX_ENERGY_KWH),
    "reference_battery_kw": _Rule("BT", -MAX_POWER_KW, MAX_POWER_KW, nan_allowed=True),
    "reference_ev_kw": _Rule("ET", -MAX_POWER_KW, MAX_POWER_KW, nan_allowed=True),
}
_NUMBERS: dict[str, _Rule] = {
    "metered_h": _Rule("", 0.0, MAX_STEP_H),
    "peak_charge_eur_per_kw": _Rule("", 0.0, MAX_PRICE_EUR_PER_KWH),
    "access_share_frac": _Rule("", 0.0, 1.0),
    "access_shortfall_eur_per_kwh": _Rule("", 0.0, MAX_PRICE_EUR_PER_KWH),
    "burden_price_frac": _Rule("", 0.0, 1e3),
    "equity_budget_frac": _Rule("", 0.0, 1.0),
    "event_shortfall_eur_per_kwh": _Rule("", 0.0, MAX_PENALTY_EUR_PER_KWH),
}


def validate_problem(problem: DispatchProblem) -> None:
    """Accept a problem whose every value is finite, in range and consistent with the others.

    Raises:
        ProblemError: naming field, index, what was found and what is accepted.
    """
    sizes = {
        "N": problem.demand_kw.shape[0],
        "T": problem.step_h.shape[0],
        "Q": problem.peak_floor_kw.shape[0],
        "B": len(problem.batteries),
        "E": len(problem.evs),
    }
    for letter, what in (("N", "demand_kw: no members"), ("T", "step_h: no steps"), ("Q", "peak_floor_kw: no period")):
        if sizes[letter] == 0:
            raise ProblemError(f"{what}; accepted: at least one")
    for name, rule in _ARRAYS.items():
        _check_array(name, np.asarray(getattr(problem, name)), rule, sizes)
    for name, rule in _NUMBERS.items():
        _check_number(name, getattr(problem, name), rule)
    _check_steps(problem, sizes)
    for index, battery in enumerate(problem.batteries):
        _check_battery(f"batteries[{index}]", battery, sizes["N"])
    for index, ev in enumerate(problem.evs):
        _check_ev(f"evs[{index}]", ev, sizes["N"], sizes["T"])
    for index, run in enumerate(problem.runs):
        _check_run(f"runs[{index}]", run, sizes["N"], sizes["T"])
    for index, load in enumerate(problem.curtailables):
        _check_curtailable(f"curtailables[{index}]", load, sizes)
    _check_parts(problem)
    _check_event(problem, sizes)
    if np.asarray(problem.peak_reserve_kw).shape != (0,):
        _check_array("peak_reserve_kw", np.asarray(problem.peak_reserve_kw), _Rule("T", 0.0, MAX_POWER_KW), sizes)


def _check_array(name: str, values: np.ndarray, rule: _Rule, sizes: dict[str, int]) -> None:
    shape = tuple(sizes[letter] for letter in rule.shape)
    if values.shape != shape:
        raise ProblemError(f"{name} has shape {values.shape}; accepted: {shape} ({', '.join(rule.shape)})")
    numbers = values.astype(np.float64)
    is_bad = ~((numbers >= rule.lowest) & (numbers <= rule.highest))
    if rule.nan_allowed:
        is_bad &= ~np.isnan(numbers)
    if rule.infinite_allowed:
        is_bad &= ~np.isposinf(numbers)
    if is_bad.any():
        place = tuple(int(k) for k in np.argwhere(is_bad)[0])
        where = ", ".join(str(k) for k in place)
        accepted = f"a finite number from {rule.lowest:g} to {rule.highest:g}" + (" or NaN" if rule.nan_allowed else "")
        accepted += " or infinity" if rule.infinite_allowed else ""
        raise ProblemError(f"{name}[{where}] is {numbers[place]:g}; accepted: {accepted}")


def _check_number(name: str, value: float, rule: _Rule) -> None:
    if not rule.lowest <= value <= rule.highest:
        raise ProblemError(f"{name} is {value:g}; accepted: a finite number from {rule.lowest:g} to {rule.highest:g}")


def _check_steps(problem: DispatchProblem, sizes: dict[str, int]) -> None:
    if not 1 <= problem.exact_steps <= sizes["T"]:
        raise ProblemError(f"exact_steps is {problem.exact_steps}; accepted: 1 to {sizes['T']}")
    period = np.asarray(problem.peak_period)
    if period.shape != (sizes["T"],):
        raise ProblemError(f"peak_period has shape {period.shape}; accepted: ({sizes['T']},)")
    if period.min() < 0 or period.max() >= sizes["Q"] or (np.diff(period) < 0).any():
        accepted = f"never falling, from 0 to {sizes['Q'] - 1}"
        raise ProblemError(f"peak_period holds {period.min()} to {period.max()}; accepted: {accepted}")


def _check_member(place: str, member: int, members: int) -> None:
    if not 0 <= member < members:
        raise ProblemError(f"{place}.member is {member}; accepted: 0 to {members - 1}")


def _check_battery(place: str, battery: BatteryData, members: int) -> None:
    _check_member(place, battery.member, members)
    for name in ("charge_limit_kw", "discharge_limit_kw"):
        _check_number(f"{place}.{name}", getattr(battery, name), _Rule("", 0.0, MAX_POWER_KW))
    for name in ("soc_start_kwh", "soc_min_kwh", "soc_max_kwh"):
        _check_number(f"{place}.{name}", getattr(battery, name), _Rule("", 0.0, MAX_ENERGY_KWH))
    for name in ("charge_efficiency_frac", "discharge_efficiency_frac"):
        _check_number(f"{place}.{name}", getattr(battery, name), _Rule("", 0.1, 1.0))
    price = _Rule("", 0.0, MAX_PRICE_EUR_PER_KWH)
    _check_number(f"{place}.wear_eur_per_kwh", battery.wear_eur_per_kwh, price)
    signed_price = _Rule("", -MAX_PRICE_EUR_PER_KWH, MAX_PRICE_EUR_PER_KWH)
    _check_number(f"{place}.end_value_eur_per_kwh", battery.end_value_eur_per_kwh, signed_price)
    if battery.soc_min_kwh > battery.soc_max_kwh:
        accepted = f"at most soc_max_kwh, {battery.soc_max_kwh:g}"
        raise ProblemError(f"{place}.soc_min_kwh is {battery.soc_min_kwh:g}; accepted: {accepted}")


def _check_ev(place: str, ev: EvData, members: int, steps: int) -> None:
    _check_member(place, ev.member, members)
    _check_number(f"{place}.charge_limit_kw", ev.charge_limit_kw, _Rule("", 0.0, MAX_POWER_KW))
    _check_number(f"{place}.charge_min_kw", ev.charge_min_kw, _Rule("", 0.0, ev.charge_limit_kw))
    _check_number(f"{place}.charge_efficiency_frac", ev.charge_efficiency_frac, _Rule("", 0.1, 1.0))
    _check_number(f"{place}.energy_needed_kwh", ev.energy_needed_kwh, _Rule("", 0.0, MAX_ENERGY_KWH))
    _check_number(f"{place}.shortfall_eur_per_kwh", ev.shortfall_eur_per_kwh, _Rule("", 0.0, MAX_PENALTY_EUR_PER_KWH))
    _check_number(f"{place}.departure_step", ev.departure_step, _Rule("", 0, steps - 1))
    _check_number(f"{place}.arrival_step", ev.arrival_step, _Rule("", 0, ev.departure_step))


def _check_run(place: str, run: RunData, members: int, steps: int) -> None:
    _check_member(place, run.member, members)
    options = np.asarray(run.option_kw)
    wrong_shape = options.ndim != 2 or options.shape[0] == 0 or options.shape[1] != steps
    if wrong_shape:
        raise ProblemError(f"{place}.option_kw has shape {options.shape}; accepted: (at least 1, {steps})")
    _check_array(f"{place}.option_kw", options, _Rule("KT", 0.0, MAX_POWER_KW), {"K": options.shape[0], "T": steps})


def _check_curtailable(place: str, load: CurtailableData, sizes: dict[str, int]) -> None:
    _check_member(place, load.member, sizes["N"])
    price = _Rule("", 0.0, MAX_PRICE_EUR_PER_KWH)
    _check_number(f"{place}.discomfort_eur_per_kwh", load.discomfort_eur_per_kwh, price)
    days = np.asarray(load.limit_kwh).size
    if days == 0:
        raise ProblemError(f"{place}.limit_kwh: no day; accepted: at least one")
    for name, rule in (
        ("wanted_kw", _Rule("T", 0.0, MAX_POWER_KW)),
        ("is_open", _Rule("T", 0, 1)),
        ("day", _Rule("T", 0, days - 1)),
        ("limit_kwh", _Rule("D", 0.0, MAX_ENERGY_KWH)),
    ):
        _check_array(f"{place}.{name}", np.asarray(getattr(load, name)), rule, sizes | {"D": days})
    if not np.issubdtype(np.asarray(load.day).dtype, np.integer) or (np.diff(load.day) < 0).any():
        raise ProblemError(f"{place}.day holds {np.asarray(load.day).tolist()}; accepted: whole numbers, never falling")


def _check_parts(problem: DispatchProblem) -> None:
    """What a member's curtailable loads want is part of its demand."""
    rest_kw = np.array(problem.demand_kw, dtype=np.float64)
    for index, load in enumerate(problem.curtailables):
        left_kw = rest_kw[load.member].copy()
        rest_kw[load.member] -= load.wanted_kw
        beyond = np.flatnonzero(rest_kw[load.member] < -SHARE_ROUNDING_KW)
        if beyond.size:
            step = int(beyond[0])
            accepted = f"at most what is left of its member's demand, {max(float(left_kw[step]), 0.0):g}"
            raise ProblemError(
                f"curtailables[{index}].wanted_kw[{step}] is {load.wanted_kw[step]:g}; accepted: {accepted}"
            )


def _check_event(problem: DispatchProblem, sizes: dict[str, int]) -> None:
    target_kw = np.asarray(problem.event_target_kw)
    if target_kw.shape == (0,):
        return
    rule = _Rule("T", -MAX_POWER_KW, MAX_POWER_KW, infinite_allowed=True)
    _check_array("event_target_kw", target_kw, rule, sizes)
