from __future__ import annotations

from typing import Any

import pytest

from config.errors import Severity
from config.schema import Site
from config.timing import window_length_min
from tests.config.plain_community import community, errors_of, flaws_of, warnings_of


def test_plain_members_with_a_meter_each_are_consistent() -> None:
    assert flaws_of(community()) == []


def test_errors_come_before_warnings() -> None:
    data = community()
    data["control"]["setpoint_life_s"] = 1000.0
    data["members"][1]["id"] = "m0"
    severities = [severity for severity, _, _ in flaws_of(data)]
    assert severities == sorted(severities)
    assert len(dict.fromkeys(severities)) == 2


def test_a_member_may_have_several_meters_on_several_gateways() -> None:
    data = community()
    data["gateways"].append({"id": "shed", "devices": [{"id": "meter", "kind": "meter", "member": "m1"}]})
    assert flaws_of(data) == []


def test_the_same_device_id_may_stand_behind_different_gateways_only() -> None:
    data = community()
    data["gateways"][0]["devices"].append({"id": "meter", "kind": "meter", "member": "m1"})
    assert errors_of(data) == [("gateways[0].devices[1].id", "'meter' a second time")]


def test_asset_ids_are_unique_within_a_member_across_their_kinds() -> None:
    data = community()
    data["members"][0] |= {
        "batteries": [{"id": "a", "capacity_kwh": 5, "charge_limit_kw": 2, "discharge_limit_kw": 2}],
        "evs": [{"id": "a", "capacity_kwh": 50}],
    }
    data["gateways"][0]["devices"] += [
        {"id": "b", "kind": "battery", "member": "m0", "asset": "a"},
        {"id": "e", "kind": "ev", "member": "m0", "asset": "a"},
    ]
    assert errors_of(data) == [("members[0].evs[0].id", "'a' a second time")]


def test_a_second_community_meter_is_one_too_many() -> None:
    data = community()
    data["gateways"].append({"id": "grid", "devices": [{"id": "a", "kind": "community_meter"}]})
    assert flaws_of(data) == []
    data["gateways"][-1]["devices"].append({"id": "b", "kind": "community_meter"})
    assert errors_of(data) == [
        ("gateways[3].devices[1]", "a second device for community_meter"),
    ]


def test_pv_without_a_device_is_a_warning_and_a_second_device_an_error() -> None:
    data = community()
    data["members"][0]["pv_kwp"] = 5.0
    assert warnings_of(data) == [("members[0].pv_kwp", "PV without a device")]
    data["gateways"][0]["devices"] += [{"id": name, "kind": "pv", "member": "m0"} for name in ("pv", "pv2")]
    assert flaws_of(data) == [(Severity.ERROR, "gateways[0].devices[2]", "a second device for pv")]


@pytest.mark.parametrize(
    "shares, found",
    [
        ({"m0": 0.5, "m1": 0.5}, ["no share for m2"]),
        ({"m0": 0.5, "m1": 0.5, "m2": 0.0, "m9": 0.0}, ["'m9'"]),
        ({"m0": 0.5, "m1": 0.4, "m2": 0.0}, ["shares that sum to 0.9"]),
        ({"m0": 0.3333333, "m1": 0.3333333, "m2": 0.3333334}, []),
    ],
)
def test_static_shares_are_of_all_members_and_sum_to_one(shares: dict[str, float], found: list[str]) -> None:
    data = community()
    data["sharing"] = {"key": "static", "static_shares": shares}
    assert [text for _, text in errors_of(data)] == found


