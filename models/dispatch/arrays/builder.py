"""Collects a linear program block by block: families of columns and rows, and coefficients between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from scipy import sparse

from models.dispatch.layout import NONE
from models.dispatch.solvers.protocol import LinearProgram, Objective

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, FloatArray, IntArray

Block = tuple[str, "IntArray"]
"""A family's name and its members' indices [k, axes]; axes may be 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenProgram:
    """A linear program, and the numbers of its columns and rows by family; ``NONE`` where one does not exist."""

    program: LinearProgram
    columns: Mapping[str, IntArray]
    rows: Mapping[str, IntArray]


class Names(Sequence[str]):
    """Names such as ``storage[3,7]``, written out only when somebody asks."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self._blocks = blocks
        self._count = sum(len(index) for _, index in blocks)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, position: int) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[str]: ...
    def __getitem__(self, position: int | slice) -> str | Sequence[str]:
        if isinstance(position, slice):
            return tuple(self)[position]
        rest = position if position >= 0 else self._count + position
        for family, index in self._blocks:
            if 0 <= rest < index.shape[0]:
                return _name(family, index[rest])
            rest -= index.shape[0]
        raise IndexError(position)

    def __iter__(self) -> Iterator[str]:
        for family, index in self._blocks:
            for place in index:
                yield _name(family, place)


def _name(family: str, place: IntArray) -> str:
    inside = ",".join(str(int(part)) for part in place)
    return f"{family}[{inside}]" if inside else family


class ProgramBuilder:
    """A linear program in the making."""

    def __init__(self) -> None:
        self._columns: list[Block] = []
        self._rows: list[Block] = []
        self._column_lower: list[FloatArray] = []
        self._column_upper: list[FloatArray] = []
        self._is_integer: list[BoolArray] = []
        self._row_lower: list[FloatArray] = []
        self._row_upper: list[FloatArray] = []
        self._triplets: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._costs: dict[Objective, list[tuple[IntArray, FloatArray]]] = {}
        self._offsets: dict[Objective, float] = {}
        self._column_numbers: dict[str, IntArray] = {}
        self._row_numbers: dict[str, IntArray] = {}
        self.column_count = 0
        self.row_count = 0

    def add_columns(
        self, family: str, mask: BoolArray, upper: FloatArray, lower: FloatArray | None = None, *, integer: bool = False
    ) -> IntArray:
        """One column for each true place of a mask.

        Args:
            family: Name of the variable.
            mask: Where it exists.
            upper: Upper bounds, shape of the mask.
            lower: Lower bounds; None: 0.
            integer: Binary.

        Returns:
            Column numbers, shape of the mask, ``NONE`` where there is none.
        """
        number, index = _number(mask, self.column_count)
        count = index.shape[0]
        self.column_count += count
        self._columns.append((family, index))
        self._column_numbers[family] = number
        self._column_upper.append(np.broadcast_to(upper, mask.shape)[mask])
        self._column_lower.append(np.zeros(count) if lower is None else np.broadcast_to(lower, mask.shape)[mask])
        self._is_integer.append(np.full(count, integer))
        return number

    def add_rows(self, family: str, mask: BoolArray, lower: FloatArray | float, upper: FloatArray | float) -> IntArray:
        """One row for each true place of a mask; returns row numbers of the mask's shape."""
        number, index = _number(mask, self.row_count)
        self.row_count += index.shape[0]
        self._rows.append((family, index))
        self._row_numbers[family] = number
        self._row_lower.append(np.broadcast_to(lower, mask.shape)[mask])
        self._row_upper.append(np.broadcast_to(upper, mask.shape)[mask])
        return number

    def set_row_lower(self, family: str, lower: FloatArray) -> None:
        """Replace the lower sides of a family whose constants were not known when it was added."""
        position = [name for name, _ in self._rows].index(family)
        self._row_lower[position] = lower

    def put(self, rows: IntArray, columns: IntArray, values: FloatArray | float) -> None:
        """Coefficients; pairs without a row or without a column are left out. Shapes are broadcast."""
        if not (rows.size and columns.size and columns.max() > NONE and rows.max() > NONE):
            return
        rows, columns, values = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=np.float64))
        keep = (rows != NONE) & (columns != NONE) & (values != 0.0)
        self._triplets.append((rows[keep], columns[keep], values[keep]))

    def cost(self, objective: Objective, columns: IntArray, values: FloatArray | float) -> None:
        """Objective coefficients; places without a column are left out."""
        self._costs.setdefault(objective, [])
        if not (columns.size and columns.max() > NONE):
            return
        columns, values = np.broadcast_arrays(columns, np.asarray(values, dtype=np.float64))
        keep = (columns != NONE) & (values != 0.0)
        self._costs[objective].append((columns[keep], values[keep]))

    def add_offset(self, objective: Objective, value: float) -> None:
        """A constant of an objective."""
        self._offsets[objective] = self._offsets.get(objective, 0.0) + value

    def offset(self, objective: Objective) -> float:
        """Constant of an objective so far."""
        return self._offsets.get(objective, 0.0)

    def vector(self, objective: Objective) -> FloatArray:
        """Coefficients of an objective so far, [columns]."""
        result = np.zeros(self.column_count)
        for columns, values in self._costs.get(objective, []):
            np.add.at(result, columns, values)
        return result

    def build(self, budget_row: int = NONE) -> WrittenProgram:
        """The program; ``budget_row`` is ``NONE`` in one without a budget."""
        rows, columns, values = (np.concatenate(part) for part in zip(*self._triplets, strict=True))
        matrix = sparse.csc_array((values, (rows, columns)), shape=(self.row_count, self.column_count))
        matrix.sort_indices()
        program = LinearProgram(
            indptr=matrix.indptr.astype(np.int64),
            indices=matrix.indices.astype(np.int64),
            values=matrix.data,
            row_lower=np.concatenate(self._row_lower),
            row_upper=np.concatenate(self._row_upper),
            column_lower=np.concatenate(self._column_lower),
            column_upper=np.concatenate(self._column_upper),
            is_integer=np.concatenate(self._is_integer),
            objectives={name: (self.vector(name), self._offsets.get(name, 0.0)) for name in self._costs},
            row_names=Names(tuple(self._rows)),
            column_names=Names(tuple(self._columns)),
            budget_row=budget_row,
        )
        return WrittenProgram(program=program, columns=self._column_numbers, rows=self._row_numbers)


def _number(mask: BoolArray, first: int) -> tuple[IntArray, IntArray]:
    index = np.argwhere(mask)
    number = np.full(mask.shape, NONE, dtype=np.int64)
    number[mask] = first + np.arange(index.shape[0])
    return number, index
