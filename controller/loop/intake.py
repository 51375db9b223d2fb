"""Where accepted readings come in: into the state store, and past the watch."""

from __future__ import annotations

from controller.loop.state_store import StateStore
from controller.loop.watch import Watch
from devices.clock import Clock
from models.domain.telemetry import Reading


class Intake:
    """Hands each reading on; given to the telemetry listener."""

    def __init__(self, clock: Clock, state: StateStore, watch: Watch) -> None:
        """Take the parts."""
        self._clock = clock
        self._state = state
        self.watch = watch

    def offer(self, reading: Reading) -> None:
        """Take an accepted reading."""
        previous = self._state.newest(reading.device)
        self._state.offer(reading, self._clock.monotonic_s())
        self.watch.note_reading(previous, reading)
