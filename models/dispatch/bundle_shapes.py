"""Does a plan that was read from bytes fit its problem, so that it can be compared and audited entry by entry?"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.result import LimitKind, PlanFigures, Schedule
from models.domain.errors import BundleError

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem
    from models.dispatch.result import Plan, SoftLimit

_AXES = {
    "charge_kw": "BT",
    "discharge_kw": "BT",
    "soc_kwh": "BT",
    "ev_kw": "ET",
    "ev_shortfall_kwh": "E",
    "run_option": "S",
    "run_kw": "ST",
    "member_cost_eur": "N",
    "alone_member_cost_eur": "N",
    "peak_kw": "Q",
    "access_shortfall_kwh": "N",
    "curtailed_load_kw": "CT",
    "discomfort_eur": "N",
    "event_excess_kw": "T",
    "event_shortfall_kwh": "T",
}
"""N members, T steps, Q billing periods, B batteries, E cars, S runs, C curtailable loads; ``NT`` where nothing is
said."""
_OF_LOADS = ("curtailed_load_kw", "discomfort_eur")
"""Empty without curtailable loads."""
_OF_EVENTS = ("event_excess_kw", "event_shortfall_kwh")
"""Empty without a demand-response event."""
_ADDED_LATER = ("alone_member_cost_eur",)
"""Empty in bundles that were recorded before."""
_ROWS = {LimitKind.BATTERY_LOW: "B", LimitKind.BATTERY_HIGH: "B", LimitKind.RUN_SKIPPED: "S"}
_COMMUNITY = (LimitKind.COMMUNITY_IMPORT, LimitKind.COMMUNITY_EXPORT)


def check_shapes(problem: DispatchProblem, plan: Plan) -> None:
    """Accept a plan whose every array has its problem's shape and finite values.

    Raises:
        BundleError: naming the array, what was found and what is accepted.
    """
    members, steps = problem.demand_kw.shape
    sizes = {"N": members, "T": steps, "Q": problem.peak_floor_kw.shape[0]}
    sizes |= {
        "B": len(problem.batteries),
        "E": len(problem.evs),
        "S": len(problem.runs),
        "C": len(problem.curtailables),
    }
    absent = (() if problem.curtailables else _OF_LOADS) + (() if problem.event_target_kw.size else _OF_EVENTS)
    if plan.figures is not None and not plan.figures.alone_member_cost_eur.size:
        absent += _ADDED_LATER
    for place, part, kind in (("schedule", plan.schedule, Schedule), ("figures", plan.figures, PlanFigures)):
        if part is None:
            continue
        for item in fields(kind):
            values = getattr(part, item.name)
            if isinstance(values, np.ndarray):
                axes = _AXES.get(item.name, "NT")
                nothing = dict.fromkeys(axes, 0)
                _check_array(f"plan.{place}.{item.name}", values, axes, nothing if item.name in absent else sizes)
    if plan.marginal_price_eur_per_kwh is not None:
        _check_array("plan.marginal_price_eur_per_kwh", plan.marginal_price_eur_per_kwh, "NT", sizes)
    for index, limit in enumerate(plan.softened):
        _check_limit(f"plan.softened[{index}]", limit, sizes)


def _check_array(place: str, values: np.ndarray, axes: str, sizes: dict[str, int]) -> None:
    accepted = tuple(sizes[axis] for axis in axes)
    if values.shape != accepted:
        raise BundleError(f"{place}: found shape {values.shape}; accepted: {accepted}")
    if not np.isfinite(values).all():
        raise BundleError(f"{place}: found a value that is not finite; accepted: finite numbers")


def _check_limit(place: str, limit: SoftLimit, sizes: dict[str, int]) -> None:
    rows = sizes[_ROWS.get(limit.kind, "N")]
    least = -1 if limit.kind in _COMMUNITY else 0
    highest = -1 if limit.kind in _COMMUNITY else rows - 1
    if not least <= limit.index <= highest:
        raise BundleError(f"{place}.index: found {limit.index}; accepted: {least} to {highest}")
    if not -1 <= limit.step < sizes["T"]:
        raise BundleError(f"{place}.step: found {limit.step}; accepted: -1 to {sizes['T'] - 1}")
