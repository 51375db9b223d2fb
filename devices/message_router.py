"""Brings each message of a connection to the handlers that subscribed to its topic."""

from __future__ import annotations

import logging

from devices.protocols import MessageHandler, QualityOfService
from devices.topics import matches

LOGGER = logging.getLogger(__name__)

ROUTES_MAX = 10_000
"""Topics whose handlers are remembered; more than a thousand devices have."""


class MessageRouter:
    """Subscriptions of one connection; a failing handler harms neither the others nor the connection."""

    def __init__(self, name: str) -> None:
        """Start without subscriptions.

        Args:
            name: The connection's, for the log.
        """
        self._name = name
        self._subscriptions: list[tuple[str, MessageHandler]] = []
        self._routes: dict[str, tuple[MessageHandler, ...]] = {}
        self.filters: list[tuple[str, int]] = []
        """Topic filters with their quality of service, in the order they were added."""
        self.handler_failures = 0
        """Exceptions that handlers let out since the start."""

    def add(self, topic_filter: str, qos: QualityOfService, handler: MessageHandler) -> None:
        """Add a subscription."""
        self._subscriptions.append((topic_filter, handler))
        self.filters.append((topic_filter, qos))
        self._routes.clear()

    def deliver(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 (a MessageHandler)
        """Bring a message to its handlers, in the order they subscribed."""
        for handler in self._handlers_of(topic):
            try:
                handler(topic, payload, is_retained)
            except Exception:
                self.handler_failures += 1
                if self.handler_failures == 1:
                    LOGGER.exception("A message handler of connection %s failed; more are only counted", self._name)

    def _handlers_of(self, topic: str) -> tuple[MessageHandler, ...]:
        handlers = self._routes.get(topic)
        if handlers is None:
            handlers = tuple(handler for wanted, handler in self._subscriptions if matches(wanted, topic))
            if len(self._routes) >= ROUTES_MAX:
                self._routes.clear()
            self._routes[topic] = handlers
        return handlers
