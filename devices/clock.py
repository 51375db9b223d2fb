"""The only file that knows the time: wall time, loop time and real time, in the world or virtual.

Three times are kept apart. *Wall time* is an aware UTC datetime and may be stepped by its keeper. *Loop time*
[s] never runs backwards and drives all timers. *Real time* [s] is for measuring how long work took; it is
never virtual and decides nothing.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Protocol

LONGEST_SLEEP_S = 5.0
"""[s] Longest uninterrupted sleep towards a wall time: a stepped wall clock is noticed within this time."""


def real_s() -> float:
    """Real time [s] from an arbitrary zero, for measuring only."""
    return time.perf_counter()


class Clock(Protocol):
    """What the project may ask about time."""

    def now_utc(self) -> datetime:
        """Wall time, aware, in UTC."""

    def monotonic_s(self) -> float:
        """Loop time [s] from an arbitrary zero, never falling."""

    def real_s(self) -> float:
        """Real time [s] from an arbitrary zero, for measuring only."""

    async def sleep_until_utc(self, moment_utc: datetime) -> None:
        """Return as soon as wall time has reached a moment; at once if it lies in the past."""

    async def sleep_real(self, duration_s: float) -> None:
        """Sleep a span of real time [s], even where time is virtual: for deadlines on worker processes."""

    def outstanding(self, what: str) -> AbstractContextManager[None]:
        """Context in which something real (a worker process, a connection) is being waited for.

        Virtual time stands still meanwhile; in the real world this does nothing.

        Args:
            what: Its name, for the message when it never comes back.
        """


class VirtualTime(Protocol):
    """What a virtual clock needs of the loop that keeps its time."""

    def time(self) -> float:
        """Loop time [s]; 0 at the start."""

    async def sleep_until(self, when_s: float) -> None:
        """Return exactly at a loop time [s]; at once if it is over."""

    def outstanding(self, what: str) -> AbstractContextManager[None]:
        """Hold virtual time while the context is open."""

    async def sleep_real(self, duration_s: float) -> None:
        """Sleep a span of real time [s] while virtual time stands still."""


class SystemClock:
    """The machine's own clocks."""

    def now_utc(self) -> datetime:
        """Wall time of the machine, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Loop time [s]: the monotonic clock that asyncio's timers use."""
        return time.monotonic()

    def real_s(self) -> float:
        """Real time [s] for measuring."""
        return real_s()

    async def sleep_until_utc(self, moment_utc: datetime) -> None:
        """Return as soon as wall time has reached a moment, in spite of steps of the wall clock."""
        while (rest_s := (moment_utc - self.now_utc()).total_seconds()) > 0.0:  # noqa: ASYNC110 (a wall clock has no event)
            await asyncio.sleep(min(rest_s, LONGEST_SLEEP_S))

    async def sleep_real(self, duration_s: float) -> None:
        """Sleep a span of real time [s]."""
        await asyncio.sleep(duration_s)

    def outstanding(self, what: str) -> AbstractContextManager[None]:  # noqa: ARG002 (the name matters to virtual time only)
        """Nothing to hold: real time does not wait."""
        return nullcontext()


class VirtualClock:
    """Clock of a virtual-time loop: wall time is a start plus the loop's time."""

    def __init__(self, loop: VirtualTime, start_utc: datetime) -> None:
        """Start a clock.

        Args:
            loop: The loop that keeps virtual time.
            start_utc: Wall time at loop time 0; aware.

        Raises:
            ValueError: ``start_utc`` has no zone.
        """
        if start_utc.tzinfo is None:
            message = "start_utc has no zone; an aware datetime is needed"
            raise ValueError(message)
        self._loop = loop
        self._start_utc = start_utc.astimezone(UTC)

    def now_utc(self) -> datetime:
        """Virtual wall time, aware, in UTC."""
        return self._start_utc + timedelta(seconds=self._loop.time())

    def monotonic_s(self) -> float:
        """Loop time [s]."""
        return self._loop.time()

    def real_s(self) -> float:
        """Real time [s] for measuring."""
        return real_s()

    async def sleep_until_utc(self, moment_utc: datetime) -> None:
        """Return exactly at a virtual moment; at once if it lies in the past."""
        await self._loop.sleep_until((moment_utc - self._start_utc).total_seconds())

    async def sleep_real(self, duration_s: float) -> None:
        """Sleep a span of real time [s]; virtual time stands still meanwhile."""
        await self._loop.sleep_real(duration_s)

    def outstanding(self, what: str) -> AbstractContextManager[None]:
        """Hold virtual time while the context is open."""
        return self._loop.outstanding(what)
