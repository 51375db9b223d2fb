"""No battery charges and discharges at once in the control window, also where no binary forbids it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.integrality import SMALL_KW
from models.dispatch.layout import gather

if TYPE_CHECKING:
    from models.dispatch.layout import Layout
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray
    from models.dispatch.solvers.protocol import LinearSolution
    from models.dispatch.stages import StageRun


def find_burning(problem: DispatchProblem, layout: Layout, x: FloatArray) -> BoolArray:
    """[B, exact steps] Batteries that charge and discharge at once."""
    window = np.s_[:, : problem.exact_steps]
    power_in, power_out = gather(x, layout.charge[window]), gather(x, layout.discharge[window])
    result: BoolArray = np.minimum(power_in, power_out) > SMALL_KW
    return result


def keep_directions(run: StageRun, solution: LinearSolution) -> LinearSolution:
    """Forbid charging and discharging at once in the control window, where it has no binary but happens to pay.

    Weights can make burning pay: a member of low weight buys what one of high weight could only export cheaply. That
    is rare, so directions are fixed only when it is seen, there to the larger power; if the burning moves to another
    battery, everywhere, to the way the battery's energy goes. The gap counts the cost. Without a point where the time
    or the program does not allow it: such a schedule could not be followed.
    """
    window = np.s_[:, : run.problem.exact_steps]
    charge, discharge = run.layout.charge[window], run.layout.discharge[window]
    for is_everywhere in (False, True):
        burns = find_burning(run.problem, run.layout, solution.x)
        if not burns.any():
            return solution
        power_in, power_out = gather(solution.x, charge), gather(solution.x, discharge)
        takes = power_in >= power_out
        if is_everywhere:
            burns[:] = True
            takes = power_in * _round_trips(run.problem) >= power_out
        idle = np.concatenate([discharge[burns & takes], charge[burns & ~takes]])
        run.upper[idle] = 0.0
        run.session.set_column_bounds(idle, run.lower[idle], run.upper[idle])
        solution = run.session.solve_relaxed(deadline_s=max(run.left_s, 0.01))
        if not solution.has_point:
            return solution
    return solution


def _round_trips(problem: DispatchProblem) -> FloatArray:
    """[B, 1] Efficiency of each battery from terminals to terminals."""
    rounds = [battery.charge_efficiency_frac * battery.discharge_efficiency_frac for battery in problem.batteries]
    return np.array(rounds, dtype=np.float64)[:, None]
