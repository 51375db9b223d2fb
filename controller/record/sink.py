"""What the forwarder needs of a time-series database, and the ways a delivery can end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The server acknowledged the lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server will never take at least one of these lines."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """No answer, or one that may change: server away, overloaded, credentials or bucket wrong."""

    reason: str


Delivery = Written | Refused | Unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Readable:
    """The server was asked; these of the lines it does not have."""

    missing: frozenset[int]
    """Positions in the sequence that was asked for."""


class Sink(Protocol):
    """A time-series database. Used from one thread; every call has its own time limit."""

    @property
    def label(self) -> str:
        """What a removed line is known to be: acknowledged only, or read back too."""
        ...

    @property
    def settle_s(self) -> float:
        """How long after its acknowledgement a line is read back [s]."""
        ...

    def write(self, lines: Sequence[str]) -> Delivery:
        """Hand lines over, stamped in seconds."""
        ...

    def read_back(self, lines: Sequence[str]) -> Readable | Unreachable:
        """Ask which of the lines the server really has."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
