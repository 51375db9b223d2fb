"""The whole model as a linear program, without Pyomo: the same columns, rows, coefficients and objectives."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from models.dispatch.arrays.builder import ProgramBuilder, WrittenProgram
from models.dispatch.arrays.columns import add_columns
from models.dispatch.arrays.community_rows import add_community_rows
from models.dispatch.arrays.member_rows import add_member_rows
from models.dispatch.arrays.objectives import add_objectives
from models.dispatch.layout import Layout
from models.dispatch.structure import decide_structure

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem


def write_program(problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> tuple[WrittenProgram, Layout]:
    """Arrays of a validated problem's model, and where its quantities stand.

    Args:
        problem: A validated problem.
        facts: What its data decide.
        is_elastic: Make limits soft, for the service stage.
    """
    structure = decide_structure(problem, facts, is_elastic=is_elastic)
    builder = ProgramBuilder()
    columns = add_columns(builder, problem, facts, structure)
    balance = add_member_rows(builder, problem, facts, structure, columns)
    total_in, total_out = add_community_rows(builder, problem, facts, structure, columns)
    budget = add_objectives(builder, problem, facts, structure, columns)
    rows = {"balance_row": balance, "total_in_row": total_in, "total_out_row": total_out}
    names = sorted({field.name for field in fields(Layout)} - rows.keys())
    layout = Layout(**{name: getattr(columns, name) for name in names}, **rows)
    return builder.build(budget), layout
