"""Real servers for integration tests, started and stopped by fixtures."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.servers import Mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running Mosquitto on a free loopback port, without access control."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.send(signal.SIGCONT)
    broker.stop()
