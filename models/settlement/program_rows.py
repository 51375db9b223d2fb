"""Assembly of a coalition program: columns and rows with their owners, filled step by step."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csc_array

from models.settlement.arrays import FloatArray, IntArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.linear_program import LinearProgram

COMMUNITY = -1
"""Owner of columns and rows that every coalition has."""


class ProgramRows:
    """Columns, rows and entries collected so far. Energies are in kWh, costs in the site's currency."""

    def __init__(self, day: CoalitionDay) -> None:
        self.day = day
        members, steps = day.shape
        self.steps = np.arange(steps)
        self.inflexible_kwh = day.inflexible_net_kwh
        """[N, T] net import without what is flexible."""
        self.is_flexible = np.zeros((members, steps), dtype=np.bool_)
        self.most_in = np.zeros((members, steps))
        """[N, T] most that flexible devices can add to the net import [kWh]."""
        self.most_out = np.zeros((members, steps))
        """[N, T] most that flexible devices can take from it [kWh]."""
        prices = day.prices
        no_fee = (prices.fee_eur_per_kwh == 0.0) & (prices.import_eur_per_kwh >= prices.export_eur_per_kwh)
        self.is_pooled = no_fee & ~prices.is_islanded
        """[T] where a coalition is as one meter."""
        self._columns: list[tuple[int, IntArray, FloatArray, FloatArray]] = []
        self._rows: list[tuple[int, FloatArray, FloatArray]] = []
        self._entries: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._cost: list[tuple[IntArray, FloatArray]] = []
        self._wear: list[tuple[IntArray, FloatArray]] = []
        self._flexible: list[tuple[int, IntArray, IntArray, float]] = []
        self._gives: list[tuple[IntArray, IntArray]] = []
        self._column_count = 0
        self._row_count = 0

    def add_columns(self, member: int, steps: IntArray, lower: FloatArray, upper: FloatArray) -> IntArray:
        """New columns of a member, one for each of the steps; returns their indices."""
        self._columns.append((member, steps, lower, upper))
        self._column_count += steps.size
        return np.arange(self._column_count - steps.size, self._column_count)

    def add_rows(self, member: int, lower: FloatArray, upper: FloatArray) -> IntArray:
        """New rows of a member; returns their indices."""
        self._rows.append((member, lower, upper))
        self._row_count += lower.size
        return np.arange(self._row_count - lower.size, self._row_count)

    def fill(self, rows: IntArray, columns: IntArray, factor: float | FloatArray) -> None:
        """Enter factors at pairs of row and column."""
        self._entries.append((rows, columns, np.broadcast_to(np.asarray(factor, dtype=np.float64), rows.shape)))

    def add_cost(self, columns: IntArray, cost_eur: FloatArray) -> None:
        """Add to the cost of columns."""
        self._cost.append((columns, cost_eur))

    def add_wear(self, columns: IntArray, wear_eur_per_kwh: float) -> None:
        """Add wear to the cost of columns."""
        self._wear.append((columns, np.full(columns.size, wear_eur_per_kwh)))

    def add_flexible(self, member: int, steps: IntArray, columns: IntArray, sign: float, most: FloatArray) -> None:
        """Declare columns as part of a member's flexible net energy; each kWh of it costs p+ to begin with."""
        self._flexible.append((member, steps, columns, sign))
        self.is_flexible[member, steps] = True
        (self.most_in if sign > 0.0 else self.most_out)[member, steps] += most
        self.add_cost(columns, sign * self.day.prices.import_eur_per_kwh[steps])

    def note_give(self, steps: IntArray, columns: IntArray) -> None:
        """Remember a member's exports for the pool's rows."""
        self._gives.append((steps, columns))

    def fill_flexible(self, rows: IntArray, member: int, steps: IntArray, factor: FloatArray | None = None) -> None:
        """Enter a member's flexible net energy of the given steps into rows, one for each step."""
        row_of_step = np.full(self.steps.size, -1)
        row_of_step[steps] = rows
        factor_of_step = np.ones(self.steps.size)
        if factor is not None:
            factor_of_step[steps] = factor
        for owner, at, columns, sign in self._flexible:
            if owner == member:
                inside = row_of_step[at] >= 0
                self.fill(row_of_step[at][inside], columns[inside], sign * factor_of_step[at][inside])

    def fill_members(self, drawn_row: IntArray, given_row: IntArray) -> None:
        """Enter all members' flexible imports and exports into the pool's rows [T], -1 where there is none."""
        for _, at, columns, sign in self._flexible:
            inside = drawn_row[at] >= 0
            self.fill(drawn_row[at][inside], columns[inside], sign)
        for at, columns in self._gives:
            inside = given_row[at] >= 0
            self.fill(drawn_row[at][inside], columns[inside], 1.0)
            self.fill(given_row[at][inside], columns[inside], 1.0)

    def assemble(self) -> tuple[LinearProgram, IntArray, IntArray, IntArray, FloatArray]:
        """The program, owners of columns and rows, the columns' steps and their wear."""
        cost, wear = np.zeros(self._column_count), np.zeros(self._column_count)
        for target, parts in ((cost, self._cost), (wear, self._wear)):
            for columns, amounts in parts:
                target[columns] += amounts
        row, column, value = (
            np.concatenate([entry[k] for entry in self._entries] or [np.zeros(0, dtype=np.int64)]) for k in range(3)
        )
        size = (self._row_count, self._column_count)
        program = LinearProgram(
            cost=cost + wear,
            matrix=csc_array(coo_array((value, (row, column)), shape=size)),
            row_lower=np.concatenate([part[1] for part in self._rows]),
            row_upper=np.concatenate([part[2] for part in self._rows]),
            lower=np.concatenate([part[2] for part in self._columns]),
            upper=np.concatenate([part[3] for part in self._columns]),
        )
        column_member = np.concatenate([np.full(part[1].size, part[0]) for part in self._columns])
        row_member = np.concatenate([np.full(part[1].size, part[0]) for part in self._rows])
        column_step = np.concatenate([part[1] for part in self._columns])
        return program, column_member, row_member, column_step, wear
