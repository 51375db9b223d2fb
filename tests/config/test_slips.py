from __future__ import annotations

from typing import Any

import pytest

from config.accepted import schema_at
from config.flaw import Location
from config.slips import (
    hint_choice,
    hint_number,
    hint_text,
    hint_thousand,
    hint_unknown_key,
    hint_zone,
    is_secret,
    show,
)

BATTERY: Location = ("members", 0, "batteries", 0)


def hint_key(key: str, *place: str | int) -> str:
    return hint_unknown_key(key, schema_at(place, {}))


@pytest.mark.parametrize(
    "key, place, hint",
    [
        ("capacity", BATTERY, "did you mean capacity_kwh? Every quantity carries its unit"),
        ("capacity_wh", BATTERY, "did you mean capacity_kwh? Every quantity carries its unit"),
        ("charge_limit_w", BATTERY, "did you mean charge_limit_kw?"),
        ("soc_min_pct", BATTERY, "did you mean soc_min_frac?"),
        ("soc_min_percent", BATTERY, "did you mean soc_min_frac?"),
        ("wear_ct_per_kwh", BATTERY, "did you mean wear_eur_per_kwh?"),
        ("capasity_kwh", BATTERY, "did you mean capacity_kwh"),
        ("stale_after_ms", ("control",), "did you mean stale_after_s?"),
        ("setpoint_life", ("control",), "did you mean setpoint_life_s?"),
        ("telemetry_period_min", ("control",), "did you mean telemetry_period_s?"),
        ("peak_charge", ("tariff",), "did you mean peak_charge_eur_per_kw?"),
        ("bylaw", (), "did you mean by_law"),
        ("memebers", (), "did you mean members"),
        ("42", ("tariff",), "write decimals with a point"),
        ("<<", ("tariff",), "merge keys are not supported"),
        ("passwd", ("broker",), "use password_file or password_env"),
        ("token", ("influxdb",), "use token_file or token_env"),
        ("api_key", ("community",), "use a file or environment variable"),
        ("xyzzy", ("store",), "known keys: path, bundle_days"),
        ("anything", ("nowhere",), ""),
    ],
)
def test_an_unknown_key_is_told_what_it_was_meant_to_be(key: str, place: Location, hint: str) -> None:
    assert hint in hint_key(key, *place)
    assert bool(hint) == bool(hint_key(key, *place))


@pytest.mark.parametrize(
    "key, value, hint",
    [
        ("charge_limit_kw", 5000, "looks like W: 5000 W is 5 kW"),
        ("capacity_kwh", 13500.0, "looks like Wh: 13500 Wh is 13.5 kWh"),
        ("soc_min_frac", 5, "looks like percent: 5 % is 0.05"),
        ("soc_min_frac", 100, "looks like percent: 100 % is 1"),
        ("soc_min_frac", 300, ""),
        ("soc_min_frac", -1, ""),
        ("charge_limit_kw", "5000 W", "without W"),
        ("charge_limit_kw", "5,5", "write 5.5, with a decimal point"),
        ("charge_limit_kw", "5,5 kW", "without kW"),
        ("soc_min_frac", "5%", "write 0.05, as a fraction"),
        ("charge_limit_kw", "5", "write 5 without quotes"),
        ("charge_limit_kw", "five", ""),
        ("charge_limit_kw", None, ""),
        ("charge_limit_kw", True, ""),
        ("charge_limit_kw", 5_000_000_000, ""),
    ],
)
def test_a_number_that_is_refused_is_told_what_it_looks_like(key: str, value: Any, hint: str) -> None:
    found = hint_number(key, value, schema_at((*BATTERY, key), {}))
    assert hint in found
    assert bool(hint) == bool(found)


def test_prices_of_more_than_one_look_like_cents() -> None:
    assert hint_number("price_eur_per_kwh", 32.5, {}) == "looks like cents: 32.5 cents is 0.325"
    assert hint_number("price_eur_per_kwh", -8, {}) == "looks like cents: -8 cents is -0.08"


@pytest.mark.parametrize(
    "key, hint",
    [
        ("pv_kwp", "Wp: 5600 Wp is 5.6 kWp"),
        ("stale_after_s", "ms: 5600 ms is 5.6 s"),
        ("persons", ""),
    ],
)
def test_a_thousand_times_too_much_names_the_smaller_unit(key: str, hint: str) -> None:
    assert hint in hint_thousand(key, 5600)
    assert bool(hint) == bool(hint_thousand(key, 5600))


