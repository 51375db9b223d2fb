"""Where the broker is, how it is spoken to, and what is left with it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Literal

from config.operation import Tls
from config.sensitive import Sensitive
from models.domain.errors import BrokerError

Protocol = Literal["auto", "5", "3.1.1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a connection logs in with."""

    username: str
    password: Sensitive[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and how it is spoken to."""

    host: str
    port: int
    protocol: Protocol = "auto"
    keepalive_s: int = 30
    """0: no keep-alive, for virtual time, in which a client counting real seconds would be thought dead."""
    tls: Tls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetainedMessage:
    """A retained message: said by the connection when it stands, or by the broker when it breaks."""

    topic: str
    payload: bytes


def tls_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer, checking the broker's name, with the site's certificates.

    Raises:
        BrokerError: A file is missing or is no certificate or key.
    """
    try:
        context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(tls.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.certificate_file is not None:
            context.load_cert_chain(tls.certificate_file, tls.key_file)
    except OSError as error:
        raise BrokerError(f"the broker's TLS files cannot be used: {error.strerror or type(error).__name__}") from error
    return context
