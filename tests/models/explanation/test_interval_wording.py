from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanation.interval_wording import IntervalEnergy, word_energy, word_marginal_price
from tests.models.explanation.said import language, languages

ZONE = ZoneInfo("Europe/Berlin")
ENERGY = IntervalEnergy(
    start_utc=datetime(2026, 6, 12, 22, 0, tzinfo=UTC),
    end_utc=datetime(2026, 6, 12, 22, 15, tzinfo=UTC),
    own_wh=100,
    community_wh=23,
    grid_wh=4,
    sold_wh=7,
    fed_in_wh=2,
)


def said(energy: IntervalEnergy, code: str = "en") -> str:
    return re.sub(r"[\u00a0\u202f]", " ", word_energy(energy, ZONE, language(code)))


def test_the_energy_of_an_interval_is_told_to_the_watt_hour_with_its_local_date() -> None:
    assert said(ENERGY, "de") == (
        "Am 13. Juni 2026 von 00:00 bis 00:15 hat Ihr Haushalt 0,127 kWh verbraucht: 0,100 kWh aus eigener Erzeugung, "
        "0,023 kWh aus der Gemeinschaft und 0,004 kWh aus dem Netz. "
        "Abgegeben hat er 0,009 kWh: 0,007 kWh an die Nachbarschaft und 0,002 kWh ins Netz."
    )


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"community_wh": 0, "grid_wh": 0}, "your home used 0.100 kWh of your own."),
        ({"own_wh": 0, "community_wh": 0, "grid_wh": 0}, "your home used no energy."),
        ({"sold_wh": 0}, "It gave away 0.002 kWh to the grid."),
        ({"fed_in_wh": 0}, "It gave away 0.007 kWh to your neighbours."),
    ],
)
def test_what_is_nothing_is_left_out(changes: dict[str, int], words: str) -> None:
    text = said(replace(ENERGY, **changes))  # type: ignore[arg-type]
    assert words in text
    assert "0.000" not in text
    assert "gave away" not in said(replace(ENERGY, sold_wh=0, fed_in_wh=0))


@given(wh=st.tuples(*[st.integers(0, 9_999)] * 5))
def test_the_parts_that_are_told_add_up_to_what_was_used_and_given(wh: tuple[int, ...]) -> None:
    names = ("own_wh", "community_wh", "grid_wh", "sold_wh", "fed_in_wh")
    energy = replace(ENERGY, **dict(zip(names, wh, strict=True)))  # type: ignore[arg-type]
    for one in languages():
        found = [int(re.sub(r"\D", "", digits)) for digits in AMOUNT.findall(word_energy(energy, ZONE, one))]
        # Sums are told where there is more than one part.
        told = [part for part in (wh[:3], wh[3:]) if sum(one > 0 for one in part) > 1]
        assert sum(found) == sum(wh) + sum(map(sum, told))


AMOUNT = re.compile(r"(\d+[.,]\d{3})\u00a0kWh")


def test_the_cost_of_one_more_kilowatt_hour_is_told_to_a_tenth_of_a_cent() -> None:
    assert word_marginal_price(0.3, "EUR", language("en")).endswith("would have cost the community €0.300.")
