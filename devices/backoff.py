"""Waits between attempts to connect: growing, bounded, and drawn so that a thousand gateways do not come at once."""

from __future__ import annotations

import numpy as np

FIRST_S = 0.25
"""[s] Longest wait before the second attempt, doubled at each further one."""
LONGEST_S = 15.0
"""[s] A broker that is back is found within this time."""


class Backoff:
    """Draws each wait from the upper half of a range that doubles up to a bound."""

    def __init__(self, rng: np.random.Generator, *, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        """Start as after a success.

        Args:
            rng: Draws the jitter.
            first_s: Longest first wait [s].
            longest_s: Bound of every wait [s].
        """
        self._rng = rng
        self._first_s = first_s
        self._longest_s = longest_s
        self._range_s = first_s

    def next_s(self) -> float:
        """The next wait [s]."""
        range_s = self._range_s
        self._range_s = min(self._longest_s, 2.0 * range_s)
        return float(self._rng.uniform(0.5, 1.0)) * range_s

    def reset(self) -> None:
        """An attempt succeeded: the next wait is a first one."""
        self._range_s = self._first_s
