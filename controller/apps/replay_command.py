"""``commonwatt replay``: one recorded interval solved again, compared, audited, and what holds its plan in place."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from controller.apps.replay_tables import print_replay
from controller.loop.solver_process import SolverFailure, SolverProcess
from controller.record.bundles import program_versions
from devices.clock import SystemClock
from models.dispatch.audit import audit_plan
from models.dispatch.binding import Binding, find_bindings
from models.dispatch.bundle import LARGEST_CONTENT_BYTES, Bundle, decode
from models.dispatch.comparison import Comparison, compare_plans
from models.dispatch.result import Plan
from models.dispatch.violation import Violation
from models.domain.errors import BundleError

BAD_USE = 2
MEMORY_LIMIT_MB = 8192
"""Address space of the worker: a replay runs on a desk as well as on a gateway [MiB]."""
DUALS_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of solving a bundle again."""

    bundle: Bundle
    solver: str
    versions: dict[str, str]
    """Of the programs here."""
    resolved: Plan | None
    """None where the solver gave no usable plan; ``failure`` says why."""
    failure: str
    recorded_violations: tuple[Violation, ...]
    resolved_violations: tuple[Violation, ...]
    comparison: Comparison | None
    """None where one of the two plans is missing."""
    bindings: tuple[Binding, ...]
    """Of the plan made now."""

    @property
    def agrees(self) -> bool:
        """The plans are worth the same and keep every limit; without a recorded one: a good plan was found now."""
        is_sound = not self.recorded_violations and not self.resolved_violations and self.resolved is not None
        return is_sound and (self.comparison is None or self.comparison.is_same_worth)


def replay_file(path: Path, *, solver: str | None, is_json: bool) -> int:
    """Replay a bundle; returns the exit status: 0 it agrees, 1 it does not, 2 the bundle or the solver cannot be used.

    Args:
        path: The bundle.
        solver: ``glpk`` or ``highs``; None: the one that was used.
        is_json: Print one JSON object on stdout instead of tables.
    """
    try:
        bundle = read_bundle(path)
        chosen = _choose_solver(solver or bundle.settings.solver)
    except BundleError as error:
        typer.secho(f"commonwatt: {error}", err=True, fg=typer.colors.RED)
        return BAD_USE
    replay = replay_bundle(bundle, chosen)
    if is_json:
        typer.echo(json.dumps(describe(replay), allow_nan=False))
    else:
        print_replay(describe(replay))
    return 0 if replay.agrees else 1