@pytest.mark.parametrize(
    "value, hint",
    [
        ("LIVE", "did you mean live?"),
        ("shadows", "did you mean shadow?"),
        ("zzz", ""),
        (5, "write it in quotes"),
        (True, ""),
        (None, ""),
    ],
)
def test_a_word_that_is_not_among_the_choices(value: object, hint: str) -> None:
    assert hint_choice(value, schema_at(("policy", "mode"), {})) == hint


@pytest.mark.parametrize(
    "key, value, hint",
    [
        ("id", "M 01", "such as m-01"),
        ("id", "Müller!", "such as m-ller"),
        ("id", "---", ""),
        ("id", 7, 'write it in quotes: "7"'),
        ("currency", "usd", "write USD"),
        ("currency", "euro", ""),
        ("password_env", "hunter2", "the variable's name stands here"),
    ],
)
def test_a_text_that_has_not_the_right_form(key: str, value: object, hint: str) -> None:
    found = hint_text(key, value, {})
    assert hint in found
    assert bool(hint) == bool(found)


@pytest.mark.parametrize(
    "value, hint",
    [
        (7, 'write "07:00"'),
        ("7:05", 'write "07:05"'),
        ("7.30", 'write "07:30"'),
        ("17:00:00", 'write "17:00"'),
        ("17h15", 'write "17:15"'),
        ("5pm", 'hours and minutes, such as "17:00"'),
        ("25:00", 'hours and minutes, such as "17:00"'),
        (1020, 'hours and minutes, such as "17:00"'),
        (None, 'hours and minutes, such as "17:00"'),
    ],
)
def test_a_time_of_day_that_is_not_one(value: object, hint: str) -> None:
    node = schema_at(("members", 0, "evs", 0, "typical_departure"), {})
    assert hint_text("typical_departure", value, node) == hint


@pytest.mark.parametrize(
    "name, zone",
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Los Angeles", "America/Los_Angeles"),
        ("Europe/Zürich", "Europe/Zurich"),
        ("Australia/Lord Howe", "Australia/Lord_Howe"),
        ("Nirgendwo", "zones are named like Europe/Berlin"),
        ("", "zones are named like Europe/Berlin"),
    ],
)
def test_a_zone_that_does_not_exist_suggests_one_that_does(name: str, zone: str) -> None:
    assert zone in hint_zone(name)


@pytest.mark.parametrize(
    "location, value, shown",
    [
        (("members", 0, "pv_kwp"), 5.0, "5.0"),
        (("members", 0, "pv_kwp"), "five", "'five'"),
        (("members", 0, "pv_kwp"), None, "nothing"),
        (("members", 0, "pv_kwp"), True, "true"),
        (("members",), [], "an empty list"),
        (("members",), [1, 2], "a list of 2"),
        (("broker",), {}, "an empty mapping"),
        (("broker",), {"password": "hunter2"}, "a mapping with 1 keys"),
        (("members", 0, "income_eur_per_month"), 1877, "<hidden>"),
        (("members", 0, "priority_tier"), 9, "<hidden>"),
        (("members", 0, "name"), "Frau Schmidt", "<hidden>"),
        (("members", 0, "income_eur_per_month"), None, "nothing"),
        (("community", "name"), "Lindenhof", "'Lindenhof'"),
        (("by_law", "income_min_eur_per_month"), -5, "-5"),
        (("by_law", "tier_weights", 0), "one", "'one'"),
        (("broker", "password_file"), 5, "<hidden>"),
        (("influxdb", "token_env"), "abc", "<hidden>"),
    ],
)
def test_what_was_found_is_shown_unless_it_is_nobodys_business(location: Location, value: object, shown: str) -> None:
    assert show(location, value) == shown


def test_a_long_text_is_cut() -> None:
    assert len(show(("community", "name"), "x" * 500)) == 60


def test_secrets_are_known_by_their_keys() -> None:
    assert is_secret(("broker", "Password"))
    assert is_secret(("influxdb", "api_key"))
    assert not is_secret(("broker", "host"))
