from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain.errors import SettlementError, SolverError
from models.settlement.arrays import BoolArray, FloatArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.coalition_program import CoalitionProgram
from models.settlement.linear_program import LinearProgram, LinearSolver, solve_by_scipy
from models.settlement.metered_game import MeteredGame
from models.settlement.prices import IntervalPrices, price_intervals
from models.settlement.provisional import charge_suppliers
from models.settlement.reoptimised_game import CostBatch, ReoptimisedGame
from models.settlement.utility import charge_community
from tests.models.settlement.community_day import meter_day, share_day
from tests.models.settlement.plain_model import cost_plainly


def draw_prices(rng: np.random.Generator, steps: int, kind: str) -> IntervalPrices:
    if kind == "usual":
        return price_intervals(rng.uniform(0.15, 0.45, steps), 0.08, rng.choice([0.0, 0.02], steps))
    if kind == "negative":
        return price_intervals(rng.uniform(-0.2, 0.4, steps), -0.21, 0.02)
    return price_intervals(rng.uniform(0.0, 0.2, steps), rng.uniform(0.0, 0.3, steps), 0.01)


def mask(day: CoalitionDay, members: Sequence[int]) -> BoolArray:
    row = np.zeros((1, day.shape[0]), dtype=np.bool_)
    row[0, list(members)] = True
    return row


def cost_of(game: ReoptimisedGame, day: CoalitionDay, members: Sequence[int]) -> float:
    return float(game.cost_parts(mask(day, members)).sum())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["usual", "negative"]))
