"""Servers for tests: started on loopback and a free port, stopped by process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

STARTING_LIMIT_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_program(name: str) -> str:
    """Path of a server program; without it the test is skipped, or fails where CI=true."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


class Process:
    """A server process that can be killed and started again on the same data."""

    def __init__(self, command: list[str], health_url: str, log: Path, environment: dict[str, str]) -> None:
        self._command = command
        self._health_url = health_url
        self._log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env={**os.environ, **self._environment}
            )
        limit_s = time.monotonic() + STARTING_LIMIT_S
        while not self._answers():
            if time.monotonic() > limit_s or self._process.poll() is not None:
                pytest.fail(f"{self._command[0]} did not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STARTING_LIMIT_S)
            finally:
                self.kill()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._health_url, timeout=1.0):  # noqa: S310  (loopback)
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def victoria_metrics(folder: Path, port: int) -> Iterator[Process]:
    program = find_program("victoria-metrics")
    command = [
        program,
        f"-storageDataPath={folder / 'vm'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-dedup.minScrapeInterval=1ms",
        "-retentionPeriod=100y",
    ]
    process = Process(command, f"http://127.0.0.1:{port}/health", folder / "vm.log", {})
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def influxd(folder: Path, port: int) -> Iterator[Process]:
    program = find_program("influxd")
    environment = {
        "INFLUXDB_META_DIR": str(folder / "meta"),
        "INFLUXDB_DATA_DIR": str(folder / "data"),
        "INFLUXDB_DATA_WAL_DIR": str(folder / "wal"),
        "INFLUXDB_BIND_ADDRESS": f"127.0.0.1:{free_port()}",
        "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{port}",
        "INFLUXDB_REPORTING_DISABLED": "true",
    }
    (folder / "influxdb.conf").write_text("[monitor]\n  store-enabled = false\n")
    command = [program, "-config", str(folder / "influxdb.conf")]
    process = Process(command, f"http://127.0.0.1:{port}/ping", folder / "influxd.log", environment)
    try:
        yield process
    finally:
        process.stop()


Answer = tuple[int, bytes]


@contextmanager
def http_server(answer: Callable[[str, dict[str, str], bytes], Answer]) -> Iterator[str]:
    """A small HTTP server on loopback; its URL.

    Args:
        answer: status and body for path with query, headers (lower-case names) and body of a POST or GET.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = answer(self.path, headers, self.rfile.read(length))
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 (the library calls it so)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="test server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
