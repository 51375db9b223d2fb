"""An embedded broker on loopback (amqtt, MQTT 3.1.1), for the demo and for tests only.

It has no access control and keeps nothing; a real site runs Mosquitto.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.session import Session

from devices.broker_address import BrokerAddress
from devices.topics import matches

_CONFIG = {
    # Port 0: the system chooses a free one.
    "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}},
    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
}


class _LoopbackBroker(Broker):  # type: ignore[misc]  # amqtt's types do not hold
    @property
    def port(self) -> int:
        return int(self._servers["default"].instance.sockets[0].getsockname()[1])

    async def _session_monitor(self) -> None:
        # Removes sessions of clients that went; there are none here, and a look every second is dear in virtual time.
        await asyncio.Event().wait()

    def _matches(self, topic: str, a_filter: str) -> bool:
        return _match_cached(a_filter, topic)

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:  # noqa: ARG002 (amqtt's signature)
        return True


@lru_cache(maxsize=100_000)
def _match_cached(topic_filter: str, topic: str) -> bool:
    # Every message is matched against every subscription; the same pairs come back all day.
    return matches(topic_filter, topic)


@asynccontextmanager
async def embedded_broker() -> AsyncIterator[BrokerAddress]:
    """Run a broker on a free loopback port.

    Yields:
        Its address; without keep-alive, so that it serves virtual time too.
    """
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.ERROR)
    broker = _LoopbackBroker(_CONFIG)
    await broker.start()
    try:
        yield BrokerAddress(host="127.0.0.1", port=broker.port, protocol="3.1.1", keepalive_s=0)
    finally:
        await broker.shutdown()
