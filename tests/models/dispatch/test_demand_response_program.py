"""The program of a problem with demand response: which rows and columns it has, and that it has none without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.arrays.builder import WrittenProgram
from models.dispatch.arrays.efficient import is_separable, write_efficient
from models.dispatch.arrays.program import write_program
from models.dispatch.bridge import compile_problem
from models.dispatch.facts import derive_facts
from models.dispatch.problem import DispatchProblem
from models.dispatch.solvers.protocol import LinearProgram, Objective
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, load, plain_problem, random_problem

SEEDS = st.integers(0, 100_000)
ARRAYS = (
    "indptr", "indices", "values", "row_lower", "row_upper", "column_lower", "column_upper", "is_integer",
)  # fmt: skip
NEW = {"cut", "cut_day", "served", "event_of", "event_excess"}


def closed(problem: DispatchProblem) -> DispatchProblem:
    """With loads that no event opens, one that has nothing left of its day, and an event without a target."""
    members, steps = problem.demand_kw.shape
    wanted_kw = 0.3 * problem.demand_kw
    return replace(
        problem,
        curtailables=(
            *(load(steps, i, wanted_kw=wanted_kw[i], is_open=np.zeros(steps, dtype=np.bool_)) for i in range(members)),
            load(steps, 0, wanted_kw=wanted_kw[0], limit_kwh=np.zeros(1)),
        ),
        event_target_kw=np.full(steps, np.inf),
        event_shortfall_eur_per_kwh=1.0,
    )


def assert_identical(one: WrittenProgram, other: WrittenProgram) -> None:
    left, right = one.program, other.program
    for name in ARRAYS:
        assert getattr(left, name).tobytes() == getattr(right, name).tobytes(), name
    assert tuple(left.row_names) == tuple(right.row_names)
    assert tuple(left.column_names) == tuple(right.column_names)
    assert left.objectives.keys() == right.objectives.keys()
    for name, (vector, offset) in left.objectives.items():
        assert vector.tobytes() == right.objectives[name][0].tobytes()
        assert offset == right.objectives[name][1]


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, is_elastic=st.booleans(), has_islands=st.booleans())
def test_loads_that_no_event_opens_leave_the_program_as_it_is_to_the_last_bit(
    seed: int, *, is_elastic: bool, has_islands: bool
) -> None:
    plain = random_problem(seed, has_islands=has_islands, has_events=False)
    facts, other = derive_facts(plain), closed(plain)
    written = write_program(plain, facts, is_elastic=is_elastic)
    assert_identical(written, write_program(other, derive_facts(other), is_elastic=is_elastic))
    families = {name.partition("[")[0] for name in (*written.program.row_names, *written.program.column_names)}
    assert not families & NEW
    if is_separable(plain, facts):
        assert_identical(write_efficient(plain, facts), write_efficient(other, derive_facts(other)))


@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_loads_that_no_event_opens_leave_the_pyomo_model_as_it_is_too(seed: int) -> None:
    plain = random_problem(seed, has_events=False)
    other = closed(plain)
    assert_identical(compile_problem(plain, derive_facts(plain)), compile_problem(other, derive_facts(other)))


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_loads_that_no_event_opens_leave_the_plan_as_it_is(seed: int) -> None:
    plain = random_problem(seed, has_events=False)
    found, other = plan_of(plain), plan_of(closed(plain))
    assert found.schedule is not None
    assert other.schedule is not None
    assert found.schedule.import_kw.tobytes() == other.schedule.import_kw.tobytes()
    assert found.schedule.soc_kwh.tobytes() == other.schedule.soc_kwh.tobytes()
    assert other.schedule.curtailed_load_kw.max() == other.schedule.event_excess_kw.max() == 0.0
    assert found.schedule.curtailed_load_kw.size == found.schedule.event_excess_kw.size == 0


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_the_rest_of_a_random_problem_is_the_same_with_and_without_events(seed: int) -> None:
    with_events, without = random_problem(seed), random_problem(seed, has_events=False)
    assert with_events.demand_kw.tobytes() == without.demand_kw.tobytes()
    assert with_events.reference_battery_kw.tobytes() == without.reference_battery_kw.tobytes()
    assert with_events.batteries == without.batteries
    assert without.curtailables == ()


# Consumer 0 takes 1 kW, then 2 kW, of which 0.8 kW may wait in both steps, up to 1 kWh a day. Producer 1 has a net of
# -0.5 kW, then 0.5 kW, a battery, and a load of 0.6 kW that may wait in the first step only.
PROBLEM = plain_problem(
    steps=2,
    exact_steps=1,
    step_h=np.array([0.5, 1.0]),
    demand_kw=np.array([[1.0, 2.0], [1.0, 1.0]]),
    pv_kw=np.array([[0.0, 0.0], [1.5, 0.5]]),
    weight=np.array([0.5, 1.5]),
    burden_price_frac=0.5,
    is_priority=np.array([True, False]),
    access_share_frac=0.4,
    access_shortfall_eur_per_kwh=0.5,
    batteries=(battery(1),),
    reference_battery_kw=np.full((1, 2), np.nan),
    curtailables=(
        load(2, 0, limit_kwh=np.array([1.0]), discomfort_eur_per_kwh=0.2),
        load(2, 1, wanted_kw=np.full(2, 0.6), is_open=np.array([True, False]), discomfort_eur_per_kwh=0.1),
    ),
    event_target_kw=np.array([-1.0, np.inf]),
    event_shortfall_eur_per_kwh=0.7,
)


@pytest.fixture(scope="module", params=["arrays", "pyomo"])
def program(request: pytest.FixtureRequest) -> LinearProgram:
    write = write_program if request.param == "arrays" else compile_problem
    return write(PROBLEM, derive_facts(PROBLEM)).program


def coefficients(program: LinearProgram, row: str) -> dict[str, float]:
    number, names, found = list(program.row_names).index(row), list(program.column_names), {}
    for column in range(program.columns):
        for entry in range(program.indptr[column], program.indptr[column + 1]):
            if program.indices[entry] == number:
                found[names[column]] = float(program.values[entry])
    return found


def upper(program: LinearProgram, column: str) -> float:
    return float(program.column_upper[list(program.column_names).index(column)])


def test_what_is_held_back_is_on_the_side_of_supply(program: LinearProgram) -> None:
    assert coefficients(program, "balance[0,1]") == {"grid_import[0,1]": 1.0, "pool_buy[0,1]": 1.0, "cut[0,1]": 1.0}
    assert coefficients(program, "balance[1,0]")["cut[1,0]"] == 1.0
    assert "cut[1,0]" not in coefficients(program, "side_link[1,0]")


def test_only_open_steps_and_days_that_can_bind_are_in_the_program(program: LinearProgram) -> None:
    cuts = sorted(name for name in program.column_names if name.startswith("cut["))
    assert cuts == ["cut[0,0]", "cut[0,1]", "cut[1,0]"]
    assert sorted(name for name in program.row_names if name.startswith("cut_day")) == ["cut_day[0,0]"]
    assert coefficients(program, "cut_day[0,0]") == {"cut[0,0]": 0.5, "cut[0,1]": 1.0}
    assert program.row_upper[list(program.row_names).index("cut_day[0,0]")] == 1.0
    assert (upper(program, "cut[0,1]"), upper(program, "cut[1,0]")) == (0.8, 0.6)


def test_a_target_ties_the_communitys_net_import_to_its_excess(program: LinearProgram) -> None:
    assert [name for name in program.row_names if name.startswith("event")] == ["event_of[0]"]
    expected = {"community_import[0]": 1.0, "community_export[0]": -1.0, "event_excess[0]": -1.0}
    assert coefficients(program, "event_of[0]") == expected
    assert program.row_upper[list(program.row_names).index("event_of[0]")] == -1.0
    # At most 1 kW and, with a full battery charging, 1.5 kW are drawn.
    assert upper(program, "event_excess[0]") == pytest.approx(1.0 + 1.5 + 1.0)


def test_discomfort_is_in_the_costs_by_weight_and_in_no_burden(program: LinearProgram) -> None:
    columns = list(program.column_names)
    equity, cost = program.objectives[Objective.EQUITY][0], program.objectives[Objective.COST][0]
    assert equity[columns.index("cut[0,1]")] == pytest.approx(0.5 * 0.2 + 1e-5)
    assert equity[columns.index("cut[1,0]")] == pytest.approx(1.5 * 0.5 * 0.1 + 0.5e-5)
    assert cost[columns.index("cut[0,1]")] == pytest.approx(0.2)
    assert coefficients(program, "budget")["cut[0,1]"] == pytest.approx(0.2)
    for objective in (equity, cost):
        assert objective[columns.index("event_excess[0]")] == pytest.approx(0.5 * 0.7)
    burdens = [name for name in program.row_names if name.startswith("worst")]
    assert burdens
    for row in burdens:
        assert not any(name.startswith(("cut", "event")) for name in coefficients(program, row))


def test_a_protected_members_share_is_of_what_it_draws(program: LinearProgram) -> None:
    row = coefficients(program, "access[0]")
    assert (row["cut[0,0]"], row["cut[0,1]"]) == pytest.approx((0.4 * 0.5, 0.4 * 1.0))


def test_a_target_that_costs_nothing_to_miss_is_not_in_the_program() -> None:
    free = replace(PROBLEM, event_shortfall_eur_per_kwh=0.0)
    assert not any(name.startswith("event") for name in write_program(free, derive_facts(free)).program.row_names)


def test_on_an_island_a_row_keeps_what_waits_and_what_goes_unserved_within_demand() -> None:
    island = replace(PROBLEM, is_islanded=np.array([True, False]))
    written = write_program(island, derive_facts(island), is_elastic=True).program
    assert coefficients(written, "served[1,0]") == {"unserved[1,0]": 1.0, "cut[1,0]": 1.0}
    assert not any(name.startswith("event") for name in written.row_names)
    assert derive_facts(island).natural_outlet_kw[0, 0] == 0.0
