"""TLS against a real Mosquitto, with certificates made for the test."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.operation import Tls
from devices.broker_address import BrokerAddress
from devices.mqtt import MqttConnection
from tests.integration.servers import Mosquitto, find_server

pytestmark = pytest.mark.integration

TIMEOUT_S = 20.0


def make_certificate(folder: Path, name: str, host: str) -> None:
    """A self-signed certificate for a host, and its key."""
    openssl = find_server("openssl")
    arguments = (
        f"req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {name}.key -out {name}.crt "
        f"-subj /CN={host} -addext subjectAltName=IP:{host}"
    )
    subprocess.run([openssl, *arguments.split()], cwd=folder, check=True, capture_output=True)


def connect(address: BrokerAddress) -> MqttConnection:
    return MqttConnection(address, client_id="a", rng=np.random.default_rng(0))


@pytest.fixture
def address(mosquitto: Mosquitto, tmp_path: Path) -> BrokerAddress:
    """A Mosquitto that speaks TLS only."""
    mosquitto.stop()
    make_certificate(tmp_path, "broker", "127.0.0.1")
    mosquitto.extra_lines = (f"certfile {tmp_path / 'broker.crt'}", f"keyfile {tmp_path / 'broker.key'}")
    mosquitto.start()
    return replace(mosquitto.address, tls=Tls(ca_file=tmp_path / "broker.crt"))


async def test_a_broker_with_the_right_certificate_is_trusted(address: BrokerAddress) -> None:
    async with connect(address) as client:
        assert await client.wait_connected(TIMEOUT_S)
        assert await client.publish("x", b"1", qos=1)


async def test_a_broker_with_a_foreign_certificate_is_refused_in_words(
    address: BrokerAddress, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificate(tmp_path, "other", "127.0.0.1")
    async with connect(replace(address, tls=Tls(ca_file=tmp_path / "other.crt"))) as client:
        assert not await client.wait_connected(1.0)
        assert client.journal.counters["connects"] == 0
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


async def test_plain_text_is_not_spoken_to_a_broker_that_wants_tls(address: BrokerAddress) -> None:
    async with connect(replace(address, tls=None)) as client:
        assert not await client.wait_connected(1.0)
        assert not await client.publish("x", b"1")
