"""The connection to the broker; the only file that imports aiomqtt.

Messages go straight from the socket to their handler, so no queue can grow. Each connection attempt uses a fresh
client: what a broken connection had not delivered is never sent later by surprise.
"""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import aiomqtt
import numpy as np
from aiomqtt.types import PahoSocket
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from devices.backoff import Backoff
from devices.broker_address import BrokerAddress, Credentials, RetainedMessage, tls_context
from devices.connection_journal import ConnectionJournal
from devices.message_router import MessageRouter
from devices.protocols import MessageHandler, QualityOfService

PUBLISH_TIMEOUT_S = 2.0
"""[s] After this a publish has failed, whatever becomes of it; a setpoint renewed every 20 s can afford it."""
CONNECT_TIMEOUT_S = 5.0
"""[s] For the broker's answer to a connection or subscription."""
SUBSCRIPTION_REFUSED = 0x80
"""Codes from here on in a SUBACK are refusals."""
PENDING_PUBLISHES_MAX = 1000
"""Publishes under way at once; further ones fail at once instead of piling up behind a slow broker."""

_VERSIONS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}


class _CallbackClient(aiomqtt.Client):
    """aiomqtt's connection, with messages handed over at once instead of queued without bound."""

    def __init__(self, deliver: MessageHandler, **options: Any) -> None:
        super().__init__(**options)
        self._deliver = deliver
        self._thread = threading.get_ident()
        self.pending_calls_threshold = PENDING_PUBLISHES_MAX

    def _on_message(self, client: PahoClient, userdata: Any, message: MQTTMessage) -> None:  # noqa: ARG002 (paho's signature)
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # Let out here it would break the connection: a sender must not have that power.
            return
        self._deliver(topic, bytes(message.payload), message.retain)

    def _on_socket_register_write(self, client: PahoClient, userdata: Any, sock: PahoSocket) -> None:
        # In the loop's own thread the writer can be added at once; a detour could find the socket closed.
        if threading.get_ident() == self._thread:
            self._loop.add_writer(sock.fileno(), self._write, client)
        else:
            super()._on_socket_register_write(client, userdata, sock)

    def _write(self, client: PahoClient) -> None:
        try:
            client.loop_write()
        except Exception as error:  # noqa: BLE001 (the connection must come back from anything)
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    async def _misc_loop(self) -> None:
        # Its only work is the keep-alive; without one, a wake-up a second would cost a virtual day 86 400 turns.
        if self._keepalive > 0:
            await super()._misc_loop()

    def abandon(self) -> None:
        """Close the socket of a connection that never stood or has broken."""
        self._client._reset_sockets()  # noqa: SLF001 (paho closes a half-open connection in no other way)


