"""InfluxDB through its official client, write API version 2; the only file that knows the client.

The client's own batching is not used: when its retries run out it loses data and tells only a callback. Lines
are written synchronously, in the forwarder's batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from config.operation import Influxdb
from config.sensitive import MASK, Sensitive
from controller.record.read_back import HttpReader, ReadBack, find_read_back
from controller.record.sink import Delivery, Readable, Refused, Unreachable, Written
from models.domain.errors import SiteFileError

_REFUSALS = frozenset({400, 422})
"""Statuses that speak of the lines themselves; all others may pass or be mended by the operator."""
_REASON_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxTarget:
    """Where to write, with the credential."""

    url: str
    org: str
    bucket: str
    token: Sensitive[str]
    """Empty: none is sent."""
    timeout_s: float = 5.0
    """For each request; the forwarder's thread waits, nobody else."""


def resolve_target(influxdb: Influxdb, site_folder: Path, environment: Mapping[str, str]) -> InfluxTarget:
    """The site's InfluxDB with its token from its file or environment variable.

    Args:
        influxdb: that part of the site file.
        site_folder: folder to which a relative ``token_file`` belongs.
        environment: environment variables.

    Raises:
        SiteFileError: the file cannot be read, the variable is not set, or either is empty.
    """
    token = ""
    if influxdb.token_file is not None:
        path = site_folder / influxdb.token_file
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SiteFileError(f"influxdb.token_file: cannot read {path}: {error}") from error
        if not token:
            raise SiteFileError(f"influxdb.token_file: {path} is empty; one line with the token is needed")
    elif influxdb.token_env is not None:
        token = environment.get(influxdb.token_env, "").strip()
        if not token:
            raise SiteFileError(f"influxdb.token_env: the environment variable {influxdb.token_env} is not set")
    return InfluxTarget(url=influxdb.url.rstrip("/"), org=influxdb.org, bucket=influxdb.bucket, token=Sensitive(token))


class InfluxSink:
    """InfluxDB 2 or 3, VictoriaMetrics, or anything else that takes the v2 write API."""

    def __init__(self, target: InfluxTarget, *, settle_s: float | None = None) -> None:
        self._target = target
        self._settle_s = settle_s
        self._client = InfluxDBClient(
            url=target.url,
            token=target.token.reveal(),
            org=target.org,
            timeout=int(target.timeout_s * 1000),
            enable_gzip=True,
            retries=urllib3.Retry(total=0),
        )
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._reader = HttpReader(target.url, target.token, timeout_s=target.timeout_s)
        self._read_back: ReadBack | None = None

    @property
    def label(self) -> str:
        """What a removed line is known to be."""
        return "not asked yet" if self._read_back is None else self._read_back.label

    @property
    def settle_s(self) -> float:
        """How long after its acknowledgement a line is read back [s]."""
        if self._settle_s is not None:
            return self._settle_s
        return 0.0 if self._read_back is None else self._read_back.settle_s

    def write(self, lines: Sequence[str]) -> Delivery:
        """Hand lines over, stamped in seconds."""
        if self._read_back is None:
            found = find_read_back(self._reader, self._target.bucket)
            if isinstance(found, Unreachable):
                return found
            self._read_back = found
        try:
            self._writer.write(
                bucket=self._target.bucket,
                record="\n".join(lines),
                write_precision=WritePrecision.S,  # type: ignore[arg-type]  # the client types its own constants as str
            )
        except ApiException as error:
            reason = self._scrub(f"HTTP {error.status}: {_message_of(error)}")
            return Refused(reason=reason) if error.status in _REFUSALS else Unreachable(reason=reason)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Unreachable(reason=self._scrub(f"{type(error).__name__}: {error}"))
        return Written()

    def read_back(self, lines: Sequence[str]) -> Readable | Unreachable:
        """Ask which of the lines the server really has."""
        if self._read_back is None:
            return Unreachable(reason="the server has not been asked what it is")
        return self._read_back.ask(lines)

    def close(self) -> None:
        """Give connections back."""
        self._writer.close()  # type: ignore[no-untyped-call]
        self._client.close()  # type: ignore[no-untyped-call]
        self._reader.close()

    def _scrub(self, text: str) -> str:
        token = self._target.token.reveal()
        return (text.replace(token, MASK) if token else text)[:_REASON_LENGTH]


def _message_of(error: ApiException) -> str:
    body = error.body
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body or error.reason)
    return " ".join(text.split())
