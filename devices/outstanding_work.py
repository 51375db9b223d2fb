"""What virtual time waits for: real things under way, by name."""

from __future__ import annotations

from collections import Counter

from devices.clock import real_s


class VirtualTimeError(RuntimeError):
    """Virtual time cannot go on: nothing is scheduled, or something outstanding never came back."""


class OutstandingWork:
    """Counts what is outstanding, and gives up on what never comes back."""

    def __init__(self, patience_s: float) -> None:
        """Start with nothing outstanding.

        Args:
            patience_s: Real time [s] that may pass without a moment in which nothing is outstanding.
        """
        self._patience_s = patience_s
        self._names: Counter[str] = Counter()
        self._count = 0
        self._since_s = 0.0

    @property
    def is_any(self) -> bool:
        """Something is outstanding."""
        return self._count > 0

    def hold(self, what: str) -> None:
        """Something begins to be outstanding."""
        if self._count == 0:
            self._since_s = real_s()
        self._count += 1
        self._names[what] += 1

    def release(self, what: str) -> None:
        """Something has come back."""
        self._count -= 1
        self._names[what] -= 1
        if self._names[what] == 0:
            del self._names[what]

    def check_patience(self) -> None:
        """Give up on what has been outstanding for too long.

        Raises:
            VirtualTimeError: Something has been outstanding without a pause for longer than the patience.
        """
        if real_s() - self._since_s > self._patience_s:
            names = ", ".join(sorted(self._names))
            raise VirtualTimeError(f"outstanding for more than {self._patience_s:g} s: {names}")
