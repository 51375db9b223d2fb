"""How setpoints ended since the last transaction, and waiting for those of one decision."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from controller.record.outcomes import SetpointOutcome
from devices.clock import Clock
from devices.setpoint_tracker import EndedSetpoint
from models.domain.setpoint import Outcome, Setpoint

MOST_UNTAKEN = 100_000
"""Ends kept while the store fails: hours of a large community."""


class OutcomeLog:
    """Collects ends until they are taken for a transaction."""

    def __init__(self, clock: Clock) -> None:
        """Start empty."""
        self._clock = clock
        self._untaken: list[SetpointOutcome] = []
        self._awaited: set[str] = set()
        self._are_all_ended = asyncio.Event()

    def note_end(self, ended: EndedSetpoint) -> None:
        """Take the end of one setpoint; given to the setpoint publisher."""
        answer = ended.acknowledgement
        self._untaken.append(
            SetpointOutcome(
                setpoint_id=ended.setpoint.setpoint_id,
                outcome=ended.outcome,
                applied_kw=None if answer is None else answer.applied_kw,
                refusal=None if answer is None else answer.refusal,
                at_utc=self._clock.now_utc(),
            )
        )
        self._forget(ended.setpoint.setpoint_id)

    def note_unsent(self, setpoint: Setpoint, why: str) -> None:
        """A setpoint was stopped at the last bound before the device: it ends as refused."""
        self._untaken.append(
            SetpointOutcome(
                setpoint_id=setpoint.setpoint_id,
                outcome=Outcome.REFUSED,
                refusal=f"not sent: {why}",
                at_utc=self._clock.now_utc(),
            )
        )
        self._forget(setpoint.setpoint_id)

    def expect(self, setpoints: Iterable[Setpoint]) -> None:
        """Say which setpoints ``wait`` waits for; called before they are sent."""
        self._awaited = {setpoint.setpoint_id for setpoint in setpoints}
        self._are_all_ended.clear()
        if not self._awaited:
            self._are_all_ended.set()

    async def wait(self, deadline_s: float) -> bool:
        """Wait until all expected setpoints have ended, at most ``deadline_s``; returns whether they have."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._are_all_ended.wait()
        except TimeoutError:
            return False
        return True

    def take(self) -> tuple[SetpointOutcome, ...]:
        """Ends since the last call."""
        taken, self._untaken = tuple(self._untaken), []
        return taken

    def give_back(self, untaken: Iterable[SetpointOutcome]) -> None:
        """Take back ends that could not be made durable, for the next transaction; the oldest go beyond the bound."""
        self._untaken = [*untaken, *self._untaken][-MOST_UNTAKEN:]

    def _forget(self, setpoint_id: str) -> None:
        self._awaited.discard(setpoint_id)
        if not self._awaited:
            self._are_all_ended.set()
