"""Quality of the closed loop: what rolling plans cost a community, beside the best that could have been done.

Example:
    python tests/benchmarks/closed_loop.py --members 12 --days 7 --seed 1 --solver highs --json

Days of an invented community are played without MQTT: every interval the product settles, looks ahead, builds its
dispatch problem and plans; the plan's first step moves simulated homes. Once with perfect foresight, once with the
product's own forecasts, and once with these and the running interval as it will be: the difference is what devices
that follow deviations within an interval could win back at most. Plans are made at the ticks only, not on the
deviations that the product re-plans on. The optimum is the problem of all days in steps of one interval with everything
known (HiGHS).

What is left in batteries and cars at the end is valued alike: by what the best dispatch of the day after costs from
there. So a course never costs less than the optimum, and its regret is what it costs more, as a share of what the
optimum's window costs (energy, fee, wear, peak charge). ``--explain`` finds by further courses what the regret of
perfect foresight consists of. A day takes about half a minute on two cores, a week some minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from devices.clock import real_s
from models.dispatch.solvers.protocol import Solver
from tests.benchmarks.loop_course import Course, RollingLoop
from tests.benchmarks.loop_figures import WindowCost, cost_window, reduction_share
from tests.benchmarks.loop_foresight import Foresight
from tests.benchmarks.loop_hindsight import (
    Hindsight,
    flows_of,
    least_peak_kw,
    pose_hindsight,
    serve_alike,
    solve_hindsight,
)
from tests.benchmarks.loop_world import FIRST_DAY, World, build_world
from tests.benchmarks.plan import open_solver

GAP_FRAC = 1e-4
TAIL_LIMIT_S = 60.0
"""For the day after the window, and for the least peak [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The best of the window and the day after it."""

    hindsight: Hindsight
    window: WindowCost
    peak_kw: float
    """Of the window and the day after."""
    cost_eur: float
    """Of the window, with the whole peak charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A course beside the optimum."""

    course: Course
    window: WindowCost
    cost_eur: float
    """On the optimum's scale: the optimum's cost and what this course costs more."""
    peak_bound_kw: float
    """Least peak with the same energy in cars and batteries at the end."""


def find_optimum(world: World, *, limit_s: float) -> Optimum:
    """The optimum of all days and the one after."""
    problem = pose_hindsight(world, world.start_utc, world.after_utc, world.history.end_states)
    hindsight = solve_hindsight(problem, limit_s=limit_s, gap_frac=GAP_FRAC)
    schedule = hindsight.schedule
    intervals = len(world.starts(world.start_utc, world.end_utc))
    window = cost_window(world, flows_of(world, problem, schedule, intervals))
    peak_kw = max(0.0, float((schedule.import_kw - schedule.export_kw).sum(axis=0).max()))
    charge_eur = world.site.tariff.peak_charge_eur_per_kw * peak_kw
    return Optimum(
        hindsight=hindsight,
        window=window,
        peak_kw=peak_kw,
        cost_eur=window.energy_eur + window.wear_eur + charge_eur,
    )


def judge(world: World, optimum: Optimum, course: Course) -> Judged:
    """What a course costs with the best that can follow it, and how far its peak could have come down."""
    window = cost_window(world, course.flows)
    charge_eur = world.site.tariff.peak_charge_eur_per_kw * window.peak_kw
    after = pose_hindsight(world, world.end_utc, world.after_utc, course.end_states, peak_floor_kw=window.peak_kw)
    rest = solve_hindsight(after, limit_s=TAIL_LIMIT_S, gap_frac=GAP_FRAC)
    missed_eur = max((ev.shortfall_eur_per_kwh for ev in after.evs), default=0.0) * course.ev_missed_kwh
    total_eur = window.energy_eur + window.wear_eur + charge_eur + missed_eur + rest.cost_eur
    begin = pose_hindsight(world, world.start_utc, world.end_utc, world.history.end_states)
    soc_kwh = [course.end_states[one.id].soc_kwh[bat.id] for one in world.site.members for bat in one.batteries]
    return Judged(
        course=course,
        window=window,
        cost_eur=optimum.cost_eur + total_eur - optimum.hindsight.cost_eur,
        peak_bound_kw=least_peak_kw(
            serve_alike(world, begin, world.history.end_states, course.end_states),
            np.array(soc_kwh),
            limit_s=TAIL_LIMIT_S,
        ),
    )


def without_equity(world: World) -> World:
    """The same community with a by-law that has no regard to equity in dispatch."""
    none = {"burden_price_frac": 0.0, "access_share_frac": 0.0, "equity_budget_frac": 0.0}
    by_law = world.site.by_law.model_copy(update=none)
    return replace(world, site=world.site.model_copy(update={"by_law": by_law}))


def with_fine_steps(world: World) -> World:
    """The same community with plans of the same length that have no coarse steps."""
    horizon = world.site.horizon
    steps = horizon.fine_steps + horizon.coarse_steps * horizon.coarse_step_min // world.site.interval_min
    fine = horizon.model_copy(update={"fine_steps": steps, "coarse_steps": 0})
    return replace(world, site=world.site.model_copy(update={"horizon": fine}))


def explain(world: World, solver: Solver, optimum: Optimum, courses: dict[str, Judged]) -> dict[str, float]:
    """Parts of both regrets, as shares of the optimum's cost: each the difference of two courses."""
    plain = without_equity(world)
    perfect, known = Foresight.PERFECT, optimum.peak_kw
    steps = {
        "equity": RollingLoop(plain, solver, perfect),
        "peak_beyond_horizon": RollingLoop(plain, solver, perfect, assumed_peak_kw=known),
        "coarse_steps": RollingLoop(with_fine_steps(plain), solver, perfect, assumed_peak_kw=known),
    }
    before_eur, parts = courses["perfect"].cost_eur, {}
    for name, loop in steps.items():
        cost_eur = judge(world, optimum, loop.run()).cost_eur
        parts[f"of_which_{name}"] = (before_eur - cost_eur) / optimum.cost_eur
        before_eur = cost_eur
    parts["of_which_rest"] = (before_eur - optimum.cost_eur) / optimum.cost_eur
    arrivals = judge(world, optimum, RollingLoop(world, solver, Foresight.ARRIVALS_UNKNOWN).run())
    parts["of_which_arrivals"] = (arrivals.cost_eur - courses["perfect"].cost_eur) / optimum.cost_eur
    parts["of_which_demand_and_pv"] = (courses["forecast"].cost_eur - arrivals.cost_eur) / optimum.cost_eur
    return parts


def describe(world: World, optimum: Optimum, courses: dict[str, Judged]) -> dict[str, object]:
    """Figures for the JSON object."""
    result: dict[str, object] = {
        "cost_optimum": optimum.cost_eur,
        "optimum_gap_frac": optimum.hindsight.gap_frac,
        "energy_optimum": optimum.window.energy_eur,
        "peak_uncontrolled_kw": world.uncontrolled.peak_import_kw,
        "peak_optimum_kw": optimum.peak_kw,
        "worst_burden_optimum": optimum.window.worst_burden_frac,
    }
    regret = {name: (one.cost_eur - optimum.cost_eur) / optimum.cost_eur for name, one in courses.items()}
    for name, one in courses.items():
        window = one.window
        share = reduction_share(world.uncontrolled.peak_import_kw, window.peak_kw, one.peak_bound_kw)
        result |= {
            f"cost_{name}": one.cost_eur,
            f"energy_{name}": window.energy_eur,
            f"regret_frac_{name}": regret[name],
            f"peak_{name}_kw": window.peak_kw,
            f"peak_bound_{name}_kw": one.peak_bound_kw,
            f"peak_share_{name}": share,
            f"worst_burden_{name}": window.worst_burden_frac,
            f"ev_missed_{name}_kwh": one.course.ev_missed_kwh,
            f"plans_{name}": one.course.plans,
            f"solve_{name}_s": one.course.solve_s,
        }
    return result | {
        "regret_frac_forecast_error": regret["forecast"] - regret["perfect"],
        "regret_frac_other": regret["perfect"],
        "of_which_within_interval": regret["forecast"] - regret["interval_known"],
    }


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=12)
    parser.add_argument("--days", type=int, choices=(1, 7), default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--solver", choices=("glpk", "highs"), default="glpk", help="of the rolling plans")
    parser.add_argument("--start", type=date.fromisoformat, default=FIRST_DAY, help="first local day")
    parser.add_argument("--limit", type=float, default=600.0, help="time limit of the optimum [s]")
    parser.add_argument(
        "--explain", action="store_true", help="split both regrets; four more courses, one of them slow"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON; else a line for each figure")
    chosen = parser.parse_args()
    started_s = real_s()
    world = build_world(chosen.members, chosen.days, chosen.seed, chosen.start)
    solver = open_solver(chosen.solver)
    optimum = find_optimum(world, limit_s=chosen.limit)
    courses = {
        str(foresight): judge(world, optimum, RollingLoop(world, solver, foresight).run())
        for foresight in (Foresight.PERFECT, Foresight.INTERVAL_KNOWN, Foresight.FORECAST)
    }
    result: dict[str, object] = {
        "members": chosen.members,
        "days": chosen.days,
        "seed": chosen.seed,
        "start": chosen.start.isoformat(),
        "solver": chosen.solver,
    }
    result |= describe(world, optimum, courses)
    if chosen.explain:
        result |= explain(world, solver, optimum, courses)
    result["wall_s"] = real_s() - started_s
    rounded = {name: round(value, 5) if isinstance(value, float) else value for name, value in result.items()}
    print(json.dumps(rounded) if chosen.json else "\n".join(f"{name}: {value}" for name, value in rounded.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
