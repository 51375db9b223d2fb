"""An event loop whose time is virtual, over real sockets.

Virtual time stands still while there is anything to do: a ready callback, a readable or writable socket, a job
in an executor, or something real that was declared outstanding. Only then it jumps to the next timer, so a day
passes as fast as the machine can do its work, and the same seed gives the same day.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import selectors
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from datetime import datetime
from typing import Any, TypeVar

from devices.clock import VirtualClock, real_s
from devices.measured_loop import Events, MeasuringSelector, StallMeter
from devices.outstanding_work import OutstandingWork, VirtualTimeError

T = TypeVar("T")

CONFIRMING_POLLS = 3
"""Polls before a jump that follows socket traffic: loopback bytes are readable once sent, save when the kernel
leaves the delivery to a thread of its own, which a yield of the processor lets run."""

CLOCK_RESOLUTION_S = 1e-7
"""[s] Timers this close count as due; above the rounding of loop time for 17 years, below a microsecond."""

NAMED_TASKS_MAX = 12
"""Tasks named in the message about a deadlock."""

WAIT_SLICE_S = 1.0
"""[s] Longest real sleep between two looks at how long something has been outstanding."""


class _VirtualSelector(MeasuringSelector):
    """Polls the sockets; where nothing is ready and nothing outstanding, it moves time instead of waiting."""

    def __init__(self, loop: VirtualLoop, meter: StallMeter) -> None:
        super().__init__(meter)
        self._loop = loop
        self._order: dict[int, int] = {}
        self._registrations = 0
        self._had_traffic = False

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._registrations += 1
        self._order[key.fd] = self._registrations
        self._had_traffic = True
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._had_traffic = True
        return super().modify(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._order.pop(key.fd, None)
        return key

    def wait(self, timeout: float | None) -> Events:
        if events := self._poll(0.0):
            return events
        if timeout is not None and timeout <= 0.0:
            return []
        if self._loop.is_held:
            return self._wait_really()
        if self._had_traffic and (events := self._confirm()):
            return events
        self._had_traffic = False
        if timeout is None:
            raise VirtualTimeError(_describe_deadlock(self._loop))
        self._loop.advance(timeout)
        return []

    def _poll(self, timeout: float) -> Events:
        events = selectors.DefaultSelector.select(self, timeout)
        if events:
            self._had_traffic = True
            if len(events) > 1:
                # Order of registration, not of the kernel and not of descriptor numbers, which other threads take too.
                events.sort(key=lambda event: self._order.get(event[0].fd, 0))
        return events

    def _confirm(self) -> Events:
        for _ in range(CONFIRMING_POLLS):
            os.sched_yield()
            if events := self._poll(0.0):
                return events
        return []

    def _wait_really(self) -> Events:
        while True:
            rest_s = self._loop.real_rest_s()
            if events := self._poll(min(WAIT_SLICE_S, rest_s)):
                return events
            if self._loop.wake_real_sleepers():
                return []
            self._loop.work.check_patience()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop in virtual time over real loopback sockets.

    The default executor runs its jobs in the loop's own thread, one at a time and in order, so that nothing
    depends on when a thread gets the processor (paho connects this way). Work that takes long belongs in an
    executor of its own: it runs beside the loop, and time stands still until it is done.
    """

    def __init__(self, *, patience_s: float = 600.0) -> None:
        """Open the loop at time 0.

        Args:
            patience_s: Real time [s] that something outstanding may take before the run is given up.
        """
        self._now_s = 0.0
        self.work = OutstandingWork(patience_s)
        self._real_sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._real_sleeps = 0
        self._jobs: deque[Callable[[], None]] = deque()
        self.stall = StallMeter()
        self._owner = threading.get_ident()
        super().__init__(_VirtualSelector(self, self.stall))
        self._clock_resolution = CLOCK_RESOLUTION_S

    def time(self) -> float:
        """Virtual loop time [s]; 0 at the start."""
        return self._now_s

    def advance(self, duration_s: float) -> None:
        """Jump ahead [s]; for the selector."""
        self._now_s += duration_s

    async def sleep_until(self, when_s: float) -> None:
        """Return exactly at a loop time [s]; at once if it is over."""
        if when_s <= self._now_s:
            await asyncio.sleep(0)
            return
        reached = self.create_future()
        timer = self.call_at(when_s, _wake, reached)
        try:
            await reached
        finally:
            timer.cancel()

    @property
    def is_held(self) -> bool:
        """Something real is outstanding, so time stands still."""
        return self.work.is_any

    @contextmanager
    def outstanding(self, what: str) -> Iterator[None]:
        """Hold virtual time while the context is open.

        Args:
            what: Name of what is being waited for, for the message when it never comes back.
        """
        self.work.hold(what)
        try:
            yield
        finally:
            self.work.release(what)

    async def sleep_real(self, duration_s: float) -> None:
        """Sleep a span of real time [s] while virtual time stands still."""
        sleeper = self.create_future()
        self._real_sleeps += 1
        heapq.heappush(self._real_sleepers, (real_s() + duration_s, self._real_sleeps, sleeper))
        with self.outstanding("a sleep in real time"):
            await sleeper

    def real_rest_s(self) -> float:
        """Real time [s] until the next real sleeper is due; infinite without one."""
        while self._real_sleepers and self._real_sleepers[0][2].done():
            heapq.heappop(self._real_sleepers)
        return max(0.0, self._real_sleepers[0][0] - real_s()) if self._real_sleepers else float("inf")

    def wake_real_sleepers(self) -> bool:
        """Wake the real sleepers that are due; whether there was one."""
        is_any = False
        while self._real_sleepers and self._real_sleepers[0][0] <= real_s():
            sleeper = heapq.heappop(self._real_sleepers)[2]
            is_any = is_any or not sleeper.done()
            _wake(sleeper)
        return is_any

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback from any thread; from the loop's own without a detour through a socket."""
        if threading.get_ident() == self._owner:
            return self.call_soon(callback, *args, context=context)
        return super().call_soon_threadsafe(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a job: in the default executor here and in order, in another one beside the loop."""
        if executor is None:
            return self._run_here(func, *args)
        name = f"executor job {getattr(func, '__qualname__', type(func).__name__)}"
        self.work.hold(name)
        try:
            job = super().run_in_executor(executor, func, *args)
        except BaseException:
            self.work.release(name)
            raise
        job.add_done_callback(lambda _: self.work.release(name))
        return job

    def _run_here(self, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        job: asyncio.Future[T] = self.create_future()

        def work() -> None:
            if job.cancelled():
                return
            try:
                job.set_result(func(*args))
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 (handed to whoever awaits the job, as a pool does)
                job.set_exception(error)

        self._jobs.append(work)
        if len(self._jobs) == 1:
            self.call_soon(self._work_once)
        return job

    def _work_once(self) -> None:
        # One job a turn: a listening socket in the same process gets to accept between two connects.
        work = self._jobs[0]
        try:
            work()
        finally:
            self._jobs.popleft()
            if self._jobs:
                self.call_soon(self._work_once)


def run_virtual(
    main: Callable[[VirtualClock], Coroutine[Any, Any, T]], *, start_utc: datetime, patience_s: float = 600.0
) -> T:
    """Run a program in virtual time.

    Args:
        main: Coroutine function of the program; it is given the clock.
        start_utc: Wall time at the start; aware.
        patience_s: Real time [s] that something outstanding may take before the run is given up.

    Returns:
        What the program returns.

    Raises:
        VirtualTimeError: The program waits for something that cannot happen.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(patience_s=patience_s)) as runner:
        loop = runner.get_loop()
        if not isinstance(loop, VirtualLoop):
            message = "the runner did not take the virtual loop"
            raise TypeError(message)
        return runner.run(main(VirtualClock(loop, start_utc)))


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def _describe_deadlock(loop: asyncio.AbstractEventLoop) -> str:
    names = sorted(task.get_name() for task in asyncio.all_tasks(loop))
    more = "" if len(names) <= NAMED_TASKS_MAX else f" and {len(names) - NAMED_TASKS_MAX} more"
    return (
        "virtual time cannot go on: no timer is set, no socket is ready and nothing is outstanding; "
        f"waiting tasks: {', '.join(names[:NAMED_TASKS_MAX]) or 'none'}{more}"
    )
