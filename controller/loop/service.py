"""Owner of the controller's long-lived tasks: names them, restarts what failed, stops in a crash loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from devices.clock import Clock

_log = logging.getLogger(__name__)

RESTART_DELAY_S = 2.0
"""Pause before a failed task starts again."""
MOST_RESTARTS = 5
"""Restarts within the window below after which the service gives up and leaves the restart to its supervisor."""
RESTART_WINDOW_S = 600.0


class CrashLoopError(Exception):
    """A task failed too often in too short a time."""


class Service:
    """Runs named coroutines until one gives up or the service is stopped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, Callable[[], Awaitable[None]]] = {}
        self.restarts: dict[str, int] = {}
        """Restarts so far by task."""

    def add(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Register a task; ``run`` is called anew for each restart."""
        self._tasks[name] = run
        self.restarts[name] = 0

    async def run(self) -> None:
        """Run all tasks until cancelled.

        Raises:
            CrashLoopError: When a task failed too often.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for name, run in self._tasks.items():
                    group.create_task(self._keep_running(name, run), name=name)
        except BaseExceptionGroup as failed:
            for error in failed.exceptions:
                if isinstance(error, CrashLoopError):
                    raise error from failed
            raise

    async def _keep_running(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        failures: deque[float] = deque(maxlen=MOST_RESTARTS)
        while True:
            try:
                await run()
            except Exception as error:
                now_s = self._clock.monotonic_s()
                failures.append(now_s)
                _log.exception("task %s failed", name)
                if len(failures) == MOST_RESTARTS and now_s - failures[0] < RESTART_WINDOW_S:
                    message = f"task {name} failed {MOST_RESTARTS} times within {RESTART_WINDOW_S:.0f} s"
                    raise CrashLoopError(message) from error
                self.restarts[name] += 1
                await asyncio.sleep(RESTART_DELAY_S)
            else:
                return
