"""One simulated home: everything behind one member's meter, advanced exactly from event to event.

Between two events every power is constant, so every integral is exact. Events are the profile's steps, marks of the
ledger, cars that come and go, runs that start and end, batteries and cars that are full, and setpoints that run out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import inf

from config.gateways import Device
from config.members import Member
from devices.simulator.assets import Asset, HomeAssets
from devices.simulator.battery import SimulatedBattery
from devices.simulator.curtailable import SimulatedCurtailable
from devices.simulator.home_state import NOTHING_KNOWN, HomeBehaviour, HomeState
from devices.simulator.meter import EnergyLedger, HomeEnergy, SimulatedMeter
from devices.simulator.pv import SimulatedPv
from devices.simulator.setpoint_gate import SetpointGate
from devices.simulator.shiftable import SimulatedAppliance
from models.domain.setpoint import Acknowledgement, Setpoint
from models.domain.telemetry import DeviceKey, Reading
from models.profiles.profiles import HomeProfile


class Home:
    """A member's meter and all that is behind it. Times are seconds since the profile's start."""

    def __init__(
        self,
        member: Member,
        profile: HomeProfile,
        *,
        devices: Mapping[DeviceKey, Device],
        behaviour: HomeBehaviour,
        start_utc: datetime | None = None,
        state: HomeState = NOTHING_KNOWN,
        mark_s: int = 60,
    ) -> None:
        """Set up a home.

        Args:
            member: What the member owns.
            profile: Demand, PV, cars and runs.
            devices: The member's devices in the site file; other assets exist, but nobody can speak to them.
            behaviour: What devices do without a setpoint.
            start_utc: When to start within the profile; at its start if unset.
            state: Where the devices stand at the start.
            mark_s: Spacing of the energy ledger's marks [s].

        Raises:
            ValueError: The start lies outside the profile, or a device has no asset.
        """
        self.member_id = member.id
        self.origin_utc = profile.start_utc
        self.now_s = 0.0 if start_utc is None else (start_utc - profile.start_utc).total_seconds()
        self._demand_kw = profile.demand_kw
        self._pv_kw = profile.pv_kw
        self._step_s = profile.step_s
        self.end_s = float(len(self._demand_kw) * profile.step_s)
        if not 0.0 <= self.now_s < self.end_s:
            raise ValueError(f"start: found {self.now_s:g} s into the profile, accepted 0 s to below {self.end_s:g} s")
        self._levels_home = behaviour.battery_default == "self_consumption"
        self.meter = SimulatedMeter()
        self.assets = HomeAssets(
            member, profile, state=state, start_s=self.now_s, waits_for_start=behaviour.waits_for_start
        )
        self._gates: dict[DeviceKey, SetpointGate] = {}
        self._parts: dict[DeviceKey, Asset | SimulatedMeter] = {}
        self._gate_of_asset: dict[int, SetpointGate] = {}
        for key, device in devices.items():
            self._connect(key, device)
        self._wanted_now_kw = 0.0
        self._demand_now_kw = 0.0
        self._demand_kwh = 0.0
        self._next_step_s = 0.0
        self._next_event_s = -inf
        self.valid_until_s = self.now_s
        """Until when every power stays as it is [s]."""
        self.ledger = EnergyLedger(origin_utc=self.origin_utc, first_s=self.now_s, spacing_s=mark_s)
        self._next_mark_s = self.ledger.next_mark_s
        self._mark()
        self._settle()

    def _connect(self, key: DeviceKey, device: Device) -> None:
        """Give a device of the site file its asset and, unless it is a meter, its gate."""
        if device.kind == "meter":
            self._parts[key] = self.meter
            return
        asset = self._parts[key] = self.assets.find(device)

        def refusal(power_kw: float, now_utc: datetime) -> str | None:
            if isinstance(asset, SimulatedAppliance):
                return asset.refusal(power_kw, (now_utc - self.origin_utc).total_seconds())
            return asset.refusal(power_kw)

        gate = SetpointGate(key, origin_utc=self.origin_utc, refusal=refusal)
        self._gates[key] = self._gate_of_asset[id(asset)] = gate

    def held_kw(self, asset: Asset) -> float | None:
        """Power of the setpoint in force for an asset [kW]; ``None``: it is on its own default."""
        gate = self._gate_of_asset.get(id(asset))
        return None if gate is None else gate.held_kw(self.now_s)

    def advance_to(self, to_s: float) -> None:
        """Advance through all events up to a moment within the profile [s].

        Raises:
            ValueError: The moment lies behind the profile's end.
        """
        if to_s > self.end_s:
            raise ValueError(f"advance: found {to_s:g} s, accepted up to the profile's end at {self.end_s:g} s")
        while self.now_s < to_s:
            self.advance(min(to_s, self.valid_until_s))

    def advance(self, to_s: float) -> None:
        """Let the present powers act up to a moment that is not past ``valid_until_s`` [s]."""
        duration_s = to_s - self.now_s
        self._demand_kwh += self._demand_now_kw * duration_s / 3600.0
        self.assets.advance(duration_s)
        self.meter.advance(duration_s)
        self.now_s = to_s
        self._mark()
        if to_s >= self.valid_until_s:
            self._settle()

    def _mark(self) -> None:
        """Write the ledger's row if it is due."""
        if self.now_s >= self._next_mark_s:
            meter = self.meter
            self.ledger.mark(
                (meter.import_kwh_total, meter.export_kwh_total, self._demand_kwh, *self.assets.totals_kwh())
            )
            self._next_mark_s = self.ledger.next_mark_s

    def _settle(self) -> None:
        """Find every power that holds from now on, and how long it does."""
        assets = self.assets
        if self.now_s >= self._next_step_s:
            self._take_step()
        if self.now_s >= self._next_event_s:
            self._handle_events()
        pv_held_kw = self.held_kw(assets.pv)
        assets.pv.hold(None if pv_held_kw is None else -pv_held_kw)
        self._demand_now_kw = self._wanted_now_kw
        for load in assets.curtailables:
            load.hold(self.held_kw(load))
            self._demand_now_kw -= load.held_back_kw
        net_kw = self._demand_now_kw - assets.pv.generation_kw
        for ev in assets.evs:
            net_kw += ev.power_kw
        for appliance in assets.appliances:
            net_kw += appliance.power_kw
        self.valid_until_s = min(self._next_step_s, self._next_event_s, self._next_mark_s)
        self.meter.net_kw = self._run_batteries(net_kw) if assets.batteries else net_kw

    def _take_step(self) -> None:
        """Read the profile's step that begins or runs now."""
        step = min(int(self.now_s // self._step_s), len(self._demand_kw) - 1)
        self._wanted_now_kw = float(self._demand_kw[step])
        self.assets.want(self._wanted_now_kw)
        self.assets.pv.available_kw = float(self._pv_kw[step])
        self._next_step_s = float((step + 1) * self._step_s)

    def _handle_events(self) -> None:
        """Let cars and appliances follow what is due now, and find when the next of it is due."""
        next_event_s = inf
        for ev in self.assets.evs:
            ev.come_and_go(self.now_s)
            ev.hold(self.held_kw(ev))
            next_event_s = min(next_event_s, ev.next_event_s, self.now_s + ev.time_to_limit_s())
        for appliance in self.assets.appliances:
            appliance.follow(self.held_kw(appliance), self.now_s)
            next_event_s = min(next_event_s, appliance.next_event_s)
        for gate in self._gates.values():
            if gate.until_s > self.now_s:
                next_event_s = min(next_event_s, gate.until_s)
        self._next_event_s = next_event_s

    def _run_batteries(self, net_kw: float) -> float:
        """Give each battery its setpoint's power, then let the others level what is left.

        Args:
            net_kw: Net power without batteries [kW].

        Returns:
            Net power with them [kW].
        """
        free: list[SimulatedBattery] = []
        for battery in self.assets.batteries:
            held_kw = self.held_kw(battery)
            if held_kw is None:
                free.append(battery)
            else:
                battery.hold(held_kw)
                net_kw += battery.power_kw
        for battery in free:
            battery.hold(-net_kw if self._levels_home else 0.0)
            net_kw += battery.power_kw
        for battery in self.assets.batteries:
            self.valid_until_s = min(self.valid_until_s, self.now_s + battery.time_to_limit_s())
        return net_kw

    def offer(self, setpoint: Setpoint, now_utc: datetime, *, is_retained: bool = False) -> Acknowledgement | None:
        """Offer a setpoint to its device, at the home's present time.

        Returns:
            What to answer: an acknowledgement with the power that the device really holds; ``None``: nothing.
        """
        gate = self._gates.get(setpoint.device)
        answer = None if gate is None else gate.offer(setpoint, now_utc, is_retained=is_retained)
        if gate is None or answer is None:
            return None
        acknowledgement = answer.acknowledgement
        if answer.is_repeat or not acknowledgement.is_accepted:
            return acknowledgement
        self._next_event_s = self.now_s
        self._settle()
        acknowledgement = replace(acknowledgement, applied_kw=self._applied_kw(setpoint))
        gate.amend(acknowledgement)
        return acknowledgement

    def _applied_kw(self, setpoint: Setpoint) -> float:
        """What a device does with the setpoint that it has just taken [kW]."""
        part = self._parts[setpoint.device]
        if isinstance(part, SimulatedMeter | SimulatedPv | SimulatedCurtailable):
            # A limit is held, whatever the sky allows or the home wants beneath it.
            return setpoint.power_kw
        return part.power_kw

    def readings(self, ts_utc: datetime, seq: int) -> dict[DeviceKey, Reading]:
        """What every device of the home says at its present time."""
        return {key: part.reading(key, ts_utc, seq) for key, part in self._parts.items()}

    def interval_energy(self, start_utc: datetime, end_utc: datetime) -> HomeEnergy:
        """Energy of an interval that has passed, exact.

        Raises:
            ValueError: A boundary is no mark of the ledger, or has not been passed.
        """
        return self.ledger.energy(start_utc, end_utc)

    def state(self) -> HomeState:
        """Where the devices stand now."""
        return self.assets.state()
