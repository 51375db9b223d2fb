"""A dispatch problem without incomes and bills: what the equity stage needs of them, and no more.

Rawls' rows need rho Ybar z with z >= (c_i + C_i) / Y_i, for those members only whose burden could be the highest. The
optimum does not change when z is counted from another zero, nor when all incomes are counted in another unit. So a
concealed problem holds, for these members only,

- as ``income_eur`` the income in steps of 2 % on a scale whose unit is the lowest of them, rounded on the scale that
  begins at the community's mean: the same class whoever else is there, so that many problems say no more than one.
  Exact ratios would not do: 1877 / 2310 is found again from its digits, and with it both incomes;
- as ``billed_eur`` by how much the bill so far is below the one at which the member would be the most burdened, in
  whole cents (0 for the one who is);
- ``burden_price_frac`` in the unit that goes with them.

Neither an income nor a bill can be computed from that without knowing another one. What can be read: who could be the
most burdened, and how these few relate to each other. Of energy so far, only what protected members still miss stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.bounds import mean_income_eur
from models.dispatch.facts import derive_facts
from models.dispatch.figures import protected_members, worst_burden_frac
from models.dispatch.validation import validate_problem
from models.domain.arrays import freeze

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray
    from models.dispatch.result import Plan

INCOME_STEP = 1.02
"""Ratio of neighbouring income classes: a burden is off by 1 % at most, less than a month's income changes."""
BILL_STEP_EUR = 0.01
"""Bills are compared in steps of this [EUR]."""
LARGEST_BURDEN_PRICE = 1e3
"""What validation accepts; reached only where one income is a thousand times another, and then Rawls decides anyway."""


def conceal(problem: DispatchProblem) -> DispatchProblem:
    """The same problem in concealed form; a concealed one is returned as it is.

    Raises:
        ProblemError: The problem is not finite or not consistent.
    """
    validate_problem(problem)
    if is_concealed(problem):
        return problem
    renewable_kwh, consumption_kwh = _conceal_energy(problem)
    coarse = _coarsen(problem)
    kept = derive_facts(coarse).is_burden
    income, billed_eur = np.full(kept.shape, np.nan), np.zeros(kept.shape)
    price = problem.burden_price_frac
    if kept.any():
        classes = _classes(problem)[kept]
        income[kept] = INCOME_STEP ** (classes - classes.min())
        billed_eur[kept] = _conceal_bills(coarse, kept)
        # rho Ybar / Y_i = rho' mean' / income'_i, with Y_i = Ybar STEP^class_i.
        price = min(price * INCOME_STEP ** -classes.min() / float(income[kept].mean()), LARGEST_BURDEN_PRICE)
    return replace(
        problem,
        income_eur=freeze(income),
        billed_eur=freeze(billed_eur),
        burden_price_frac=float(price),
        renewable_kwh=freeze(renewable_kwh),
        consumption_kwh=freeze(consumption_kwh),
    )


def is_concealed(problem: DispatchProblem) -> bool:
    """Whether a problem has the form that ``conceal`` gives it: no income and no bill can be read off."""
    known = np.isfinite(problem.income_eur)
    energy_kwh = np.maximum(problem.renewable_kwh, problem.consumption_kwh)
    protected = protected_members(problem)
    if (problem.billed_eur[~known] != 0.0).any() or (energy_kwh[~protected] != 0.0).any():
        return False
    if np.minimum(problem.renewable_kwh, problem.consumption_kwh).any():
        return False
    if not known.any():
        return True
    income, billed_eur = problem.income_eur[known], problem.billed_eur[known]
    has_zeros = income.min() == 1.0 and billed_eur.max() == 0.0
    return bool(has_zeros and _is_whole(np.log(income) / np.log(INCOME_STEP)) and _is_whole(billed_eur / BILL_STEP_EUR))


def restate_burden(problem: DispatchProblem, plan: Plan) -> Plan:
    """The plan with its worst burden in the terms of another form of its problem: the plain or the concealed one."""
    if plan.figures is None:
        return plan
    burden_frac = worst_burden_frac(problem, plan.figures.member_cost_eur)
    return replace(plan, figures=replace(plan.figures, worst_burden_frac=burden_frac))


def _is_whole(steps: FloatArray) -> bool:
    return bool((np.abs(steps - np.round(steps)) <= 1e-9 * np.maximum(np.abs(steps), 1.0)).all())


def _classes(problem: DispatchProblem) -> FloatArray:
    """[N] steps of each income above the mean; NaN without one."""
    result: FloatArray = np.round(np.log(problem.income_eur / mean_income_eur(problem)) / np.log(INCOME_STEP))
    return result


def _coarsen(problem: DispatchProblem) -> DispatchProblem:
    income_eur = mean_income_eur(problem) * INCOME_STEP ** _classes(problem)
    return replace(problem, income_eur=income_eur)


def _conceal_bills(coarse: DispatchProblem, kept: BoolArray) -> FloatArray:
    """c_i - K Y_i, with K the highest burden so far: at most 0."""
    billed_eur, income_eur = coarse.billed_eur[kept], coarse.income_eur[kept]
    below_eur = billed_eur - float((billed_eur / income_eur).max()) * income_eur
    result: FloatArray = np.round(np.minimum(below_eur, 0.0) / BILL_STEP_EUR) * BILL_STEP_EUR
    return result


def _conceal_energy(problem: DispatchProblem) -> tuple[FloatArray, FloatArray]:
    """Renewable energy and consumption so far that leave alpha x consumption - renewable as it is."""
    share = problem.access_share_frac
    missing_kwh = np.where(protected_members(problem), share * problem.consumption_kwh - problem.renewable_kwh, 0.0)
    consumption_kwh = np.maximum(missing_kwh, 0.0) / (share if share > 0.0 else 1.0)
    return np.maximum(-missing_kwh, 0.0), consumption_kwh
