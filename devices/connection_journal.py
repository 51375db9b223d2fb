"""What became of a connection: counted always, logged only when it changes."""

from __future__ import annotations

import logging
from collections import Counter

LOGGER = logging.getLogger(__name__)


class ConnectionJournal:
    """Counts connections and failures; logs the first failure and the recovery, nothing in between."""

    def __init__(self, name: str) -> None:
        """Start with nothing noted.

        Args:
            name: The connection's, for the log.
        """
        self._name = name
        self._is_failing = False
        self.counters: Counter[str] = Counter()
        """``connects``, ``disconnects``, ``failed_attempts``."""

    def note_connected(self, protocol: str) -> None:
        """The connection stands."""
        self.counters["connects"] += 1
        level = logging.WARNING if self._is_failing else logging.INFO
        LOGGER.log(level, "Connection %s to the broker stands (MQTT %s)", self._name, protocol)
        self._is_failing = False

    def note_failure(self, error: Exception, *, was_connected: bool, is_expected: bool) -> None:
        """The connection was lost or could not be made.

        Args:
            error: What happened.
            was_connected: It had stood.
            is_expected: The library tells of such failures; others are logged with their trace.
        """
        self.counters["disconnects" if was_connected else "failed_attempts"] += 1
        if self._is_failing:
            return
        self._is_failing = True
        what = "was lost" if was_connected else "could not be made"
        trace = None if is_expected else error
        LOGGER.warning("Connection %s to the broker %s (%s); trying again", self._name, what, error, exc_info=trace)
