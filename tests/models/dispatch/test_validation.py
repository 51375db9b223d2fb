from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.dispatch.problem import DispatchProblem, RunData
from models.dispatch.validation import validate_problem
from models.domain.errors import ProblemError
from tests.models.dispatch.random_problems import battery, car, load, plain_problem, random_problem


def full_problem() -> DispatchProblem:
    """With a car, a load that may wait, an event, and room below the peak."""
    return plain_problem(
        evs=(car(),),
        curtailables=(load(),),
        event_target_kw=np.array([1.0, np.inf, -1.0, 2.0]),
        peak_reserve_kw=np.array([0.5, 0.0, 1.0, 0.0]),
    )


NAN_ALLOWED = {"income_eur", "reference_battery_kw", "reference_ev_kw"}
INFINITE_ALLOWED = {"event_target_kw"}
FLOAT_ARRAYS = sorted(
    field.name
    for field in fields(DispatchProblem)
    if isinstance(value := getattr(full_problem(), field.name), np.ndarray) and value.dtype == np.float64 and value.size
)


def spoiled(problem: DispatchProblem, name: str, value: float) -> DispatchProblem:
    values = getattr(problem, name).copy()
    values.flat[-1] = value
    return replace(problem, **{name: values})


@given(seed=st.integers(0, 10_000))
def test_every_random_problem_is_accepted(seed: int) -> None:
    validate_problem(random_problem(seed, has_islands=True))


@pytest.mark.parametrize("name", FLOAT_ARRAYS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e308])
def test_a_value_that_is_not_a_usable_number_is_refused_in_every_array(name: str, value: float) -> None:
    problem = spoiled(full_problem(), name, value)
    if name in INFINITE_ALLOWED and value == np.inf:
        validate_problem(problem)
        return
    with pytest.raises(ProblemError, match=name):
        validate_problem(problem)


@pytest.mark.parametrize("name", [name for name in FLOAT_ARRAYS if name not in NAN_ALLOWED])
def test_nan_is_refused_where_it_means_nothing(name: str) -> None:
    with pytest.raises(ProblemError, match=rf"{name}\[.*\] is nan; accepted: a finite number from"):
        validate_problem(spoiled(full_problem(), name, np.nan))


@pytest.mark.parametrize("name", sorted(NAN_ALLOWED))
def test_nan_is_accepted_where_it_means_none(name: str) -> None:
    validate_problem(spoiled(plain_problem(evs=(car(),)), name, np.nan))


@pytest.mark.parametrize("name", [name for name in FLOAT_ARRAYS if name != "peak_floor_kw"])
def test_an_array_of_the_wrong_shape_is_refused(name: str) -> None:
    problem = full_problem()
    longer: dict[str, Any] = {name: np.append(getattr(problem, name).ravel(), 1.0)}
    changed = replace(problem, **longer)
    with pytest.raises(ProblemError):
        validate_problem(changed)


