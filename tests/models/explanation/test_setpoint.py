from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Schedule
from models.dispatch.rule import follow_rule
from models.domain.setpoint import Reason
from models.explanation.setpoint import (
    LimitMet,
    explain_battery,
    explain_curtailment,
    explain_ev,
    explain_run,
    find_battery_limits,
    find_ev_limits,
    find_marginal_price,
)
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, car, plain_problem


def schedule_of(problem: DispatchProblem, **first: Any) -> Schedule:
    """The rule's schedule with some rows' step 0 replaced, all others 0."""
    schedule = follow_rule(problem)
    changes = {}
    for name in ("charge_kw", "discharge_kw", "sell_kw", "export_kw", "import_kw", "buy_kw", "ev_kw", "curtailed_kw"):
        array = np.zeros_like(getattr(schedule, name))
        array[:, 0] = first.get(name, 0.0)
        changes[name] = array
    return replace(schedule, **changes)


QUIET = plain_problem(pv_kw=np.zeros((2, 4)))
SUNNY = plain_problem()


@pytest.mark.parametrize(
    "problem, first, reason",
    [
        (SUNNY, {"charge_kw": 1.0}, Reason.STORE_SURPLUS),
        (QUIET, {"charge_kw": 1.0}, Reason.CHARGE_CHEAP),
        (QUIET, {}, Reason.IDLE),
        (QUIET, {"discharge_kw": 1.0}, Reason.SUPPLY_HOME),
        (QUIET, {"discharge_kw": 1.0, "sell_kw": [0.0, 0.5]}, Reason.SUPPLY_NEIGHBOURS),
        (QUIET, {"discharge_kw": 1.0, "export_kw": [0.0, 0.5]}, Reason.EXPORT_DEAR),
        (
            replace(QUIET, peak_charge_eur_per_kw=5.0),
            {"discharge_kw": 1.0, "import_kw": [3.0, 0.0]},
            Reason.SHAVE_PEAK,
        ),
        (
            replace(QUIET, peak_charge_eur_per_kw=5.0, peak_floor_kw=np.array([9.0])),
            {"discharge_kw": 1.0, "import_kw": [3.0, 0.0]},
            Reason.SUPPLY_HOME,
        ),
    ],
)
def test_a_batterys_reason_is_read_off_its_first_step(
    problem: DispatchProblem, first: dict[str, Any], reason: Reason
) -> None:
    assert explain_battery(problem, schedule_of(problem, **first), 0) is reason


def test_cars_and_curtailment_have_their_reasons() -> None:
    problem = plain_problem(evs=(car(),))
    assert explain_ev(schedule_of(problem, ev_kw=3.0), 0) is Reason.CHARGE_FOR_DEPARTURE
    waiting = schedule_of(problem)
    waiting.ev_kw[0, 2] = 3.0
    assert explain_ev(waiting, 0) is Reason.WAIT_FOR_CHEAPER
    assert explain_ev(schedule_of(problem), 0) is Reason.IDLE
    assert explain_curtailment(problem) is Reason.CURTAIL_LIMIT
    assert explain_curtailment(replace(problem, export_price_eur_per_kwh=np.full(4, -0.1))) is Reason.CURTAIL_PRICE


@pytest.mark.parametrize("is_now, reason", [(True, Reason.RUN_NOW), (False, Reason.WAIT_FOR_CHEAPER)])
def test_an_appliance_runs_now_or_waits(is_now: bool, reason: Reason) -> None:
    schedule = replace(follow_rule(SUNNY), run_kw=np.array([[1.0 if is_now else 0.0, 1.0, 0.0, 0.0]]))
    assert explain_run(schedule, 0) is reason


@pytest.mark.parametrize(
    "changes, first, soc_kwh, limits",
    [
        ({}, {"charge_kw": 1.0}, 3.0, ()),
        ({}, {"charge_kw": 2.0}, 3.0, (LimitMet.FULL_POWER,)),
        ({}, {"charge_kw": 1.0}, 5.0, (LimitMet.BATTERY_FULL,)),
        ({}, {"discharge_kw": 2.0}, 0.5, (LimitMet.FULL_POWER, LimitMet.BATTERY_EMPTY)),
        ({"member_export_limit_kw": np.full(2, 0.5)}, {"sell_kw": [0.0, 0.5]}, 3.0, (LimitMet.MEMBER_EXPORT,)),
        ({"member_import_limit_kw": np.full(2, 2.5)}, {"buy_kw": [0.0, 2.5]}, 3.0, (LimitMet.MEMBER_IMPORT,)),
        (
            {"community_import_limit_kw": np.full(4, 4.0)},
            {"import_kw": [3.0, 1.0]},
            3.0,
            (LimitMet.COMMUNITY_IMPORT,),
        ),
        ({"community_export_limit_kw": np.full(4, 4.0)}, {"export_kw": 2.0}, 3.0, (LimitMet.COMMUNITY_EXPORT,)),
        (
            {"community_export_limit_kw": np.full(4, 4.0), "is_islanded": np.ones(4, dtype=np.bool_)},
            {"export_kw": 2.0},
            3.0,
            (),
        ),
    ],
)
def test_the_limits_that_hold_a_battery_are_named(
    changes: dict[str, Any], first: dict[str, Any], soc_kwh: float, limits: tuple[LimitMet, ...]
) -> None:
    problem = plain_problem(batteries=(battery(1),), **changes)
    schedule = schedule_of(problem, **first)
    schedule = replace(schedule, soc_kwh=np.full_like(schedule.soc_kwh, soc_kwh))
    assert find_battery_limits(problem, schedule, 0) == limits


def test_a_car_at_its_charging_limit_says_so() -> None:
    problem = plain_problem(evs=(car(),))
    assert find_ev_limits(problem, schedule_of(problem, ev_kw=7.4), 0) == (LimitMet.FULL_POWER,)
    assert find_ev_limits(problem, schedule_of(problem, ev_kw=3.0), 0) == ()


def test_the_marginal_price_of_a_home_that_imports_is_the_import_price() -> None:
    plan = plan_of(plain_problem(members=1))
    assert find_marginal_price(plan, 0) == pytest.approx(0.30)
    assert find_marginal_price(replace(plan, marginal_price_eur_per_kwh=None), 0) is None
    unknown = replace(plan, marginal_price_eur_per_kwh=np.full((1, 4), np.nan))
    assert find_marginal_price(unknown, 0) is None
