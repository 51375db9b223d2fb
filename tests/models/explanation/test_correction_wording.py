from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanation.correction import Correction, CorrectionCause, MeteredDay
from models.explanation.correction_wording import word_correction, word_estimates
from models.explanation.language import LANGUAGES
from tests.models.explanation.said import language, languages

BEFORE = MeteredDay(import_wh=5_000, export_wh=1_200, estimated=8)
CORRECTION = Correction(
    cause=CorrectionCause.OWN_METER,
    is_re_optimised_now=False,
    before=BEFORE,
    after=MeteredDay(import_wh=5_400, export_wh=1_200, estimated=0),
    bill_before_minor=263,
    alone_minor=13,
    wear_minor=0,
    share_minor=-4,
    solidarity_minor=1,
    islanded_minor=0,
    peak_before_minor=665,
    peak_after_minor=1270,
)
SAME = replace(CORRECTION, after=BEFORE, alone_minor=0, share_minor=0, solidarity_minor=0, peak_after_minor=665)


def english(one: Correction) -> str:
    return word_correction(one, "EUR", 100, language("en")).replace("\u00a0", " ")


def test_a_correction_is_told_with_its_cause_its_energy_and_every_line_of_the_bill() -> None:
    assert english(CORRECTION) == (
        "This day was settled again because meter values of your home changed. "
        "On the whole day, your home drew 5.400 kWh instead of 5.000 kWh. "
        "Of your meter values, 0 are estimated now instead of 8. "
        "Your bill for the day's energy went from €2.63 to €2.73: +€0.13 because the cost alone changed; "
        "-€0.04 through your share of the gain; +€0.01 through solidarity among the members. "
        "What this day books for the highest power went from €6.65 to €12.70."
    )


@pytest.mark.parametrize(
    "cause, words",
    [
        (CorrectionCause.OTHER_METERS, "those of your home are as before"),
        (CorrectionCause.FINAL_GAME, "replaced by the final ones"),
        (CorrectionCause.OTHER_DATA, "such as an earlier day of the billing period"),
    ],
)
def test_each_cause_has_its_sentence_and_a_bill_that_stays_is_said_to_stay(cause: CorrectionCause, words: str) -> None:
    text = english(replace(SAME, cause=cause))
    assert words in text
    assert text.endswith("Your bill for the day's energy stays at €2.63.")
    assert "alone and together" in english(replace(SAME, cause=cause, is_re_optimised_now=True))


def test_what_is_fed_in_is_told_where_it_changed() -> None:
    text = english(replace(SAME, after=replace(BEFORE, export_wh=900)))
    assert "your home fed in 0.900 kWh instead of 1.200 kWh" in text
    assert "drew" not in text


def test_only_what_a_member_was_told_otherwise_is_noticeable() -> None:
    assert CORRECTION.is_noticeable
    assert SAME.is_noticeable
    assert not replace(SAME, cause=CorrectionCause.FINAL_GAME).is_noticeable
    assert replace(SAME, cause=CorrectionCause.OTHER_DATA, peak_after_minor=0).is_noticeable
    assert replace(SAME, cause=CorrectionCause.FINAL_GAME, islanded_minor=3).is_noticeable


@given(lines=st.tuples(*[st.integers(-300, 300)] * 5), before=st.integers(-900, 900))
def test_the_lines_that_are_told_lead_from_the_old_bill_to_the_new_one(lines: tuple[int, ...], before: int) -> None:
    names = ("alone_minor", "wear_minor", "share_minor", "solidarity_minor", "islanded_minor")
    one = replace(SAME, bill_before_minor=before, **dict(zip(names, lines, strict=True)))  # type: ignore[arg-type]
    assert one.bill_after_minor == before + sum(lines)
    text = english(one)
    found = re.findall(r"([+-]?)€([\d.]+)", text)
    amounts = [round(100 * float(digits.rstrip("."))) * (-1 if sign == "-" else 1) for sign, digits in found]
    if any(lines):
        assert amounts[0] + sum(amounts[2:]) == amounts[1] == one.bill_after_minor
    else:
        assert amounts == [before]


@pytest.mark.parametrize("code", LANGUAGES)
def test_estimates_are_told_with_their_number_and_others_without(code: str) -> None:
    own, others = (word_estimates(number, 96, language(code)) for number in (8, 0))
    assert re.findall(r"\d+", own) in (["8", "96"], ["96", "8"])
    assert not re.findall(r"\d", others)


def test_corrections_are_worded_in_every_language() -> None:
    told = {word_correction(CORRECTION, "EUR", 100, one) for one in languages()}
    assert len(told) == len(LANGUAGES)
    assert not [text for text in told if "{" in text]