def test_the_message_names_field_index_found_and_accepted() -> None:
    problem = spoiled(plain_problem(members=2, steps=4), "demand_kw", -1.5)
    with pytest.raises(ProblemError, match=r"^demand_kw\[1, 3\] is -1.5; accepted: a finite number from 0 to 1e\+06$"):
        validate_problem(problem)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"batteries": (battery(7),)}, r"batteries\[0\]\.member is 7; accepted: 0 to 1"),
        ({"batteries": (battery(soc_min_kwh=4.0, soc_max_kwh=3.0),)}, r"batteries\[0\]\.soc_min_kwh is 4"),
        ({"batteries": (battery(charge_efficiency_frac=1.2),)}, r"charge_efficiency_frac is 1\.2"),
        ({"batteries": (battery(soc_start_kwh=float("nan")),)}, r"soc_start_kwh is nan"),
        ({"evs": (car(charge_min_kw=9.0),)}, r"evs\[0\]\.charge_min_kw is 9"),
        ({"evs": (car(departure_step=4),)}, r"evs\[0\]\.departure_step is 4; accepted: .* 0 to 3"),
        ({"evs": (car(arrival_step=3),)}, r"evs\[0\]\.arrival_step is 3"),
        ({"runs": (RunData(member=0, option_kw=np.zeros((0, 4))),)}, r"runs\[0\]\.option_kw has shape \(0, 4\)"),
        ({"runs": (RunData(member=0, option_kw=np.full((1, 4), np.nan)),)}, r"runs\[0\]\.option_kw\[0, 0\] is nan"),
        ({"exact_steps": 5}, "exact_steps is 5; accepted: 1 to 4"),
        ({"peak_period": np.array([0, 0, 1, 1])}, "peak_period holds 0 to 1"),
        ({"peak_floor_kw": np.array([])}, "no period"),
        ({"metered_h": float("inf")}, "metered_h is inf"),
        ({"weight": np.zeros(2)}, r"weight\[0\] is 0"),
        ({"curtailables": (load(member=2),)}, r"curtailables\[0\]\.member is 2; accepted: 0 to 1"),
        ({"curtailables": (load(3),)}, r"curtailables\[0\]\.wanted_kw has shape \(3,\); accepted: \(4,\)"),
        ({"curtailables": (load(wanted_kw=np.full(4, -0.1)),)}, r"curtailables\[0\]\.wanted_kw\[0\] is -0\.1"),
        ({"curtailables": (load(wanted_kw=np.full(4, np.nan)),)}, r"curtailables\[0\]\.wanted_kw\[0\] is nan"),
        ({"curtailables": (load(discomfort_eur_per_kwh=-0.1),)}, r"discomfort_eur_per_kwh is -0\.1"),
        ({"curtailables": (load(limit_kwh=np.zeros(0)),)}, r"limit_kwh: no day; accepted: at least one"),
        ({"curtailables": (load(limit_kwh=np.array([np.inf])),)}, r"limit_kwh\[0\] is inf"),
        ({"curtailables": (load(day=np.array([0, 0, 1, 1])),)}, r"day\[2\] is 1; accepted: .* 0 to 0"),
        (
            {"curtailables": (load(day=np.array([1, 1, 0, 0]), limit_kwh=np.ones(2)),)},
            r"curtailables\[0\]\.day holds \[1, 1, 0, 0\]; accepted: whole numbers, never falling",
        ),
        ({"curtailables": (load(day=np.zeros(4)),)}, "accepted: whole numbers, never falling"),
        ({"event_target_kw": np.zeros(3)}, r"event_target_kw has shape \(3,\); accepted: \(4,\)"),
        ({"event_target_kw": np.full(4, -np.inf)}, r"event_target_kw\[0\] is -inf; accepted: .* or infinity"),
        ({"event_shortfall_eur_per_kwh": -1.0}, "event_shortfall_eur_per_kwh is -1"),
    ],
)
def test_inconsistent_data_are_refused_by_name(changes: dict[str, Any], words: str) -> None:
    batteries = changes.get("batteries", plain_problem().batteries)
    evs = changes.get("evs", ())
    sizes = {
        "reference_battery_kw": np.full((len(batteries), 4), np.nan),
        "reference_ev_kw": np.full((len(evs), 4), np.nan),
    }
    with pytest.raises(ProblemError, match=words):
        validate_problem(replace(plain_problem(), **(sizes | changes)))


def test_several_loads_of_one_member_together_want_no_more_than_its_demand() -> None:
    problem = plain_problem(demand_kw=np.array([[2.0, 2.0, 1.5, 2.0], [1.0] * 4]))
    validate_problem(replace(problem, curtailables=(load(), load(wanted_kw=np.full(4, 0.7)))))
    words = r"curtailables\[1\]\.wanted_kw\[2\] is 0\.8; accepted: at most what is left of its member's demand, 0\.7$"
    with pytest.raises(ProblemError, match=words):
        validate_problem(replace(problem, curtailables=(load(), load())))
    # Sums of shares may round.
    validate_problem(replace(problem, curtailables=(load(), load(wanted_kw=np.full(4, 0.7 + 1e-9)))))


def test_penalties_in_a_currency_of_small_units_are_accepted() -> None:
    validate_problem(plain_problem(event_target_kw=np.zeros(4), event_shortfall_eur_per_kwh=20_000.0))
    with pytest.raises(ProblemError, match="event_shortfall_eur_per_kwh is 200000"):
        validate_problem(plain_problem(event_target_kw=np.zeros(4), event_shortfall_eur_per_kwh=200_000.0))
