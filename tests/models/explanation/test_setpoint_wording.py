from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.setpoint import Reason
from models.explanation.language import LANGUAGES
from models.explanation.setpoint import LimitMet
from models.explanation.setpoint_wording import LIMIT_SENTENCES, SENTENCES, DeviceWord, SetpointWording
from tests.models.explanation.said import languages

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


def test_a_car_that_needs_nothing_is_told_why_it_does_not_charge() -> None:
    text = WORDING.word(DeviceWord.EV, Reason.IDLE, 0.0)["en"]
    assert text.endswith("none is plugged in, or it already has the energy that it needs.")
