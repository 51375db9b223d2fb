from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanation.peak import PeakSaving
from models.explanation.peak_wording import DayBill, word_peak
from tests.models.explanation.said import language, languages

AMOUNT = re.compile(r"[+-]?€?[\d.,]*\d")


def saving(bill: int, plain: int, weighting: int = 0, rounding: int = 0) -> PeakSaving:
    alone = bill + plain + weighting + rounding
    return PeakSaving(
        alone_minor=alone, bill_minor=bill, plain_minor=plain, weighting_minor=weighting, rounding_minor=rounding
    )


def said(one: PeakSaving, day: DayBill | None = None) -> str:
    return word_peak(one, "EUR", 100, language("en"), day)


def test_what_other_times_save_and_what_weights_do_is_told_apart_and_leads_from_alone_to_the_bill() -> None:
    assert said(saving(802, 1755, 465)) == (
        "Your part of the charge on the community's highest power is €8.02 so far in this billing period. "
        "For your own highest power alone, the charge would have been €30.22. "
        "To that come: -€17.55 because not all homes draw their highest power at the same time; "
        "-€4.65 through the agreed weights. That makes €8.02."
    )


def test_a_member_that_is_paid_is_told_so_in_words_and_why() -> None:
    text = said(saving(-257, 690, -6))
    assert text.startswith(
        "The charge on the community's highest power costs you nothing so far in this billing period: it brings you "
        "€2.57. On the whole, your home makes that power lower: it gives energy when other homes draw most."
    )
    # Where weights alone make it so, there is no such reason.
    assert "makes that power lower" not in said(saving(-20, 90, 40))


def test_a_home_that_saves_nothing_is_told_why() -> None:
    text = said(saving(100, 0))
    assert text.endswith("€1.00, too: your home drew its highest power at the same time as the community.")
    assert "alone" not in said(saving(0, 0))


@pytest.mark.parametrize(
    "day, words",
    [
        (DayBill(energy_minor=263, peak_minor=972), "€2.63 for energy and €9.72 for the highest power: you pay €12.35"),
        (
            DayBill(energy_minor=-317, peak_minor=-257),
            "-€3.17 for energy and -€2.57 for the highest power: you receive",
        ),
    ],
)
def test_the_day_is_told_with_energy_and_peak_together(day: DayBill, words: str) -> None:
    assert words in said(saving(day.peak_minor, 400), day)
    assert "Earlier days" not in said(saving(day.peak_minor, 400), day)


def test_what_earlier_days_have_booked_is_told() -> None:
    text = said(saving(-113, 964, -257), DayBill(energy_minor=100, peak_minor=144))
    assert "Earlier days of the period have booked -€2.57 of it, so this day books €1.44." in text


@given(parts=st.tuples(*[st.integers(-2000, 2000)] * 4))
def test_the_amounts_of_the_sentence_add_up_in_every_language(parts: tuple[int, ...]) -> None:
    one = saving(*parts)
    for spoken in languages():
        sentences = word_peak(one, "EUR", 100, spoken)
        told = sentences[sentences.index(spoken.money(one.alone_minor, "EUR")) :] if any(parts[1:]) else ""
        amounts = [int(re.sub(r"\D", "", found)) * (-1 if "-" in found else 1) for found in AMOUNT.findall(told)]
        assert sum(amounts[:-1]) == (amounts[-1] if amounts else 0)
