from __future__ import annotations

from typing import Any

import pytest
import yaml

from config.errors import Severity
from config.load import parse_site
from tests.config.site_edits import SITES, example, findings_after, only_finding, put


@pytest.mark.parametrize(
    "path, value, place, hint",
    [
        ("members.0.batteries.0.charge_limit_kw", 5000, "members[0].batteries[0].charge_limit_kw", "5000 W is 5 kW"),
        ("members.0.batteries.0.charge_limit_kw", 900, "members[0].batteries[0].charge_limit_kw", "900 W is 0.9 kW"),
        ("members.0.batteries.0.capacity_kwh", 13500, "members[0].batteries[0].capacity_kwh", "13500 Wh is 13.5 kWh"),
        ("members.1.batteries.0.capacity_kwh", 7700, "members[1].batteries[0].capacity_kwh", "7700 Wh is 7.7 kWh"),
        ("members.0.evs.0.capacity_kwh", 5200, "members[0].evs[0].capacity_kwh", "5200 Wh is 5.2 kWh"),
        ("members.0.pv_kwp", 840, "members[0].pv_kwp", "840 Wp is 0.84 kWp"),
        ("members.4.shiftable_loads.0.power_kw", 800, "members[4].shiftable_loads[0].power_kw", "800 W is 0.8 kW"),
        ("members.0.curtailable_loads.0.power_kw", 2500,
         "members[0].curtailable_loads[0].power_kw", "2500 W is 2.5 kW"),
        ("members.0.curtailable_loads.0.typical_share_frac", 40,
         "members[0].curtailable_loads[0].typical_share_frac", "40 % is 0.4"),
        ("members.0.curtailable_loads.0.discomfort_eur_per_kwh", 30,
         "members[0].curtailable_loads[0].discomfort_eur_per_kwh", "30 cents is 0.3"),
        ("members.0.curtailable_loads.0.limit_kwh", 2, "members[0].curtailable_loads[0].limit_kwh",
         "did you mean limit_kwh_per_day?"),
        ("demand_response.shortfall_eur_per_kwh", 150, "demand_response.shortfall_eur_per_kwh", "150 cents is 1.5"),
        ("demand_response.shortfall", 1, "demand_response.shortfall", "did you mean shortfall_eur_per_kwh?"),
        ("members.0.batteries.0.soc_min_frac", 95, "members[0].batteries[0].soc_min_frac", "95 % is 0.95"),
        ("by_law.solidarity_frac", "10 %", "by_law.solidarity_frac", "write 0.1, as a fraction"),
        ("members.0.pv_kwp", "8,4", "members[0].pv_kwp", "write 8.4, with a decimal point"),
        ("members.0.pv_kwp", "8.4 kW", "members[0].pv_kwp", "without kW"),
        ("members.0.persons", "4", "members[0].persons", "write 4 without quotes"),
        ("tariff.export_price.price_eur_per_kwh", 8.2, "tariff.export_price.price_eur_per_kwh", "8.2 cents is 0.082"),
        ("tariff.import_price.base_eur_per_kwh", 32, "tariff.import_price.base_eur_per_kwh", "32 cents is 0.32"),
        ("community.zone", "Europe/Berln", "community.zone", "did you mean Europe/Berlin"),
        ("community.zone", "berlin", "community.zone", "did you mean Europe/Berlin"),
        ("community.zone", "Mars", "community.zone", "named like Europe/Berlin"),
        ("community.id", "Linden Hof", "community.id", "such as linden-hof"),
        ("community.currency", "eur", "community.currency", "write EUR"),
        ("members.0.evs.0.typical_departure", 7, "members[0].evs[0].typical_departure", 'write "07:00"'),
        ("members.0.evs.0.typical_departure", "7:30", "members[0].evs[0].typical_departure", 'write "07:30"'),
        ("members.0.evs.0.typical_departure", "noon", "members[0].evs[0].typical_departure", "hours and minutes"),
        ("policy.mode", "life", "policy.mode", "did you mean live?"),
        ("tariff.export_price.kind", "flatt", "tariff.export_price.kind", "did you mean flat?"),
        ("broker.protocol", 5, "broker.protocol", "write it in quotes"),
        ("broker.password", "hunter2", "broker.password", "use password_file or password_env"),
        ("broker.password_env", "hunter2", "broker.password_env", "not the secret itself"),
        ("members.0.capacity", 3, "members[0].capacity", "known keys"),
        ("tariff.network_fee", 3, "tariff.network_fee", "did you mean network_fee_eur_per_kwh?"),
        ("by_law.solidarity", 0.1, "by_law.solidarity", "did you mean solidarity_frac?"),
        ("members.0.income", 1500, "members[0].income", "did you mean income_eur_per_month?"),
        ("members.0.pv_wp", 1500, "members[0].pv_wp", "did you mean pv_kwp?"),
        ("tarif", {}, "tarif", "did you mean tariff?"),
        ("horizon", None, "horizon", "nothing stands below this key"),
        ("gateways.5.devices", {"id": "meter"}, "gateways[5].devices", "begin each element"),
    ],
)  # fmt: skip
def test_a_common_slip_gets_its_place_and_a_hint(path: str, value: object, place: str, hint: str) -> None:
    finding = only_finding(put(path, value))
    assert finding.severity is Severity.ERROR
    assert finding.path == place
    assert hint in finding.hint
    assert finding.accepted


