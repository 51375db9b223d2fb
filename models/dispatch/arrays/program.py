"""The whole model as a linear program, without Pyomo: the same columns, rows, coefficients and objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.dispatch.arrays.builder import ProgramBuilder, WrittenProgram
from models.dispatch.arrays.columns import add_columns
from models.dispatch.arrays.community_rows import add_community_rows
from models.dispatch.arrays.member_rows import add_member_rows
from models.dispatch.arrays.objectives import add_objectives
from models.dispatch.structure import decide_structure

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem


def write_program(problem: DispatchProblem, facts: Facts, *, is_elastic: bool = False) -> WrittenProgram:
    """Arrays of a validated problem's model.

    Args:
        problem: A validated problem.
        facts: What its data decide.
        is_elastic: Make limits soft, for the service stage.
    """
    structure = decide_structure(problem, facts, is_elastic=is_elastic)
    builder = ProgramBuilder()
    columns = add_columns(builder, problem, facts, structure)
    add_member_rows(builder, problem, facts, structure, columns)
    add_community_rows(builder, problem, facts, structure, columns)
    budget = add_objectives(builder, problem, facts, structure, columns)
    return builder.build(budget)
