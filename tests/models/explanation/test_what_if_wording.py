from __future__ import annotations

import pytest

from models.explanation.alternative import Alternative, AlternativeAnswer
from models.explanation.counterfactual import Counterfactual, Motive
from models.explanation.what_if_wording import word_alternative, word_counterfactual
from tests.models.explanation.said import language, languages


def answer(motive: Motive, other_kw: float, saved_eur: float = 0.31) -> Counterfactual:
    return Counterfactual(without=motive, power_kw=-2.0, other_kw=other_kw, saved_eur=saved_eur)


def said(*answers: Counterfactual) -> str:
    return word_counterfactual(answers, "EUR", 100, language("en"))


@pytest.mark.parametrize(
    "other_kw, words",
    [
        (0.0, "your battery would have stayed idle"),
        (1.5, "your battery would have charged with 1.5"),
        (-1.5, "your battery would have given 1.5"),
    ],
)
@pytest.mark.parametrize("motive", list(Motive))
def test_what_would_have_been_is_said_with_what_it_saves(motive: Motive, other_kw: float, words: str) -> None:
    text = said(answer(motive, other_kw))
    assert words in text
    assert text.endswith("for all devices and over the hours planned ahead, saves the community €0.31.")
    assert "saves the community" not in said(answer(motive, other_kw, -0.2))


@pytest.mark.parametrize("motive", list(Motive))
def test_where_the_battery_would_have_done_the_same_nothing_is_said_to_be_saved_by_it(motive: Motive) -> None:
    text = said(answer(motive, -2.0, 0.43))
    assert text.startswith("Even ")
    assert text.endswith("your battery would have done the same at this time.")


def test_a_motive_that_decides_is_told_after_those_that_do_not() -> None:
    text = said(answer(Motive.PRICE_CHANGES, -2.0, 0.43), answer(Motive.PEAK_CHARGE, 0.0, 0.2))
    assert text == (
        "Even if electricity cost the same at all hours, your battery would have done the same at this time. "
        "Without the charge on the community's highest power, your battery would have stayed idle. "
        "Taking that into account, for all devices and over the hours planned ahead, saves the community €0.20."
    )


def test_where_no_motive_alone_decides_that_is_said() -> None:
    text = said(*(answer(motive, -2.0) for motive in Motive))
    assert text.endswith("So none of these alone decides what it does at this time.")
    assert "saves" not in text


@pytest.mark.parametrize("asked", list(Alternative))
def test_what_another_time_costs_is_said_in_every_language(asked: Alternative) -> None:
    for spoken in languages():
        dear, same, late = (
            word_alternative(
                AlternativeAnswer(asked=asked, power_kw=0.0, other_kw=3.7, extra_eur=extra, is_too_late=is_too_late),
                "EUR",
                100,
                spoken,
            )
            for extra, is_too_late in ((0.18, False), (-0.004, False), (3.0, True))
        )
        assert spoken.money(18, "EUR") in dear
        assert len({dear, same, late}) == 3
        assert not [text for text in (dear, same, late) if "{" in text]
        # A price put on energy that is missing is no money that the community pays.
        assert spoken.money(300, "EUR") not in late


def test_a_car_that_charges_at_once_is_told_with_its_power() -> None:
    asked = AlternativeAnswer(asked=Alternative.CHARGE_AT_ONCE, power_kw=0.0, other_kw=7.4, extra_eur=0.52)
    assert word_alternative(asked, "EUR", 100, language("en")).replace("\u00a0", " ") == (
        "If your car had charged at once, with 7.4 kW, "
        "the community would have paid €0.52 more over the hours planned ahead."
    )
