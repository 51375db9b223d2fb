from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.schema import Site
from controller.loop.setpoints import ControlledDevice, bound, controlled_devices
from devices.registry import DeviceRegistry
from tests.controller.loop.neighbours import (
    ANNA_BATTERY,
    ANNA_CAR,
    ANNA_PV,
    ANNA_WASHER,
    BATTERY,
    BERT_BATTERY,
    CAR,
    WASHER,
    make_site,
)

ODD_BATTERY = BATTERY | {"charge_limit_kw": 3.6806, "discharge_limit_kw": 2.3999}
ODD_CAR = CAR | {"charge_min_kw": 1.3805, "charge_limit_kw": 3.6804}
ODD_SITE = make_site(
    members=[
        {
            "id": "anna",
            "pv_kwp": 4.4444,
            "batteries": [ODD_BATTERY],
            "evs": [ODD_CAR],
            "shiftable_loads": [WASHER | {"power_kw": 1.0006}],
        }
    ]
)


def test_every_device_that_takes_setpoints_is_there_with_its_rating() -> None:
    devices = {device.key: device for device in controlled_devices(make_site())}
    assert list(devices) == [ANNA_PV, ANNA_BATTERY, ANNA_CAR, ANNA_WASHER, BERT_BATTERY]
    ratings = {key: (device.lowest_kw, device.highest_kw) for key, device in devices.items()}
    assert ratings == {
        ANNA_PV: (-5.0, 0.0),
        ANNA_BATTERY: (-4.0, 4.0),
        ANNA_CAR: (0.0, 7.0),
        ANNA_WASHER: (0.0, 2.0),
        BERT_BATTERY: (-4.0, 4.0),
    }
    assert [(device.member, device.member_index) for device in devices.values()] == [("anna", 0)] * 4 + [("bert", 1)]


@pytest.mark.parametrize("site", [make_site(), ODD_SITE], ids=["round ratings", "odd ratings"])
@given(power_kw=st.floats(-20.0, 20.0))
def test_whatever_is_asked_the_last_bound_before_the_device_lets_it_pass(site: Site, power_kw: float) -> None:
    registry = DeviceRegistry.from_site(site)
    for device in controlled_devices(site):
        bounded_kw = bound(round(power_kw, 3), device)
        assert registry.get(device.key).allows(bounded_kw)


def car() -> ControlledDevice:
    return next(device for device in controlled_devices(make_site()) if device.key == ANNA_CAR)


@pytest.mark.parametrize(
    "power_kw, sent_kw", [(-3.0, 0.0), (0.0, 0.0), (0.7, 0.0), (1.39, 0.0), (1.3995, 1.4), (1.4, 1.4), (9.0, 7.0)]
)
def test_a_car_charges_with_its_least_current_or_not_at_all(power_kw: float, sent_kw: float) -> None:
    assert bound(power_kw, car()) == sent_kw


@given(power_kw=st.floats(-50.0, 50.0), number=st.integers(0, 4))
def test_a_bound_leaves_what_is_inside_and_is_its_own_bound(power_kw: float, number: int) -> None:
    device = controlled_devices(make_site())[number]
    once_kw = bound(power_kw, device)
    assert bound(once_kw, device) == once_kw
    assert device.lowest_kw <= once_kw <= device.highest_kw
    if device.key != ANNA_CAR:
        assert once_kw == np.clip(power_kw, device.lowest_kw, device.highest_kw)
