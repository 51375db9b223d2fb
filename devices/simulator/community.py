"""The whole simulated site on a broker, in virtual or in real time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import numpy as np

from config.gateways import Gateway
from config.schema import Site
from devices.broker_address import BrokerAddress, Credentials, RetainedMessage
from devices.clock import Clock
from devices.mqtt import MqttConnection
from devices.simulator.gateway import GatewayConnection, SimulatedGateway, status_message
from devices.simulator.home_state import CONTROLLED, HomeBehaviour, HomeState
from devices.simulator.neighbourhood import Neighbourhood
from models.profiles.profiles import CommunityProfile

LONGEST_DELAY_S = 1.5
"""Latest delivery after the sampling moment, where the period allows it [s]."""

DELAY_SHARE_OF_PERIOD = 0.15
"""Latest delivery as a share of short periods."""

CONNECT_TIMEOUT_S = 10.0
"""After this the next gateway is tried; the late one goes on trying by itself [s]."""

ConnectionFactory = Callable[[str, RetainedMessage, RetainedMessage], GatewayConnection]
"""Makes a gateway's connection from its id, its birth message and its last will."""


def connections_to(
    address: BrokerAddress,
    *,
    rng: np.random.Generator,
    client_prefix: str,
    credentials: Mapping[str, Credentials] | None = None,
) -> ConnectionFactory:
    """A factory of connections to one broker.

    Args:
        address: The broker.
        rng: Gives each connection its own source of jitter.
        client_prefix: Start of every client id, which the gateway's id ends.
        credentials: What each gateway logs in with, by its id.
    """

    def connect(gateway_id: str, birth: RetainedMessage, will: RetainedMessage) -> GatewayConnection:
        return MqttConnection(
            address,
            client_id=f"{client_prefix}{gateway_id}",
            rng=rng.spawn(1)[0],
            credentials=(credentials or {}).get(gateway_id),
            birth=birth,
            will=will,
        )

    return connect


class SimulatedCommunity:
    """All gateways of a site with the homes behind them.

    ``neighbourhood`` holds the truth about every home; it is for reports and tests, never for the controller.
    """

    def __init__(
        self,
        site: Site,
        profile: CommunityProfile,
        clock: Clock,
        *,
        connect: ConnectionFactory,
        rng: np.random.Generator,
        behaviour: HomeBehaviour = CONTROLLED,
        start_utc: datetime | None = None,
        states: Mapping[str, HomeState] | None = None,
    ) -> None:
        """Set up the homes and their gateways; nothing connects yet.

        Args:
            site: Members, devices and telemetry period.
            profile: What the homes use and generate; the simulation ends with it.
            clock: The devices' time.
            connect: Makes each gateway's connection.
            rng: Draws each device's delay from sampling to sending.
            behaviour: What devices do without a setpoint.
            start_utc: When to start within the profile; at its start if unset.
            states: Where the homes stand at the start, by member id.
        """
        self._site_id = site.community.id
        self.neighbourhood = Neighbourhood(site, profile, behaviour=behaviour, start_utc=start_utc, states=states)
        self._clock = clock
        longest_s = min(LONGEST_DELAY_S, DELAY_SHARE_OF_PERIOD * site.control.telemetry_period_s)
        self.gateways = [self._set_up(gateway, connect, rng, longest_s) for gateway in site.gateways]
        self.ready = asyncio.Event()
        """Set once every gateway has connected, or has failed to for long enough."""

    def _set_up(
        self, gateway: Gateway, connect: ConnectionFactory, rng: np.random.Generator, longest_s: float
    ) -> SimulatedGateway:
        birth, will = (status_message(self._site_id, gateway.id, is_online=is_online) for is_online in (True, False))
        return SimulatedGateway(
            self._site_id,
            gateway,
            self.neighbourhood,
            self._clock,
            connect(gateway.id, birth, will),
            delays={
                device.id: timedelta(milliseconds=int(rng.integers(0, int(longest_s * 1000.0) + 1)))
                for device in gateway.devices
            },
        )

    @property
    def counters(self) -> Counter[str]:
        """Sums of all gateways' counters."""
        total: Counter[str] = Counter()
        for gateway in self.gateways:
            total.update(gateway.counters)
        return total

    async def run(self, stop: asyncio.Event) -> None:
        """Connect one gateway after another, then play until told to stop or until the profile's end."""
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(self._play(), name="simulated-community")
            stopping = group.create_task(stop.wait(), name="simulated-community-stop")
            await asyncio.wait((playing, stopping), return_when=asyncio.FIRST_COMPLETED)
            playing.cancel()
            stopping.cancel()
        self.neighbourhood.advance_to(self._clock.now_utc())

    async def _play(self) -> None:
        try:
            # One after another, so that the broker meets them in the same order on every run.
            for gateway in self.gateways:
                gateway.connection.start()
                await gateway.connection.wait_connected(CONNECT_TIMEOUT_S)
            self.ready.set()
            async with asyncio.TaskGroup() as group:
                answering = [
                    group.create_task(gateway.acknowledge(), name=f"acknowledge {gateway.id}")
                    for gateway in self.gateways
                ]
                sending = [
                    group.create_task(gateway.send_telemetry(), name=f"telemetry {gateway.id}")
                    for gateway in self.gateways
                ]
                await asyncio.gather(*sending)
                for task in answering:
                    task.cancel()
        finally:
            await self._leave()

    async def _leave(self) -> None:
        """Say that the gateways go, since a broker sends no will for those who take their leave."""
        for gateway in self.gateways:
            status = status_message(self._site_id, gateway.id, is_online=False)
            await gateway.connection.publish(status.topic, status.payload, qos=1, retain=True)
            await gateway.connection.stop()
