"""The best dispatch of any coalition for one day, as a linear program cut out of one built for all members.

Flexible in an interval is a member with a battery, a car in its stay, or PV worth curtailing. With u the flexible net
energy of member i and x its inflexible one, imports are m = x + u + give, and with Q the energy shared

    cost = sum p+ m - p- give - g Q + wear ,   Q <= sum m ,   Q <= sum give ,   m, give >= 0 .

No binaries: where p+ >= p-, importing and exporting at once costs at least the fee. Where p+ < p- it would pay, so
there m / m_max + give / give_max <= 1, the relaxed side. Where the fee is 0 and p+ >= p- a coalition is one meter: one
export for all of it in place of each member's. While the grid is away devices do as metered. Flows of members that are
not flexible enter as constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.settlement.arrays import BoolArray, FloatArray, IntArray
from models.settlement.coalition_day import BatteryDay, CoalitionDay, EvDay, check_day
from models.settlement.linear_program import LinearProgram
from models.settlement.program_rows import COMMUNITY, ProgramRows

WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoalitionProgram:
    """The program of the whole community, from which those of coalitions are cut."""

    whole: LinearProgram
    """Rows of all members; constants of members that are not flexible are not in it."""
    column_member: IntArray
    """[C] owner of each column; -1: the coalition's own."""
    row_member: IntArray
    """[R] owner of each row; -1: the coalition's own."""
    column_step: IntArray
    """[C] interval of each column."""
    column_wear_eur: FloatArray
    """[C] part of the cost that is wear."""
    is_flexible: BoolArray
    """[N, T] where a member is flexible."""
    constant_eur: FloatArray
    """[N, T] cost of each member's inflexible flows."""
    drawn_row: IntArray
    """[T] row of Q <= sum m, or of the pooled export; -1 where there is none."""
    given_row: IntArray
    """[T] row of Q <= sum give; -1 where there is none."""
    drawn_kwh: FloatArray
    """[N, T] what each member adds to the constant of ``drawn_row``."""
    given_kwh: FloatArray
    """[N, T] what each member adds to the constant of ``given_row``."""

    def cut(self, members: BoolArray) -> tuple[LinearProgram, IntArray]:
        """The program of a coalition [N], and the indices of its columns in the whole one."""
        # Index -1, the coalition itself, is the last element: always in.
        inside = np.append(members, [True])
        columns = np.flatnonzero(inside[self.column_member])
        rows = np.flatnonzero(inside[self.row_member])
        lower = self.whole.row_lower.copy()
        for row_of_step, amounts in ((self.drawn_row, self.drawn_kwh), (self.given_row, self.given_kwh)):
            steps = np.flatnonzero(row_of_step >= 0)
            lower[row_of_step[steps]] = -amounts[members][:, steps].sum(axis=0)
        program = LinearProgram(
            cost=self.whole.cost[columns],
            matrix=self.whole.matrix[:, columns][rows],
            row_lower=lower[rows],
            row_upper=self.whole.row_upper[rows],
            lower=self.whole.lower[columns],
            upper=self.whole.upper[columns],
        )
        return program, columns


def build_program(day: CoalitionDay) -> CoalitionProgram:
    """Build the program of the whole community once.

    Raises:
        SettlementError: The day's data are not acceptable.
    """
    check_day(day)
    rows = ProgramRows(day)
    for battery in day.batteries:
        _add_battery(rows, battery)
    for car in day.evs:
        _add_car(rows, car)
    _add_curtailment(rows)
    for member in np.flatnonzero(rows.is_flexible.any(axis=1)):
        _add_connection(rows, int(member))
    drawn_row, given_row = _add_pool(rows)
    prices = day.prices
    fixed_import = np.where(rows.is_flexible, np.maximum(rows.inflexible_kwh, 0.0), day.import_wh / WH_PER_KWH)
    fixed_export = np.where(rows.is_flexible, np.maximum(-rows.inflexible_kwh, 0.0), day.export_wh / WH_PER_KWH)
    # A flexible member's and a pool's cost start from p+ times the net, whatever its sign.
    at_import = rows.is_flexible | rows.is_pooled
    back = np.where(at_import, prices.import_eur_per_kwh, prices.export_eur_per_kwh)
    constant = np.where(prices.is_islanded, 0.0, prices.import_eur_per_kwh * fixed_import - back * fixed_export)
    whole, column_member, row_member, column_step, wear = rows.assemble()
    return CoalitionProgram(
        whole=whole,
        column_member=column_member,
        row_member=row_member,
        column_step=column_step,
        column_wear_eur=wear,
        is_flexible=rows.is_flexible,
        constant_eur=constant,
        drawn_row=drawn_row,
        given_row=given_row,
        drawn_kwh=np.where(at_import, fixed_import - fixed_export, fixed_import),
        given_kwh=np.where(rows.is_flexible, 0.0, fixed_export),
    )


