from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.domain.errors import SettlementError
from models.settlement.estimates import EstimateRule, fill_gaps
from models.settlement.means import Means
from models.settlement.revisions import Change, list_changes
from models.settlement.settle_day import GameKind, settle_day
from tests.models.settlement.community_day import draw_terms, meter_day

NAN = np.nan
NO_HISTORY = np.zeros((0, 1, 3))


def test_a_complete_day_is_left_as_it_is() -> None:
    filled = fill_gaps(np.array([[1.0, 2.0, 3.0]]), NO_HISTORY, ("m01",))
    assert filled.energy_wh.tolist() == [[1, 2, 3]]
    assert not filled.is_estimated.any()
    assert filled.rule == (EstimateRule.NONE,)


def test_a_gap_is_filled_by_the_mean_of_the_same_interval_and_flagged() -> None:
    history = np.array([[[10.0, 100.0, 1.0]], [[20.0, 300.0, 1.0]], [[30.0, NAN, 1.0]]])
    filled = fill_gaps(np.array([[5.0, NAN, 7.0]]), history, ("m01",))
    assert filled.energy_wh.tolist() == [[5, 200, 7]]
    assert filled.is_estimated.tolist() == [[False, True, False]]
    assert filled.rule == (EstimateRule.SAME_INTERVAL,)


def test_without_earlier_days_the_mean_of_the_day_is_used_and_said() -> None:
    filled = fill_gaps(np.array([[4.0, NAN, 8.0]]), NO_HISTORY, ("m01",))
    assert filled.energy_wh.tolist() == [[4, 6, 8]]
    assert filled.rule == (EstimateRule.SAME_DAY,)


def test_a_member_that_was_never_metered_is_refused_not_counted_as_zero() -> None:
    with pytest.raises(SettlementError, match="m02, interval 0"):
        fill_gaps(np.array([[1.0, 1.0, 1.0], [NAN, NAN, NAN]]), np.zeros((0, 2, 3)), ("m01", "m02"))


@pytest.mark.parametrize("value", [-1.0, np.inf])
def test_values_that_no_meter_gives_are_refused(value: float) -> None:
    with pytest.raises(SettlementError, match="metered energy"):
        fill_gaps(np.array([[value, 1.0, 1.0]]), NO_HISTORY, ("m01",))


def test_a_correction_lists_every_changed_figure_and_its_differences_add_up() -> None:
    day = meter_day(3, np.random.default_rng(4), steps=24)
    corrected = day.import_wh.copy()
    corrected[0, 20] += 500
    results = [
        settle_day(version, draw_terms(3), GameKind.METERED, Means(rng=np.random.default_rng(1)))
        for version in (day, replace(day, import_wh=corrected))
    ]
    before, after = ((result.energy, result.bills) for result in results)
    changes = list_changes(["m01", "m02", "m03"], before, after)
    assert Change("m01", "import_wh", int(day.import_wh[0].sum()), int(corrected[0].sum())) in changes
    for member in ("m01", "m02", "m03"):
        by_line = {change.line: change.difference for change in changes if change.member == member}
        parts = by_line.get("stand_alone_minor", 0) - by_line.get("wear_minor", 0) - by_line.get("share_minor", 0)
        parts += by_line.get("islanded_minor", 0) - by_line.get("solidarity_minor", 0)
        assert by_line.get("bill_minor", 0) == parts
    assert list_changes(["m01", "m02", "m03"], before, before) == []
    peaks = (np.array([100, 0, 50]), np.array([100, 70, 20]))
    told = {(one.member, one.line): one.difference for one in list_changes(["m01", "m02", "m03"], before, after, peaks)}
    assert {place: amount for place, amount in told.items() if place[1] == "peak_minor"} == {
        ("m02", "peak_minor"): 70,
        ("m03", "peak_minor"): -30,
    }
    for member in ("m01", "m02", "m03"):
        parts = told.get((member, "bill_minor"), 0) + told.get((member, "peak_minor"), 0)
        assert told.get((member, "total_minor"), 0) == parts
    with pytest.raises(SettlementError, match="same members"):
        list_changes(["m01"], before, after)
