"""Events between ticks: what asks for a re-plan, debounced and rate-limited."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from devices.clock import Clock


class Trigger(StrEnum):
    """Why a plan was made."""

    INTERVAL = "interval"
    DEVIATION = "deviation"
    PRICE = "price"
    LIMIT = "limit"
    JOINED = "joined"
    LEFT = "left"
    ASSET = "asset"
    """A car was plugged or unplugged, or a run was requested."""


class ReplanRequests:
    """Collects events and hands them on together: first the debounce, then the least gap between re-plans.

    A set of at most one request per trigger is held, so that no flood of events can grow it.

    Args:
        clock: Time source.
        debounce_s: Quiet time waited for after the first event [s].
        min_gap_s: Least time between two re-plans, and between a tick's plan and a re-plan [s].
    """

    def __init__(self, clock: Clock, *, debounce_s: float, min_gap_s: float) -> None:
        self._clock = clock
        self._debounce_s = debounce_s
        self._min_gap_s = min_gap_s
        self._pending: dict[Trigger, None] = {}
        self._asked = asyncio.Event()
        self._last_plan_s = float("-inf")

    def request(self, trigger: Trigger) -> None:
        """Ask for a re-plan; never blocks."""
        self._pending[trigger] = None
        self._asked.set()

    def note_plan(self) -> None:
        """A plan has just been made: older events are answered by it, and the gap starts anew."""
        self._last_plan_s = self._clock.monotonic_s()
        self._pending.clear()
        self._asked.clear()

    async def next_batch(self) -> tuple[Trigger, ...]:
        """Wait until a re-plan is due; returns what asked for it, first asked first."""
        while True:
            await self._asked.wait()
            await asyncio.sleep(self._debounce_s)
            wait_s = self._last_plan_s + self._min_gap_s - self._clock.monotonic_s()
            if wait_s > 0.0:
                await asyncio.sleep(wait_s)
            if self._pending:
                batch = tuple(self._pending)
                self.note_plan()
                return batch
