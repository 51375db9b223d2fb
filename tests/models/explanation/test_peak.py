from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explanation.peak import explain_peak
from models.settlement.means import Means
from models.settlement.peak_bills import settle_peak
from models.settlement.peak_game import PeakGame
from models.settlement.shapley import Weighting


@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 6), weighting=st.sampled_from(list(Weighting)))
def test_parts_of_any_peak_charge_add_up_to_the_bill(seed: int, members: int, weighting: Weighting) -> None:
    rng = np.random.default_rng(seed)
    game = PeakGame(rng.normal(300.0, 800.0, (members, 24)), 0.25, 7.5)
    peak = settle_peak(game, rng.uniform(0.2, 5.0, members), weighting, Means(rng=rng))
    savings = explain_peak(peak)
    for saving, bill in zip(savings, peak.bill_minor, strict=True):
        assert saving.alone_minor - saving.saved_minor == saving.bill_minor == bill
        assert abs(saving.rounding_minor) <= 2
        if weighting is Weighting.CLASSICAL:
            assert saving.weighting_minor == pytest.approx(0, abs=1)
