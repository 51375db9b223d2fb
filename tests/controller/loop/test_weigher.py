from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from config.schema import Site
from controller.loop.weigher import Weigher, load_policy
from models.domain.errors import PolicyError
from models.policy.onnx_policy import OnnxPolicy
from tests.controller.loop.neighbours import START, make_account, make_site


def site_with(mode: str = "live", **policy: str) -> Site:
    return make_site(policy={"mode": mode, **policy}, by_law={"tier_weights": [1.0, 2.0, 3.0, 4.0]})


def test_the_shipped_policy_can_be_used() -> None:
    assert isinstance(load_policy(site_with()), OnnxPolicy)


def test_a_policy_that_is_off_is_not_loaded_and_the_configured_weights_hold() -> None:
    site = site_with("off")
    assert load_policy(site) is None
    weigher = Weigher.from_site(site)
    weighing = weigher.weigh(START, make_account(site))
    assert weighing.proposed is None
    assert weigher.in_force == pytest.approx(np.array([1.0, 2.0, 1.0]) * 3 / 4)


def test_a_model_that_is_not_there_is_told_each_time_and_changes_nothing() -> None:
    site = site_with(model="/nowhere/policy.onnx")
    assert isinstance(load_policy(site), PolicyError)
    weigher = Weigher.from_site(site)
    before = weigher.in_force.copy()
    for hours in (0, 24, 48):
        weighing = weigher.weigh(START + timedelta(hours=hours), make_account(site))
        assert weighing.proposed is None
        assert weighing.problem is not None
        assert "policy.onnx" in weighing.problem
        assert weigher.in_force == pytest.approx(before)


@pytest.mark.parametrize("mode", ["live", "shadow"])
def test_weights_in_force_change_only_when_a_settlement_day_begins(mode: str) -> None:
    site = site_with(mode)
    weigher, account = Weigher.from_site(site), make_account(site)
    weigher.weigh(START, account)
    today = weigher.in_force.copy()
    for quarter in range(1, 48):
        weighing = weigher.weigh(START + quarter * timedelta(minutes=15), account)
        assert not weighing.has_changed
        assert weighing.proposed is not None
        assert weigher.in_force == pytest.approx(today)
    tomorrow = weigher.weigh(START + timedelta(hours=12), account)
    assert tomorrow.proposed is not None
    if mode == "shadow":
        assert weigher.in_force == pytest.approx(today)
    else:
        assert weigher.in_force == pytest.approx(tomorrow.proposed)


def test_weights_have_mean_one_and_stay_in_the_by_laws_range() -> None:
    site = site_with()
    weigher = Weigher.from_site(site)
    for day in range(10):
        weigher.weigh(START + timedelta(days=day), make_account(site))
        assert weigher.in_force.mean() == pytest.approx(1.0)
        assert np.all((weigher.in_force >= 0.2 - 1e-9) & (weigher.in_force <= 5.0 + 1e-9))


def test_a_restart_within_the_day_goes_on_with_its_weights() -> None:
    site = site_with()
    weigher = Weigher.from_site(site)
    weigher.resume({"anna": 0.5, "bert": 2.0, "cleo": 0.5}, date(2026, 6, 12))
    weigher.weigh(START, make_account(site))
    assert weigher.in_force == pytest.approx([0.5, 2.0, 0.5])
