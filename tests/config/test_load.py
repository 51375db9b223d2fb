from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import Finding, Severity, SiteFileError
from config.load import check_site, load_site, parse_site

SITES = Path(__file__).parents[2] / "config" / "sites"
Edit = Callable[[dict[str, Any]], object]


def example() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((SITES / "six.yaml").read_text(encoding="utf-8"))
    return data


def findings_after(edit: Edit, folder: Path = SITES) -> list[Finding]:
    data = example()
    edit(data)
    return list(parse_site(yaml.safe_dump(data, sort_keys=False), folder).findings)


def only_finding(edit: Edit) -> Finding:
    findings = findings_after(edit)
    assert len(findings) == 1, "\n".join(map(str, findings))
    return findings[0]


def put(path: str, value: object) -> Edit:
    """An edit that sets what stands at a dotted path."""

    def edit(data: Any) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in way:
            data = data.setdefault(part, {}) if isinstance(data, dict) else data[part]
        data[last] = value

    return edit


@pytest.mark.parametrize("name", ["six", "thirty"])
def test_the_example_sites_have_no_findings(name: str) -> None:
    assert check_site(SITES / f"{name}.yaml") == []
    assert load_site(SITES / f"{name}.yaml").members


def test_the_six_member_site_says_what_it_looks_like() -> None:
    site = load_site(SITES / "six.yaml")
    assert [member.id for member in site.members] == ["m01", "m02", "m03", "m04", "m05", "m06"]
    assert [member.pv_kwp > 0 for member in site.members] == [True, True, True, False, False, False]
    assert site.store.path == SITES / "lindenhof.sqlite"
    assert site.zone.key == "Europe/Berlin"


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

    assert findings_after(edit) == []


SHAPE_AND_REFERENCE = """\
community: {id: a, name: A, zone: Europe/Berlin}
tariff:
  import_price: {kind: flat, price_eur_per_kwh: 0.3}
  export_price: {kind: flat, price_eur_per_kwh: 0.08}
members:
  - {id: m01, pv_kwp: five}
  - {id: m02}
  - {id: m02}
gateways:
  - id: g1
    devices: [{id: meter, kind: meter, member: m01}, {id: b, kind: battery, member: m77, asset: b}]
  - id: g2
    devices: [{id: meter, kind: meter}]
control: {setpoint_life_s: 10}
"""


def test_every_error_is_reported_at_once_in_the_order_of_the_file() -> None:
    findings = parse_site(SHAPE_AND_REFERENCE, SITES).findings
    assert [(finding.line, finding.path) for finding in findings] == [
        (6, "members[0].pv_kwp"),
        (8, "members[2].id"),
        (11, "gateways[0].devices[1].member"),
        (13, "gateways[1].devices[0]"),
        (14, "control.setpoint_life_s"),
    ]


def test_a_finding_prints_line_place_id_found_and_accepted() -> None:
    finding = only_finding(put("members.1.batteries.0.capacity_kwh", 77000))
    assert str(finding) == (
        f"error: line {finding.line}: members[1].batteries[0].capacity_kwh (member m02, battery bat)\n"
        "    found: 77000\n"
        "    accepted: a number above 0, at most 10000 [kWh]\n"
        "    hint: looks like Wh: 77000 Wh is 77 kWh"
    )


def test_a_key_that_occurs_twice_is_an_error() -> None:
    text = (SITES / "six.yaml").read_text(encoding="utf-8").replace("version: 1", "interval_min: 5\nversion: 1")
    findings = parse_site(text, SITES).findings
    assert [finding.path for finding in findings] == ["interval_min"]
    assert findings[0].found == "the key a second time, first in line 4"


@pytest.mark.parametrize(
    "secret, path",
    [
        ("hunter2", "broker.password"),
        ("hunter2", "broker.password_env"),
        ("hunter2", "influxdb.token"),
        ("1877.5x", "members.0.income_eur_per_month"),
        ("1877", "members.0.monthly_income"),
        ("77", "members.0.priority_tier"),
        ("http://me:hunter2@db", "influxdb.url"),
        (["Frau Schmidt"], "members.0.name"),
        ("Frau Schmidt " * 9, "members.0.name"),
    ],
)
def test_what_is_secret_or_sensitive_is_never_shown(secret: str | list[str], path: str) -> None:
    findings = findings_after(put(path, secret))
    shown = "\n".join(map(str, findings))
    assert findings
    for part in ("hunter2", "1877", "77", "Schmidt"):
        assert f"'{part}" not in shown
        assert f"found: {part}" not in shown


