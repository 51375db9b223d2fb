"""A broker in memory: the port's stand-in where a test or a rehearsal needs no sockets."""

from __future__ import annotations

from dataclasses import dataclass

from devices.protocols import MessageHandler, QualityOfService
from devices.topics import matches


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message as it was published."""

    topic: str
    payload: bytes
    qos: QualityOfService
    expiry_s: float | None
    retain: bool


class FakeBus:
    """Delivers at once and in order to every matching subscription; keeps what was sent for a look afterwards."""

    def __init__(self) -> None:
        """Start connected, with nothing sent."""
        self.is_connected = True
        """Set to ``False`` to make every publish fail."""
        self.sent: list[SentMessage] = []
        self._subscriptions: list[tuple[str, MessageHandler]] = []
        self._retained: dict[str, bytes] = {}

    def subscribe(self, topic_filter: str, handler: MessageHandler, *, qos: QualityOfService = 0) -> None:  # noqa: ARG002 (the port's signature)
        """Have messages brought to a handler; retained ones that match come at once."""
        self._subscriptions.append((topic_filter, handler))
        for topic, payload in self._retained.items():
            if matches(topic_filter, topic):
                handler(topic, payload, True)  # noqa: FBT003 (a MessageHandler)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: QualityOfService = 0,
        expiry_s: float | None = None,
        retain: bool = False,
    ) -> bool:
        """Deliver a message; fails while disconnected."""
        if not self.is_connected:
            return False
        self.sent.append(SentMessage(topic=topic, payload=payload, qos=qos, expiry_s=expiry_s, retain=retain))
        if retain:
            self._retained[topic] = payload
        self.deliver(topic, payload)
        return True

    def deliver(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Bring a message to the subscribers as the broker would."""
        for topic_filter, handler in tuple(self._subscriptions):
            if matches(topic_filter, topic):
                handler(topic, payload, retained)
