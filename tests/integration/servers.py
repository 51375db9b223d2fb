"""Real servers on loopback, each on a free port."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from devices.broker_address import BrokerAddress

START_TIMEOUT_S = 10.0


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_server(name: str) -> str:
    """The path of a server's program; without it the test is skipped, and fails where CI is set."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        reason = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


class Mosquitto:
    """A Mosquitto of one's own, which can be killed, frozen and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._program = find_server("mosquitto")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.extra_lines: tuple[str, ...] = ()
        """Further lines of its configuration, read at the next start."""
        self.log = folder / "mosquitto.log"

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress(host="127.0.0.1", port=self.port)

    def start(self) -> None:
        """Start, and return as soon as it accepts connections."""
        config = self._folder / "mosquitto.conf"
        # Started by root it would become another user, who cannot read the test's folder.
        owner = f"user {getpass.getuser()}"
        lines = (
            owner,
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence false",
            *self.extra_lines,
        )
        config.write_text("\n".join(lines) + "\n")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", str(config)], stdout=log, stderr=log)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        pytest.fail(f"mosquitto did not start: {self.log.read_text()}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the process, by default without a chance to say goodbye."""
        self.send(number)
        if self._process is not None:
            self._process.wait(timeout=START_TIMEOUT_S)
            self._process = None
