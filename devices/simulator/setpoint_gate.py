"""The gate in front of a device: which setpoints it takes, what it answers, and when it lets go of them.

A setpoint is taken only with an epoch at least as high as the highest taken so far, a newer sequence within it, inside
its life and within the device's limits (design page, section 9). Nothing prolongs a life; at its end the device is on
its own default again, at that very instant.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf, isfinite

from models.domain.setpoint import Acknowledgement, Setpoint
from models.domain.telemetry import DeviceKey

EARLY_TOLERANCE = timedelta(seconds=2)
"""A controller's clock may run ahead of the device's by this much; the end of a life has no such tolerance."""

LONGEST_LIFE = timedelta(hours=2)
"""A setpoint that would outlive this is refused: a device has to come back to itself in foreseeable time."""

ANSWERS_KEPT = 8
"""Newest answers kept, so that a repeated message gets the same one again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """What becomes of one offered setpoint."""

    acknowledgement: Acknowledgement
    is_repeat: bool
    """The same setpoint had been offered before; nothing has changed."""


class SetpointGate:
    """Takes or refuses setpoints for one device and holds the one that is in force."""

    def __init__(
        self,
        device: DeviceKey,
        *,
        origin_utc: datetime,
        refusal: Callable[[float, datetime], str | None],
    ) -> None:
        """Set up a closed gate.

        Args:
            device: Whose gate it is.
            origin_utc: Zero of the seconds that ``held_kw`` is asked with.
            refusal: Why the device cannot take a power [kW] at a moment, in words; ``None`` if it can.
        """
        self.device = device
        self._origin_utc = origin_utc
        self._refusal = refusal
        self._epoch = -1
        self._seq = -1
        self._power_kw = 0.0
        self.until_s = -inf
        """End of the life of the setpoint taken last, in seconds since the origin."""
        self._answers: deque[tuple[Setpoint, Acknowledgement]] = deque(maxlen=ANSWERS_KEPT)

    def held_kw(self, now_s: float) -> float | None:
        """Power of the setpoint in force [kW]; ``None``: the device is on its own default."""
        return self._power_kw if now_s < self.until_s else None

    def offer(self, setpoint: Setpoint, now_utc: datetime, *, is_retained: bool = False) -> GateAnswer | None:
        """Take a setpoint or refuse it.

        The acknowledgement's ``applied_kw`` is the setpoint's power; whoever knows the device's state replaces it
        with what the device really does.

        Args:
            setpoint: What arrived.
            now_utc: The device's own time.
            is_retained: The broker had kept it for us: it says nothing about now.

        Returns:
            The answer to send, or ``None`` where there is nothing to answer: a retained or a stranger's setpoint.
        """
        if is_retained or setpoint.device != self.device:
            return None
        for known, answer in self._answers:
            if known == setpoint:
                return GateAnswer(acknowledgement=answer, is_repeat=True)
        refusal = self._find_refusal(setpoint, now_utc)
        if refusal is None:
            self._epoch, self._seq = setpoint.epoch, setpoint.seq
            self._power_kw = setpoint.power_kw
            self.until_s = (setpoint.expires_utc - self._origin_utc).total_seconds()
        acknowledgement = Acknowledgement(
            device=self.device,
            setpoint_id=setpoint.setpoint_id,
            epoch=setpoint.epoch,
            seq=setpoint.seq,
            is_accepted=refusal is None,
            applied_kw=setpoint.power_kw if refusal is None else None,
            refusal=refusal,
            ts_utc=now_utc,
        )
        self._answers.append((setpoint, acknowledgement))
        return GateAnswer(acknowledgement=acknowledgement, is_repeat=False)

    def amend(self, acknowledgement: Acknowledgement) -> None:
        """Remember the final wording of the newest answer, so that a repeat gets the same one."""
        setpoint, _ = self._answers.pop()
        self._answers.append((setpoint, acknowledgement))

    def _find_refusal(self, setpoint: Setpoint, now_utc: datetime) -> str | None:
        """The first rule that a setpoint breaks, in words."""
        if not isfinite(setpoint.power_kw) or setpoint.expires_utc <= setpoint.not_before_utc:
            return "malformed: power is not finite, or the life ends before it begins"
        broken = self._find_order_refusal(setpoint) or _find_life_refusal(setpoint, now_utc)
        if broken is not None:
            return broken
        reason = self._refusal(setpoint.power_kw, now_utc)
        return None if reason is None else f"outside limits: {reason}"

    def _find_order_refusal(self, setpoint: Setpoint) -> str | None:
        if setpoint.epoch < self._epoch:
            return f"old epoch: found {setpoint.epoch}, accepted {self._epoch} or later"
        if setpoint.epoch == self._epoch and setpoint.seq <= self._seq:
            return f"old sequence: found {setpoint.seq}, accepted above {self._seq}"
        return None


def _find_life_refusal(setpoint: Setpoint, now_utc: datetime) -> str | None:
    if now_utc >= setpoint.expires_utc:
        return "expired"
    if now_utc < setpoint.not_before_utc - EARLY_TOLERANCE:
        return "not yet in force"
    if setpoint.expires_utc - now_utc > LONGEST_LIFE:
        return f"life too long: accepted up to {LONGEST_LIFE.total_seconds():.0f} s"
    return None
