"""The worker process: it answers, and whatever happens to it is an answer too."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from controller.loop.solver_messages import FailureKind
from controller.loop.solver_process import SolverFailure, SolverProcess
from devices.clock import SystemClock, VirtualClock
from devices.virtual_loop import run_virtual
from models.dispatch.audit import audit_plan
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import plain_problem

PATIENCE_S = 30.0
PROBLEM = plain_problem(members=4, steps=8)

# Workers that misbehave speak the same protocol. The first argument after -c is the descriptor.
GREETING = """
import socket, sys, time, os, pickle
from controller.loop.solver_messages import READY, send, receive
channel = socket.socket(fileno=int(sys.argv[1]))
send(channel, READY)
receive(channel)
"""


def worker(body: str) -> tuple[str, ...]:
    return sys.executable, "-c", GREETING + textwrap.dedent(body)


def is_alive(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


def make(command: tuple[str, ...] | None = None, **changes: object) -> SolverProcess:
    options: dict[str, object] = {
        "solver": "glpk",
        "mip_gap_frac": 1e-6,
        "memory_limit_mb": 1024,
        "clock": SystemClock(),
    }
    if command is not None:
        options["command"] = command
    return SolverProcess(**(options | changes))  # type: ignore[arg-type]


@pytest.fixture
async def process() -> AsyncIterator[SolverProcess]:
    solver = make()
    await solver.start()
    yield solver
    await solver.close()


async def failure_of(command: tuple[str, ...], deadline_s: float = PATIENCE_S) -> SolverFailure:
    solver = make(command)
    try:
        answer = await solver.solve(PROBLEM, deadline_s=deadline_s)
    finally:
        await solver.close()
    assert isinstance(answer, SolverFailure)
    return answer


@pytest.mark.parametrize("name", ["glpk", "highs"])
async def test_a_plan_from_the_worker_is_the_one_solved_here(name: str) -> None:
    solver = make(solver=name)
    answer = await solver.solve(PROBLEM, deadline_s=PATIENCE_S)
    await solver.close()
    assert isinstance(answer, Plan)
    assert audit_plan(PROBLEM, answer) == ()
    here = plan_of(PROBLEM, name)
    assert answer.schedule is not None
    assert here.schedule is not None
    for field in fields(answer.schedule):
        np.testing.assert_array_equal(getattr(answer.schedule, field.name), getattr(here.schedule, field.name))


async def test_the_peak_memory_of_the_worker_is_reported_and_bounded(process: SolverProcess) -> None:
    answer = await process.solve(PROBLEM, deadline_s=PATIENCE_S)
    assert isinstance(answer, Plan)
    assert 10.0 < answer.record.peak_memory_mb < 1024.0


async def test_several_problems_are_solved_one_after_the_other_by_one_worker(process: SolverProcess) -> None:
    pid = process.pid
    answers = await asyncio.gather(*(process.solve(PROBLEM, deadline_s=PATIENCE_S) for _ in range(3)))
    assert all(isinstance(answer, Plan) for answer in answers)
    assert process.pid == pid
    assert process.replaced == 0


async def test_a_problem_that_is_not_finite_is_refused_and_the_worker_lives_on(process: SolverProcess) -> None:
    pid = process.pid
    demand = PROBLEM.demand_kw.copy()
    demand[1, 2] = np.nan
    answer = await process.solve(replace(PROBLEM, demand_kw=demand), deadline_s=PATIENCE_S)
    assert answer == SolverFailure(
        kind=FailureKind.REFUSED, detail="demand_kw[1, 2] is nan; accepted: a finite number from 0 to 1e+06"
    )
    assert process.pid == pid


async def test_an_error_inside_the_worker_is_told_and_the_worker_lives_on(process: SolverProcess) -> None:
    pid = process.pid
    broken = replace(PROBLEM, step_h=None)  # type: ignore[arg-type]
    answer = await process.solve(broken, deadline_s=PATIENCE_S)
    assert isinstance(answer, SolverFailure)
    assert answer.kind is FailureKind.FAILED
    assert "AttributeError" in answer.detail
    assert process.pid == pid


async def test_a_hung_worker_is_killed_at_the_deadline_and_replaced(process: SolverProcess) -> None:
    assert process.pid is not None
    old = process.pid
    os.kill(old, signal.SIGSTOP)
    answer = await process.solve(PROBLEM, deadline_s=0.3)
    assert answer == SolverFailure(kind=FailureKind.DEADLINE, detail="no answer within 0.3 s")
    assert not is_alive(old)
    assert isinstance(await process.solve(PROBLEM, deadline_s=PATIENCE_S), Plan)
    assert process.replaced == 1


async def test_a_killed_worker_is_replaced(process: SolverProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    answer = await process.solve(PROBLEM, deadline_s=PATIENCE_S)
    assert answer == SolverFailure(kind=FailureKind.CRASHED, detail="the worker was ended by SIGKILL")
    assert isinstance(await process.solve(PROBLEM, deadline_s=PATIENCE_S), Plan)


async def test_a_worker_that_aborts_during_a_solve_is_told_by_its_signal() -> None:
    failure = await failure_of(worker("os.abort()"))
    assert failure.kind is FailureKind.CRASHED
    assert failure.detail.startswith("the worker was ended by SIGABRT")


async def test_last_words_of_a_worker_are_reported() -> None:
    failure = await failure_of(worker("sys.exit('no licence to solve')"))
    assert failure == SolverFailure(
        kind=FailureKind.CRASHED, detail="the worker ended with status 1: no licence to solve"
    )


async def test_an_answer_that_is_no_message_is_garbage() -> None:
    failure = await failure_of(worker("channel.sendall(b'\\0' * 7 + b'\\4' + b'junk'); time.sleep(60)"))
    assert failure.kind is FailureKind.GARBAGE


async def test_an_answer_of_absurd_length_is_garbage() -> None:
    failure = await failure_of(worker("channel.sendall(b'\\xff' * 64); time.sleep(60)"))
    assert failure.kind is FailureKind.GARBAGE
    assert "announced a message of" in failure.detail


async def test_an_answer_that_is_no_plan_is_garbage() -> None:
    failure = await failure_of(worker("send(channel, {'plan': 'trust me'}); time.sleep(60)"))
    assert failure == SolverFailure(
        kind=FailureKind.GARBAGE, detail="the worker answered with a dict instead of a plan"
    )


async def test_half_an_answer_ends_at_the_deadline() -> None:
    failure = await failure_of(worker("channel.sendall(b'\\0' * 7); time.sleep(60)"), deadline_s=2.0)
    assert failure.kind is FailureKind.DEADLINE


async def test_a_worker_that_cannot_be_started_is_told() -> None:
    failure = await failure_of(("/nonexistent/interpreter",))
    assert failure.kind is FailureKind.NOT_STARTED


async def test_a_worker_without_memory_fails_and_does_not_take_the_controller_with_it() -> None:
    solver = make(memory_limit_mb=60)
    answer = await solver.solve(PROBLEM, deadline_s=PATIENCE_S)
    await solver.close()
    assert isinstance(answer, SolverFailure)
    assert answer.kind in (FailureKind.CRASHED, FailureKind.FAILED)


async def test_closing_leaves_no_process_behind(process: SolverProcess) -> None:
    pid = process.pid
    await process.close()
    assert not is_alive(pid)
    assert process.pid is None


async def test_a_cancelled_solve_does_not_leave_its_answer_to_the_next(process: SolverProcess) -> None:
    task = asyncio.create_task(process.solve(PROBLEM, deadline_s=PATIENCE_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    other = plain_problem(members=2, steps=5)
    answer = await process.solve(other, deadline_s=PATIENCE_S)
    assert isinstance(answer, Plan)
    assert audit_plan(other, answer) == ()


def test_virtual_time_stands_still_while_a_solve_is_outstanding() -> None:
    async def main(clock: VirtualClock) -> tuple[float, float, bool]:
        solver = make(clock=clock)
        await solver.start()
        before = clock.monotonic_s()
        answer = await solver.solve(PROBLEM, deadline_s=PATIENCE_S)
        after = clock.monotonic_s()
        await solver.close()
        return before, after, isinstance(answer, Plan)

    before, after, has_plan = run_virtual(main, start_utc=datetime(2026, 6, 12, tzinfo=UTC), patience_s=60.0)
    assert (before, after, has_plan) == (0.0, 0.0, True)


def test_the_controllers_side_imports_neither_pyomo_nor_a_solver() -> None:
    code = (
        "import sys, controller.loop.solver_process, models.dispatch.audit, models.dispatch.rule\n"
        "print([name for name in ('pyomo', 'swiglpk', 'highspy', 'scipy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_problem_carries_numbers_only() -> None:
    plain = (float, int, np.ndarray, datetime, tuple)
    check: Callable[[object], bool] = lambda value: isinstance(value, plain)  # noqa: E731
    assert all(check(getattr(PROBLEM, field.name)) for field in fields(DispatchProblem))