@pytest.mark.parametrize(
    "path, value, place, accepted",
    [
        ("interval_min", 10, "interval_min", "1 | 5 | 15 | 30 | 60"),
        ("members.3.priority_tier", 4, "members[3].priority_tier", "a whole number from 0 to 3"),
        ("members.0.persons", True, "members[0].persons", "a whole number from 1 to 50"),
        ("members.0.persons", 1.5, "members[0].persons", "a whole number from 1 to 50"),
        ("members.0.pv_kwp", float("nan"), "members[0].pv_kwp", "a number from 0 to 1000 [kWp]"),
        ("members.0.pv_kwp", float("inf"), "members[0].pv_kwp", "a number from 0 to 1000 [kWp]"),
        ("members.1.id", "m01", "members[1].id", "an id that no other member has"),
        ("gateways.1.id", "home-m01", "gateways[1].id", "an id that no other gateway has"),
        ("gateways.0.id", "market", "gateways[0].id", "an id that is not reserved"),
        ("gateways.0.devices.1.id", "meter", "gateways[0].devices[1].id", "an id that no other device"),
        ("gateways.3.devices.0.member", "m40", "gateways[3].devices[0].member", "one of the 6 members"),
        ("gateways.3.devices.0.kind", "pv", "gateways[3].devices[0]", "pv_kwp is above 0"),
        ("gateways.0.devices.2.asset", "akku", "gateways[0].devices[2].asset", "m01's batteries: bat"),
        ("gateways.4.devices.2.asset", "washer", "gateways[4].devices[2].asset", "m05's curtailable_loads: boiler"),
        ("gateways.3.devices.0.kind", "curtailable_load", "gateways[3].devices[0]",
         "curtailable_load devices, and only for them"),
        ("demand_response.price_threshold_std", -1, "demand_response.price_threshold_std", "from 0 to 10"),
        ("members.4.curtailable_loads.0.limit_kwh_per_day", -1, "members[4].curtailable_loads[0].limit_kwh_per_day",
         "from 0 to 1000"),
        ("members.0.batteries.0.soc_max_frac", 0.05, "members[0].batteries[0].soc_min_frac", "below soc_max_frac"),
        ("members.0.evs.0.charge_min_kw", 12, "members[0].evs[0].charge_min_kw", "at most charge_limit_kw (11)"),
        ("members.0.evs.0.typical_daily_kwh", 60, "members[0].evs[0].typical_daily_kwh", "at most capacity_kwh"),
        ("members.4.shiftable_loads.0.duration_min", 600, "members[4].shiftable_loads[0].duration_min",
         "fits its window"),
        ("control.setpoint_life_s", 20, "control.setpoint_life_s", "above setpoint_renewal_s (20 s)"),
        ("control.stale_after_s", 5, "control.stale_after_s", "at least telemetry_period_s (10 s)"),
        ("control.replan_debounce_s", 90, "control.replan_debounce_s", "at most replan_min_gap_s (60 s)"),
        ("solver.deadline_s", 900, "solver.deadline_s", "less than the interval (900 s)"),
        ("horizon.exact_steps", 40, "horizon.exact_steps", "at most all 36 steps"),
        ("by_law.tier_weights", [1, 1, 1, 6], "by_law.tier_weights[3]", "0.2 to weight_max 5"),
        ("sharing.key", "static", "sharing.static_shares", "a share for each member"),
        ("sharing", {"key": "static", "static_shares": {f"m0{k}": 0.1 for k in range(1, 7)}}, "sharing.static_shares",
         "sum to 1"),
        ("tariff.import_price.windows.0.end", "17:00", "tariff.import_price.windows[0]", "an end that differs"),
        ("tariff.import_price.windows.0.days", [], "tariff.import_price.windows[0].days", "at least 1 days"),
        ("policy.model", "none.onnx", "policy.model", "a file that can be read"),
        ("broker.host", "mqtt://broker:1883", "broker.host", "the host name or IP address alone"),
        ("influxdb", {"url": "http://me:secret@db:8086"}, "influxdb.url", "without user and password"),
        ("broker.tls", {"key_file": "../sites/six.yaml"}, "broker.tls", "both or neither"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_found_at_its_place(path: str, value: object, place: str, accepted: str) -> None:
    findings = [finding for finding in findings_after(put(path, value)) if finding.path == place]
    assert findings, findings_after(put(path, value))
    assert findings[0].severity is Severity.ERROR
    assert accepted in findings[0].accepted


@pytest.mark.parametrize(
    "path, value, place",
    [
        ("control.setpoint_life_s", 3600, "control.setpoint_life_s"),
        ("control.stale_after_s", 15, "control.stale_after_s"),
        ("horizon.coarse_steps", 0, "horizon"),
        ("broker.host", "broker.example", "broker.host"),
        ("broker.username", "me", "broker.username"),
        ("by_law.tier_weights", [1, 2, 1, 1], "by_law.tier_weights"),
        ("community.import_limit_kw", 10, "community.import_limit_kw"),
        ("community.export_limit_kw", 10, "community.export_limit_kw"),
        ("members.0.evs.0.charge_limit_kw", 22, "members[0].evs[0].charge_limit_kw"),
        ("members.0.income_eur_per_month", 51000, "members[0].income_eur_per_month"),
        ("members.0.curtailable_loads.0.power_kw", 18, "members[0].curtailable_loads[0].power_kw"),
        ("members.0.curtailable_loads.0.discomfort_eur_per_kwh", 0.1,
         "members[0].curtailable_loads[0].discomfort_eur_per_kwh"),
        ("tariff.import_price", {"kind": "flat", "price_eur_per_kwh": 0.1}, "tariff.export_price"),
        ("tariff.import_price.windows.1", {"start": "18:00", "end": "19:00", "price_eur_per_kwh": 1, "days": ["mon"]},
         "tariff.import_price.windows[1]"),
        ("sharing.static_shares", {"m01": 1.0}, "sharing.static_shares"),
    ],
)  # fmt: skip
def test_what_only_looks_wrong_is_a_warning_and_the_site_still_loads(path: str, value: object, place: str) -> None:
    data = example()
    put(path, value)(data)
    reading = parse_site(yaml.safe_dump(data), SITES)
    assert [(finding.severity, finding.path) for finding in reading.findings] == [(Severity.WARNING, place)]
    assert reading.site is not None


def test_devices_that_are_missing_or_double_are_found() -> None:
    def edit(data: dict[str, Any]) -> None:
        data["gateways"][3]["devices"][0] = {"id": "bat", "kind": "battery", "member": "m02", "asset": "bat"}
        data["gateways"][5]["devices"].pop()

    found = {finding.path: finding.found for finding in findings_after(edit)}
    assert found == {
        "members[3]": "no meter",
        "members[5].shiftable_loads[0]": "no device",
        "gateways[3].devices[0]": "a second device for bat",
    }


def test_an_hourly_interval_is_refused_where_midnight_is_not_on_the_hour() -> None:
    def edit(data: dict[str, Any]) -> None:
        data["community"]["zone"] = "Asia/Kathmandu"
        data["interval_min"] = 60

    assert "5:45 h from UTC" in only_finding(edit).found


def test_other_currencies_have_other_magnitudes() -> None:
    def edit(data: dict[str, Any]) -> None:
        data["community"]["currency"] = "JPY"
        data["tariff"]["import_price"] = {"kind": "flat", "price_eur_per_kwh": 31.0}
        for member in data["members"]:
            for load in member.get("curtailable_loads", ()):
                load["discomfort_eur_per_kwh"] = 35.0
        data["demand_response"]["shortfall_eur_per_kwh"] = 160.0

    assert findings_after(edit) == []
