"""What a battery would have done without one of the plan's motives, and what following the motive saves.

Each answer is a solution of the same problem with the motive taken out, its cost measured on the real problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from models.dispatch.figures import measure_schedule
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.domain.arrays import FloatArray
from models.domain.setpoint import Reason
from models.explanation.setpoint import NOTICEABLE_KW

CLOSED_FEE_EUR_PER_KWH = 100.0
"""A network fee at which no kWh is shared, whatever the tariff."""


class Motive(StrEnum):
    """What can be taken out of a problem."""

    PEAK_CHARGE = "peak_charge"
    """The charge on the community's highest power."""
    PRICE_CHANGES = "price_changes"
    """Prices that differ from hour to hour; without them each is its mean."""
    SHARING = "sharing"
    """Energy shared between members."""


MOTIVES = {
    Reason.SHAVE_PEAK: Motive.PEAK_CHARGE,
    Reason.CHARGE_CHEAP: Motive.PRICE_CHANGES,
    Reason.EXPORT_DEAR: Motive.PRICE_CHANGES,
    Reason.SUPPLY_HOME: Motive.PRICE_CHANGES,
    Reason.IDLE: Motive.PRICE_CHANGES,
    Reason.STORE_SURPLUS: Motive.SHARING,
    Reason.SUPPLY_NEIGHBOURS: Motive.SHARING,
}
"""The motive worth asking about, by the reason of a battery's setpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """A battery's power in step 0 with and without a motive."""

    without: Motive
    power_kw: float
    """As planned, + charge [kW]."""
    other_kw: float
    """Without the motive, + charge [kW]."""
    saved_eur: float
    """What following the motive saves the community over the plan's whole horizon; below 0 it costs [EUR]."""

    @property
    def is_same(self) -> bool:
        """The battery would have done the same."""
        return abs(self.power_kw - self.other_kw) <= NOTICEABLE_KW


def ask_in_turn(
    first: Motive,
    problem: DispatchProblem,
    plan: Plan,
    battery: int,
    solve: Callable[[DispatchProblem], Plan | None],
) -> tuple[Counterfactual, ...]:
    """Ask about a motive, then about the others until one is found that decides what the battery does now.

    Args:
        first: The motive worth asking about before others.
        problem: The problem of the plan.
        plan: Its plan, with a schedule.
        battery: Which battery is asked about.
        solve: Solver; ``None`` where it found nothing usable.

    Returns:
        The comparisons in their order; only the last one may be of a motive that decides. Empty where there is
        nothing to compare.
    """
    answers = []
    for motive in (first, *(one for one in _list_motives(problem) if one is not first)):
        answer = ask_without(motive, problem, plan, battery, solve)
        if answer is not None:
            answers.append(answer)
            if not answer.is_same:
                break
    return tuple(answers)


def _list_motives(problem: DispatchProblem) -> Iterator[Motive]:
    """Motives that the problem has at all."""
    if problem.peak_charge_eur_per_kw > 0.0:
        yield Motive.PEAK_CHARGE
    if np.ptp(problem.import_price_eur_per_kwh) > 0.0 or np.ptp(problem.export_price_eur_per_kwh) > 0.0:
        yield Motive.PRICE_CHANGES
    if len(problem.demand_kw) > 1:
        yield Motive.SHARING


def ask_without(
    motive: Motive,
    problem: DispatchProblem,
    plan: Plan,
    battery: int,
    solve: Callable[[DispatchProblem], Plan | None],
) -> Counterfactual | None:
    """Solve the problem once more without a motive.

    Args:
        motive: What to take out.
        problem: The problem of the plan.
        plan: Its plan, with a schedule.
        battery: Which battery is asked about.
        solve: Solver; ``None`` where it found nothing usable.

    Returns:
        The comparison; ``None`` where there is nothing to compare.
    """
    other = solve(take_out(motive, problem))
    if plan.schedule is None or other is None or other.schedule is None:
        return None
    cost_eur = measure_schedule(problem, plan.schedule).cost_eur
    other_cost_eur = measure_schedule(problem, other.schedule).cost_eur
    return Counterfactual(
        without=motive,
        power_kw=float(plan.schedule.charge_kw[battery, 0] - plan.schedule.discharge_kw[battery, 0]),
        other_kw=float(other.schedule.charge_kw[battery, 0] - other.schedule.discharge_kw[battery, 0]),
        saved_eur=other_cost_eur - cost_eur,
    )


def take_out(motive: Motive, problem: DispatchProblem) -> DispatchProblem:
    """The same problem without one motive."""
    if motive is Motive.PEAK_CHARGE:
        return replace(problem, peak_charge_eur_per_kw=0.0)
    if motive is Motive.SHARING:
        return replace(problem, network_fee_eur_per_kwh=np.full_like(problem.step_h, CLOSED_FEE_EUR_PER_KWH))
    return replace(
        problem,
        import_price_eur_per_kwh=_flatten(problem.import_price_eur_per_kwh, problem.step_h),
        export_price_eur_per_kwh=_flatten(problem.export_price_eur_per_kwh, problem.step_h),
        local_price_eur_per_kwh=_flatten(problem.local_price_eur_per_kwh, problem.step_h),
    )


def _flatten(price: FloatArray, step_h: FloatArray) -> FloatArray:
    return np.full_like(price, float(price @ step_h / step_h.sum()))
