"""Settles days in processes of their own, one at a time, each killed at its deadline."""

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
from typing import IO, Protocol

from controller.record.settlement_job import ComputedDay, DayJob
from controller.record.settlement_worker import LENGTH

STDERR_KEPT = 400
"""Characters of a dead worker's last words that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementFailure:
    """No settlement, and why."""

    detail: str


class WorkerClock(Protocol):
    """What is needed of a clock."""

    async def sleep_real(self, duration_s: float) -> None:
        """Sleep a span of real time [s]."""

    def outstanding(self, what: str) -> AbstractContextManager[None]:
        """Hold virtual time while something real is waited for."""


class SettlementProcess:
    """Computes days off the event loop.

    Args:
        clock: holds virtual time while a day is computed, and sleeps in real time.
        deadline_s: real time after which a computation is given up [s].
        command: how to start a worker, without its argument; for tests.
    """

    def __init__(
        self,
        clock: WorkerClock,
        *,
        deadline_s: float,
        command: tuple[str, ...] = (sys.executable, "-m", "controller.record.settlement_worker"),
    ) -> None:
        self._clock = clock
        self._deadline_s = deadline_s
        self._command = command
        self._one_at_a_time = asyncio.Lock()

    async def compute(self, job: DayJob) -> ComputedDay | SettlementFailure:
        """What came of a job, or why nothing did; never later than the deadline."""
        async with self._one_at_a_time:
            with self._clock.outstanding("a day's settlement"):
                return await self._compute(job)

    async def _compute(self, job: DayJob) -> ComputedDay | SettlementFailure:
        with tempfile.TemporaryFile() as last_words:
            try:
                process, ours = self._start(last_words)
            except OSError as error:
                return SettlementFailure(detail=f"no process could be started: {error}")
            asking = asyncio.create_task(_ask(ours, job), name="settlement")
            alarm = asyncio.create_task(self._clock.sleep_real(self._deadline_s), name="settlement deadline")
            try:
                await asyncio.wait((asking, alarm), return_when=asyncio.FIRST_COMPLETED)
                if not asking.done():
                    return SettlementFailure(detail=f"not done within {self._deadline_s:g} s")
                return asking.result()
            except (EOFError, ConnectionError, pickle.UnpicklingError) as error:
                last_words.seek(0)
                words = last_words.read().decode(errors="replace").strip()[-STDERR_KEPT:]
                return SettlementFailure(detail=f"the process ended without an answer ({error}) {words}".strip())
            finally:
                for task in (asking, alarm):
                    task.cancel()
                    with suppress(asyncio.CancelledError, Exception):
                        await task
                # It is a session of its own, so that the workers that it started end with it.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, last_words: IO[bytes]) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        # One thread in each process: there is one for each core.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(path or "." for path in sys.path)
        try:
            process = subprocess.Popen(
                (*self._command, str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=last_words,
                env=environment,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, ours


async def _ask(channel: socket.socket, job: DayJob) -> ComputedDay | SettlementFailure:
    reader, writer = await asyncio.open_connection(sock=channel, limit=1 << 20)
    try:
        body = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
        writer.write(LENGTH.pack(len(body)) + body)
        await writer.drain()
        (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
        answer = pickle.loads(await reader.readexactly(length))  # noqa: S301  # our own worker on a private socket pair
    finally:
        writer.close()
    return answer if isinstance(answer, ComputedDay) else SettlementFailure(detail=str(answer))