def _add_battery(rows: ProgramRows, battery: BatteryDay) -> None:
    """Charging, discharging and storage: soc_t = soc_(t-1) + eta_c ch - dis / eta_d, from start to metered end."""
    day, steps = rows.day, rows.steps
    metered = battery.soc_kwh
    away = day.does_as_metered[battery.member]
    most_in = np.maximum(battery.charge_limit_kw * day.step_h, battery.charged_kwh)
    most_out = np.maximum(battery.discharge_limit_kw * day.step_h, battery.discharged_kwh)
    low = np.full(steps.size, min(battery.soc_min_kwh, battery.soc_start_kwh, float(metered.min())))
    high = np.full(steps.size, max(battery.soc_max_kwh, battery.soc_start_kwh, float(metered.max())))
    low[-1] = high[-1] = metered[-1]
    member = battery.member
    charge = rows.add_columns(
        member, steps, np.where(away, battery.charged_kwh, 0.0), np.where(away, battery.charged_kwh, most_in)
    )
    discharge = rows.add_columns(
        member, steps, np.where(away, battery.discharged_kwh, 0.0), np.where(away, battery.discharged_kwh, most_out)
    )
    rows.add_flexible(member, steps[~away], charge[~away], 1.0, most_in[~away])
    rows.add_flexible(member, steps[~away], discharge[~away], -1.0, most_out[~away])
    rows.add_wear(discharge, battery.wear_eur_per_kwh)
    stored = rows.add_columns(member, steps, low, high)
    start = np.zeros(steps.size)
    start[0] = battery.soc_start_kwh
    balance = rows.add_rows(member, start, start)
    rows.fill(balance, stored, 1.0)
    rows.fill(balance[1:], stored[:-1], -1.0)
    rows.fill(balance, charge, -battery.charge_efficiency_frac)
    rows.fill(balance, discharge, 1.0 / battery.discharge_efficiency_frac)


def _add_car(rows: ProgramRows, car: EvDay) -> None:
    """Charging within the stay, with the metered energy in sum."""
    stay = np.arange(car.first_step, car.last_step + 1)
    away = rows.day.does_as_metered[car.member, stay]
    metered = car.charged_kwh[stay]
    most = np.maximum(car.charge_limit_kw * rows.day.step_h, metered)
    charge = rows.add_columns(car.member, stay, np.where(away, metered, 0.0), np.where(away, metered, most))
    rows.add_flexible(car.member, stay[~away], charge[~away], 1.0, most[~away])
    total = np.array([metered.sum()])
    energy = rows.add_rows(car.member, total, total)
    rows.fill(np.repeat(energy, stay.size), charge, 1.0)


def _add_curtailment(rows: ProgramRows) -> None:
    """PV not generated, where that can be worth more."""
    can_gain = rows.day.can_gain_from_curtailing
    potential = (rows.day.pv_wh + rows.day.curtailed_wh) / WH_PER_KWH
    for member in np.flatnonzero(can_gain.any(axis=1)):
        where = np.flatnonzero(can_gain[member])
        most = potential[member, where]
        curtailed = rows.add_columns(int(member), where, np.zeros(where.size), most)
        rows.add_flexible(int(member), where, curtailed, 1.0, most)