def read_bundle(path: Path) -> Bundle:
    """The bundle of a file.

    Raises:
        BundleError: The file cannot be read, or is no whole bundle.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_CONTENT_BYTES)
        return decode(content)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror or error}") from error
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from error


def replay_bundle(bundle: Bundle, solver: str) -> Replay:
    """Solve a bundle again and compare."""
    problem, recorded = bundle.problem, bundle.plan
    resolved, failure = _solve(bundle, solver)
    comparison = None
    if recorded is not None and recorded.is_usable and resolved is not None:
        comparison = compare_plans(problem, recorded, resolved, mip_gap_frac=bundle.settings.mip_gap_frac)
    return Replay(
        bundle=bundle,
        solver=solver,
        versions=program_versions(),
        resolved=resolved,
        failure=failure,
        recorded_violations=() if recorded is None else audit_plan(problem, recorded),
        resolved_violations=() if resolved is None else audit_plan(problem, resolved),
        comparison=comparison,
        bindings=() if resolved is None else _find_bindings(bundle, resolved, solver),
    )


def _choose_solver(name: str) -> str:
    if name not in ("glpk", "highs"):
        raise BundleError(f"solver: found {name!r}; accepted: glpk | highs, by --solver")
    if name == "highs" and find_spec("highspy") is None:
        raise BundleError("solver: HiGHS is not installed (the extra `highs`); accepted here: --solver glpk")
    return name


def _solve(bundle: Bundle, solver: str) -> tuple[Plan | None, str]:
    """The plan made now, or why there is none; in a process of its own, as it runs live."""

    async def solve() -> Plan | SolverFailure:
        process = SolverProcess(
            solver=solver,
            mip_gap_frac=bundle.settings.mip_gap_frac,
            memory_limit_mb=MEMORY_LIMIT_MB,
            clock=SystemClock(),
        )
        try:
            await process.start()
            return await process.solve(bundle.problem, deadline_s=bundle.settings.deadline_s)
        finally:
            await process.close()

    answer = asyncio.run(solve())
    if isinstance(answer, SolverFailure):
        return None, f"{answer.kind}: {answer.detail}"
    if not answer.is_usable:
        return None, "; ".join((answer.record.termination, *answer.record.violated))
    return answer, ""


def _find_bindings(bundle: Bundle, plan: Plan, solver: str) -> tuple[Binding, ...]:
    from models.dispatch.duals import measure_duals

    if solver == "highs":
        from models.dispatch.solvers.highs import HighsSolver

        duals = measure_duals(bundle.problem, plan, HighsSolver(), deadline_s=DUALS_DEADLINE_S)
    else:
        from models.dispatch.solvers.glpk import GlpkSolver

        duals = measure_duals(bundle.problem, plan, GlpkSolver(), deadline_s=DUALS_DEADLINE_S)
    return find_bindings(bundle.problem, plan, duals)


def describe(replay: Replay) -> dict[str, Any]:
    """All of a replay as plain values."""
    bundle, comparison = replay.bundle, replay.comparison
    worths = () if comparison is None else comparison.worths
    entries = () if comparison is None else comparison.entries
    return {
        "agrees": replay.agrees,
        "decision_id": bundle.decision_id,
        "start_utc": bundle.problem.start_utc.isoformat(),
        "rung": bundle.rung,
        "members": bundle.problem.demand_kw.shape[0],
        "steps": bundle.problem.demand_kw.shape[1],
        "problem_sha256": bundle.problem_sha256,
        "versions": {"recorded": bundle.versions, "here": replay.versions},
        "recorded": _describe_plan(bundle.plan, bundle.settings.solver),
        "resolved": _describe_plan(replay.resolved, replay.solver) | {"failure": replay.failure},
        "worths": [
            {
                "name": worth.name,
                "recorded": worth.recorded,
                "resolved": worth.resolved,
                "tolerance": worth.tolerance,
                "unit": worth.unit,
                "is_close": worth.is_close,
            }
            for worth in worths
        ],
        "schedule": [
            {
                "quantity": entry.quantity,
                "row": entry.row,
                "step": entry.step,
                "recorded": entry.recorded,
                "resolved": entry.resolved,
                "count": entry.count,
            }
            for entry in entries
        ],
        "audit": {
            "recorded": [str(violation) for violation in replay.recorded_violations],
            "resolved": [str(violation) for violation in replay.resolved_violations],
        },
        "binding": [
            {
                "limit": binding.limit,
                "place": binding.place,
                "steps": list(binding.steps),
                "value": binding.value,
                "unit": binding.unit,
                "dual_eur": binding.dual_eur,
            }
            for binding in replay.bindings
        ],
    }


def _describe_plan(plan: Plan | None, solver: str) -> dict[str, Any]:
    if plan is None or plan.figures is None:
        return {"solver": solver, "termination": None}
    record, figures = plan.record, plan.figures
    return {
        "solver": record.solver,
        "termination": record.termination.value,
        "gap_frac": record.gap_frac,
        "solve_s": sum(record.stage_s),
        "cost_eur": figures.cost_eur,
        "price_of_equity_eur": figures.price_of_equity_eur,
        "peak_kw": [float(peak) for peak in figures.peak_kw],
        "discomfort_eur": float(figures.discomfort_eur.sum()),
        "event_shortfall_kwh": float(figures.event_shortfall_kwh.sum()),
        "softened": [str(limit) for limit in plan.softened],
    }
