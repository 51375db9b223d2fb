"""Random stand-ins for member and device ids, fixed once for a site; the map stays in the store."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from numpy.random import Generator

from models.domain.telemetry import DeviceKey

_RANDOM_BYTES = 5
"""40 bits: among 6000 ids two alike turn up once in 60 000 sites; a draw that is taken is repeated."""


@dataclass(slots=True)
class Pseudonyms:
    """Looks pseudonyms up and draws new ones inside the caller's transaction."""

    rng: Generator
    _known: dict[tuple[str, str], str] = field(default_factory=dict)

    def load(self, connection: sqlite3.Connection) -> None:
        """Take what the store holds, and nothing else (after a rollback drawn ones are gone again)."""
        rows = connection.execute("SELECT kind, id, pseudonym FROM pseudonyms")
        self._known = {(kind, ident): pseudonym for kind, ident, pseudonym in rows}

    def of_member(self, connection: sqlite3.Connection, member: str) -> str:
        """Pseudonym of a member id: ``m`` and ten hexadecimal digits."""
        return self._get(connection, "member", member)

    def of_device(self, connection: sqlite3.Connection, device: DeviceKey) -> str:
        """Pseudonym of a device: ``d`` and ten hexadecimal digits."""
        return self._get(connection, "device", str(device))

    def _get(self, connection: sqlite3.Connection, kind: str, ident: str) -> str:
        known = self._known.get((kind, ident))
        if known is not None:
            return known
        taken = set(self._known.values())
        pseudonym = ""
        while not pseudonym or pseudonym in taken:
            pseudonym = kind[0] + self.rng.bytes(_RANDOM_BYTES).hex()
        connection.execute("INSERT INTO pseudonyms VALUES (?, ?, ?)", (kind, ident, pseudonym))
        self._known[kind, ident] = pseudonym
        return pseudonym
