"""What became of each setpoint: a state machine without I/O, in which every setpoint ends exactly once."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime

from models.domain.errors import DeviceError
from models.domain.setpoint import Acknowledgement, Outcome, Setpoint
from models.domain.telemetry import DeviceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSetpoint:
    """A setpoint and how it ended."""

    setpoint: Setpoint
    outcome: Outcome
    acknowledgement: Acknowledgement | None
    """The device's answer; ``None`` when it expired."""
    ended_utc: datetime


class SetpointTracker:
    """Setpoints that are still open, by id; remembers of ended ones only each device's newest number."""

    def __init__(self) -> None:
        """Start with nothing open."""
        self._open: dict[str, Setpoint] = {}
        self._expiries: list[tuple[datetime, str]] = []
        self._newest: dict[DeviceKey, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, setpoint: Setpoint) -> None:
        """Begin to follow a setpoint.

        Raises:
            DeviceError: Its id is open already, or its epoch and seq are not above the device's newest.
        """
        number = (setpoint.epoch, setpoint.seq)
        newest = self._newest.get(setpoint.device)
        if setpoint.setpoint_id in self._open:
            raise DeviceError(f"setpoint {setpoint.setpoint_id} for {setpoint.device} is open already")
        if newest is not None and number <= newest:
            raise DeviceError(
                f"setpoint {setpoint.setpoint_id} for {setpoint.device} has epoch and seq {number}; "
                f"they must rise above {newest}"
            )
        self._newest[setpoint.device] = number
        self._open[setpoint.setpoint_id] = setpoint
        heapq.heappush(self._expiries, (setpoint.expires_utc, setpoint.setpoint_id))

    def acknowledge(self, acknowledgement: Acknowledgement, now_utc: datetime) -> EndedSetpoint | None:
        """End a setpoint by its device's answer.

        Returns:
            How it ended; ``None`` if no open setpoint of that device has this id, epoch and seq, or its life is over.
        """
        setpoint = self._open.get(acknowledgement.setpoint_id)
        if (
            setpoint is None
            or setpoint.device != acknowledgement.device
            or (setpoint.epoch, setpoint.seq) != (acknowledgement.epoch, acknowledgement.seq)
            or now_utc >= setpoint.expires_utc
        ):
            return None
        del self._open[setpoint.setpoint_id]
        outcome = Outcome.ACKNOWLEDGED if acknowledgement.is_accepted else Outcome.REFUSED
        return EndedSetpoint(setpoint=setpoint, outcome=outcome, acknowledgement=acknowledgement, ended_utc=now_utc)

    def expire(self, now_utc: datetime) -> tuple[EndedSetpoint, ...]:
        """End every open setpoint whose life is over, the oldest first."""
        ended = []
        while self._expiries and self._expiries[0][0] <= now_utc:
            setpoint = self._take_earliest()
            if setpoint is not None:
                ended.append(_expired(setpoint, now_utc))
        return tuple(ended)

    def abandon(self, now_utc: datetime) -> tuple[EndedSetpoint, ...]:
        """End everything that is still open, because no answer will be heard any more."""
        ended = []
        while self._expiries:
            setpoint = self._take_earliest()
            if setpoint is not None:
                ended.append(_expired(setpoint, now_utc))
        return tuple(ended)

    def next_expiry_utc(self) -> datetime | None:
        """When the next open setpoint's life ends."""
        while self._expiries and self._is_over(*self._expiries[0]):
            heapq.heappop(self._expiries)
        return self._expiries[0][0] if self._expiries else None

    def _take_earliest(self) -> Setpoint | None:
        expires_utc, setpoint_id = heapq.heappop(self._expiries)
        return None if self._is_over(expires_utc, setpoint_id) else self._open.pop(setpoint_id)

    def _is_over(self, expires_utc: datetime, setpoint_id: str) -> bool:
        # An id whose setpoint was answered may be in use again with another life.
        setpoint = self._open.get(setpoint_id)
        return setpoint is None or setpoint.expires_utc != expires_utc


def _expired(setpoint: Setpoint, now_utc: datetime) -> EndedSetpoint:
    return EndedSetpoint(setpoint=setpoint, outcome=Outcome.EXPIRED, acknowledgement=None, ended_utc=now_utc)
