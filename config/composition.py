"""Invented communities: the same number of members and seed always give the same site.

Who owns what follows income, as it does in most places, so that equity has something to do. Incomes, tiers and
names of invented members describe no one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from config.consistency import ASSET_LISTS
from config.schema import Site

PV_SHARE_FRAC = 0.45
"""Members with PV."""
BATTERY_SHARE_FRAC = 0.7
"""Members with a battery, among those with PV."""
EV_SHARE_FRAC = 0.25
SHIFTABLE_SHARE_FRAC = 0.3
CURTAILABLE_SHARE_FRAC = 0.3
"""Members with a heat pump, a water heater or air conditioning that may be held back."""
NO_INCOME_SHARE_FRAC = 0.1
"""Households that did not tell their income."""
_BUSINESS_FROM_MEMBERS = 10
"""Smaller communities consist of households only."""
_CURTAILABLE_STREAM = 1
"""Drawn from a stream of their own, so that everything else about a seed's community stays as it was without them."""

_PERSONS = (1, 2, 3, 4, 5)
_PERSONS_FRAC = (0.35, 0.34, 0.14, 0.12, 0.05)
_INCOME_MEDIAN_EUR_PER_MONTH = 2500.0
_INCOME_LOG_SPREAD = 0.45
_INCOME_LEAST_EUR_PER_MONTH = 900.0
_TIERS_BY_RANK_FRAC = ((0.1, 3), (0.2, 2), (0.35, 1))
"""The poorest tenth of the households by income per person are tier 3, and so on."""

Description = dict[str, Any]


def compose_site(members: int, seed: int) -> Site:
    """A random community.

    Args:
        members: number of members, 1 to 2000.
        seed: the same one gives the same community.

    Raises:
        ValueError: the number of members is out of range.
    """
    return Site.model_validate(compose_description(members, seed))


def compose_description(members: int, seed: int) -> Description:
    """The same community as plain data, in the layout of a site file."""
    if not 1 <= members <= 2000:
        raise ValueError(f"a community has 1 to 2000 members, found {members}")
    rng = np.random.default_rng(seed)
    people = _compose_members(members, rng)
    _add_curtailable(people, np.random.default_rng((seed, _CURTAILABLE_STREAM)))
    return {
        "community": {
            "id": f"demo-{members}",
            "name": f"Invented community of {members}",
            "zone": "Europe/Berlin",
            "location": {"latitude_deg": 52.5, "longitude_deg": 13.4, "altitude_m": 40.0},
            "import_limit_kw": float(max(30, 8 * members)),
            "export_limit_kw": float(max(30, 8 * members)),
        },
        "tariff": _tariff(),
        "by_law": {"tier_weights": [1.0, 1.2, 1.5, 2.0]},
        "control": {
            "telemetry_period_s": 60.0,
            "stale_after_s": 180.0,
            "setpoint_renewal_s": 300.0,
            "setpoint_life_s": 900.0,
        },
        "members": people,
        "gateways": [describe_gateway(member) for member in people],
    }


def describe_gateway(member: Mapping[str, Any]) -> Description:
    """The gateway of a home with one device for everything that the member owns."""
    name = member["id"]
    devices: list[Description] = [{"id": "meter", "kind": "meter", "member": name}]
    if member.get("pv_kwp"):
        devices.append({"id": "pv", "kind": "pv", "member": name})
    for kind, assets in ASSET_LISTS.items():
        devices.extend(
            {"id": asset["id"], "kind": kind, "member": name, "asset": asset["id"]} for asset in member.get(assets, ())
        )
    return {"id": f"home-{name}", "devices": devices}


def _tariff() -> Description:
    return {
        "import_price": {
            "kind": "time_of_use",
            "base_eur_per_kwh": 0.32,
            "windows": [
                {"start": "17:00", "end": "21:00", "price_eur_per_kwh": 0.42},
                {"start": "23:00", "end": "05:00", "price_eur_per_kwh": 0.24},
            ],
        },
        "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08},
        "network_fee_eur_per_kwh": 0.04,
        "peak_charge_eur_per_kw": 4.0,
    }


