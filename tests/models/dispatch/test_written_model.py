"""The rows of a model of two members and two steps, written out: a consumer, and a producer with a battery."""

from __future__ import annotations

import numpy as np
import pytest

from models.dispatch.bridge import compile_problem, split_name
from models.dispatch.facts import derive_facts
from models.dispatch.solvers.protocol import LinearProgram, Objective
from tests.models.dispatch.random_problems import battery, plain_problem

# Consumer 0 takes 1 kW, then 2 kW. Producer 1 has a net of -0.5 kW, then 0.5 kW, and a battery of 2 kW: its sign is
# open in both steps, with D = 1.5 and S = 2.5 in the first and D = 2.5 and S = 1.5 in the second.
PROBLEM = plain_problem(
    members=2,
    steps=2,
    exact_steps=1,
    step_h=np.array([0.5, 1.0]),
    demand_kw=np.array([[1.0, 2.0], [1.0, 1.0]]),
    pv_kw=np.array([[0.0, 0.0], [1.5, 0.5]]),
    weight=np.array([0.5, 1.5]),
    peak_charge_eur_per_kw=0.4,
    burden_price_frac=0.5,
    income_eur=np.array([500.0, 1500.0]),
    billed_eur=np.array([10.0, 31.0]),
    batteries=(battery(1),),
    reference_battery_kw=np.full((1, 2), np.nan),
)
NONE = -np.inf
ROWS: dict[str, tuple[dict[str, float], float, float]] = {
    "balance[1,0]": (
        {"grid_import[1,0]": 1, "pool_buy[1,0]": 1, "grid_export[1,0]": -1, "pool_sell[1,0]": -1, "charge[0,0]": -1,
         "discharge[0,0]": 1}, -0.5, -0.5),
    "balance[1,1]": (
        {"grid_import[1,1]": 1, "pool_buy[1,1]": 1, "grid_export[1,1]": -1, "pool_sell[1,1]": -1, "charge[0,1]": -1,
         "discharge[0,1]": 1}, 0.5, 0.5),
    "side_in[1,0]": ({"grid_import[1,0]": 1, "pool_buy[1,0]": 1, "side[1,0]": -1.5}, NONE, 0.0),
    "side_out[1,0]": ({"grid_export[1,0]": 1, "pool_sell[1,0]": 1, "side[1,0]": 2.5}, NONE, 2.5),
    "side_link[1,0]": (
        {"grid_import[1,0]": 1, "pool_buy[1,0]": 1, "side[1,0]": 0.5, "charge[0,0]": -1}, NONE, 0.0),
    "side_tail[1,1]": (
        {"grid_import[1,1]": 1, "pool_buy[1,1]": 1, "grid_export[1,1]": 0.5 / 1.5, "pool_sell[1,1]": 0.5 / 1.5,
         "charge[0,1]": -1}, NONE, 0.5),
    "storage[0,0]": ({"soc[0,0]": 1, "charge[0,0]": -0.5 * 0.95, "discharge[0,0]": 0.5 / 0.9}, 2.0, 2.0),
    "storage[0,1]": ({"soc[0,1]": 1, "soc[0,0]": -1, "charge[0,1]": -0.95, "discharge[0,1]": 1 / 0.9}, 0.0, 0.0),
    "pool_in[0]": ({"pool_buy[0,0]": 1, "pool_buy[1,0]": 1, "shared[0]": -1}, 0.0, 0.0),
    "pool_in[1]": ({"pool_buy[0,1]": 1, "pool_buy[1,1]": 1, "shared[1]": -1}, 0.0, 0.0),
    "pool_out[0]": ({"pool_sell[1,0]": 1, "shared[0]": -1}, 0.0, 0.0),
    "pool_out[1]": ({"pool_sell[1,1]": 1, "shared[1]": -1}, 0.0, 0.0),
    "total_in[0]": (
        {"community_import[0]": 1, "shared[0]": 1, "grid_import[1,0]": -1, "pool_buy[1,0]": -1}, 1.0, 1.0),
    "total_in[1]": (
        {"community_import[1]": 1, "shared[1]": 1, "grid_import[1,1]": -1, "pool_buy[1,1]": -1}, 2.0, 2.0),
    "total_out[0]": (
        {"community_export[0]": 1, "shared[0]": 1, "grid_export[1,0]": -1, "pool_sell[1,0]": -1}, 0.0, 0.0),
    "total_out[1]": (
        {"community_export[1]": 1, "shared[1]": 1, "grid_export[1,1]": -1, "pool_sell[1,1]": -1}, 0.0, 0.0),
    "peak_of[0]": ({"community_import[0]": 1, "community_export[0]": -1, "peak[0]": -1}, NONE, 0.0),
    "peak_of[1]": ({"community_import[1]": 1, "community_export[1]": -1, "peak[0]": -1}, NONE, 0.0),
    # z' >= (Ybar / Y_0) (c_0 + C_0) = 2 (10 + 0.75 - 0.05 buy_0 - 0.10 buy_1)
    "worst[0]": ({"burden[0]": 1, "pool_buy[0,0]": 0.1, "pool_buy[0,1]": 0.2}, 21.5, np.inf),
    "worst[1]": (
        {"burden[0]": 1, "grid_import[1,0]": -0.1, "pool_buy[1,0]": -1 / 15, "grid_export[1,0]": 0.08 / 3,
         "pool_sell[1,0]": 0.06, "grid_import[1,1]": -0.2, "pool_buy[1,1]": -2 / 15, "grid_export[1,1]": 0.16 / 3,
         "pool_sell[1,1]": 0.12, "discharge[0,0]": -0.01 / 3, "discharge[0,1]": -0.02 / 3, "soc[0,1]": 0.4 / 3},
        62 / 3, np.inf),
    "budget": (
        {"community_import[0]": 0.15, "community_import[1]": 0.3, "community_export[0]": -0.04,
         "community_export[1]": -0.08, "shared[0]": 0.01, "shared[1]": 0.02, "discharge[0,0]": 0.005,
         "discharge[0,1]": 0.01, "soc[0,1]": -0.2, "peak[0]": 0.4}, NONE, np.inf),
}  # fmt: skip
EQUITY = {
    "pool_buy[0,0]": 0.5 * 0.5 * (0.20 - 0.30),
    "pool_buy[0,1]": 0.5 * (0.20 - 0.30),
    "grid_import[1,0]": 1.5 * 0.5 * 0.30,
    "pool_buy[1,0]": 1.5 * 0.5 * 0.20,
    "grid_export[1,0]": -1.5 * 0.5 * 0.08,
    "pool_sell[1,0]": -1.5 * 0.5 * 0.18,
    "grid_import[1,1]": 1.5 * 0.30,
    "pool_buy[1,1]": 1.5 * 0.20,
    "grid_export[1,1]": -1.5 * 0.08,
    "pool_sell[1,1]": -1.5 * 0.18,
    "discharge[0,0]": 1.5 * 0.5 * 0.01 + 0.5e-5,
    "discharge[0,1]": 1.5 * 0.01 + 1e-5,
    "charge[0,0]": 0.5e-5,
    "charge[0,1]": 1e-5,
    "soc[0,0]": -0.5e-5,
    "soc[0,1]": -1.5 * 0.2 - 1e-5,
    "peak[0]": 0.4,
    "burden[0]": 0.5,
}


