"""A small site with one device of each kind, and addresses to speak of them."""

from __future__ import annotations

from datetime import UTC, datetime

from config.schema import Site
from devices.clock import SystemClock
from devices.registry import DeviceRegistry
from models.domain.telemetry import DeviceKey

START_UTC = datetime(2026, 6, 12, tzinfo=UTC)
METER = DeviceKey(gateway="g1", device="meter")
PV = DeviceKey(gateway="g1", device="pv")
BATTERY = DeviceKey(gateway="g1", device="battery")
EV = DeviceKey(gateway="g1", device="ev")
WASHER = DeviceKey(gateway="g1", device="washer")
BOILER = DeviceKey(gateway="g1", device="boiler")
COMMUNITY = DeviceKey(gateway="grid", device="meter")


def example_site() -> Site:
    return Site.model_validate(
        {
            "community": {"id": "elm", "name": "Elm Street", "zone": "Europe/Berlin", "import_limit_kw": 100.0},
            "tariff": {
                "import_price": {"kind": "flat", "price_eur_per_kwh": 0.3},
                "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08},
            },
            "members": [
                {
                    "id": "m1",
                    "import_limit_kw": 20.0,
                    "export_limit_kw": 10.0,
                    "pv_kwp": 8.0,
                    "batteries": [
                        {"id": "b1", "capacity_kwh": 10.0, "charge_limit_kw": 5.0, "discharge_limit_kw": 4.0}
                    ],
                    "evs": [{"id": "e1", "capacity_kwh": 50.0, "charge_limit_kw": 11.0, "charge_min_kw": 1.4}],
                    "shiftable_loads": [
                        {
                            "id": "w1",
                            "power_kw": 2.0,
                            "duration_min": 90,
                            "window_start": "08:00",
                            "window_end": "20:00",
                        }
                    ],
                    "curtailable_loads": [{"id": "c1", "power_kw": 3.0}],
                }
            ],
            "gateways": [
                {
                    "id": "g1",
                    "devices": [
                        {"id": "meter", "kind": "meter", "member": "m1"},
                        {"id": "pv", "kind": "pv", "member": "m1"},
                        {"id": "battery", "kind": "battery", "member": "m1", "asset": "b1"},
                        {"id": "ev", "kind": "ev", "member": "m1", "asset": "e1"},
                        {"id": "washer", "kind": "shiftable_load", "member": "m1", "asset": "w1"},
                        {"id": "boiler", "kind": "curtailable_load", "member": "m1", "asset": "c1"},
                    ],
                },
                {"id": "grid", "devices": [{"id": "meter", "kind": "community_meter"}]},
            ],
        }
    )


def example_registry() -> DeviceRegistry:
    return DeviceRegistry.from_site(example_site())


class SetClock(SystemClock):
    """A clock that stands where a test puts it."""

    def __init__(self, now_utc: datetime = START_UTC) -> None:
        self.instant_utc = now_utc

    def now_utc(self) -> datetime:
        return self.instant_utc
