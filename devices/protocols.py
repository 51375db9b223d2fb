"""Ports to the broker: what the rest of the project may ask of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

MessageHandler = Callable[[str, bytes, bool], None]
"""Takes a message: its topic, its payload, and whether the broker had retained it. It must not block."""

QualityOfService = Literal[0, 1]
"""0: at most once. 1: at least once."""


class Publisher(Protocol):
    """Sends messages; never raises for a broker that is away, never waits for long."""

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: QualityOfService = 0,
        expiry_s: float | None = None,
        retain: bool = False,
    ) -> bool:
        """Send a message.

        Args:
            topic: Where to.
            payload: What.
            qos: Whether the broker has to confirm it.
            expiry_s: Time after which the broker may forget it [s], where it can.
            retain: Whether the broker keeps it for later subscribers.

        Returns:
            Whether the broker has it (QoS 1) or it was sent (QoS 0); never later than 2 s.
        """


class MessageBus(Publisher, Protocol):
    """A connection to the broker that also listens."""

    @property
    def is_connected(self) -> bool:
        """Messages can be sent and received now."""

    def subscribe(self, topic_filter: str, handler: MessageHandler, *, qos: QualityOfService = 0) -> None:
        """Have messages brought to a handler, from now on and after every reconnection."""