@pytest.mark.parametrize(
    "text, found",
    [
        ("", "nothing"),
        ("- a\n- b\n", "a list of 2"),
        ("hello", "'hello'"),
        ("a: [1, 2", "line 2, column 1"),
        ("a:\n\t- b", "line 2"),
        ("a: 1\n---\nb: 2", "a second document"),
        ("a: !!python/object:os.system ls", "the tag tag:yaml.org,2002:python/object:os.system"),
        ("a: &x 1\nb: *x", "an alias"),
        ("? [a, b]\n: 1", "a list, mapping or alias as a key"),
        ("[" * 100_000, "more than 40 levels"),
        ("a: \x00", "unacceptable character"),
    ],
)
def test_a_text_that_is_no_site_is_refused_in_words(text: str, found: str) -> None:
    reading = parse_site(text, SITES)
    assert reading.site is None
    assert found in "\n".join(finding.found for finding in reading.findings)


@pytest.mark.parametrize("written", ["17:00", '"17:00"', "'17:00'"])
def test_a_time_of_day_needs_no_quotes(written: str) -> None:
    text = (SITES / "six.yaml").read_text(encoding="utf-8").replace('start: "17:00"', f"start: {written}")
    site = parse_site(text, SITES).site
    assert site is not None
    assert "start=datetime.time(17, 0)" in repr(site.tariff)


def test_no_is_a_text_and_010_is_ten() -> None:
    text = (SITES / "six.yaml").read_text(encoding="utf-8")
    text = text.replace("name: Lindenhof", "name: no").replace("pv_kwp: 8.4", "pv_kwp: 010")
    site = parse_site(text, SITES).site
    assert site is not None
    assert (site.community.name, site.members[0].pv_kwp) == ("no", 10.0)


def test_a_missing_file_is_one_finding(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in check_site(tmp_path / "site.yaml")[0].found
    (tmp_path / "latin.yaml").write_bytes(b"name: Ekstr\xf6m")
    assert "not UTF-8" in check_site(tmp_path / "latin.yaml")[0].found
    assert "cannot be read: Is a directory" in check_site(tmp_path)[0].found


def test_loading_a_bad_file_raises_with_all_findings(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SHAPE_AND_REFERENCE, encoding="utf-8")
    with pytest.raises(SiteFileError, match=r"site\.yaml: 5 errors") as raised:
        load_site(tmp_path / "site.yaml")
    assert len(raised.value.findings) == 5
    assert "members[0].pv_kwp" in str(raised.value)


def test_paths_are_relative_to_the_site_file_and_must_exist(tmp_path: Path) -> None:
    data = example()
    series = {"kind": "series", "file": "prices.csv", "time_column": "t", "price_column": "p"}
    data["tariff"]["import_price"] = series
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    assert [finding.path for finding in check_site(tmp_path / "site.yaml")] == ["tariff.import_price.file"]
    (tmp_path / "prices.csv").write_text("t,p\n", encoding="utf-8")
    site = load_site(tmp_path / "site.yaml")
    assert str(tmp_path / "prices.csv") in repr(site.tariff.import_price)


def test_a_secret_that_everyone_may_read_is_a_warning(tmp_path: Path) -> None:
    data = example()
    data["broker"] |= {"username": "controller", "password_file": "secret"}
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    os.chmod(tmp_path / "secret", 0o644)  # noqa: PTH101
    assert [finding.hint for finding in check_site(tmp_path / "site.yaml")] == [f"chmod 600 {tmp_path / 'secret'}"]
    (tmp_path / "secret").chmod(0o600)
    assert check_site(tmp_path / "site.yaml") == []


def leaves(data: Any, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [way, *(place for key, value in entries for place in leaves(value, (*way, key)))]


EXAMPLE = example()
PLACES = leaves(EXAMPLE)[1:]
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), junk), min_size=1, max_size=3))
def test_whatever_stands_in_the_file_gives_a_site_or_an_error(changes: list[tuple[tuple[Any, ...], object]]) -> None:
    data: Any = copy.deepcopy(EXAMPLE)
    for (*way, last), value in changes:
        part = data
        for key in way:
            # An earlier change may have taken the way away.
            part = (
                part[key]
                if isinstance(part, dict | list) and key in (part if isinstance(part, dict) else range(len(part)))
                else {}
            )
        if isinstance(part, dict) or (isinstance(part, list) and last in range(len(part))):
            part[last] = value
    reading = parse_site(yaml.safe_dump(data, allow_unicode=False), SITES)
    errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    assert (reading.site is None) == bool(errors)
    assert all(finding.found and finding.accepted for finding in errors)
