"""Which limits hold a plan in place, read off its schedule alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import find_targets_kw
from models.dispatch.figures import protected_members
from models.dispatch.reserve import reserves_kw

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray
    from models.dispatch.result import Plan, PlanFigures, Schedule

CLOSE = 1e-4
"""A limit is met when no more than this is left [kW or kWh]."""
CLOSE_EUR = 1e-3
"""A tenth of a cent [EUR]."""
NOTICEABLE_KW = 1e-3
"""A limit of less than a watt is none that could be met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One limit that a plan meets."""

    limit: str
    """In words."""
    place: str
    """Member or device by position; empty for the community."""
    steps: tuple[int, ...]
    """Steps in which it is met; empty for a limit on the whole horizon."""
    value: float
    """The limit itself, in ``unit``; the largest where it changes."""
    unit: str
    dual_eur: float | None = None
    """What one more unit would be worth to the equity stage, the most of any step [EUR per unit]."""


def find_bindings(
    problem: DispatchProblem, plan: Plan, duals: Mapping[str, float] | None = None
) -> tuple[Binding, ...]:
    """All limits that a plan with a schedule meets.

    Args:
        problem: The problem.
        plan: Its plan.
        duals: By name of the program's row or column, from ``duals.measure_duals``; None: unknown.

    Raises:
        ValueError: The plan has no schedule.
    """
    if plan.schedule is None or plan.figures is None:
        raise ValueError("a plan with a schedule is needed")
    found = _Finder(duals)
    return (
        *_community(problem, plan.schedule, plan.figures, found),
        *_equity(problem, plan.figures, found),
        *_members(problem, plan.schedule, found),
        *_batteries(problem, plan.schedule, found),
        *_events(problem, plan.schedule, found),
    )


@dataclass(frozen=True, slots=True)
class _Finder:
    """Makes bindings, with their duals where they are known."""

    duals: Mapping[str, float] | None

    def over_steps(
        self, limit: str, place: str, is_met: BoolArray, value: float, names: tuple[str, ...]
    ) -> Iterator[Binding]:
        """A limit in the steps in which it is met; ``{t}`` in a name is the step. Its unit is the place's kW or kWh."""
        steps = tuple(int(t) for t in np.flatnonzero(is_met))
        if steps:
            found = [self.dual(name.format(t=t)) for t in steps for name in names]
            unit = "kWh" if "state of charge" in limit else "kW"
            yield Binding(limit=limit, place=place, steps=steps, value=value, unit=unit, dual_eur=_largest(found))

    def dual(self, name: str) -> float | None:
        """Size of one dual; 0 for a row that the model could leave out, None where none are known."""
        return None if self.duals is None else abs(self.duals.get(name, 0.0))


def _largest(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None


def _community(problem: DispatchProblem, schedule: Schedule, figures: PlanFigures, found: _Finder) -> Iterator[Binding]:
    net_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0)
    limit_kw = problem.community_import_limit_kw
    is_met = ~problem.is_islanded & (net_kw >= limit_kw - CLOSE)
    yield from found.over_steps("import limit", "", is_met, float(limit_kw.max()), ("limit_in[{t}]",))
    limit_kw = problem.community_export_limit_kw
    is_met = ~problem.is_islanded & (-net_kw >= limit_kw - CLOSE)
    yield from found.over_steps("export limit", "", is_met, float(limit_kw.max()), ("limit_out[{t}]",))
    if problem.peak_charge_eur_per_kw <= 0.0:
        return
    interval_h = float(problem.step_h[0]) + problem.metered_h
    net_kw = net_kw + reserves_kw(problem)
    net_kw[0] = (problem.step_h[0] * net_kw[0] + problem.metered_net_kwh.sum()) / interval_h
    for period, peak_kw in enumerate(figures.peak_kw):
        is_met = ~problem.is_islanded & (problem.peak_period == period) & (net_kw >= peak_kw - CLOSE)
        what = "peak that is paid for anyway" if peak_kw <= problem.peak_floor_kw[period] + CLOSE else "peak"
        place = f"billing period {period}" if len(figures.peak_kw) > 1 else ""
        yield from found.over_steps(what, place, is_met, float(peak_kw), ("peak_of[{t}]",))


def _equity(problem: DispatchProblem, figures: PlanFigures, found: _Finder) -> Iterator[Binding]:
    gain_eur = max(0.0, figures.alone_cost_eur - figures.efficient_cost_eur)
    budget_eur = problem.equity_budget_frac * gain_eur
    if figures.price_of_equity_eur >= budget_eur - CLOSE_EUR:
        yield _whole("equity budget", "", budget_eur, "EUR", found.dual("budget"))
    known = np.isfinite(problem.income_eur)
    if problem.burden_price_frac > 0.0 and known.any():
        burden_eur = np.where(known, problem.billed_eur + figures.member_cost_eur, -np.inf)
        burden_frac = burden_eur / np.where(known, problem.income_eur, 1.0)
        for i in np.flatnonzero(burden_frac >= burden_frac.max() - CLOSE_EUR):
            yield _whole("highest burden", f"member {i}", float(burden_frac[i]), "relative", found.dual(f"worst[{i}]"))
    for i in np.flatnonzero(protected_members(problem) & (figures.access_shortfall_kwh > CLOSE)):
        missing_kwh = float(figures.access_shortfall_kwh[i])
        yield _whole("renewable access missed", f"member {i}", missing_kwh, "kWh", found.dual(f"access[{i}]"))
    if found.duals is not None:
        for i in np.flatnonzero(protected_members(problem) & (figures.access_shortfall_kwh <= CLOSE)):
            if (dual := found.dual(f"access[{i}]") or 0.0) > 0.0:
                yield _whole("renewable access just met", f"member {i}", 0.0, "kWh", dual)


