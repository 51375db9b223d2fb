"""The fast writer says what the Pyomo model says, name by name and coefficient by coefficient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.dispatch.arrays.program import write_program
from models.dispatch.bridge import compile_problem
from models.dispatch.facts import derive_facts
from models.dispatch.problem import DispatchProblem
from models.dispatch.solvers.protocol import LinearProgram
from tests.models.dispatch.random_problems import random_problem


def dense(program: LinearProgram) -> np.ndarray:
    shape = (program.rows, program.columns)
    return sparse.csc_array((program.values, program.indices, program.indptr), shape=shape).toarray()


def assert_twins(problem: DispatchProblem, *, is_elastic: bool) -> None:
    facts = derive_facts(problem, is_elastic=is_elastic)
    slow = compile_problem(problem, facts, is_elastic=is_elastic).program
    fast = write_program(problem, facts, is_elastic=is_elastic).program
    fast_rows, fast_columns = list(fast.row_names), list(fast.column_names)
    assert sorted(slow.row_names) == sorted(fast_rows)
    rows = [fast_rows.index(name) for name in slow.row_names]
    columns = [fast_columns.index(name) for name in slow.column_names]
    # Pyomo leaves out a variable that no row and no objective uses.
    unused = np.setdiff1d(np.arange(fast.columns), columns)
    assert not dense(fast)[:, unused].any()
    np.testing.assert_allclose(dense(fast)[np.ix_(rows, columns)], dense(slow), atol=1e-12)
    np.testing.assert_allclose(fast.row_lower[rows], slow.row_lower, atol=1e-9)
    np.testing.assert_allclose(fast.row_upper[rows], slow.row_upper, atol=1e-9)
    np.testing.assert_array_equal(fast.column_lower[columns], slow.column_lower)
    np.testing.assert_array_equal(fast.column_upper[columns], slow.column_upper)
    np.testing.assert_array_equal(fast.is_integer[columns], slow.is_integer)
    assert fast.objectives.keys() == slow.objectives.keys()
    for name, (coefficients, offset) in slow.objectives.items():
        np.testing.assert_allclose(fast.objectives[name][0][columns], coefficients, atol=1e-12)
        assert fast.objectives[name][1] == pytest.approx(offset, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000), is_elastic=st.booleans(), has_islands=st.booleans())
def test_pyomo_and_the_fast_writer_make_the_same_program(seed: int, *, is_elastic: bool, has_islands: bool) -> None:
    assert_twins(random_problem(seed, has_islands=has_islands), is_elastic=is_elastic)


def test_names_are_written_out_in_order_and_found_by_position() -> None:
    problem = random_problem(3)
    names = write_program(problem, derive_facts(problem)).program.row_names
    assert [names[k] for k in range(len(names))] == list(names)
    assert names[-1] == "budget"
    assert names[:2] == tuple(names)[:2]
    with pytest.raises(IndexError):
        names[len(names)]
