"""Independent check of what a plan says about itself: stand-alone costs, least cost, budget, objective, prices, gap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.audit_figures import (
    bill_members_eur,
    find_community_cost_eur,
    find_peaks_kw,
    find_worst_burden,
)
from models.dispatch.prices import READINESS_EUR_PER_KWH_H, THROUGHPUT_EUR_PER_KWH
from models.dispatch.result import Termination
from models.dispatch.rule import follow_rule
from models.dispatch.violation import BURDEN_TOLERANCE_FRAC, MONEY_TOLERANCE_EUR, Violation, find_exceeding

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem
    from models.dispatch.result import Plan, PlanFigures, Schedule

LEAST_SCALE_FRAC = 0.01
"""Gaps are relative to an amount, or to this share of the plain bill where the amount is near zero."""


def _figures(plan: Plan) -> PlanFigures:
    assert plan.figures is not None  # noqa: S101  # audit_plan has looked
    return plan.figures


def _schedule(plan: Plan) -> Schedule:
    assert plan.schedule is not None  # noqa: S101  # audit_plan has looked
    return plan.schedule


def _grant_eur(*amounts_eur: float) -> float:
    return MONEY_TOLERANCE_EUR + 1e-6 * max(abs(amount) for amount in amounts_eur)


def _gap_eur(problem: DispatchProblem, plan: Plan, amount_eur: float) -> float:
    """What a stage that ended within the plan's gap may be off."""
    prices = np.abs(problem.import_price_eur_per_kwh)
    bill_eur = float((prices * problem.step_h * problem.demand_kw.sum(axis=0)).sum())
    return plan.record.gap_frac * max(abs(amount_eur), LEAST_SCALE_FRAC * bill_eur, 0.01)


def _readiness_eur(problem: DispatchProblem, schedule: Schedule) -> float:
    """What the stages' objectives hold, beside money, for energy that is in store or in a car early."""
    hours = problem.step_h
    passed_h = np.concatenate([[0.0], np.cumsum(hours)[:-1]])
    early = float((schedule.ev_kw * hours * passed_h).sum()) - float((schedule.soc_kwh * hours).sum())
    return READINESS_EUR_PER_KWH_H * early


def _most_readiness_eur(problem: DispatchProblem) -> float:
    """No two schedules of a problem differ by more in it: so much F* may be above the least F."""
    stored_kwh = sum(max(battery.soc_max_kwh, battery.soc_start_kwh) for battery in problem.batteries)
    charged_kwh = sum(ev.energy_needed_kwh / ev.charge_efficiency_frac + ev.charge_min_kw for ev in problem.evs)
    return READINESS_EUR_PER_KWH_H * (stored_kwh + charged_kwh) * float(problem.step_h.sum())


