"""The worker process that solves: ``python -m controller.loop.solver_worker FD SOLVER MIP_GAP MEMORY_MB``.

It alone imports the solvers. It reads one problem at a time from a socket, answers with a plan or with why
there is none, and ends when its parent does.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING

from controller.loop.solver_messages import READY, Answer, FailureKind, Request, receive, send
from devices.clock import real_s
from models.domain.errors import ProblemError

if TYPE_CHECKING:
    from models.dispatch.solvers.protocol import Solver

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that this process gets when its parent dies."""
_MIB = 1024 * 1024
_KIB_PER_MIB = 1024.0


def main(arguments: list[str]) -> int:
    """Serve until the parent closes its end."""
    _, descriptor, solver_name, mip_gap, memory_mb = arguments
    _die_with_parent()
    _limit_memory(int(memory_mb))
    channel = socket.socket(fileno=int(descriptor))
    solver = _open_solver(solver_name, int(memory_mb))
    from models.dispatch import planning  # noqa: F401  # loaded before the first problem arrives

    send(channel, READY)
    while (request := receive(channel)) is not None:
        send(channel, _answer(request, solver, float(mip_gap)))
    return 0


def _answer(request: Request, solver: Solver, mip_gap: float) -> Answer:
    from models.dispatch.planning import solve

    try:
        plan = solve(
            request.problem,
            solver=solver,
            deadline_s=request.deadline_s,
            mip_gap=mip_gap,
            now_s=real_s,
            memory_mb=peak_memory_mb,
        )
    except ProblemError as error:
        return Answer(number=request.number, plan=None, failure=FailureKind.REFUSED, detail=str(error))
    except Exception as error:  # noqa: BLE001  # whatever it is, the controller has to hear of it
        detail = f"{type(error).__name__}: {error}"
        return Answer(number=request.number, plan=None, failure=FailureKind.FAILED, detail=detail)
    return Answer(number=request.number, plan=plan)


def peak_memory_mb() -> float:
    """Largest resident size of this process so far [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MIB


def _open_solver(name: str, memory_mb: int) -> Solver:
    if name == "highs":
        from models.dispatch.solvers.highs import HighsSolver

        return HighsSolver()
    from models.dispatch.solvers.glpk import GlpkSolver

    return GlpkSolver(memory_limit_mb=memory_mb)


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory(memory_mb: int) -> None:
    if memory_mb > 0:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * _MIB, memory_mb * _MIB))
    # A crash is reported by its signal; a core file of a gateway's memory helps nobody.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    status = main(sys.argv)
    # Skip the interpreter's tear-down: nothing is left to save, and the parent waits.
    os._exit(status)
