from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.weigher import Weigher, load_policy
from controller.record.settled_bills import SettledBills
from models.domain.errors import PolicyError
from models.explanation.weight import WeightCase
from models.policy.onnx_policy import OnnxPolicy
from tests.controller.loop.billing import TODAY, bills, settle
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


def billed(site: Site, days: int) -> PeriodAccount:
    """An account over some days in which Anna pays 10 a day, and Bert earns."""
    account = make_account(site)
    for number in range(days):
        account.add([settle(START + timedelta(days=number), 4000, billed_micro=10_000_000)])
    return account


def test_before_anything_was_billed_no_figure_is_known_and_none_is_zero() -> None:
    site = site_with("off")
    fairness = Weigher.from_site(site).weigh(START, make_account(site)).fairness
    assert (fairness["day_of_period"], fairness["members_with_burden"]) == (0.0, 0.0)
    assert {value for name, value in fairness.items() if name not in {"day_of_period", "members_with_burden"}} == {None}


@pytest.mark.parametrize("days, is_told", [(6, False), (7, True)])
def test_ginis_are_recorded_from_the_seventh_day(days: int, is_told: bool) -> None:
    site = site_with("off")
    now_utc = START + timedelta(days=days - 1, hours=1)
    fairness = Weigher.from_site(site).weigh(now_utc, billed(site, days)).fairness
    assert fairness["day_of_period"] == days
    # One of the two with an income bears everything.
    assert fairness["gini_energy_burden"] == (pytest.approx(0.5) if is_told else None)
    assert fairness["jain_energy_burden"] == pytest.approx(0.5)
    assert fairness["worst_energy_burden"] == pytest.approx(days * 10.0 / (3000.0 * (days - 1 + 1 / 24) / 30), rel=1e-6)


def state_after(site: Site, account: PeriodAccount) -> WeightCase:
    case = Weigher.from_site(site).weigh(START + timedelta(days=1), account).case
    assert case is not None
    return case


def test_the_policy_sees_the_last_settled_days_split() -> None:
    site = site_with()
    account = billed(site, 1)
    assert state_after(site, account).state.last_share_frac.tolist() == [0.0, 0.0, 0.0]
    account.book([bills(TODAY, anna=4.0)])
    state = state_after(site, account).state
    assert state.last_share_frac == pytest.approx([0.25, 0.75, 0.0])
    assert [state.gain_frac, state.core_excess_frac] == pytest.approx([0.4, 0.125])


@pytest.mark.parametrize("gain, stand_alone", [(-2.0, 10.0), (0.0, 10.0), (5.0, 0.001), (5.0, -3.0), (400.0, 1.0)])
def test_shares_of_next_to_nothing_stay_where_a_policy_can_be_trusted(gain: float, stand_alone: float) -> None:
    site = site_with()
    account = billed(site, 1)
    day: SettledBills = bills(TODAY, gain=gain, stand_alone=stand_alone)
    account.book([day])
    case = state_after(site, account)
    assert case.proposal.unfamiliar == ()
    assert np.all(np.abs(case.state.last_share_frac) <= 1.0)