def check_alone(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """F_alone and each member's part are those of the self-consumption rule; equity costs what its budget allows."""
    figures = _figures(plan)
    rule = follow_rule(problem)
    bill_eur = bill_members_eur(problem, rule)
    alone_eur = find_community_cost_eur(problem, rule, bill_eur, find_peaks_kw(problem, rule))
    off = np.array([abs(figures.alone_cost_eur - alone_eur)])
    yield from find_exceeding("reported stand-alone cost", "entry", off, _grant_eur(alone_eur), "EUR")
    by_member = figures.alone_member_cost_eur
    if by_member.shape not in ((0,), bill_eur.shape):
        yield Violation(rule="reported stand-alone cost", place=f"shape {by_member.shape}", size=np.inf, unit="shape")
    elif by_member.size:
        off = np.abs(by_member - bill_eur)
        grant_eur = _grant_eur(float(np.abs(bill_eur).max()))
        yield from find_exceeding("reported stand-alone cost", "member", off, grant_eur, "EUR")
    least_eur, cost_eur = figures.efficient_cost_eur, figures.cost_eur
    below = np.array([least_eur - cost_eur])
    grant_eur = _grant_eur(cost_eur, least_eur)
    gap_eur = _gap_eur(problem, plan, least_eur) + _most_readiness_eur(problem)
    yield from find_exceeding("reported efficient cost", "entry", below, grant_eur + gap_eur, "EUR")
    budget_eur = least_eur + problem.equity_budget_frac * max(0.0, alone_eur - least_eur)
    over = np.array([cost_eur - budget_eur])
    yield from find_exceeding("equity's budget", "entry", over, 2.0 * grant_eur, "EUR")


def check_record(_problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """A plan with a schedule is proven or an incumbent, with a gap from 0 to 1."""
    record = plan.record
    if record.termination not in (Termination.OPTIMAL, Termination.INCUMBENT):
        yield Violation(rule="termination", place=record.termination, size=np.nan, unit="with a schedule")
    if not 0.0 <= record.gap_frac <= 1.0:
        yield Violation(rule="reported gap", place="plan", size=record.gap_frac, unit="of 0 to 1")


def check_prices(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """Marginal prices, if there are any, are numbers: one for each member and step."""
    prices = plan.marginal_price_eur_per_kwh
    if prices is None:
        return
    if prices.shape != problem.demand_kw.shape:
        yield Violation(rule="marginal price", place=f"shape {prices.shape}", size=np.inf, unit="shape")
    else:
        yield from find_exceeding("marginal price", "member", np.where(np.isfinite(prices), 0.0, np.inf), 0.0, "EUR")


def check_objective(problem: DispatchProblem, plan: Plan) -> Iterator[Violation]:
    """The equity stage's objective is that of the schedule; 0: it is not stated.

    Missing access is counted as what protected members get in proportion to their purchases; the stage may hand the
    pool's PV surplus out better, so its objective may be lower by as much as the missing access costs.
    """
    if plan.record.objective_eur == 0.0:
        return
    figures, schedule = _figures(plan), _schedule(plan)
    shapes = figures.member_cost_eur.shape, figures.peak_kw.shape, figures.discomfort_eur.shape
    members = problem.weight.shape
    if shapes != (members, problem.peak_floor_kw.shape, members if problem.curtailables else (0,)):
        return
    # The figures themselves are compared with the schedule elsewhere.
    worth_eur = problem.weight * figures.member_cost_eur
    total_eur = float(worth_eur.sum()) + problem.peak_charge_eur_per_kw * float(
        (figures.peak_kw - problem.peak_floor_kw).sum()
    )
    total_eur += problem.event_shortfall_eur_per_kwh * float(figures.event_shortfall_kwh.sum())
    if figures.worst_burden_frac is not None and problem.burden_price_frac > 0.0:
        incomes = [income for income in problem.income_eur.tolist() if np.isfinite(income)]
        total_eur += problem.burden_price_frac * sum(incomes) / len(incomes) * figures.worst_burden_frac
    moved_kwh = float((schedule.charge_kw.sum(axis=0) + schedule.discharge_kw.sum(axis=0)) @ problem.step_h)
    if problem.curtailables:
        total_eur += float(problem.weight @ figures.discomfort_eur)
        moved_kwh += float(schedule.curtailed_load_kw.sum(axis=0) @ problem.step_h)
    total_eur += THROUGHPUT_EUR_PER_KWH * moved_kwh + _readiness_eur(problem, schedule)
    missing_eur = problem.access_shortfall_eur_per_kwh * float(figures.access_shortfall_kwh.sum())
    grant_eur = 2.0 * _grant_eur(float(np.abs(worth_eur).sum()), total_eur)
    stated_eur = plan.record.objective_eur
    off = np.array([stated_eur - total_eur - missing_eur, total_eur - stated_eur])
    yield from find_exceeding("reported objective", "entry", off, grant_eur, "EUR")


def audit_burden(problem: DispatchProblem, plan: Plan) -> tuple[Violation, ...]:
    """What is wrong with the worst burden of a plan that was restated in the terms of another form of its problem.

    Args:
        problem: The form whose burden the plan reports.
        plan: A plan that passed the audit of the form it was solved in.
    """
    if plan.schedule is None or plan.figures is None:
        return ()
    burden = find_worst_burden(problem, bill_members_eur(problem, plan.schedule))
    reported = plan.figures.worst_burden_frac
    if burden is None or reported is None:
        missing = Violation(rule="reported burden", place="plan", size=np.nan, unit="present in one only")
        return () if burden is None and reported is None else (missing,)
    off = np.array([abs(reported - burden)])
    grant_frac = BURDEN_TOLERANCE_FRAC + 1e-6 * abs(burden)
    return tuple(find_exceeding("reported burden", "entry", off, grant_frac, "of income"))
