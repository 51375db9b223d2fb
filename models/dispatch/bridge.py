"""From the Pyomo model to a linear program as arrays, by Pyomo's own standard-form compiler."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from scipy import sparse

from models.dispatch.arrays.builder import WrittenProgram
from models.dispatch.layout import NONE, layout_shapes
from models.dispatch.model import build_model
from models.dispatch.objective import BUDGET_PLACEHOLDER_EUR
from models.dispatch.solvers.protocol import LinearProgram, Objective

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyomo.environ as pyo

    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem, IntArray

_UPPER, _LOWER, _EQUAL = 1, -1, 0
"""Bound types of the compiler's mixed form: A x <= b, A x >= b, A x = b."""
_INDEXED = re.compile(r"^(\w+)(?:\[(.*)\])?$")


def compile_problem(problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> WrittenProgram:
    """Build the Pyomo model of a validated problem and turn it into arrays: the slow twin of ``write_program``."""
    program = compile_model(build_model(problem, facts, is_elastic=is_elastic))
    return WrittenProgram(
        program=program,
        columns=number_families(problem, program.column_names),
        rows=number_families(problem, program.row_names),
    )


def compile_model(model: pyo.ConcreteModel) -> LinearProgram:
    """Arrays of a Pyomo model, one row for each constraint, one objective for each stage."""
    form = LinearStandardFormCompiler().write(model, mixed_form=True)
    rhs = np.asarray(form.rhs, dtype=np.float64)
    kinds = np.array([row.bound_type for row in form.rows])
    row_names = tuple(row.constraint.name for row in form.rows)
    row_upper = np.where(kinds == _LOWER, np.inf, rhs)
    row_lower = np.where(kinds == _UPPER, -np.inf, rhs)
    budget = row_names.index("budget")
    assert rhs[budget] > 0.5 * BUDGET_PLACEHOLDER_EUR  # noqa: S101  # the placeholder only, less constants
    row_upper[budget] = np.inf
    matrix = sparse.csc_array(form.A)
    matrix.sort_indices()
    costs = sparse.csr_array(form.c)
    objectives = {
        Objective(item.name): (costs[[index], :].toarray().ravel(), float(form.c_offset[index]))
        for index, item in enumerate(form.objectives)
    }
    lower, upper = zip(*(column.bounds for column in form.columns), strict=True)
    return LinearProgram(
        indptr=matrix.indptr.astype(np.int64),
        indices=matrix.indices.astype(np.int64),
        values=matrix.data.astype(np.float64),
        row_lower=row_lower,
        row_upper=row_upper,
        column_lower=np.array(lower, dtype=np.float64),
        column_upper=np.array(upper, dtype=np.float64),
        is_integer=np.array([column.is_integer() for column in form.columns], dtype=np.bool_),
        objectives=objectives,
        row_names=row_names,
        column_names=tuple(column.name for column in form.columns),
        budget_row=budget,
    )


def number_families(problem: DispatchProblem, names: Sequence[str]) -> dict[str, IntArray]:
    """Numbers of each family by the indices in its names, in the shapes that ``Layout`` states."""
    shapes = layout_shapes(problem)
    found: dict[str, IntArray] = {}
    shapes |= {name.removesuffix("_row"): shape for name, shape in shapes.items() if name.endswith("_row")}
    for position, name in enumerate(names):
        family, place = split_name(name)
        if family in shapes:
            found.setdefault(family, np.full(shapes[family], NONE, dtype=np.int64))[place] = position
    return found


def split_name(name: str) -> tuple[str, tuple[int, ...]]:
    """``storage[3,7]`` as ("storage", (3, 7))."""
    match = _INDEXED.match(name)
    if match is None:
        return name, ()
    inside = match.group(2)
    return match.group(1), tuple(int(part) for part in inside.split(",")) if inside else ()
