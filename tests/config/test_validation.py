from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.validation import mend_site, validate_site, value_at
from tests.config.site_edits import example, put


def edited(path: str, value: object) -> dict[str, Any]:
    data = example()
    put(path, value)(data)
    return data


def test_good_data_is_a_site_without_flaws() -> None:
    site, flaws = validate_site(example())
    assert site is not None
    assert flaws == []


@pytest.mark.parametrize(
    "path, value",
    [
        ("members.0.persons", "4"),
        ("members.0.persons", 4.0),
        ("members.0.persons", True),
        ("members.0.pv_kwp", True),
        ("members.0.pv_kwp", "8.4"),
        ("members.0.id", 7),
        ("interval_min", "15"),
        ("by_law.tier_weights", [1.0, 1.0, 1.0]),
        ("by_law.tier_weights", [1.0, 1.0, 1.0, "1.0"]),
        ("tariff.import_price.windows.0.start", 1020),
        ("broker.port", "1883"),
        ("store.path", 5),
    ],
)
def test_a_value_of_another_type_is_not_bent_into_shape(path: str, value: object) -> None:
    site, flaws = validate_site(edited(path, value))
    assert site is None
    assert len(flaws) == 1


def test_whole_numbers_stand_for_numbers() -> None:
    site, _ = validate_site(edited("members.0.pv_kwp", 8))
    assert site is not None
    assert site.members[0].pv_kwp == 8.0


@pytest.mark.parametrize("data", [None, [], "text", 5, True, {}])
def test_what_is_no_mapping_of_a_site_is_refused(data: object) -> None:
    site, flaws = validate_site(data)
    assert site is None
    assert flaws


def test_missing_keys_are_named_with_what_belongs_there() -> None:
    _, flaws = validate_site({"version": 1})
    assert [flaw.location for flaw in flaws] == [("community",), ("tariff",), ("members",), ("gateways",)]
    assert all(flaw.found == "nothing" and flaw.hint == "this key is required" for flaw in flaws)
    assert flaws[1].accepted == "a mapping with the keys import_price, export_price"


def test_the_chosen_alternative_is_not_part_of_the_path() -> None:
    _, flaws = validate_site(edited("tariff.import_price.windows.0.start", "late"))
    assert [flaw.location for flaw in flaws] == [("tariff", "import_price", "windows", 0, "start")]


def test_a_price_without_a_kind_is_told_the_kinds() -> None:
    _, flaws = validate_site(edited("tariff.export_price", {"price_eur_per_kwh": 0.08}))
    assert [(flaw.location, flaw.found, flaw.accepted) for flaw in flaws] == [
        (("tariff", "export_price", "kind"), "nothing", "flat | series | time_of_use"),
    ]


@pytest.mark.parametrize(
    "device, accepted",
    [
        ({"id": "x", "kind": "battery", "member": "m01"}, "asset is needed for battery"),
        ({"id": "x", "kind": "meter", "member": "m01", "asset": "bat"}, "asset is needed for battery"),
        ({"id": "x", "kind": "meter"}, "member is needed for every device"),
        ({"id": "x", "kind": "community_meter", "member": "m01"}, "member is needed for every device"),
    ],
)
def test_a_device_that_contradicts_itself_is_told_why(device: dict[str, str], accepted: str) -> None:
    _, flaws = validate_site(edited("gateways.3.devices.0", device))
    assert [flaw.location for flaw in flaws] == [("gateways", 3, "devices", 0)]
    assert accepted in flaws[0].accepted


BROKEN: tuple[tuple[str, Any], ...] = (
    ("community.zone", "Nowhere"),
    ("community.currency", 7),
    ("community", None),
    ("tariff", {}),
    ("tariff.import_price", "cheap"),
    ("members.0", None),
    ("members.0.id", "M 01"),
    ("members.0.batteries", 5),
    ("members.0.batteries.0", {}),
    ("members.0.evs.0.capacity_kwh", None),
    ("members", []),
    ("gateways.0.devices", []),
    ("gateways.0.devices.0", {"id": "x"}),
    ("gateways", "none"),
    ("interval_min", 7),
    ("sharing.static_shares", {"m01": 7}),
    ("unknown", {"deep": [1]}),
    ("broker.tls", 5),
    ("influxdb", {}),
)


@pytest.mark.parametrize("path, value", BROKEN)
def test_a_mended_copy_lets_the_cross_checks_run(path: str, value: object) -> None:
    data = edited(path, value)
    before = copy.deepcopy(data)
    _, flaws = validate_site(data)
    assert flaws
    assert mend_site(data, flaws) is not None
    assert data == before


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(BROKEN[5:]), min_size=2, max_size=4, unique_by=lambda pair: pair[0].split(".")[0]))
def test_several_flaws_are_mended_together(changes: list[tuple[str, object]]) -> None:
    data = example()
    for path, value in changes:
        put(path, value)(data)
    _, flaws = validate_site(data)
    assert mend_site(data, flaws) is not None


def test_what_cannot_be_mended_gives_nothing() -> None:
    _, flaws = validate_site([1, 2])
    assert mend_site([1, 2], flaws) is None


def test_values_are_found_by_their_place() -> None:
    data = {"a": [{"b": 1}]}
    assert value_at(data, ("a", 0, "b")) == 1
    assert value_at(data, ()) is data
    assert [value_at(data, place) for place in (("a", 1), ("a", "b"), (0,), ("a", 0, "b", "c"))] == [None] * 4