def _add_connection(rows: ProgramRows, member: int) -> None:
    """A flexible member's meter: its sides, and its connection limits where they can bind."""
    day = rows.day
    flexible = np.flatnonzero(rows.is_flexible[member])
    inflexible = rows.inflexible_kwh[member]
    lowest, highest = inflexible - rows.most_out[member], inflexible + rows.most_in[member]
    most_import = np.maximum(day.import_limit_kw[member] * day.step_h, day.import_wh[member] / WH_PER_KWH)
    most_export = np.maximum(day.export_limit_kw[member] * day.step_h, day.export_wh[member] / WH_PER_KWH)
    tight = flexible[(highest > most_import)[flexible] | (lowest < -most_export)[flexible]]
    limits = rows.add_rows(member, (-most_export - inflexible)[tight], (most_import - inflexible)[tight])
    rows.fill_flexible(limits, member, tight)
    apart = flexible[~rows.is_pooled[flexible]]
    is_inverted = (day.prices.import_eur_per_kwh < day.prices.export_eur_per_kwh)[apart]
    most_given = np.where(is_inverted, np.maximum(-lowest[apart], 0.0), np.inf)
    give = rows.add_columns(member, apart, np.zeros(apart.size), most_given)
    rows.add_cost(give, (day.prices.import_eur_per_kwh - day.prices.export_eur_per_kwh)[apart])
    rows.note_give(apart, give)
    imports = rows.add_rows(member, -inflexible[apart], np.full(apart.size, np.inf))
    rows.fill_flexible(imports, member, apart)
    rows.fill(imports, give, 1.0)
    _add_side(rows, member, apart[is_inverted], give[is_inverted], (np.minimum(highest, most_import), lowest))


def _add_side(
    rows: ProgramRows, member: int, steps: IntArray, give: IntArray, net: tuple[FloatArray, FloatArray]
) -> None:
    """Relaxed side m / m_max + give / give_max <= 1 where exporting pays more than importing costs."""
    most_drawn = np.maximum(net[0][steps], 0.0)
    most_given = np.maximum(-net[1][steps], 0.0)
    # (x + u + give) / D + give / S <= 1, times D S: a side that cannot be reached is then fixed to 0 by itself.
    span = np.maximum(most_drawn + most_given, 1e-9)
    upper = most_drawn * most_given / span - most_given / span * rows.inflexible_kwh[member, steps]
    side = rows.add_rows(member, np.full(steps.size, -np.inf), upper)
    rows.fill_flexible(side, member, steps, most_given / span)
    rows.fill(side, give, (most_given + most_drawn) / span)


def _add_pool(rows: ProgramRows) -> tuple[IntArray, IntArray]:
    """Shared energy where a fee sets members apart, one export for all where it does not."""
    prices = rows.day.prices
    margin = prices.margin_eur_per_kwh
    drawn_row, given_row = np.full(rows.steps.size, -1), np.full(rows.steps.size, -1)
    shared_steps = np.flatnonzero((margin > 0.0) & ~rows.is_pooled)
    pooled_steps = np.flatnonzero(rows.is_pooled)
    endless = np.inf
    shared = rows.add_columns(COMMUNITY, shared_steps, np.zeros(shared_steps.size), np.full(shared_steps.size, endless))
    rows.add_cost(shared, -margin[shared_steps])
    exported = rows.add_columns(
        COMMUNITY, pooled_steps, np.zeros(pooled_steps.size), np.full(pooled_steps.size, endless)
    )
    rows.add_cost(exported, (prices.import_eur_per_kwh - prices.export_eur_per_kwh)[pooled_steps])
    for steps, columns, sign in ((shared_steps, shared, -1.0), (pooled_steps, exported, 1.0)):
        drawn_row[steps] = rows.add_rows(COMMUNITY, np.zeros(steps.size), np.full(steps.size, endless))
        rows.fill(drawn_row[steps], columns, sign)
    given_row[shared_steps] = rows.add_rows(COMMUNITY, np.zeros(shared_steps.size), np.full(shared_steps.size, endless))
    rows.fill(given_row[shared_steps], shared, -1.0)
    rows.fill_members(drawn_row, given_row)
    return drawn_row, given_row
