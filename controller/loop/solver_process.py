"""Owner of the worker process: one solve at a time, a hard deadline, and a new worker for one that failed."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import IO, Any, Protocol

from controller.loop.solver_messages import LARGEST_MESSAGE_BYTES, LENGTH, READY, Answer, FailureKind, Request, encode
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan

START_LIMIT_S = 30.0
"""A worker that has not loaded its libraries by then never will [s]; about 1 s is usual."""
REPLY_SHARE_FRAC = 0.1
"""Share of the deadline kept for reading the answer and sending it: the worker's own deadline is shorter."""
STDERR_KEPT = 400
"""Characters of a dead worker's last words that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverFailure:
    """No plan, and why."""

    kind: FailureKind
    detail: str


class SolverClock(Protocol):
    """What the owner of a worker needs of a clock."""

    async def sleep_real(self, duration_s: float) -> None:
        """Sleep a span of real time [s]."""

    def outstanding(self, what: str) -> AbstractContextManager[None]:
        """Hold virtual time while something real is waited for."""


@dataclass(slots=True, kw_only=True)
class _Worker:
    """One running worker process."""

    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    last_words: IO[bytes]
    is_ready: bool = False


class _GarbageError(Exception):
    """The worker sent something that is no message."""


class SolverProcess:
    """Solves problems in a process of its own, which is replaced when it crashes, hangs or talks nonsense.

    Args:
        solver: ``glpk`` or ``highs``.
        mip_gap_frac: Relative gap within which a stage counts as solved.
        memory_limit_mb: Address space of the worker [MiB].
        clock: Holds virtual time while a solve is outstanding, and sleeps in real time.
        command: How to start a worker, without its arguments; for tests.
    """

    def __init__(
        self,
        *,
        solver: str,
        mip_gap_frac: float,
        memory_limit_mb: int,
        clock: SolverClock,
        command: tuple[str, ...] = (sys.executable, "-m", "controller.loop.solver_worker"),
    ) -> None:
        self._arguments = (solver, repr(mip_gap_frac), str(memory_limit_mb))
        self._command = command
        self._clock = clock
        self._worker: _Worker | None = None
        self._lock = asyncio.Lock()
        self._number = 0
        self.replaced = 0
        """Workers that had to be replaced so far."""

    @property
    def pid(self) -> int | None:
        """Process id of the running worker."""
        return None if self._worker is None else self._worker.process.pid

    async def start(self) -> None:
        """Start the worker and wait until it has loaded its libraries.

        A worker that does not come up is no error here: each solve tries again and reports why it failed.
        """
        async with self._lock:
            with self._clock.outstanding("the solver's start"):
                await self._within(START_LIMIT_S, self._get_ready())

    async def solve(self, problem: DispatchProblem, *, deadline_s: float) -> Plan | SolverFailure:
        """Plan of a problem, or why there is none; never later than the deadline.

        Args:
            problem: What to solve.
            deadline_s: Real time after which the worker is killed [s].
        """
        async with self._lock:
            with self._clock.outstanding("the solver"):
                answer: Plan | SolverFailure = await self._within(deadline_s, self._ask(problem, deadline_s))
                return answer

    async def close(self) -> None:
        """End the worker."""
        async with self._lock:
            with self._clock.outstanding("the solver's end"):
                await self._discard()

    async def _within(self, limit_s: float, work: Any) -> Any:
        """Run work under a deadline in real time; whatever goes wrong costs the worker its life."""
        task = asyncio.create_task(work, name="solver worker")
        alarm = asyncio.create_task(self._clock.sleep_real(limit_s), name="solver deadline")
        failure: SolverFailure | None = None
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            failure = SolverFailure(kind=FailureKind.DEADLINE, detail=f"no answer within {limit_s:g} s")
        except (EOFError, ConnectionError, BrokenPipeError) as error:
            failure = SolverFailure(kind=FailureKind.CRASHED, detail=await self._describe_end(error))
        except _GarbageError as error:
            failure = SolverFailure(kind=FailureKind.GARBAGE, detail=str(error))
        except OSError as error:
            failure = SolverFailure(kind=FailureKind.NOT_STARTED, detail=str(error))
        finally:
            for leftover in (task, alarm):
                leftover.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await leftover
            if failure is not None or not task.done() or task.cancelled():
                await self._replace()
        return failure

    async def _ask(self, problem: DispatchProblem, deadline_s: float) -> Plan | SolverFailure:
        worker = await self._get_ready()
        self._number += 1
        own_deadline_s = deadline_s * (1.0 - REPLY_SHARE_FRAC)
        worker.writer.write(encode(Request(number=self._number, problem=problem, deadline_s=own_deadline_s)))
        await worker.writer.drain()
        answer = await _read_message(worker.reader)
        if not isinstance(answer, Answer) or answer.number != self._number:
            raise _GarbageError(f"the worker answered with a {type(answer).__name__} instead of a plan")
        if answer.plan is not None:
            return answer.plan
        return SolverFailure(kind=answer.failure or FailureKind.FAILED, detail=answer.detail)

    async def _get_ready(self) -> _Worker:
        if self._worker is None:
            self._worker = await self._spawn()
        worker = self._worker
        if not worker.is_ready:
            greeting = await _read_message(worker.reader)
            if greeting != READY:
                raise _GarbageError("the worker's greeting is not one")
            worker.is_ready = True
        return worker

    async def _spawn(self) -> _Worker:
        ours, theirs = socket.socketpair()
        last_words = tempfile.TemporaryFile()  # noqa: SIM115  # closed with its worker
        # One thread each: the solvers use no more, and every thread's stack counts against the memory limit.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(path or "." for path in sys.path)
        try:
            process = subprocess.Popen(  # noqa: ASYNC220  # a fork of milliseconds; asyncio's own needs a child watcher
                (*self._command, str(theirs.fileno()), *self._arguments),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=last_words,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            last_words.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
        return _Worker(process=process, reader=reader, writer=writer, last_words=last_words)

    async def _replace(self) -> None:
        """Discard the worker and start the next one, which loads its libraries while the controller goes on."""
        await self._discard()
        self.replaced += 1
        with suppress(OSError):
            self._worker = await self._spawn()

    async def _discard(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        with suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGKILL)
        worker.writer.close()
        with suppress(Exception):
            await worker.writer.wait_closed()
        await _reap(worker.process)
        worker.last_words.close()

    async def _describe_end(self, error: Exception) -> str:
        worker = self._worker
        if worker is None:
            return str(error)
        with suppress(ProcessLookupError):
            worker.process.send_signal(signal.SIGCONT)
        code = await _reap_soon(worker.process, self._clock)
        how = "closed its end" if code is None else _exit_in_words(code)
        worker.last_words.seek(0)
        words = worker.last_words.read().decode(errors="replace").strip()[-STDERR_KEPT:]
        return f"the worker {how}" + (f": {words}" if words else "")


async def _read_message(reader: asyncio.StreamReader) -> Any:
    """One message.

    Raises:
        EOFError: The worker has ended.
        _GarbageError: What came is no message.
    """
    length = LENGTH.unpack(await reader.readexactly(LENGTH.size))[0]
    if length > LARGEST_MESSAGE_BYTES:
        raise _GarbageError(f"the worker announced a message of {length} bytes")
    body = await reader.readexactly(length)
    try:
        return pickle.loads(body)  # noqa: S301  # our own worker on a private socket pair
    except Exception as error:
        raise _GarbageError(f"the worker's message cannot be read: {type(error).__name__}") from error


async def _reap(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process's end without blocking the loop."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return process.wait()
    try:
        loop.add_reader(descriptor, _settle, ended)
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


async def _reap_soon(process: subprocess.Popen[bytes], clock: SolverClock) -> int | None:
    """Exit code of a process whose end has been noticed by its socket; None if it lives on."""
    for _ in range(20):
        if (code := process.poll()) is not None:
            return code
        await clock.sleep_real(0.01)
    return None


def _exit_in_words(code: int) -> str:
    if code >= 0:
        return f"ended with status {code}"
    return f"was ended by {signal.Signals(-code).name}"
