"""Each cycle's problem and plan, handed on to be kept as a bundle."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from config.operation import Solver
from controller.loop.cycle import CycleReport
from controller.record.bundles import BundleKeeper
from models.dispatch.bundle import Bundle, Settings, make_bundle

_log = logging.getLogger(__name__)


def bundle_watcher(keeper: BundleKeeper, solver: Solver, versions: Mapping[str, str]) -> Callable[[CycleReport], None]:
    """A watcher for ``Cycle.watchers``; cycles that came to no problem leave no bundle, and the log says why.

    Args:
        keeper: Writes the bundles.
        solver: The site's solver settings.
        versions: Of the programs, by name.
    """
    settings = Settings(solver=solver.name, mip_gap_frac=solver.mip_gap_frac, deadline_s=solver.deadline_s)
    is_without = False

    def watch(report: CycleReport) -> None:
        nonlocal is_without
        decision = report.decision
        if decision.built is None and not is_without:
            _log.warning("%s has no problem to replay: %s", report.decision_id, "; ".join(report.faults) or "unknown")
        is_without = decision.built is None
        if decision.built is None:
            return
        problem = decision.built.problem

        def make() -> Bundle:
            return make_bundle(
                decision_id=report.decision_id,
                rung=decision.rung.value,
                settings=settings,
                versions=versions,
                problem=problem,
                plan=decision.plan,
            )

        keeper.keep(report.snapshot.taken_utc, make)

    return watch
