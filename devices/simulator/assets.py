"""Everything behind one member's meter that generates, stores or can be moved in time."""

from __future__ import annotations

from config.gateways import Device
from config.members import Battery, Member
from devices.simulator.battery import SimulatedBattery
from devices.simulator.curtailable import SimulatedCurtailable
from devices.simulator.ev import SimulatedEv
from devices.simulator.home_state import HomeState
from devices.simulator.pv import SimulatedPv
from devices.simulator.shiftable import SimulatedAppliance
from models.profiles.profiles import HomeProfile

START_SOC_FRAC = 0.5
"""Where a battery starts within its usable range when nothing is known."""

Asset = SimulatedBattery | SimulatedEv | SimulatedAppliance | SimulatedCurtailable | SimulatedPv


class HomeAssets:
    """A member's PV, batteries, charging points, appliances and curtailable loads."""

    def __init__(
        self, member: Member, profile: HomeProfile, *, state: HomeState, start_s: float, waits_for_start: bool
    ) -> None:
        """Set up the assets as the state says.

        Args:
            member: What the member owns.
            profile: Cars, runs and the most that the PV will generate.
            state: Where the assets stand.
            start_s: When the run begins, in seconds since the profile's start.
            waits_for_start: Whether appliances wait for a setpoint.
        """
        self.pv = SimulatedPv(max(member.pv_kwp, float(profile.pv_kw.max(initial=0.0))))
        self.batteries = [
            SimulatedBattery(battery, soc_kwh=state.soc_kwh.get(battery.id, start_soc_kwh(battery)))
            for battery in member.batteries
        ]
        self.evs = [
            SimulatedEv(
                ev,
                [session for session in profile.ev_sessions if session.asset_id == ev.id],
                origin_utc=profile.start_utc,
                start_s=start_s,
                state=state.evs.get(ev.id),
            )
            for ev in member.evs
        ]
        self.appliances = [
            SimulatedAppliance(
                load,
                [run for run in profile.runs if run.asset_id == load.id],
                origin_utc=profile.start_utc,
                waits_for_start=waits_for_start,
                start_s=start_s,
                state=state.appliances.get(load.id),
            )
            for load in member.shiftable_loads
        ]
        self.curtailables = [SimulatedCurtailable(load) for load in member.curtailable_loads]

    def find(self, device: Device) -> Asset:
        """The asset that a device of the site file is.

        Raises:
            ValueError: The member has no such asset.
        """
        if device.kind == "pv":
            return self.pv
        named: dict[tuple[str, str | None], Asset] = {
            **{("battery", battery.asset_id): battery for battery in self.batteries},
            **{("ev", ev.asset_id): ev for ev in self.evs},
            **{("shiftable_load", appliance.asset_id): appliance for appliance in self.appliances},
            **{("curtailable_load", load.asset_id): load for load in self.curtailables},
        }
        asset = named.get((device.kind, device.asset))
        if asset is None:
            raise ValueError(f"device {device.id}: its member has no {device.kind} called {device.asset!r}")
        return asset

    def advance(self, duration_s: float) -> None:
        """Let the present powers act for a time [s]."""
        self.pv.advance(duration_s)
        for battery in self.batteries:
            battery.advance(duration_s)
        for ev in self.evs:
            ev.advance(duration_s)
        for appliance in self.appliances:
            appliance.advance(duration_s)
        for load in self.curtailables:
            load.advance(duration_s)

    def want(self, demand_kw: float) -> None:
        """Tell the curtailable loads the home's demand, of which they are parts [kW]."""
        rest_kw = demand_kw
        for load in self.curtailables:
            load.want(demand_kw, rest_kw)
            rest_kw = max(rest_kw - load.wanted_kw, 0.0)

    def totals_kwh(self) -> tuple[float, ...]:
        """PV generated, PV available, charge, discharge, cars, runs and demand held back since the start [kWh]."""
        return (
            self.pv.export_kwh_total,
            self.pv.available_kwh_total,
            sum(battery.import_kwh_total for battery in self.batteries),
            sum(battery.export_kwh_total for battery in self.batteries),
            sum(ev.import_kwh_total for ev in self.evs),
            sum(appliance.import_kwh_total for appliance in self.appliances),
            sum(load.held_back_kwh_total for load in self.curtailables),
        )

    def state(self) -> HomeState:
        """Where the assets stand now."""
        return HomeState(
            soc_kwh={battery.asset_id: battery.soc_kwh for battery in self.batteries},
            evs={ev.asset_id: ev.state() for ev in self.evs},
            appliances={appliance.asset_id: appliance.state() for appliance in self.appliances},
        )


def start_soc_kwh(battery: Battery) -> float:
    """State of charge of a battery about which nothing is known [kWh]."""
    usable_frac = battery.soc_max_frac - battery.soc_min_frac
    return battery.capacity_kwh * (battery.soc_min_frac + START_SOC_FRAC * usable_frac)