def test_costs_are_those_of_a_plain_model_with_one_side_each(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    day = meter_day(3, rng, steps=8, prices=draw_prices(rng, 8, kind))
    if rng.random() < 0.5:
        day = replace(day, import_limit_kw=np.full(3, 2.0), export_limit_kw=np.full(3, 1.0))
    game = ReoptimisedGame(day)
    for members in ([0], [1], [0, 2], [0, 1, 2]):
        assert cost_of(game, day, members) == pytest.approx(cost_plainly(day, members), abs=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_where_exporting_pays_more_than_importing_costs_the_relaxed_side_never_overstates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    day = meter_day(3, rng, steps=6, prices=draw_prices(rng, 6, "inverted"))
    game = ReoptimisedGame(day)
    for members in ([0], [0, 1, 2]):
        relaxed, exact = cost_of(game, day, members), cost_plainly(day, members)
        assert relaxed <= exact + 1e-6
        # Bounded by the battery's reach, so it is no money machine either.
        assert relaxed >= exact - 20.0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_was_metered_is_feasible_so_the_realised_gain_is_at_most_the_games(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prices = replace(draw_prices(rng, 24, "usual"), is_islanded=rng.random(24) < rng.choice([0.0, 0.3]))
    day = meter_day(4, rng, steps=24, prices=prices)
    fixed = np.zeros(day.shape, dtype=np.bool_)
    fixed[:, int(rng.integers(0, 24)) :] = rng.random((4, 1)) < 0.3
    day = replace(
        day,
        is_fixed=fixed,
        import_wh=np.where(fixed, 0, day.import_wh),
        export_wh=np.where(fixed, 0, day.export_wh),
    )
    game = ReoptimisedGame(day)
    metered = float(charge_community(share_day(day), day.prices)) + day.wear_eur.sum()
    assert game.evaluate(mask(day, range(4)))[0] >= game.alone_eur.sum() - metered - 1e-6
    alone_as_metered = charge_suppliers(day.import_wh, day.export_wh, day.prices).sum(axis=1) + day.wear_eur
    assert np.all(game.alone_eur <= alone_as_metered + 1e-6)


def test_without_devices_the_game_is_the_metered_one() -> None:
    day = replace(meter_day(5, np.random.default_rng(2), steps=24), batteries=(), evs=())
    both_sided = day.export_wh.copy()
    both_sided[0, 3] += 400
    day = replace(day, export_wh=both_sided, import_wh=np.maximum(day.import_wh, 100))
    metered = MeteredGame(day.import_wh, day.export_wh, day.prices)
    game = ReoptimisedGame(day)
    assert game.tabulate() == pytest.approx(metered.tabulate(), abs=1e-7)
    assert game.alone_eur == pytest.approx(charge_suppliers(day.import_wh, day.export_wh, day.prices).sum(axis=1))


def test_without_a_price_difference_or_devices_there_is_nothing_to_gain() -> None:
    prices = price_intervals(np.full(8, 0.1), 0.2, 0.0)
    day = replace(meter_day(3, np.random.default_rng(2), steps=8, prices=prices), batteries=(), evs=())
    assert ReoptimisedGame(day).tabulate() == pytest.approx(np.zeros(8), abs=1e-9)


def test_larger_coalitions_gain_at_least_what_their_parts_gain() -> None:
    day = meter_day(5, np.random.default_rng(11), steps=24)
    values = ReoptimisedGame(day).tabulate()
    for one in range(32):
        for other in range(32):
            if not one & other:
                assert values[one | other] >= values[one] + values[other] - 1e-6


def test_devices_do_as_metered_while_the_grid_is_away() -> None:
    rng = np.random.default_rng(5)
    prices = price_intervals(np.full(8, 0.3), 0.08, 0.02, is_islanded=np.ones(8, dtype=np.bool_))
    day = meter_day(3, rng, steps=8, prices=prices)
    game = ReoptimisedGame(day)
    assert game.alone_eur == pytest.approx(day.wear_eur)
    assert game.evaluate(mask(day, range(3)))[0] == pytest.approx(0.0, abs=1e-9)


def test_devices_of_a_member_that_left_at_noon_do_as_metered_afterwards() -> None:
    day = meter_day(4, np.random.default_rng(6), steps=24)
    owner = day.batteries[0].member
    fixed = np.zeros(day.shape, dtype=np.bool_)
    fixed[owner, 12:] = True
    gone = replace(
        day,
        is_fixed=fixed,
        import_wh=np.where(fixed, 0, day.import_wh),
        export_wh=np.where(fixed, 0, day.export_wh),
    )
    free, held = ReoptimisedGame(day), ReoptimisedGame(gone)
    whole = held._program
    discharge = (whole.column_member == owner) & (whole.column_wear_eur > 0.0)
    late = discharge & (whole.column_step >= 12)
    assert whole.whole.lower[late] == pytest.approx(day.batteries[0].discharged_kwh[12:])
    assert whole.whole.upper[late] == pytest.approx(day.batteries[0].discharged_kwh[12:])
    assert np.all(whole.whole.upper[discharge & ~late] > 0.0)
    assert held.alone_eur[owner] != pytest.approx(free.alone_eur[owner])


def test_parts_by_interval_and_wear_add_up_to_the_cost() -> None:
    day = meter_day(4, np.random.default_rng(8), steps=24)
    game = ReoptimisedGame(day)
    everyone = mask(day, range(4))
    parts = game.cost_parts(everyone)
    assert parts.shape == (1, 25)
    assert parts.sum() == pytest.approx(game.alone_eur.sum() - game.evaluate(everyone)[0])
    assert parts[0, -1] >= 0.0


def test_groups_are_players_whose_members_always_come_together() -> None:
    day = meter_day(5, np.random.default_rng(9), steps=24)
    single = ReoptimisedGame(day)
    grouped = ReoptimisedGame(day, [np.array([0, 3]), np.array([1]), np.array([2, 4])])
    assert grouped.players == 3
    expected = single.evaluate(np.concatenate([mask(day, [0, 3]), mask(day, [1, 2, 4])]))
    found = grouped.evaluate(np.array([[True, False, False], [False, True, True]]))
    assert found == pytest.approx(expected)


def test_every_coalition_is_solved_once_and_in_batches_of_the_given_means() -> None:
    handed: list[int] = []

    def count(
        cost: CostBatch, program: CoalitionProgram, batches: Sequence[BoolArray], solve: LinearSolver
    ) -> Sequence[FloatArray]:
        handed.extend(len(batch) for batch in batches)
        return [cost(program, batch, solve) for batch in batches]

    game = ReoptimisedGame(meter_day(6, np.random.default_rng(1), steps=12), map_batches=count)
    game.tabulate()
    game.tabulate()
    assert sum(handed) == game.coalitions_solved == 64
    assert max(handed) <= 32


def test_groups_that_leave_a_member_out_are_refused() -> None:
    day = meter_day(3, np.random.default_rng(1), steps=12)
    with pytest.raises(SettlementError, match="groups"):
        ReoptimisedGame(day, [np.array([0]), np.array([1])])


@pytest.mark.parametrize(
    "change,message",
    [
        ({"import_limit_kw": np.ones(2)}, "import_limit_kw"),
        ({"curtailed_wh": np.full((3, 12), np.nan)}, "curtailed_wh"),
        ({"prices": price_intervals(np.ones(11), 0.0)}, "found 11 intervals"),
    ],
)
def test_a_day_whose_data_do_not_fit_is_refused_by_place(change: dict[str, object], message: str) -> None:
    day = meter_day(3, np.random.default_rng(1), steps=12)
    with pytest.raises(SettlementError, match=message):
        ReoptimisedGame(replace(day, **change))  # type: ignore[arg-type]


def test_a_car_that_charged_outside_its_stay_and_a_lossless_fairy_battery_are_refused() -> None:
    day = next(d for d in (meter_day(6, np.random.default_rng(k), steps=12) for k in range(9)) if d.evs and d.batteries)
    with pytest.raises(SettlementError, match="outside its stay"):
        ReoptimisedGame(replace(day, evs=(replace(day.evs[0], first_step=11),)))
    with pytest.raises(SettlementError, match="efficiencies"):
        ReoptimisedGame(replace(day, batteries=(replace(day.batteries[0], charge_efficiency_frac=1.2),)))
    with pytest.raises(SettlementError, match="owner"):
        ReoptimisedGame(replace(day, batteries=(replace(day.batteries[0], member=6),)))


def test_a_program_without_a_solution_is_an_error_with_the_solvers_words() -> None:
    day = meter_day(2, np.random.default_rng(1), steps=6)
    program = ReoptimisedGame(day)._program.whole
    broken = LinearProgram(
        cost=program.cost,
        matrix=program.matrix,
        row_lower=np.full(program.row_lower.size, 1e9),
        row_upper=np.full(program.row_upper.size, 1e9),
        lower=np.zeros(program.cost.size),
        upper=np.zeros(program.cost.size),
    )
    with pytest.raises(SolverError, match="infeasible"):
        solve_by_scipy(broken)
