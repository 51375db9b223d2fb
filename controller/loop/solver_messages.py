"""Messages between the controller and its worker process: eight bytes of length and a pickle of numbers and arrays."""

from __future__ import annotations

import pickle
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan

LENGTH = struct.Struct(">Q")
"""Header of each message: the length of its body [bytes]."""
LARGEST_MESSAGE_BYTES = 1 << 30
"""Above this a length is garbage."""
READY = "ready"


class FailureKind(StrEnum):
    """Why there is no plan."""

    CRASHED = "crashed"
    """The worker process ended."""
    DEADLINE = "deadline"
    """No answer in time; the worker was killed."""
    GARBAGE = "garbage"
    """An answer that is not one."""
    REFUSED = "refused"
    """The problem is not finite or not consistent."""
    FAILED = "failed"
    """An error inside the worker, which lives on."""
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One problem to solve."""

    number: int
    problem: DispatchProblem
    deadline_s: float
    """For everything inside the worker [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a request: a plan, or a failure and its reason."""

    number: int
    plan: Plan | None
    failure: FailureKind | None = None
    detail: str = ""


def encode(message: Any) -> bytes:
    """Header and body of a message."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def send(channel: socket.socket, message: Any) -> None:
    """Send one message."""
    channel.sendall(encode(message))


def receive(channel: socket.socket) -> Any:
    """One message from the parent, or None when it has closed its end."""
    header = _read(channel, LENGTH.size)
    if header is None:
        return None
    body = _read(channel, LENGTH.unpack(header)[0])
    return None if body is None else pickle.loads(body)  # noqa: S301  # both ends are ours, on a private socket pair


def _read(channel: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = channel.recv(min(count - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)
