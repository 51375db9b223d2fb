from __future__ import annotations

from datetime import UTC, date, datetime
from gettext import NullTranslations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanation.language import LANGUAGES, Language


def language(code: str) -> Language:
    return Language.of(code, NullTranslations())


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    "code, money, power, energy, price",
    [
        ("en", "€1,234.50", "2.5 kW", "0.317 kWh", "€0.317"),
        ("de", "1.234,50 €", "2,5 kW", "0,317 kWh", "0,317 €"),
        ("fr", "1 234,50 €", "2,5 kW", "0,317 kWh", "0,317 €"),
        ("es", "1.234,50 €", "2,5 kW", "0,317 kWh", "0,317 €"),
        ("it", "1.234,50 €", "2,5 kW", "0,317 kWh", "0,317 €"),
    ],
)
def test_numbers_are_written_as_in_the_language(code: str, money: str, power: str, energy: str, price: str) -> None:
    own = language(code)
    assert plain(own.money(123450, "EUR")) == money
    assert plain(own.power(-2.54)) == power
    assert plain(own.energy(317)) == energy
    assert plain(own.price_per_kwh(0.3171, "EUR")) == price


@given(minor=st.integers(-(10**9), 10**9), code=st.sampled_from(LANGUAGES))
def test_amounts_are_whole_minor_units_and_a_change_says_its_sign(minor: int, code: str) -> None:
    own = language(code)
    digits = "".join(character for character in own.money(minor, "EUR") if character.isdigit())
    assert int(digits) == abs(minor)
    assert own.amount(minor / 100, "EUR") == own.money(minor, "EUR")
    assert own.change(minor, "EUR").startswith("+") == (minor > 0)


def test_dates_times_weights_and_changes_are_written_as_in_the_language() -> None:
    german = language("de")
    assert german.day(date(2026, 6, 12)) == "12. Juni 2026"
    assert german.clock_time(datetime(2026, 6, 12, 10, 0, tzinfo=UTC), ZoneInfo("Europe/Berlin")) == "12:00"
    assert german.weight(1.236) == "1,24"
    assert german.weight_change(0.042) == "+0,04"
    assert german.weight_change(-0.679) == "-0,68"


@pytest.mark.parametrize(
    "code, said",
    [("en", "a, b, and c"), ("de", "a, b und c"), ("fr", "a, b et c"), ("es", "a, b y c"), ("it", "a, b e c")],
)
def test_items_in_a_row_are_joined_as_in_the_language(code: str, said: str) -> None:
    assert language(code).enumerate(["a", "b", "c"]) == said
    assert language(code).enumerate(["a"]) == "a"
    assert not language(code).enumerate([])
    assert plain(language(code).line_up(["a, a", "b", "c"])) == ("a, a ; b ; c" if code == "fr" else "a, a; b; c")


def test_a_power_that_would_round_to_nothing_keeps_its_digits() -> None:
    assert plain(language("en").power(0.03)) == "0.03 kW"
    assert plain(language("en").power(0.0)) == "0.00 kW"