class MqttConnection:
    """A supervised connection: connects, subscribes, and does so again after every loss.

    Use as an async context manager, or call :meth:`start` and :meth:`stop`.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        client_id: str,
        rng: np.random.Generator,
        credentials: Credentials | None = None,
        birth: RetainedMessage | None = None,
        will: RetainedMessage | None = None,
    ) -> None:
        """Prepare.

        Args:
            address: The broker.
            client_id: Name of the connection; unique at the broker.
            rng: Draws the jitter of the waits between attempts.
            credentials: User name and password, if the broker asks for them.
            birth: Sent, retained, whenever the connection stands.
            will: Left with the broker, which sends it, retained, when the connection breaks.

        Raises:
            BrokerError: The certificates cannot be used.
        """
        self._address = address
        self._client_id = client_id
        self._backoff = Backoff(rng)
        self._credentials = credentials
        self._birth = birth
        self._will = will
        self._tls = None if address.tls is None else tls_context(address.tls)
        self._version = "5" if address.protocol == "auto" else address.protocol
        self._is_version_proven = address.protocol != "auto"
        self._router = MessageRouter(client_id)
        self._client: _CallbackClient | None = None
        self._connected = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._subscribing: asyncio.Task[None] | None = None
        self._pending = 0
        self.journal = ConnectionJournal(client_id)
        """Connections and failures since the start."""
        self.publish_failures = 0
        """Publishes since the start that failed or were not confirmed in time."""

    async def __aenter__(self) -> Self:
        """Start to connect."""
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect for good."""
        await self.stop()

    @property
    def is_connected(self) -> bool:
        """Connected and subscribed."""
        return self._connected.is_set()

    @property
    def protocol(self) -> str:
        """Version of MQTT in use, or to be tried next: ``5`` or ``3.1.1``."""
        return self._version

    async def wait_connected(self, timeout_s: float | None = None) -> bool:
        """Wait until connected and subscribed, at most a time [s]; whether it is."""
        try:
            await asyncio.wait_for(self._connected.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def start(self) -> None:
        """Begin to connect, and keep the connection up until :meth:`stop`."""
        if self._supervisor is None:
            name = f"mqtt-connection {self._client_id}"
            self._supervisor = asyncio.get_running_loop().create_task(self._supervise(), name=name)

    async def stop(self) -> None:
        """Disconnect for good; the will is said by ourselves, as the broker keeps it to itself then."""
        if self._will is not None and self.is_connected:
            await self.publish(self._will.topic, self._will.payload, qos=1, retain=True)
        tasks = [task for task in (self._subscribing, self._supervisor) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._supervisor = self._subscribing = None

    def subscribe(self, topic_filter: str, handler: MessageHandler, *, qos: QualityOfService = 0) -> None:
        """Have messages brought to a handler, from now on and after every reconnection."""
        self._router.add(topic_filter, qos, handler)
        if self._client is not None and self.is_connected:
            client, before = self._client, self._subscribing
            name = f"mqtt-subscription {self._client_id}"
            self._subscribing = asyncio.get_running_loop().create_task(
                self._subscribe_late(client, topic_filter, qos, before), name=name
            )

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: QualityOfService = 0,
        expiry_s: float | None = None,
        retain: bool = False,
    ) -> bool:
        """Send a message; see :class:`devices.protocols.Publisher`. Never raises, never takes longer than 2 s."""
        client = self._client
        if client is None or not self.is_connected or self._pending >= PENDING_PUBLISHES_MAX:
            self.publish_failures += 1
            return False
        properties = _expiring(expiry_s) if expiry_s is not None and self._version == "5" else None
        self._pending += 1
        try:
            await client.publish(topic, payload, qos, retain, properties, timeout=PUBLISH_TIMEOUT_S)
        except aiomqtt.MqttError:
            self.publish_failures += 1
            return False
        finally:
            self._pending -= 1
        return True

    async def _supervise(self) -> None:
        while True:
            client = self._new_client()
            try:
                async with client:
                    await self._set_up(client)
                    self._backoff.reset()
                    self._is_version_proven = True
                    self.journal.note_connected(self._version)
                    # Nothing is ever queued, so this returns only by raising: at the loss of the connection.
                    await anext(client.messages)
            except Exception as error:  # noqa: BLE001 (the connection must come back from anything)
                self._note_failure(error)
            finally:
                self._connected.clear()
                self._client = None
                client.abandon()
            await asyncio.sleep(self._backoff.next_s())

    def _new_client(self) -> _CallbackClient:
        credentials = self._credentials
        password = None if credentials is None or credentials.password is None else credentials.password.reveal()
        is_v5 = self._version == "5"
        will = self._will
        return _CallbackClient(
            self._router.deliver,
            hostname=self._address.host,
            port=self._address.port,
            identifier=self._client_id,
            username=None if credentials is None else credentials.username,
            password=password,
            protocol=_VERSIONS[self._version],
            # A session left behind would only bring stale telemetry back; with MQTT 5 each new client starts clean.
            clean_session=None if is_v5 else True,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
            keepalive=self._address.keepalive_s,
            timeout=CONNECT_TIMEOUT_S,
            max_queued_outgoing_messages=PENDING_PUBLISHES_MAX,
            tls_context=self._tls,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def _set_up(self, client: _CallbackClient) -> None:
        self._client = client
        if self._router.filters:
            _check_granted(await client.subscribe(list(self._router.filters)))
        self._connected.set()
        if self._birth is not None:
            await self.publish(self._birth.topic, self._birth.payload, qos=1, retain=True)

    async def _subscribe_late(
        self, client: _CallbackClient, topic_filter: str, qos: QualityOfService, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await before
        try:
            _check_granted(await client.subscribe(topic_filter, qos))
        except aiomqtt.MqttError:
            # The subscription stands in the list and is made with the next connection.
            client.abandon()

    def _note_failure(self, error: Exception) -> None:
        was_connected = self.is_connected
        is_expected = isinstance(error, aiomqtt.MqttError)
        self.journal.note_failure(error, was_connected=was_connected, is_expected=is_expected)
        if not self._is_version_proven and not was_connected and not isinstance(error.__context__, OSError):
            self._version = "3.1.1" if self._version == "5" else "5"


def _check_granted(codes: Iterable[Any]) -> None:
    refused = [str(code) for code in codes if code.value >= SUBSCRIPTION_REFUSED]
    if refused:
        raise aiomqtt.MqttError(f"the broker refused {len(refused)} subscriptions: {refused[0]}")


def _expiring(expiry_s: float) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = max(1, math.ceil(expiry_s))
    return properties
