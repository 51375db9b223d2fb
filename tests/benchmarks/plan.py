"""Times the whole planning phase on a rolling day of seeded random communities, and plain Pyomo on the same instances.

Example:
    python tests/benchmarks/plan.py --members 100 --solver glpk --json --baseline

One line of JSON: medians over consecutive intervals of the phase from the problem's data to the audited plan
(validation, programs, all stages, read-back, audit). ``--baseline`` also builds the Pyomo model of some of the
same instances afresh and solves the same two stages by Pyomo's own interface to the same solver, on the same gap.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from devices.clock import real_s
from models.dispatch.audit import audit_plan
from models.dispatch.planning import solve
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.dispatch.solvers.protocol import Solver
from tests.benchmarks.random_community import RandomCommunity

MIP_GAP = 0.002
DEADLINE_S = 120.0
FIRST_INTERVAL = 36
"""9:00 local: PV rises, signs of most positions are open."""
BASELINE_LIMIT_S = 100.0
"""Real time after which no further baseline instance is begun."""
BASELINE_STAGE_LIMIT_S = 30
"""Time limit of each baseline solve; one that meets it counts as that long [s]."""


def open_solver(name: str) -> Solver:
    """The solver behind the protocol."""
    if name == "highs":
        from models.dispatch.solvers.highs import HighsSolver

        return HighsSolver()
    from models.dispatch.solvers.glpk import GlpkSolver

    return GlpkSolver()


def run_intervals(
    community: RandomCommunity, solver: Solver, intervals: int, now_s: Callable[[], float] = real_s
) -> tuple[list[float], list[Plan], list[DispatchProblem]]:
    """Plan consecutive intervals; each knows the schedule of the one before."""
    seconds, plans, problems = [], [], []
    reference_kw = None
    for interval in range(FIRST_INTERVAL, FIRST_INTERVAL + intervals):
        problem = community.problem(interval, reference_kw=reference_kw)
        started = now_s()
        plan = solve(
            problem, solver=solver, deadline_s=DEADLINE_S, mip_gap=MIP_GAP, now_s=now_s, memory_mb=peak_memory_mb
        )
        violations = audit_plan(problem, plan)
        seconds.append(now_s() - started)
        if violations:
            print(f"audit refused interval {interval}: {violations[0]}", file=sys.stderr)
            raise SystemExit(1)
        assert plan.schedule is not None
        net_kw = plan.schedule.charge_kw - plan.schedule.discharge_kw
        reference_kw = np.concatenate([net_kw[:, 1:16], np.full((net_kw.shape[0], 21), np.nan)], axis=1)
        plans.append(plan)
        problems.append(problem)
    return seconds, plans, problems


def run_baseline(problems: list[DispatchProblem], plans: list[Plan], name: str) -> tuple[float, list[int]]:
    """Median seconds of plain Pyomo, and which instances it was given."""
    started = real_s()
    seconds: list[float] = []
    taken: list[int] = []
    for index in np.linspace(0, len(problems) - 1, 3).astype(int).tolist():
        if taken and real_s() - started + 2 * seconds[-1] > BASELINE_LIMIT_S:
            break
        seconds.append(time_pyomo(problems[index], plans[index], name))
        taken.append(index)
    return statistics.median(seconds), taken


def time_pyomo(problem: DispatchProblem, plan: Plan, name: str) -> float:
    """Build the model afresh and solve efficiency, then equity within the same budget, by Pyomo's own interface."""
    import pyomo.environ as pyo

    from models.dispatch.facts import derive_facts
    from models.dispatch.model import build_model

    figures = plan.figures
    assert figures is not None
    started = real_s()
    model = build_model(problem, derive_facts(problem))
    model.cost.deactivate()
    model.equity.deactivate()
    solver: Any = pyo.SolverFactory("glpk" if name == "glpk" else "appsi_highs")
    _solve_stage(solver, model, name)
    efficient = pyo.value(model.cost)
    gain = max(0.0, figures.alone_cost_eur - efficient)
    model.budget.set_value(model.budget.body <= efficient + problem.equity_budget_frac * gain + 1e-4)
    model.efficiency.deactivate()
    model.equity.activate()
    _solve_stage(solver, model, name)
    return real_s() - started


def _solve_stage(solver: Any, model: Any, name: str) -> None:
    if name == "glpk":
        solver.solve(model, options={"mipgap": MIP_GAP, "tmlim": BASELINE_STAGE_LIMIT_S}, load_solutions=True)
        return
    solver.highs_options = {"threads": 1, "mip_rel_gap": MIP_GAP, "time_limit": float(BASELINE_STAGE_LIMIT_S)}
    solver.solve(model)


def peak_memory_mb() -> float:
    """Largest resident size of this process so far [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def cpu_s() -> float:
    """CPU time of this process so far [s]: on a busy machine closer to what an idle one would take than real time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--solver", choices=("glpk", "highs"), default="glpk")
    parser.add_argument("--intervals", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--extras", action="store_true", help="with electric cars and shiftable loads")
    parser.add_argument("--events", action="store_true", help="with demand-response events and curtailable loads")
    parser.add_argument("--cpu", action="store_true", help="count this process's CPU time: for a machine that is busy")
    parser.add_argument("--baseline", action="store_true", help="also time plain Pyomo on some of the instances")
    parser.add_argument("--json", action="store_true", help="one line of JSON (there is no other output)")
    chosen = parser.parse_args()
    community = RandomCommunity(chosen.members, chosen.seed, has_extras=chosen.extras, has_events=chosen.events)
    if chosen.cpu and chosen.baseline:
        parser.error("--cpu with --baseline: found both; accepted: one, as plain Pyomo solves in another process")
    now_s = cpu_s if chosen.cpu else real_s
    seconds, plans, problems = run_intervals(community, open_solver(chosen.solver), chosen.intervals, now_s)
    records = [plan.record for plan in plans]
    result: dict[str, Any] = {
        "members": chosen.members,
        "solver": chosen.solver,
        "extras": chosen.extras,
        "events": chosen.events,
        "intervals": chosen.intervals,
        "clock": "cpu" if chosen.cpu else "real",
        "median_s": round(statistics.median(seconds), 4),
        "p95_s": round(float(np.quantile(seconds, 0.95)), 4),
        "max_gap": round(max(record.gap_frac for record in records), 6),
        "rungs": dict(Counter(str(record.termination) for record in records)),
        "objective_sum": round(sum(record.objective_eur for record in records), 4),
        "rows": max(record.rows for record in records),
        "columns": max(record.columns for record in records),
        "binaries": max(record.binaries for record in records),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "stage_median_s": [round(float(s), 4) for s in np.median([record.stage_s for record in records], axis=0)],
    }
    if chosen.baseline:
        baseline_s, instances = run_baseline(problems, plans, chosen.solver)
        ours_s = statistics.median(seconds[index] for index in instances)
        result |= {
            "baseline_median_s": round(baseline_s, 3),
            "baseline_instances": instances,
            "ratio": round(baseline_s / ours_s, 2),
        }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
