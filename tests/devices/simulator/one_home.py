"""One home for the simulator's tests, and what flowed through it."""

from __future__ import annotations

from typing import Any

from devices.simulator.home import Home
from devices.simulator.home_state import CONTROLLED, NOTHING_KNOWN, HomeBehaviour, HomeState
from devices.simulator.meter import HomeEnergy
from models.domain.telemetry import DeviceKey
from models.profiles.profiles import CommunityProfile
from tests.devices.simulator.village import at, make_member, make_profile, make_site

HOURS = 6
STEPS = HOURS * 60
KWH = 1e-9


def make_home(
    profile: CommunityProfile, behaviour: HomeBehaviour = CONTROLLED, soc_kwh: float | None = None, **owns: Any
) -> Home:
    site = make_site(make_member("anna", **owns))
    devices = {DeviceKey(gateway="gw-anna", device=device.id): device for device in site.gateways[0].devices}
    state = NOTHING_KNOWN if soc_kwh is None else HomeState(soc_kwh={"bat": soc_kwh}, evs={}, appliances={})
    return Home(site.members[0], profile.home("anna"), devices=devices, behaviour=behaviour, state=state)


def constant(demand_kw: float, pv_kw: float = 0.0, **events: Any) -> CommunityProfile:
    return make_profile([[demand_kw] * STEPS], [[pv_kw] * STEPS], **events)


def energy(home: Home, first_min: int = 0, last_min: int = STEPS) -> HomeEnergy:
    return home.interval_energy(at(first_min), at(last_min))
