"""A coalition's best day as a plain mixed-integer model, to check the reduced programs against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from models.settlement.coalition_day import CoalitionDay


class Model:
    """A plain mixed-integer model, written down without any reduction, to check the reduced programs against."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.integral: list[int] = []
        self.rows: list[tuple[dict[int, float], float, float]] = []

    def add(self, cost: float, lower: float, upper: float, *, is_binary: bool = False) -> int:
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.integral.append(int(is_binary))
        return len(self.cost) - 1

    def row(self, terms: dict[int, float], lower: float, upper: float) -> None:
        self.rows.append((terms, lower, upper))

    def solve(self) -> float:
        matrix = np.zeros((len(self.rows), len(self.cost)))
        for place, (terms, _, _) in enumerate(self.rows):
            for column, factor in terms.items():
                matrix[place, column] += factor
        limits = LinearConstraint(matrix, [row[1] for row in self.rows], [row[2] for row in self.rows])
        found = milp(
            self.cost,
            constraints=limits,
            bounds=Bounds(self.lower, self.upper),
            integrality=np.array(self.integral),
            options={"mip_rel_gap": 1e-9},
        )
        assert found.status == 0
        return float(found.fun)


def cost_plainly(day: CoalitionDay, members: Sequence[int]) -> float:
    """c(S) with one side for each member and interval by a binary."""
    model, prices, steps = Model(), day.prices, day.shape[1]
    inflexible, big = day.inflexible_net_kwh, 60.0
    margin = prices.margin_eur_per_kwh
    draws: list[list[int]] = [[] for _ in range(steps)]
    gives: list[list[int]] = [[] for _ in range(steps)]
    for member in members:
        flexible: list[dict[int, float]] = [{} for _ in range(steps)]
        for battery in (unit for unit in day.batteries if unit.member == member):
            before: int | None = None
            for t in range(steps):
                charge = model.add(0.0, 0.0, max(battery.charge_limit_kw * day.step_h, battery.charged_kwh[t]))
                most = max(battery.discharge_limit_kw * day.step_h, battery.discharged_kwh[t])
                discharge = model.add(battery.wear_eur_per_kwh, 0.0, most)
                low = min(battery.soc_min_kwh, battery.soc_start_kwh, battery.soc_kwh.min())
                stored = model.add(0.0, low, max(battery.soc_max_kwh, battery.soc_kwh.max()))
                terms = {stored: 1.0, charge: -battery.charge_efficiency_frac}
                terms[discharge] = 1.0 / battery.discharge_efficiency_frac
                start = battery.soc_start_kwh if before is None else 0.0
                model.row(terms if before is None else terms | {before: -1.0}, start, start)
                flexible[t] |= {charge: 1.0, discharge: -1.0}
                before = stored
            assert before is not None
            model.row({before: 1.0}, battery.soc_kwh[-1], battery.soc_kwh[-1])
        for car in (unit for unit in day.evs if unit.member == member):
            stay = range(car.first_step, car.last_step + 1)
            columns = {t: model.add(0.0, 0.0, max(car.charge_limit_kw * day.step_h, car.charged_kwh[t])) for t in stay}
            for t, column in columns.items():
                flexible[t] |= {column: 1.0}
            model.row(dict.fromkeys(columns.values(), 1.0), car.charged_kwh.sum(), car.charged_kwh.sum())
        for t in range(steps):
            curtailed = model.add(0.0, 0.0, float(day.pv_wh[member, t] + day.curtailed_wh[member, t]) / 1000.0)
            flexible[t] |= {curtailed: 1.0}
            most_import = max(day.import_limit_kw[member] * day.step_h, day.import_wh[member, t] / 1000.0)
            most_export = max(day.export_limit_kw[member] * day.step_h, day.export_wh[member, t] / 1000.0)
            draw = model.add(prices.import_eur_per_kwh[t], 0.0, most_import)
            give = model.add(-prices.export_eur_per_kwh[t], 0.0, most_export)
            side = model.add(0.0, 0.0, 1.0, is_binary=True)
            net = {draw: 1.0, give: -1.0} | {column: -factor for column, factor in flexible[t].items()}
            model.row(net, inflexible[member, t], inflexible[member, t])
            model.row({draw: 1.0, side: -big}, -np.inf, 0.0)
            model.row({give: 1.0, side: big}, -np.inf, big)
            draws[t].append(draw)
            gives[t].append(give)
    for t in range(steps):
        shared = model.add(-margin[t], 0.0, np.inf)
        for side_columns in (draws[t], gives[t]):
            model.row(dict.fromkeys(side_columns, 1.0) | {shared: -1.0}, 0.0, np.inf)
    return model.solve()
