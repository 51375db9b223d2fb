from __future__ import annotations

import numpy as np
import pytest

from models.domain.errors import SettlementError
from models.settlement.means import Means
from models.settlement.peak_bills import accrue_peak, bill_peak, settle_peak, true_up
from models.settlement.peak_game import PeakGame
from models.settlement.shapley import Weighting
from tests.models.settlement.community_day import draw_terms, meter_day


def test_the_peak_accrues_day_by_day_to_the_periods_charge() -> None:
    first = bill_peak(np.array([12.0, 8.0]), np.array([1.004, 1.004]))
    second = bill_peak(np.array([12.0, 10.0]), np.array([2.0, 3.0]))
    assert int(first.sum()) == 1799
    assert (accrue_peak(first, np.zeros(2, dtype=np.int64)) + accrue_peak(second, first)).tolist() == second.tolist()
    assert second.tolist() == [1000, 700]


@pytest.mark.parametrize("weighting", list(Weighting))
@pytest.mark.parametrize("members", [4, 24])
def test_the_peak_charge_is_split_in_full_and_nobody_pays_more_than_for_its_own_peak(
    weighting: Weighting, members: int
) -> None:
    day = meter_day(members, np.random.default_rng(2), steps=24)
    net_wh = np.asarray(day.import_wh - day.export_wh)
    game = PeakGame(net_wh, day.step_h, 3.0)
    weight = draw_terms(members).weight
    peak = settle_peak(game, weight, weighting, Means(rng=np.random.default_rng(1)))
    charge_minor = 300.0 * max(net_wh.sum(axis=0).max(), 0) / 1000.0 / day.step_h
    assert int(peak.bill_minor.sum()) == round(charge_minor)
    assert np.all(peak.bill_minor <= peak.alone_eur * 100.0 + 1.0)
    assert peak.error_eur.any() == (members > 20)
    assert np.all(peak.share_eur >= 0.0)


def test_the_true_up_meets_the_invoice_to_the_cent() -> None:
    assert true_up(1003, 1000, np.array([1.0, 1.0])).tolist() == [2, 1]
    assert true_up(990, 1000, np.array([3.0, 1.0])).sum() == -10
    assert true_up(1001, 1000, np.zeros(2)).sum() == 1
    assert true_up(1000, 1000, np.zeros(0)).tolist() == []
    with pytest.raises(SettlementError, match="no member"):
        true_up(1001, 1000, np.zeros(0))
