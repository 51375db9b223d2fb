"""A real-time event loop that measures its stalls: how long it was too busy to look at its sockets."""

from __future__ import annotations

import asyncio
import selectors

from devices.clock import real_s

Events = list[tuple[selectors.SelectorKey, int]]


class StallMeter:
    """Longest real time between two selects of a loop, less the time inside them."""

    def __init__(self) -> None:
        """Start with no stall seen."""
        self.stall_s_max = 0.0
        self._left_s: float | None = None

    def enter(self) -> None:
        """The loop starts to select: what ran since the last select is over."""
        if self._left_s is not None:
            self.stall_s_max = max(self.stall_s_max, real_s() - self._left_s)

    def leave(self) -> None:
        """The loop has selected and runs callbacks from now on."""
        self._left_s = real_s()

    def reset(self) -> None:
        """Forget the stalls seen; the running one counts from now."""
        self.stall_s_max = 0.0
        self._left_s = real_s() if self._left_s is not None else None


class MeasuringSelector(selectors.DefaultSelector):
    """Selector that tells a meter when the loop goes in and comes out."""

    def __init__(self, meter: StallMeter) -> None:
        """Open the selector."""
        super().__init__()
        self._meter = meter

    def select(self, timeout: float | None = None) -> Events:
        """Wait for sockets, measured."""
        self._meter.enter()
        try:
            return self.wait(timeout)
        finally:
            self._meter.leave()

    def wait(self, timeout: float | None) -> Events:
        """Wait for sockets [s]; ``None``: for ever. A subclass may wait in another way."""
        return super().select(timeout)


class MeasuredLoop(asyncio.SelectorEventLoop):
    """Real-time loop that measures its stalls."""

    def __init__(self) -> None:
        """Open the loop."""
        self.stall = StallMeter()
        super().__init__(MeasuringSelector(self.stall))