@pytest.fixture(scope="module")
def program() -> LinearProgram:
    return compile_problem(PROBLEM, derive_facts(PROBLEM)).program


def coefficients(program: LinearProgram, row: str) -> dict[str, float]:
    number = list(program.row_names).index(row)
    names, found = list(program.column_names), {}
    for column in range(program.columns):
        for entry in range(program.indptr[column], program.indptr[column + 1]):
            if program.indices[entry] == number:
                found[names[column]] = float(program.values[entry])
    return found


def test_the_model_has_these_rows_and_no_others(program: LinearProgram) -> None:
    assert sorted(program.row_names) == sorted(ROWS)


@pytest.mark.parametrize("row", sorted(ROWS))
def test_a_row_has_these_coefficients_and_sides(program: LinearProgram, row: str) -> None:
    expected, lower, upper = ROWS[row]
    number = list(program.row_names).index(row)
    assert coefficients(program, row) == pytest.approx(expected)
    assert program.row_lower[number] == pytest.approx(lower)
    assert program.row_upper[number] == pytest.approx(upper)


def test_the_equity_objective_weighs_each_members_cost(program: LinearProgram) -> None:
    vector, offset = program.objectives[Objective.EQUITY]
    named = {name: float(value) for name, value in zip(program.column_names, vector, strict=True) if value}
    assert named == pytest.approx(EQUITY)
    # w_0 x (1 kW x 0.5 h + 2 kW x 1 h) x 0.30 EUR/kWh, less k P0
    assert offset == pytest.approx(0.5 * 0.75 - 0.4)


def test_the_tightest_bounds_stand_on_the_columns(program: LinearProgram) -> None:
    upper = dict(zip(program.column_names, program.column_upper.tolist(), strict=True))
    expected = {
        "grid_import[1,0]": 1.5,
        "grid_export[1,0]": 2.5,
        "pool_buy[0,1]": 2.0,
        "shared[1]": 1.5,
        "soc[0,1]": 5.0,
    }
    assert {name: upper[name] for name in expected} == pytest.approx(expected)


def test_a_name_is_taken_apart_into_family_and_indices() -> None:
    assert split_name("storage[3,17]") == ("storage", (3, 17))
    assert split_name("shared[2]") == ("shared", (2,))
    assert split_name("budget") == ("budget", ())
