from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import Severity, SiteFileError
from config.load import check_site, load_site, parse_site
from tests.config.site_edits import SITES, example, findings_after, only_finding, put


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
    assert findings[0].found == "the key a second time, first in line 5"


@pytest.mark.parametrize(
    "secret, path",
    [
        ("hunter2", "broker"),
        ("hunter2", "broker.tls"),
        ("hunter2", "members.0"),
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
        ("hello", "a text"),
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
    (tmp_path / "secret").chmod(0o644)
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
