from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanation.language import LANGUAGES
from models.explanation.weight import WeightChange, WeightInput
from models.explanation.weight_wording import BY_INPUT, word_weight
from tests.models.explanation.said import language, shape
from tests.models.explanation.weight_changes import change

DAY = date(2026, 6, 13)


def english(one: WeightChange) -> str:
    return word_weight(one, DAY, language("en"))


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_weight_is_told_in_the_same_sentences_whatever_the_by_law_says_of_a_member(code: str) -> None:
    told = [
        word_weight(change({WeightInput.BURDEN: 0.04, WeightInput.PRIORITY: part}, limit=-0.05), DAY, language(code))
        for part in (0.0, 0.2, -0.3)
    ]
    assert len({shape(text) for text in told}) == 1


def test_a_steep_step_that_was_limited_reads_as_weights_that_add_up() -> None:
    parts = {WeightInput.WEIGHT: 0.007662, WeightInput.BURDEN: -1.273594}
    text = english(change(parts, before=0.992367, reference=-0.140973, limit=1.156905, projection=-0.018332))
    # 0.99 - 0.68 - 0.07 = 0.24; 0.24 + 0.53 - 0.01 = 0.76
    assert text == (
        "From June 13, 2026 on, your home counts with a weight of 0.76 instead of 0.99 "
        "when the community's gain is shared out. "
        "Weights move step by step, by a rule that compares the figures of your home with the average of the "
        "community. From 0.99 it leads to 0.24: "
        "-0.68 for your energy costs so far in this billing period; -0.07 for everything else. "
        "The limit on a single step changes this by +0.53, "
        "and keeping the weights of all homes at an average of 1 changes it by -0.01."
    )


def test_a_weight_that_stays_is_told_as_staying() -> None:
    text = english(change({}))
    assert "still counts with a weight of 1.00" in text
    assert text.endswith("From 1.00 it leads to 1.00: +0.00 for everything else.")


def test_the_three_inputs_that_changed_most_are_named_the_largest_first() -> None:
    inputs = {WeightInput.PV: 0.1, WeightInput.BURDEN: -0.3, WeightInput.WEIGHT: 0.05, WeightInput.DEMAND: 0.02}
    text = english(change(inputs))
    named = re.findall(r"[+-]0\.\d\d for ([^.;]*)", text)
    assert named == [
        "your energy costs so far in this billing period",
        "the solar panels that your home has or does not have",
        "your weight until now, against the average of 1",
        "everything else",
    ]
    assert WeightInput.PRIORITY not in BY_INPUT


@pytest.mark.parametrize(
    "limit, projection, words",
    [
        (-0.1, 0.0, "for everything else. The limit on a single step changes this by -0.11."),
        (0.0, 0.05, "Keeping the weights of all homes at an average of 1 changes this by +0.05."),
    ],
)
def test_only_what_held_a_weight_back_is_told(limit: float, projection: float, words: str) -> None:
    assert english(change({WeightInput.BURDEN: 0.1}, limit=limit, projection=projection)).endswith(words)


@given(parts=st.tuples(*[st.floats(-0.8, 0.8)] * 6))
def test_the_weights_told_add_up_from_the_old_one_to_the_new_one(parts: tuple[float, ...]) -> None:
    burden, present, pv, reference, limit, projection = parts
    inputs = {WeightInput.BURDEN: burden, WeightInput.WEIGHT: present, WeightInput.PV: pv}
    text = english(change(inputs, reference=reference, limit=limit, projection=projection))
    after = round(100 * float(re.findall(r"weight of (\d+\.\d\d)", text)[0]))
    named = [round(100 * float(found)) for found in re.findall(r"([+-]\d+\.\d\d) for ", text)]
    held = [round(100 * float(found)) for found in re.findall(r"by ([+-]\d+\.\d\d)", text)]
    asked = round(100 * float(re.findall(r"leads to (\d+\.\d\d)", text)[0]))
    assert 100 + sum(named) == asked
    assert asked + sum(held) == after
