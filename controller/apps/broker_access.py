"""How the site's broker is reached: address, and who logs in with what."""

from __future__ import annotations

import os
from pathlib import Path

from config.errors import SiteFileError
from config.schema import Site
from config.secrets import read_secret
from config.sensitive import Sensitive
from devices.broker_address import BrokerAddress, Credentials


def broker_address(site: Site) -> BrokerAddress:
    """The broker of the site file."""
    broker = site.broker
    return BrokerAddress(
        host=broker.host,
        port=broker.port,
        protocol=broker.protocol,
        keepalive_s=broker.keepalive_s,
        tls=broker.tls,
    )


def controller_credentials(site: Site) -> Credentials | None:
    """What the controller logs in with; ``None`` where the site names no user.

    Raises:
        SiteFileError: The password's file or variable cannot be read.
    """
    broker = site.broker
    if broker.username is None:
        return None
    password = read_secret("broker.password", broker.password_file, broker.password_env, os.environ)
    return Credentials(username=broker.username, password=None if password is None else Sensitive(password))


def gateway_credentials(path: Path | None) -> dict[str, Credentials]:
    """What simulated gateways log in with: a file with one ``gateway:password`` a line.

    Raises:
        SiteFileError: The file cannot be read, or a line has no colon.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"the gateways' passwords in {path} cannot be read: {error}"
        raise SiteFileError(message) from error
    found = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        gateway, colon, password = line.partition(":")
        if not colon or not gateway or not password:
            message = f"{path}, line {number}: accepted is gateway:password"
            raise SiteFileError(message)
        found[gateway] = Credentials(username=gateway, password=Sensitive(password))
    return found