def _whole(limit: str, place: str, value: float, unit: str, dual_eur: float | None) -> Binding:
    return Binding(limit=limit, place=place, steps=(), value=value, unit=unit, dual_eur=dual_eur)


def _members(problem: DispatchProblem, schedule: Schedule, found: _Finder) -> Iterator[Binding]:
    taken_kw, given_kw = schedule.import_kw + schedule.buy_kw, schedule.export_kw + schedule.sell_kw
    for i in range(problem.demand_kw.shape[0]):
        for limit, power_kw, limit_kw, rows in (
            ("import limit", taken_kw[i], problem.member_import_limit_kw[i], ("intake", "side_in")),
            ("export limit", given_kw[i], problem.member_export_limit_kw[i], ("outlet", "side_out")),
        ):
            names = tuple(f"{row}[{i},{{t}}]" for row in rows)
            yield from found.over_steps(limit, f"member {i}", _is_met(power_kw, limit_kw), float(limit_kw), names)


def _batteries(problem: DispatchProblem, schedule: Schedule, found: _Finder) -> Iterator[Binding]:
    for b, battery in enumerate(problem.batteries):
        place = f"battery {b} of member {battery.member}"
        most_in_kw, most_out_kw = battery.charge_limit_kw, battery.discharge_limit_kw
        charge_kw, discharge_kw, soc_kwh = schedule.charge_kw[b], schedule.discharge_kw[b], schedule.soc_kwh[b]
        for limit, is_met, value, column in (
            ("charging limit", _is_met(charge_kw, most_in_kw), most_in_kw, "charge"),
            ("discharging limit", _is_met(discharge_kw, most_out_kw), most_out_kw, "discharge"),
            ("lowest state of charge", soc_kwh <= battery.soc_min_kwh + CLOSE, battery.soc_min_kwh, "soc"),
            ("highest state of charge", soc_kwh >= battery.soc_max_kwh - CLOSE, battery.soc_max_kwh, "soc"),
        ):  # fmt: skip
            yield from found.over_steps(limit, place, is_met, float(value), (f"{column}[{b},{{t}}]",))


def _events(problem: DispatchProblem, schedule: Schedule, found: _Finder) -> Iterator[Binding]:
    """Targets of demand-response events, and how much each load may be held back."""
    target_kw = find_targets_kw(problem)
    if np.isfinite(target_kw).any():
        over_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0) - target_kw
        value, row = float(target_kw[np.isfinite(target_kw)].max()), ("event_of[{t}]",)
        yield from found.over_steps("event target", "", np.abs(over_kw) <= CLOSE, value, row)
        yield from found.over_steps("event target missed", "", over_kw > CLOSE, value, row)
    for c, load in enumerate(problem.curtailables):
        place, cut_kw = f"load {c} of member {load.member}", schedule.curtailed_load_kw[c]
        most_kw = np.where(load.is_open, load.wanted_kw, 0.0)
        is_met = (cut_kw >= most_kw - CLOSE) & (cut_kw > NOTICEABLE_KW)
        yield from found.over_steps("held back entirely", place, is_met, float(most_kw.max()), (f"cut[{c},{{t}}]",))
        for day, limit_kwh in enumerate(load.limit_kwh.tolist()):
            is_cut = (load.day == day) & (cut_kw > NOTICEABLE_KW)
            if not is_cut.any() or float(cut_kw[is_cut] @ problem.step_h[is_cut]) < limit_kwh - CLOSE:
                continue
            # Where one step could use up the day, its bound says so, and the row says nothing.
            bounded = [found.dual(f"cut[{c},{t}]") for t in np.flatnonzero(is_cut & ~is_met)]
            hours = problem.step_h[is_cut & ~is_met].tolist()
            worths = [None if dual is None else dual / h for dual, h in zip(bounded, hours, strict=True)]
            yield Binding(
                limit="most that is held back on a day",
                place=place,
                steps=tuple(int(t) for t in np.flatnonzero(is_cut)),
                value=limit_kwh,
                unit="kWh",
                dual_eur=_largest([found.dual(f"cut_day[{c},{day}]"), *worths]),
            )


def _is_met(power_kw: FloatArray, limit_kw: float) -> BoolArray:
    result: BoolArray = (power_kw >= limit_kw - CLOSE) & (power_kw > NOTICEABLE_KW)
    return result