def _compose_members(members: int, rng: np.random.Generator) -> list[Description]:
    persons = rng.choice(_PERSONS, size=members, p=_PERSONS_FRAC)
    income = _INCOME_MEDIAN_EUR_PER_MONTH * np.exp(rng.normal(0.0, _INCOME_LOG_SPREAD, members)) * persons**0.35
    income = np.maximum(np.round(income / 50.0) * 50.0, _INCOME_LEAST_EUR_PER_MONTH)
    business = {int(rng.integers(members))} if members >= _BUSINESS_FROM_MEMBERS else set[int]()
    has_pv = _choose(range(members), PV_SHARE_FRAC, income, rng)
    has_battery = _choose(has_pv, BATTERY_SHARE_FRAC, income, rng)
    has_ev = _choose(range(members), EV_SHARE_FRAC, income, rng)
    has_run = _choose(range(members), SHIFTABLE_SHARE_FRAC, np.ones(members), rng)
    silent = _choose(range(members), NO_INCOME_SHARE_FRAC, np.ones(members), rng) if members > 3 else []
    tiers = _tiers(income / np.sqrt(persons))
    people: list[Description] = []
    for index in range(members):
        member: Description = {"id": f"m{index + 1:0{max(2, len(str(members)))}d}"}
        if index in business:
            member |= {"kind": "business", "import_limit_kw": 30.0, "export_limit_kw": 30.0}
        else:
            member["persons"] = int(persons[index])
            # Who does not tell an income cannot be given a tier by it.
            if index not in silent:
                member["income_eur_per_month"] = float(income[index])
                member |= {"priority_tier": tiers[index]} if tiers[index] else {}
        owned = (
            ("pv", index in has_pv),
            ("battery", index in has_battery),
            ("ev", index in has_ev),
            ("run", index in has_run),
        )
        member |= _assets([kind for kind, has_it in owned if has_it], rng)
        people.append(member)
    return people


def _choose(among: Sequence[int], share_frac: float, income: np.ndarray, rng: np.random.Generator) -> list[int]:
    """At least one of the given members, the richer more likely, in rising order."""
    if len(among) == 0:
        return []
    count = max(1, int(len(among) * share_frac + 0.5))
    odds = income[list(among)]
    return sorted(int(one) for one in rng.choice(list(among), size=count, replace=False, p=odds / odds.sum()))


def _tiers(income_per_person: np.ndarray) -> list[int]:
    order = np.argsort(np.argsort(income_per_person, kind="stable"), kind="stable")
    rank_frac = (order + 1) / income_per_person.size
    return [next((tier for limit, tier in _TIERS_BY_RANK_FRAC if rank <= limit), 0) for rank in rank_frac.tolist()]


def _assets(owned: list[str], rng: np.random.Generator) -> Description:
    assets: Description = {}
    if "pv" in owned:
        assets["pv_kwp"] = float(rng.choice([3.2, 4.4, 5.6, 6.8, 8.4, 9.8]))
        assets["pv_tilt_deg"] = float(rng.choice([20.0, 30.0, 35.0, 45.0]))
        assets["pv_azimuth_deg"] = float(rng.choice([135.0, 180.0, 180.0, 225.0]))
    if "battery" in owned:
        capacity_kwh = float(rng.choice([5.1, 7.7, 10.2, 13.5]))
        power_kw = 2.5 if capacity_kwh < 6.0 else 5.0
        assets["batteries"] = [
            {"id": "bat", "capacity_kwh": capacity_kwh, "charge_limit_kw": power_kw, "discharge_limit_kw": power_kw},
        ]
    if "ev" in owned:
        assets["evs"] = [_ev(rng)]
    if "run" in owned:
        assets["shiftable_loads"] = [_run(rng)]
    return assets


def _ev(rng: np.random.Generator) -> Description:
    # 6 A, the least current that the charging standard knows, is 1.4 kW on one phase and 4.1 kW on three.
    limit_kw, least_kw = ((7.4, 1.4), (11.0, 4.1))[int(rng.integers(2))]
    return {
        "id": "ev",
        "capacity_kwh": float(rng.choice([40.0, 52.0, 64.0, 77.0])),
        "charge_limit_kw": limit_kw,
        "charge_min_kw": least_kw,
        "typical_departure": str(rng.choice(["06:30", "07:00", "07:30", "08:00"])),
        "typical_daily_kwh": float(rng.choice([5.0, 7.0, 9.0, 12.0])),
    }


def _run(rng: np.random.Generator) -> Description:
    return (
        {"id": "washer", "power_kw": 0.8, "duration_min": 120, "window_start": "08:00", "window_end": "17:00"},
        {"id": "dishwasher", "power_kw": 1.1, "duration_min": 90, "window_start": "12:00", "window_end": "19:00"},
        {"id": "dryer", "power_kw": 1.4, "duration_min": 60, "window_start": "09:00", "window_end": "20:00"},
    )[int(rng.integers(3))]


def _add_curtailable(people: list[Description], rng: np.random.Generator) -> None:
    """Give some of the members a load that may be held back."""
    for index in _choose(range(len(people)), CURTAILABLE_SHARE_FRAC, np.ones(len(people)), rng):
        name, power_kw, share_frac = (("heat-pump", 2.5, 0.4), ("boiler", 2.0, 0.3), ("air-con", 1.2, 0.25))[
            int(rng.integers(3))
        ]
        people[index]["curtailable_loads"] = [
            {
                "id": name,
                "power_kw": power_kw,
                "typical_share_frac": share_frac,
                "discomfort_eur_per_kwh": float(rng.choice([0.25, 0.3, 0.36])),
                "limit_kwh_per_day": float(rng.choice([0.5, 1.0, 2.0])),
            },
        ]
