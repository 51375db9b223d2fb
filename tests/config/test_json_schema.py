from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from config.accepted import describe, is_path, known_keys, schema_at
from config.flaw import Location, path_text
from config.json_schema import SCHEMA_FILE, schema_text, site_schema

SITES = Path(__file__).parents[2] / "config" / "sites"


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run python -m config.json_schema"


def test_the_schema_forbids_unknown_keys_everywhere() -> None:
    schema = site_schema()
    parts = [schema, *schema["$defs"].values()]
    assert [part["title"] for part in parts if part.get("additionalProperties") is not False] == []


def test_bounds_are_written_in_the_words_of_json_schema() -> None:
    words = re.findall(r'"(ge|gt|le|lt)":', json.dumps(site_schema()))
    assert words == []
    assert site_schema()["$defs"]["Battery"]["properties"]["capacity_kwh"]["exclusiveMinimum"] == 0.0


def test_sensitive_fields_are_marked_and_have_no_default_to_print() -> None:
    tier = site_schema()["$defs"]["Member"]["properties"]["priority_tier"]
    assert tier["writeOnly"]
    assert "default" not in tier


@pytest.mark.parametrize("name", ["six", "thirty"])
def test_an_editor_finds_the_schema_from_the_example(name: str) -> None:
    first = (SITES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert (SITES / path).resolve() == SCHEMA_FILE.resolve()


@pytest.mark.parametrize("name", ["six", "thirty"])
def test_clock_times_of_the_examples_match_the_schemas_pattern(name: str) -> None:
    pattern = site_schema()["$defs"]["PriceWindow"]["properties"]["start"]["pattern"]
    site = yaml.safe_load((SITES / f"{name}.yaml").read_text(encoding="utf-8"))
    for window in site["tariff"]["import_price"]["windows"]:
        assert re.fullmatch(pattern, window["start"])


@pytest.mark.parametrize(
    "location, words",
    [
        (("members", 0, "batteries", 3, "capacity_kwh"), "a number above 0, at most 10000 [kWh]"),
        (("members", 0, "income_eur_per_month"), "a number from 0 to 1000000 [currency/month]"),
        (("members", 0, "persons"), "a whole number from 1 to 50"),
        (("members", 0, "kind"), "household | business"),
        (("members",), "a list of 1 to 2000 members"),
        (("tariff", "import_price"), "a mapping with kind: flat | series | time_of_use"),
        (("by_law", "tier_weights"), "a list of 4 values"),
        (("by_law", "tier_weights", 2), "a number"),
        (("broker", "password_env"), "the name of an environment variable, in capitals"),
        (("store", "path"), "the path of a file, relative to the site file"),
        (("community", "name"), "a text of 1 to 80 characters"),
        (("community", "zone"), "a text"),
        (("sharing", "static_shares", "m01"), "a number from 0 to 1"),
        (("version",), "1"),
        (("gateways", 0), "a mapping with the keys id, devices"),
        (("nowhere", "at", "all"), "nothing"),
        (("members", 0, "pv_kwp", "deeper"), "nothing"),
    ],
)
def test_what_a_place_accepts_is_said_in_words(location: Location, words: str) -> None:
    key = location[-1] if isinstance(location[-1], str) else ""
    assert describe(schema_at(location, {}), key) == words


def test_the_kind_chooses_among_alternatives() -> None:
    data = {"tariff": {"import_price": {"kind": "series"}}}
    assert "file" in known_keys(schema_at(("tariff", "import_price"), data))
    assert is_path(schema_at(("tariff", "import_price", "file"), data))
    assert schema_at(("tariff", "import_price", "file"), {}) is None


def test_a_location_is_written_as_people_write_it() -> None:
    assert path_text(("members", 3, "batteries", 0, "capacity_kwh")) == "members[3].batteries[0].capacity_kwh"
    assert path_text(()) == ""