def test_many_missing_shares_are_summed_up() -> None:
    data = community(9)
    data["sharing"] = {"key": "static", "static_shares": {"m0": 1.0}}
    assert errors_of(data) == [("sharing.static_shares", "no share for m1, m2, m3, m4, m5 and 3 more")]


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"weight_min": 0.9}, []),
        ({"weight_max": 1.5}, [("by_law.tier_weights[3]", "2")]),
        ({"tier_weights": (0.1, 1.0, 1.0, 1.0)}, [("by_law.tier_weights[0]", "0.1")]),
    ],
)
def test_tier_weights_lie_within_the_by_laws_range(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    data = community()
    data["by_law"] |= changes
    assert errors_of(data) == found


@pytest.mark.parametrize("costs, is_odd", [([], False), ([40.0, 60.0, 60.0], False), ([60.0, 40.0], True)])
def test_reference_costs_rise_with_the_number_of_persons(costs: list[float], is_odd: bool) -> None:
    data = community()
    data["by_law"]["reference_cost_eur_per_month"] = costs
    assert errors_of(data) == []
    place = ("by_law.reference_cost_eur_per_month", "costs that fall from one number of persons to a larger one")
    assert warnings_of(data) == ([place] if is_odd else [])


@pytest.mark.parametrize(
    "changes, found",
    [
        ({"password_file": "a", "password_env": "A"}, [("broker.password_env", "password_file and password_env")]),
        ({"tls": {"certificate_file": "a"}}, [("broker.tls", "certificate_file or key_file without the other")]),
        ({"tls": {"ca_file": "a"}, "host": "broker.example"}, []),
        ({"host": "me:pw@broker"}, [("broker.host", "an address with more than a host name in it")]),
        ({"host": "::1"}, []),
    ],
)
def test_connections_say_one_thing_once(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    data = community() | {"broker": changes}
    assert errors_of(data) == found


def test_a_token_comes_from_one_place() -> None:
    data = community() | {"influxdb": {"url": "http://db:8086", "token_file": "a", "token_env": "A"}}
    assert errors_of(data) == [("influxdb.token_env", "token_file and token_env")]


@pytest.mark.parametrize(
    "key, value, path",
    [
        ("stale_after_s", 59.0, "control.stale_after_s"),
        ("telemetry_period_s", 901.0, "control.telemetry_period_s"),
        ("setpoint_life_s", 300.0, "control.setpoint_life_s"),
        ("acknowledgement_deadline_s", 901.0, "control.acknowledgement_deadline_s"),
        ("replan_debounce_s", 61.0, "control.replan_debounce_s"),
    ],
)
def test_times_of_the_control_loop_keep_their_order(key: str, value: float, path: str) -> None:
    data = community()
    data["control"][key] = value
    assert path in [place for place, _ in errors_of(data)]


def test_the_solver_ends_before_the_interval_does() -> None:
    data = community() | {"interval_min": 1, "solver": {"deadline_s": 60.0}}
    assert errors_of(data) == [("solver.deadline_s", "60 s")]
    assert errors_of(data | {"solver": {"deadline_s": 59.0}}) == []


def test_a_coarse_step_is_a_multiple_of_the_interval() -> None:
    data = community() | {"interval_min": 30, "horizon": {"coarse_step_min": 15, "coarse_steps": 80}}
    assert errors_of(data) == [("horizon.coarse_step_min", "15 min")]
    data["horizon"] = {"coarse_step_min": 15, "coarse_steps": 0, "fine_steps": 48}
    assert errors_of(data) == []


@pytest.mark.parametrize("horizon", [{"coarse_steps": 4}, {"coarse_steps": 100}])
def test_a_horizon_that_sees_too_little_or_too_much_is_a_warning(horizon: dict[str, int]) -> None:
    assert [path for path, _ in warnings_of(community() | {"horizon": horizon})] == ["horizon"]


@pytest.mark.parametrize(
    "zone, interval_min, fits",
    [
        ("Europe/Berlin", 60, True),
        ("Australia/Lord_Howe", 60, False),
        ("Australia/Lord_Howe", 30, True),
        ("Asia/Kolkata", 60, False),
        ("Asia/Kathmandu", 30, False),
        ("Asia/Kathmandu", 15, True),
        ("America/St_Johns", 30, True),
    ],
)
def test_an_interval_begins_at_local_midnight(zone: str, interval_min: int, *, fits: bool) -> None:
    data = community() | {"interval_min": interval_min}
    data["community"]["zone"] = zone
    assert [path for path, _ in errors_of(data)] == ([] if fits else ["interval_min"])


def window(start: str, end: str, **others: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "price_eur_per_kwh": 0.4} | others


@pytest.mark.parametrize(
    "windows, found",
    [
        ([window("17:00", "17:00")], [(Severity.ERROR, 0)]),
        ([window("00:00", "24:00")], []),
        ([window("17:00", "21:00"), window("18:00", "20:00")], [(Severity.WARNING, 1)]),
        ([window("17:00", "21:00"), window("18:00", "22:00")], []),
        ([window("17:00", "21:00", days=["sat"]), window("17:00", "21:00")], []),
        ([window("17:00", "21:00", months=[1, 2]), window("17:00", "21:00", months=[2])], [(Severity.WARNING, 1)]),
        ([window("22:00", "05:00", days=["sun"]), window("01:00", "02:00", days=["mon"])], [(Severity.WARNING, 1)]),
        ([window("22:00", "05:00", days=["mon"]), window("01:00", "02:00", days=["mon"])], []),
    ],
)
def test_price_windows_are_not_empty_and_not_in_vain(
    windows: list[dict[str, Any]],
    found: list[tuple[Severity, int]],
) -> None:
    data = community()
    data["tariff"]["import_price"]["windows"] = windows
    expected = [(severity, f"tariff.import_price.windows[{w}]") for severity, w in found]
    assert [(severity, path) for severity, path, _ in flaws_of(data)] == expected


def with_battery(kind: str = "household", **changes: Any) -> dict[str, Any]:
    data = community()
    battery = {"id": "b", "capacity_kwh": 10.0, "charge_limit_kw": 5.0, "discharge_limit_kw": 5.0} | changes
    data["members"][0] |= {"batteries": [battery], "kind": kind}
    data["gateways"][0]["devices"].append({"id": "b", "kind": "battery", "member": "m0", "asset": "b"})
    return data


@pytest.mark.parametrize(
    "kind, changes, keys",
    [
        ("household", {}, []),
        ("household", {"capacity_kwh": 9600.0}, ["capacity_kwh"]),
        ("household", {"charge_limit_kw": 800.0}, ["charge_limit_kw"]),
        ("household", {"discharge_limit_kw": 150.0}, ["discharge_limit_kw"]),
        ("business", {"capacity_kwh": 400.0, "charge_limit_kw": 200.0, "discharge_limit_kw": 200.0}, []),
        ("business", {"capacity_kwh": 400.0}, ["capacity_kwh"]),
        ("household", {"soc_min_frac": 0.6, "soc_max_frac": 0.6}, ["soc_min_frac"]),
    ],
)
def test_batteries_have_believable_magnitudes(kind: str, changes: dict[str, Any], keys: list[str]) -> None:
    assert [path for path, _ in errors_of(with_battery(kind, **changes))] == [
        f"members[0].batteries[0].{key}" for key in keys
    ]


@pytest.mark.parametrize("key", ["import_limit_kw", "export_limit_kw"])
def test_a_household_with_an_industrial_connection_is_a_slip(key: str) -> None:
    data = community()
    data["members"][2][key] = 3500.0
    assert errors_of(data) == [(f"members[2].{key}", "3500")]
    data["members"][2]["kind"] = "business"
    assert errors_of(data) == []


@pytest.mark.parametrize(
    "price, found",
    [
        (0.32, []),
        (4.9, []),
        (32.0, ["tariff.import_price.price_eur_per_kwh"]),
        (-32.0, ["tariff.import_price.price_eur_per_kwh"]),
    ],
)
def test_prices_in_cents_are_found(price: float, found: list[str]) -> None:
    data = community()
    data["tariff"]["import_price"] = {"kind": "flat", "price_eur_per_kwh": price}
    assert [path for path, _ in errors_of(data)] == found


def test_no_finding_shows_an_income() -> None:
    data = community()
    data["members"][0]["income_eur_per_month"] = 48_123.0
    assert warnings_of(data) == [("members[0].income_eur_per_month", "<hidden>, a very high income")]


@pytest.mark.parametrize(
    "start, end, minutes",
    [("08:00", "17:00", 540), ("22:00", "06:00", 480), ("00:00", "00:00", 1440), ("23:59", "00:00", 1)],
)
def test_a_window_may_run_past_midnight(start: str, end: str, minutes: int) -> None:
    data = community()
    load = {"id": "w", "power_kw": 1.0, "duration_min": 30, "window_start": start, "window_end": end}
    data["members"][0]["shiftable_loads"] = [load]
    parsed = Site.model_validate(data).members[0].shiftable_loads[0]
    assert window_length_min(parsed.window_start, parsed.window_end) == minutes
