"""What goes unserved, shared out to the last member: the worst-off first, then the worst-off of the others, and so on.

The service stage makes the largest share (by need and weight) of each step as small as it can be. Whoever sets it
cannot be helped any further: a low connection limit, say. Among all others it says nothing, so they are asked again
(lexicographic min-max), until nobody is left who lacks anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.integrality import SMALL_KW
from models.dispatch.layout import NONE, gather
from models.dispatch.result import Termination

if TYPE_CHECKING:
    from models.dispatch.solvers.protocol import LinearSolution
    from models.dispatch.stages import StageRun

ROUNDS_AT_MOST = 12
"""Each is one linear program from the last basis; a community whose limits differ that much does not need more."""
TIME_SHARE_FRAC = 0.3
"""Share of the time left that all rounds may take."""
HELD_DUAL = 1e-7
"""A row with a larger dual holds in every optimum: its member cannot do better."""
HELD_SLACK_KW = 1e-7
"""Added to what a member is held at, for the solvers' tolerances [kW]."""


def level_shares(run: StageRun, service: LinearSolution) -> LinearSolution:
    """The optimum of the service stage with the fairest shares; its integers stay what they are.

    Args:
        run: The stages, the service objective set.
        service: Optimum of that stage, with duals.
    """
    layout, x = run.layout, service.x
    column, row = layout.unserved, layout.unserved_fair_row
    is_open = (row != NONE) & (column != NONE)
    if not service.row_dual.size or not (is_open & (gather(x, column) > SMALL_KW)).any():
        return service
    run.fix_integers(x)
    end_left_s = (1.0 - TIME_SHARE_FRAC) * run.left_s
    best = service
    for _ in range(ROUNDS_AT_MOST):
        is_worst = is_open & (np.abs(gather(best.row_dual, row)) > HELD_DUAL)
        is_open &= ~is_worst
        is_lacking = is_open & (gather(best.x, column) > SMALL_KW)
        if not is_worst.any() or not is_lacking.any() or run.left_s < end_left_s:
            break
        held, freed = column[is_worst], row[is_worst]
        run.session.set_column_bounds(held, run.lower[held], np.maximum(best.x[held], 0.0) + HELD_SLACK_KW)
        nothing = np.full(freed.shape, np.inf)
        run.session.set_row_bounds(freed, -nothing, nothing)
        found = run.session.solve_relaxed(deadline_s=max(run.left_s - end_left_s, 0.01))
        if found.termination is not Termination.OPTIMAL:
            break
        best = found
    run.release()
    return best
