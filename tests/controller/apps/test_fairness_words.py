from __future__ import annotations

import io

import pytest
from rich.console import Console

from controller.apps.fairness_words import NOT_YET, UNDEFINED, lay_out_fairness, print_fairness
from controller.record.records import Figures

FIGURES: dict[str, float | None] = {
    "day_of_period": 9.0,
    "members": 6.0,
    "members_with_burden": 4.0,
    "worst_energy_burden": 0.0512,
    "gini_energy_burden": 0.4,
    "jain_energy_burden": 0.5,
    "theil_energy_burden": None,
    "least_renewable_access": 0.3,
    "gini_renewable_access": 0.1,
    "jain_renewable_access": 0.9,
    "theil_renewable_access": 0.05,
    "equity_losers_percent": 16.7,
    "equity_gini_benefit": 0.25,
    "equity_cr20_benefit": 0.5,
    "equity_bpr_asset_poor_over_rich": None,
    "losers_against_unit_weights": 2.0,
    "peak_losers_against_unit_weights": 0.0,
    "core_excess_frac": 0.312,
    "core_excess_bound_frac": 0.25,
    "is_core_excess_above_bound": 1.0,
}


def printed(figures: Figures | None) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_fairness(console, figures)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_worst_off_stands_beside_every_index_and_losers_beside_the_clipped_gini() -> None:
    page = lay_out_fairness(FIGURES)
    assert page.spread[0] == ("energy burden", "5.1 %", "0.400", "0.500", UNDEFINED)
    assert page.spread[1][:2] == ("renewable access", "30.0 %")
    assert page.benefit[1:] == ("16.7 %", "0.250", "50.0 %", UNDEFINED)


def test_before_the_seventh_day_every_index_says_when_it_will_be_there() -> None:
    page = lay_out_fairness({**FIGURES, "day_of_period": 6.0})
    assert all(row[2:] == (NOT_YET,) * 3 for row in page.spread)
    assert [row[1] for row in page.spread] == ["5.1 %", "30.0 %"]
    assert "0.000" not in printed({**FIGURES, "day_of_period": 6.0})


@pytest.mark.parametrize(
    "change, words",
    [
        ({}, "31.2 % of the gain, above the by-law's bound of 25 %"),
        ({"is_core_excess_above_bound": 0.0, "core_excess_frac": 0.1}, "within the by-law's bound"),
        ({"core_excess_frac": None, "is_core_excess_above_bound": None}, "Core excess: undefined"),
        ({"peak_losers_against_unit_weights": 3.0}, "3 of 6 members save less of the month's peak charge"),
    ],
)
def test_sentences_say_what_the_figures_are(change: Figures, words: str) -> None:
    assert words in printed({**FIGURES, **change})


def test_a_day_without_figures_says_so() -> None:
    assert printed(None) == "No fairness figures were kept of this revision.\n"
