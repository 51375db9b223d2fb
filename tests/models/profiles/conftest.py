from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from config.schema import Site

MakeSite = Callable[..., Site]


@pytest.fixture(scope="session")
def make_site() -> MakeSite:
    def make(members: list[dict[str, Any]], zone: str = "Europe/Berlin", *, has_location: bool = True) -> Site:
        location = {"latitude_deg": 48.1, "longitude_deg": 11.6} if has_location else None
        flat = {"kind": "flat", "price_eur_per_kwh": 0.3}
        devices = [{"id": f"meter-{member['id']}", "kind": "meter", "member": member["id"]} for member in members]
        for member in members:
            for key, kind in (("evs", "ev"), ("batteries", "battery"), ("shiftable_loads", "shiftable_load")):
                devices += [
                    {"id": f"{asset['id']}-{member['id']}", "kind": kind, "member": member["id"], "asset": asset["id"]}
                    for asset in member.get(key, [])
                ]
            if member.get("pv_kwp", 0.0):
                devices.append({"id": f"pv-{member['id']}", "kind": "pv", "member": member["id"]})
        return Site.model_validate(
            {
                "community": {"id": "test", "name": "Test", "zone": zone, "location": location},
                "tariff": {"import_price": flat, "export_price": flat},
                "members": members,
                "gateways": [{"id": "gateway", "devices": devices}],
            }
        )

    return make
