"""Small sites, profiles and setpoints that the simulator's tests are told with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from config.consistency import ASSET_LISTS
from config.schema import Site
from models.domain.setpoint import Reason, Setpoint
from models.domain.telemetry import DeviceKey
from models.profiles.profiles import CommunityProfile, EvSession, ShiftableRun

START = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
BATTERY = {"id": "bat", "capacity_kwh": 10.0, "charge_limit_kw": 4.0, "discharge_limit_kw": 4.0, "soc_min_frac": 0.0}
EV = {"id": "car", "capacity_kwh": 50.0, "charge_limit_kw": 7.0, "charge_min_kw": 1.4, "charge_efficiency_frac": 0.9}
WASHER = {"id": "wash", "power_kw": 2.0, "duration_min": 60, "window_start": "08:00", "window_end": "20:00"}
BOILER = {"id": "boiler", "power_kw": 1.5, "typical_share_frac": 0.5}
BAT = DeviceKey(gateway="gw-anna", device="bat")
CAR = DeviceKey(gateway="gw-anna", device="car")
WASH = DeviceKey(gateway="gw-anna", device="wash")
BOIL = DeviceKey(gateway="gw-anna", device="boiler")
PV = DeviceKey(gateway="gw-anna", device="pv")
METER = DeviceKey(gateway="gw-anna", device="meter")
GRID = DeviceKey(gateway="gw-grid", device="grid")


def at(minutes: float) -> datetime:
    """A moment some minutes after the start."""
    return START + timedelta(minutes=minutes)


def make_member(name: str, **owns: Any) -> dict[str, Any]:
    return {"id": name, "pv_kwp": 5.0, **owns}


def make_gateway(member: dict[str, Any]) -> dict[str, Any]:
    """A home's gateway with a device for everything that the member owns."""
    name = member["id"]
    devices = [{"id": "meter", "kind": "meter", "member": name}, {"id": "pv", "kind": "pv", "member": name}]
    for kind, key in ASSET_LISTS.items():
        devices += [
            {"id": asset["id"], "kind": kind, "member": name, "asset": asset["id"]} for asset in member.get(key, ())
        ]
    return {"id": f"gw-{name}", "devices": devices}


def make_site(*members: dict[str, Any], **control: Any) -> Site:
    """A site with a gateway for each member and one for the community's meter."""
    return Site.model_validate(
        {
            "community": {"id": "village", "name": "Village", "zone": "Europe/Berlin"},
            "tariff": {
                "import_price": {"kind": "flat", "price_eur_per_kwh": 0.3},
                "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08},
            },
            "members": list(members),
            "gateways": [
                *(make_gateway(member) for member in members),
                {"id": "gw-grid", "devices": [{"id": "grid", "kind": "community_meter"}]},
            ],
            "control": {"telemetry_period_s": 60, "stale_after_s": 180, **control},
        }
    )


def make_profile(
    demand_kw: Sequence[Sequence[float]],
    pv_kw: Sequence[Sequence[float]] | None = None,
    *,
    names: Sequence[str] = ("anna", "bert", "cleo"),
    step_s: int = 60,
    sessions: Sequence[EvSession] = (),
    runs: Sequence[ShiftableRun] = (),
) -> CommunityProfile:
    """A profile from rows of powers, one row a member."""
    demand = np.array(demand_kw, dtype=np.float64)
    pv = np.zeros_like(demand) if pv_kw is None else np.array(pv_kw, dtype=np.float64)
    return CommunityProfile(
        member_ids=tuple(names[: len(demand)]),
        start_utc=START,
        step_s=step_s,
        demand_kw=demand,
        pv_kw=pv,
        ev_sessions=tuple(sessions),
        runs=tuple(runs),
    )


def make_session(arrival_min: float, departure_min: float, energy_needed_kwh: float) -> EvSession:
    return EvSession(
        member_id="anna",
        asset_id="car",
        arrival_utc=at(arrival_min),
        departure_utc=at(departure_min),
        energy_needed_kwh=energy_needed_kwh,
    )


def make_run(requested_min: float, latest_end_min: float, *, duration_min: int = 60) -> ShiftableRun:
    return ShiftableRun(
        member_id="anna",
        asset_id="wash",
        requested_utc=at(requested_min),
        latest_end_utc=at(latest_end_min),
        power_kw=2.0,
        duration_s=duration_min * 60,
    )


def make_setpoint(
    power_kw: float,
    *,
    seq: int = 1,
    epoch: int = 1,
    minute: float = 0.0,
    life_min: float = 15.0,
    device: DeviceKey = BAT,
) -> Setpoint:
    """A setpoint that begins some minutes after the start."""
    return Setpoint(
        setpoint_id=f"{device.device}-{epoch}-{seq}",
        device=device,
        epoch=epoch,
        seq=seq,
        power_kw=power_kw,
        not_before_utc=at(minute),
        expires_utc=at(minute + life_min),
        reason=Reason.STORE_SURPLUS,
    )
