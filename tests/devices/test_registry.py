from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import Site
from devices.registry import DeviceRegistry
from models.domain.errors import DeviceError
from models.domain.telemetry import DeviceKey, Reading
from tests.devices.example_site import (
    BATTERY,
    BOILER,
    COMMUNITY,
    EV,
    METER,
    PV,
    START_UTC,
    WASHER,
    example_registry,
    example_site,
)

REGISTRY = example_registry()


def _reading(device: DeviceKey, **fields: Any) -> Reading:
    return Reading(device=device, ts_utc=START_UTC, seq=1, **fields)


def test_every_device_of_the_site_file_is_registered_in_its_order() -> None:
    assert [device.key for device in REGISTRY] == [METER, PV, BATTERY, EV, WASHER, BOILER, COMMUNITY]
    assert len(REGISTRY) == 7
    assert REGISTRY.site_id == "elm"
    assert [device.member for device in REGISTRY] == ["m1"] * 6 + [None]


def test_an_unknown_address_is_not_found() -> None:
    stranger = DeviceKey(gateway="grid", device="battery")
    assert REGISTRY.find(stranger) is None
    with pytest.raises(DeviceError, match="grid/battery"):
        REGISTRY.get(stranger)


@pytest.mark.parametrize(
    "device, allowed, refused",
    [
        (BATTERY, [0.0, 5.0, -4.0, 5.0000000001], [5.001, -4.001]),
        (EV, [0.0, 1.4, 11.0], [1.0, 11.1, -1.4]),
        (PV, [0.0, -8.0, -9.6], [0.1, -9.7]),
        (WASHER, [0.0, 2.0], [2.1, -0.1]),
        (BOILER, [0.0, 0.004, 3.0], [3.001, -0.001]),
        (METER, [], [0.0, 1.0]),
        (COMMUNITY, [], [0.0]),
    ],
)
def test_setpoints_are_allowed_within_the_rating_only(
    device: DeviceKey, allowed: list[float], refused: list[float]
) -> None:
    registered = REGISTRY.get(device)
    never = [float("nan"), float("inf"), float("-inf"), 1e300]
    assert all(registered.allows(power_kw) for power_kw in allowed)
    assert not any(registered.allows(power_kw) for power_kw in refused + never)


@pytest.mark.parametrize(
    "device, fields, wrong",
    [
        (METER, {"power_kw": 30.0}, None),
        (METER, {"power_kw": 30.2}, "power_kw"),
        (METER, {"power_kw": -15.2}, "power_kw"),
        (METER, {"power_kw": float("nan")}, "power_kw"),
        (METER, {"soc_frac": 0.5}, "soc_frac: not said by a meter"),
        (METER, {"is_running": False}, "is_running: not said by a meter"),
        (COMMUNITY, {"power_kw": 150.0}, None),
        (COMMUNITY, {"power_kw": 151.0}, "power_kw"),
        (BATTERY, {"power_kw": 6.0, "soc_frac": 1.0}, None),
        (BATTERY, {"power_kw": 6.2}, "power_kw"),
        (BATTERY, {"soc_frac": 1.01}, "soc_frac"),
        (BATTERY, {"soc_frac": float("nan")}, "soc_frac"),
        (BATTERY, {"is_plugged": True}, "is_plugged: not said by a battery"),
        (EV, {"power_kw": 0.0, "is_plugged": False, "energy_needed_kwh": 0.0, "soc_frac": 0.2}, None),
        (EV, {"energy_needed_kwh": 66.0}, "energy_needed_kwh"),
        (EV, {"power_kw": -0.2}, "power_kw"),
        (PV, {"power_kw": -9.6, "available_kw": 9.6}, None),
        (PV, {"power_kw": 0.2}, "power_kw"),
        (PV, {"available_kw": 9.8}, "available_kw"),
        (PV, {"available_kw": -0.1}, "available_kw"),
        (WASHER, {"power_kw": 2.4, "is_running": True, "remaining_s": 60.0}, None),
        (WASHER, {"power_kw": 2.6}, "power_kw"),
        (BOILER, {"power_kw": 3.6, "import_kwh_total": 5.0, "export_kwh_total": 0.0}, None),
        (BOILER, {"power_kw": 3.8}, "power_kw"),
        (BOILER, {"power_kw": -0.2}, "power_kw"),
        (BOILER, {"is_requested": True}, "is_requested: not said by a curtailable_load"),
        (BOILER, {"soc_frac": 0.5}, "soc_frac: not said by a curtailable_load"),
        (WASHER, {"departure_utc": START_UTC}, "departure_utc: not said by a shiftable_load"),
    ],
)
def test_a_reading_is_checked_against_what_its_device_can_say(
    device: DeviceKey, fields: dict[str, Any], wrong: str | None
) -> None:
    assert REGISTRY.get(device).finds_wrong(_reading(device, **fields)) == wrong


@given(st.floats())
def test_every_allowed_setpoint_is_a_credible_reading_too(power_kw: float) -> None:
    for device in REGISTRY:
        if device.allows(power_kw):
            assert device.credible.holds(power_kw)


@pytest.mark.parametrize(
    "device, complaint",
    [
        ({"id": "x", "kind": "meter", "member": "nobody"}, "no member 'nobody'"),
        ({"id": "x", "kind": "battery", "member": "m1", "asset": "b9"}, "no battery 'b9'"),
        ({"id": "x", "kind": "ev", "member": "m1", "asset": "b1"}, "no ev 'b1'"),
        ({"id": "x", "kind": "curtailable_load", "member": "m1", "asset": "w1"}, "no curtailable_load 'w1'"),
        ({"id": "meter", "kind": "meter", "member": "m1"}, "two devices have the address grid/meter"),
    ],
)
def test_a_device_that_fits_nothing_is_an_error_that_names_it(device: dict[str, str], complaint: str) -> None:
    raw = example_site().model_dump(exclude={"members"})
    members = example_site().members
    devices = [*raw["gateways"][1]["devices"], device]
    gateways = [raw["gateways"][0], {"id": "grid", "devices": devices}]
    site = Site.model_validate({**raw, "members": members, "gateways": gateways})
    with pytest.raises(DeviceError, match=complaint):
        DeviceRegistry.from_site(site)
