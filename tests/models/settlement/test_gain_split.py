from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray
from models.settlement.gain_split import GainOutcome, GainSplit, split_gain, weigh_values
from models.settlement.shapley import Weighting


def split(gain: float, value: list[float], carried: list[float] | None = None) -> GainSplit:
    values = np.array(value)
    return split_gain(
        gain_eur=gain,
        plain_eur=values,
        weighted_eur=values,
        throughput_wh=np.arange(1.0, len(value) + 1),
        carried_loss_eur=np.zeros(len(value)) if carried is None else np.array(carried),
    )


def test_a_gain_is_scaled_from_the_game_to_what_was_realised() -> None:
    result = split(3.0, [4.0, 2.0])
    assert result.outcome is GainOutcome.GAIN
    assert result.share_eur.tolist() == pytest.approx([2.0, 1.0])


def test_a_loss_goes_by_throughput_and_is_flagged() -> None:
    result = split(-3.0, [4.0, 2.0])
    assert result.outcome is GainOutcome.LOSS
    assert result.loss_eur.tolist() == pytest.approx([1.0, 2.0])
    assert result.share_eur.tolist() == pytest.approx([-1.0, -2.0])


@pytest.mark.parametrize("value", [0.0, 0.005])
def test_a_game_worth_nothing_leaves_what_was_realised_to_throughput(value: float) -> None:
    result = split(0.006, [value, value])
    assert result.outcome is GainOutcome.NO_GAIN
    assert result.share_eur.tolist() == pytest.approx([0.002, 0.004])


def test_later_gains_give_back_earlier_losses_first() -> None:
    partly = split(1.0, [1.0, 1.0], carried=[1.0, 3.0])
    assert partly.repaid_eur.tolist() == pytest.approx([0.25, 0.75])
    assert partly.scaled_eur.tolist() == pytest.approx([0.0, 0.0])
    fully = split(6.0, [1.0, 1.0], carried=[1.0, 3.0])
    assert fully.repaid_eur.tolist() == pytest.approx([1.0, 3.0])
    assert fully.scaled_eur.tolist() == pytest.approx([1.0, 1.0])


def test_a_day_without_flows_splits_nothing() -> None:
    result = split_gain(
        gain_eur=0.0,
        plain_eur=np.zeros(2),
        weighted_eur=np.zeros(2),
        throughput_wh=np.zeros(2),
        carried_loss_eur=np.zeros(2),
    )
    assert (result.outcome, result.share_eur.tolist()) == (GainOutcome.NO_GAIN, [0.0, 0.0])


@given(
    gain=st.floats(-50.0, 50.0),
    value=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=8),
    seed=st.integers(0, 2**32 - 1),
)
def test_shares_always_add_up_to_the_realised_gain_and_nobody_loses_by_a_gain(
    gain: float, value: list[float], seed: int
) -> None:
    carried = np.random.default_rng(seed).uniform(0.0, 5.0, len(value))
    result = split(gain, value, carried.tolist())
    assert result.share_eur.sum() == pytest.approx(gain, abs=1e-9)
    assert np.all(result.repaid_eur <= carried + 1e-9)
    if gain >= 0.0:
        assert np.all(result.share_eur >= 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"gain_eur": np.nan},
        {"carried_loss_eur": np.array([-1.0, 0.0])},
        {"throughput_wh": np.array([-1.0, 0.0])},
        {"weighted_eur": np.ones(3)},
    ],
)
def test_figures_that_cannot_be_are_refused(change: dict[str, FloatArray]) -> None:
    figures: dict[str, object] = {
        "gain_eur": 1.0,
        "plain_eur": np.ones(2),
        "weighted_eur": np.ones(2),
        "throughput_wh": np.ones(2),
        "carried_loss_eur": np.zeros(2),
    }
    with pytest.raises(SettlementError):
        split_gain(**(figures | change))  # type: ignore[arg-type]


def test_weightings_use_weights_weighted_values_or_neither() -> None:
    plain, weight, weighted = np.array([1.0, 1.0]), np.array([1.0, 3.0]), np.array([0.8, 1.2])
    assert weigh_values(plain, weight, Weighting.PROPORTIONAL, None).tolist() == pytest.approx([0.5, 1.5])
    assert weigh_values(plain, weight, Weighting.KALAI_SAMET, weighted).tolist() == pytest.approx([0.8, 1.2])
    assert weigh_values(plain, weight, Weighting.CLASSICAL, None).tolist() == pytest.approx([1.0, 1.0])
    with pytest.raises(SettlementError, match="weighted_value_eur"):
        weigh_values(plain, weight, Weighting.KALAI_SAMET, None)


def test_solver_error_below_zero_does_not_become_a_negative_share() -> None:
    assert weigh_values(np.array([2.0, -1e-9]), np.ones(2), Weighting.CLASSICAL, None)[1] == 0.0
