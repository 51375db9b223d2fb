"""Turns decided powers into setpoints, sends them, and renews their life while the inputs are fresh."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from config.members import CurtailableLoad, Ev, ShiftableLoad
from config.schema import Site
from controller.loop.fallback import meters_by_member
from controller.loop.held_back import Cap
from controller.loop.outcome_log import OutcomeLog
from controller.loop.setpoints import ControlledDevice, DevicePower, controlled_devices
from controller.loop.state_store import StateStore
from controller.record.live_caps import LiveCap
from controller.record.outcomes import CycleRow, OutcomeRecord
from controller.record.store import Store
from devices.clock import Clock
from devices.setpoint_publisher import SetpointPublisher
from models.domain.arrays import BoolArray
from models.domain.errors import DeviceError, StoreError
from models.domain.setpoint import Reason, Setpoint
from models.domain.telemetry import DeviceKey

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A power that is being held at a device, renewed until the plan behind it ends."""

    power: DevicePower
    decision_id: str
    valid_until_utc: datetime


class Dispatcher:
    """Owner of the powers in force.

    A setpoint's life is renewed only while the plan behind it is valid and the device's own reading and its
    home's meters are fresh: a blind controller must not keep a setpoint alive.
    """

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        state: StateStore,
        publisher: SetpointPublisher,
        outcomes: OutcomeLog,
        store: Store,
    ) -> None:
        """Start with nothing in force."""
        self._site = site
        self._clock = clock
        self._state = state
        self._publisher = publisher
        self.outcomes = outcomes
        """How setpoints ended."""
        self._store = store
        self._devices: dict[DeviceKey, ControlledDevice] = {device.key: device for device in controlled_devices(site)}
        self._meters = meters_by_member(site)
        self._held: dict[DeviceKey, _Held] = {}
        self._intended: dict[DeviceKey, _Held] = {}
        self._restored: tuple[LiveCap, ...] = ()
        self._unsent: dict[str, Setpoint] = {}
        self.exclusive = asyncio.Lock()
        """Held from the making of setpoints to their sending, so that no older one can overtake a newer."""
        self._seq = 0
        self._was_curtailed: set[int] = set()

    def intend(
        self, powers: tuple[DevicePower, ...], decision_id: str, valid_until_utc: datetime
    ) -> tuple[Setpoint, ...]:
        """Setpoints of a decision, not sent yet: they are made durable first."""
        named = {power.device: power for power in powers}
        for key, held in self._held.items():
            if key not in named and self._is_limited(held.power):
                named[key] = self._release(key)
        self._intended = {
            key: _Held(power=power, decision_id=decision_id, valid_until_utc=valid_until_utc)
            for key, power in named.items()
        }
        return tuple(self._setpoint(power) for power in named.values())

    async def send(self, setpoints: tuple[Setpoint, ...]) -> None:
        """Send a decision's setpoints and wait for acknowledgements until one deadline for all of them."""
        self._held, self._intended, self._restored = self._intended, {}, ()
        self._was_curtailed = {
            self._devices[key].member_index
            for key, held in self._held.items()
            if held.power.reason in {Reason.CURTAIL_LIMIT, Reason.CURTAIL_PRICE}
        }
        self.outcomes.expect(setpoints)
        await self._publish(setpoints)
        await self.outcomes.wait(self._site.control.acknowledgement_deadline_s)

    def forget(self) -> None:
        """Drop what was intended and what is held: nothing is sent, and nothing renewed any more."""
        self._intended = {}
        self._held = {}
        self._unsent = {}

    def withhold(self, why: str) -> None:
        """The same for setpoints that are on record already: they end as never sent."""
        for setpoint in self._unsent.values():
            self.outcomes.note_unsent(setpoint, why)
        self.forget()

    def restore(self, caps: tuple[LiveCap, ...]) -> None:
        """Know of caps that were sent before a restart: they are not renewed, and end with the first plan or by age."""
        self._restored = caps

    def curtailed_members(self) -> BoolArray:
        """[N] members whose PV was limited in the interval that ends now."""
        mask = np.zeros(len(self._site.members), dtype=np.bool_)
        mask[sorted(self._was_curtailed)] = True
        return mask

    def caps(self) -> dict[DeviceKey, Cap]:
        """Loads that are held back at the moment."""
        now_utc = self._clock.now_utc()
        restored = {
            one.device: Cap(allowed_kw=one.allowed_kw, held_back_kw=one.held_back_kw)
            for one in self._restored
            if now_utc < one.until_utc
        }
        return restored | {
            key: Cap(allowed_kw=held.power.power_kw, held_back_kw=held.power.held_back_kw)
            for key, held in self._held.items()
            if held.power.held_back_kw > 0.0 and now_utc < held.valid_until_utc
        }

    async def renew_forever(self) -> None:
        """Renew what is held, every renewal period; while the store fails nothing is renewed, and devices revert."""
        is_failing = False
        while True:
            await asyncio.sleep(self._site.control.setpoint_renewal_s)
            try:
                await self.renew()
            except StoreError as error:
                if not is_failing:
                    _log.warning("setpoints are not renewed: %s", error)
                is_failing = True
            else:
                is_failing = False

    async def renew(self) -> int:
        """Give every held power with fresh inputs a new life; returns how many."""
        async with self.exclusive:
            return await self._renew()

    async def _renew(self) -> int:
        now_utc, now_s = self._clock.now_utc(), self._clock.monotonic_s()
        by_decision: dict[str, list[Setpoint]] = {}
        for held in self._held.values():
            if now_utc < held.valid_until_utc and self._has_fresh_inputs(held.power, now_s, now_utc):
                by_decision.setdefault(held.decision_id, []).append(self._setpoint(held.power))
        for decision_id, setpoints in by_decision.items():
            try:
                await self._store.add_setpoints(decision_id, setpoints)
            except StoreError:
                self._unsent = {}
                raise
            await self._publish(setpoints)
        await self.record_ends()
        return sum(len(setpoints) for setpoints in by_decision.values())

    async def record_ends(self) -> None:
        """Make durable how setpoints have ended since the last transaction."""
        if outcomes := self.outcomes.take():
            await self._record(OutcomeRecord(outcomes=outcomes))

    async def record_cycle(self, cycle: CycleRow) -> None:
        """Make durable how a cycle went, and how setpoints have ended since the last transaction."""
        await self._record(OutcomeRecord(outcomes=self.outcomes.take(), cycle=cycle))

    async def _record(self, record: OutcomeRecord) -> None:
        try:
            await self._store.record_outcomes(record)
        except BaseException:
            # Cancelled at a stop or refused by the disk: an end that was written after all is ignored the second time.
            self.outcomes.give_back(record.outcomes)
            raise

    async def _publish(self, setpoints: Sequence[Setpoint]) -> None:
        for setpoint in setpoints:
            self._unsent.pop(setpoint.setpoint_id, None)
            try:
                await self._publisher.publish(setpoint)
            except DeviceError as error:
                _log.exception("a setpoint was stopped before it was sent")
                self.outcomes.note_unsent(setpoint, str(error))

    def _has_fresh_inputs(self, power: DevicePower, now_s: float, now_utc: datetime) -> bool:
        inputs = (power.device, *self._meters[power.member])
        if not all(self._state.is_fresh(key, now_s, now_utc) for key in inputs):
            return False
        reading = self._state.newest(power.device)
        # A car that has left or a run that is over would refuse; there is nothing left to hold.
        if isinstance(self._devices[power.device].asset, ShiftableLoad):
            return reading is not None and bool(reading.is_requested or reading.is_running)
        if isinstance(self._devices[power.device].asset, Ev) and power.power_kw > 0.0:
            return reading is not None and bool(reading.is_plugged)
        return True

    def _is_limited(self, power: DevicePower) -> bool:
        """Whether a device is held below what it would do: PV, or a load."""
        is_limit = isinstance(self._devices[power.device].asset, CurtailableLoad | None)
        return is_limit and power.reason is not Reason.NO_CURTAILMENT

    def _release(self, key: DeviceKey) -> DevicePower:
        device = self._devices[key]
        free_kw = device.lowest_kw if device.asset is None else device.highest_kw
        return DevicePower(device=key, member=device.member, power_kw=free_kw, reason=Reason.NO_CURTAILMENT)

    def _setpoint(self, power: DevicePower) -> Setpoint:
        self._seq += 1
        now_utc = self._clock.now_utc()
        setpoint = Setpoint(
            setpoint_id=f"{self._store.epoch}-{self._seq}",
            device=power.device,
            epoch=self._store.epoch,
            seq=self._seq,
            power_kw=power.power_kw,
            not_before_utc=now_utc,
            expires_utc=now_utc + timedelta(seconds=self._site.control.setpoint_life_s),
            reason=power.reason,
        )
        self._unsent[setpoint.setpoint_id] = setpoint
        return setpoint
