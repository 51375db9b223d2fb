from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.setpoint import Reason
from models.explanation.counterfactual import Counterfactual, Motive
from models.explanation.interval_wording import (
    IntervalEnergy,
    word_counterfactual,
    word_energy,
    word_marginal_price,
)
from models.explanation.language import LANGUAGES
from models.explanation.peak import PeakSaving
from models.explanation.peak_wording import word_peak
from models.explanation.setpoint import LimitMet
from models.explanation.setpoint_wording import LIMIT_SENTENCES, SENTENCES, DeviceWord, SetpointWording
from models.explanation.weight import WeightChange, WeightInput
from models.explanation.weight_wording import MAIN_REASONS, word_weight
from tests.models.explanation.said import language, languages, shape

WORDING = SetpointWording(languages())


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_sentence_for_some_device(reason: Reason) -> None:
    assert any(one is reason for _, one in SENTENCES)


@given(
    device=st.sampled_from(list(DeviceWord)),
    reason=st.sampled_from(list(Reason)),
    power_kw=st.floats(-1000.0, 1000.0),
)
def test_every_setpoint_has_a_sentence_in_every_language(device: DeviceWord, reason: Reason, power_kw: float) -> None:
    texts = WORDING.word(device, reason, power_kw)
    assert tuple(texts) == LANGUAGES
    assert len(set(texts.values())) == len(LANGUAGES)
    assert not [text for text in texts.values() if "{" in text]


def test_a_sentence_says_what_why_and_why_not_otherwise() -> None:
    text = WORDING.word(DeviceWord.BATTERY, Reason.SHAVE_PEAK, -2.46)["en"]
    assert text == (
        "Your battery is giving 2.5\u00a0kW instead of waiting: the community is drawing its highest power now, "
        "and keeping that low saves money for everyone."
    )


def test_an_unusual_reason_of_a_device_is_still_worded() -> None:
    assert WORDING.word(DeviceWord.PV, Reason.RUN_NOW, -1.0)["en"].startswith("This device follows")
    assert set(LIMIT_SENTENCES) == set(LimitMet)


def test_the_energy_of_an_interval_is_told_to_the_watt_hour() -> None:
    energy = IntervalEnergy(
        start_utc=datetime(2026, 6, 12, 10, 0, tzinfo=UTC),
        end_utc=datetime(2026, 6, 12, 10, 15, tzinfo=UTC),
        own_wh=100,
        community_wh=23,
        grid_wh=4,
        sold_wh=7,
    )
    text = word_energy(energy, ZoneInfo("Europe/Berlin"), language("de"))
    assert text.replace("\u00a0", " ") == (
        "Von 12:00 bis 12:15 hat Ihr Haushalt 0,127 kWh verbraucht: 0,100 kWh aus eigener Erzeugung, "
        "0,023 kWh aus der Gemeinschaft und 0,004 kWh aus dem Netz. "
        "Von Ihrem Überschuss hat die Nachbarschaft 0,007 kWh genutzt."
    )
    assert word_marginal_price(0.3, "EUR", language("en")).endswith("would cost the community €0.300.")


@pytest.mark.parametrize(
    "other_kw, words",
    [
        (0.0, "your battery would have stayed idle"),
        (1.5, "your battery would have charged with 1.5"),
        (-1.5, "your battery would have given 1.5"),
        (-2.0, "your battery would have done the same"),
    ],
)
@pytest.mark.parametrize("motive", list(Motive))
def test_what_would_have_been_is_said_with_what_it_saves(motive: Motive, other_kw: float, words: str) -> None:
    answer = Counterfactual(without=motive, power_kw=-2.0, other_kw=other_kw, saved_eur=0.31)
    text = word_counterfactual(answer, "EUR", 100, language("en"))
    assert words in text
    assert text.endswith("Taking that into account saves the community €0.31 over the hours planned ahead.")
    without = Counterfactual(without=motive, power_kw=-2.0, other_kw=other_kw, saved_eur=-0.2)
    assert "saves the community" not in word_counterfactual(without, "EUR", 100, language("en"))


@pytest.mark.parametrize(
    "bill, plain, words",
    [
        (60, 40, "You save €0.40, because not all homes draw their highest power at the same time."),
        (100, 0, "at the same time as the community."),
        (-20, 120, "in this billing period is -€0.20 so far."),
    ],
)
def test_the_peak_charge_is_told_with_what_it_would_be_alone(bill: int, plain: int, words: str) -> None:
    saving = PeakSaving(alone_minor=100, bill_minor=bill, plain_minor=plain, weighting_minor=0, rounding_minor=0)
    assert words in word_peak(saving, "EUR", 100, language("en"))


def change(priority_micro: int, *, burden_micro: int = 40_000, after: float = 1.06) -> WeightChange:
    parts = dict.fromkeys(WeightInput, 0) | {WeightInput.PRIORITY: priority_micro, WeightInput.BURDEN: burden_micro}
    return WeightChange(
        weight_before=1.0,
        weight_after=after,
        reference_micro=0,
        by_input_micro=parts,
        limit_micro=-5_000,
        projection_micro=-1_000,
    )


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_weight_is_told_in_the_same_sentences_whatever_the_by_law_says_of_a_member(code: str) -> None:
    told = [word_weight(change(micro), date(2026, 6, 13), language(code)) for micro in (0, 200_000, -300_000)]
    assert len({shape(text) for text in told}) == 1


def test_a_weights_change_names_its_main_reason() -> None:
    text = word_weight(change(0), date(2026, 6, 13), language("en"))
    assert text.startswith("From June 13, 2026 on, your home counts with a weight of 1.06 instead of 1.00")
    assert "your energy costs so far in this billing period" in text
    assert "changed your weight by +4.1 %" in text.replace("\u00a0", " ")
    same = word_weight(change(0, burden_micro=0, after=1.001), date(2026, 6, 13), language("en"))
    assert "still counts with a weight of 1.00" in same
    assert "What mattered most" not in same
    assert not {WeightInput.PRIORITY, WeightInput.WEIGHT} & set(MAIN_REASONS)
