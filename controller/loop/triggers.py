"""Events between ticks: what asks for a re-plan, debounced and rate-limited."""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import StrEnum

from devices.clock import Clock

LEAST_WAIT_S = 0.001
"""Waits shorter than this are over: loop time is rounded [s]."""


class Trigger(StrEnum):
    """Why a plan was made."""

    INTERVAL = "interval"
    DEVIATION = "deviation"
    """A member's net power is far from the plan's."""
    PEAK = "peak"
    """The community is about to draw more in this interval than the plan pays for."""
    PRICE = "price"
    LIMIT = "limit"
    EVENT = "event"
    """A demand-response event was announced, changed or called off."""
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
        self._pending: dict[Trigger, datetime] = {}
        self._asked = asyncio.Event()
        self._last_plan_s = float("-inf")

    def request(self, trigger: Trigger) -> None:
        """Ask for a re-plan; never blocks."""
        self._pending[trigger] = self._clock.now_utc()
        self._asked.set()

    def note_plan(self, taken_utc: datetime) -> None:
        """A plan has just been made: events before its snapshot are answered by it, and the gap starts anew.

        Args:
            taken_utc: When the plan's snapshot was taken; what came while it was being solved is not in it.
        """
        self._last_plan_s = self._clock.monotonic_s()
        self._pending = {trigger: asked for trigger, asked in self._pending.items() if asked > taken_utc}
        if not self._pending:
            self._asked.clear()

    @property
    def undisturbed_s(self) -> float:
        """Time in which no re-plan can begin [s]; 0 when one is waiting."""
        if self._pending:
            return 0.0
        return max(self._debounce_s, self._gap_end_s - self._clock.monotonic_s())

    @property
    def _gap_end_s(self) -> float:
        return self._last_plan_s + self._min_gap_s

    async def next_batch(self) -> tuple[Trigger, ...]:
        """Wait until a re-plan is due; returns what asked for it, first asked first."""
        while True:
            await self._asked.wait()
            await asyncio.sleep(self._debounce_s)
            # A plan made meanwhile starts the gap anew.
            while (wait_s := self._gap_end_s - self._clock.monotonic_s()) > LEAST_WAIT_S:  # noqa: ASYNC110 (waits for a time)
                await asyncio.sleep(wait_s)
            if self._pending:
                batch = tuple(self._pending)
                self.note_plan(self._clock.now_utc())
                return batch
