"""The two ways a demo's days could go: energies to powers, origins, burdens and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from controller.apps.demo_result import CostParts, Course
from controller.apps.demo_world import DemoWorld
from controller.record.records import SettledInterval
from models.domain.arrays import FloatArray
from models.domain.interval import billing_period
from models.domain.tariff import StepPrices
from models.settlement.colours import BatteryTraits, HomeFlows, colour_interval, store_unknown

WH_PER_KWH = 1000.0
MICRO_PER_EUR = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Metered energies of one course, [N, K] in kWh."""

    import_kwh: FloatArray
    export_kwh: FloatArray
    pv_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    ev_kwh: FloatArray
    runs_kwh: FloatArray
    received_kwh: FloatArray
    """Bought from other members."""
    supplied_kwh: FloatArray


def demo_prices(world: DemoWorld) -> StepPrices:
    """[K] prices of the demo's intervals."""
    run = world.uncontrolled
    count = run.import_kwh.shape[1]
    starts = tuple(world.start_utc + number * timedelta(seconds=run.interval_s) for number in range(count))
    return world.prices.prices(starts, np.full(count, run.interval_s / 3600.0))


def uncontrolled_flows(world: DemoWorld) -> Flows:
    """Energies without a controller."""
    run = world.uncontrolled
    nothing = np.zeros_like(run.import_kwh)
    return Flows(
        import_kwh=run.import_kwh,
        export_kwh=run.export_kwh,
        pv_kwh=run.pv_kwh,
        charge_kwh=run.charge_kwh,
        discharge_kwh=run.discharge_kwh,
        ev_kwh=run.ev_kwh,
        runs_kwh=run.runs_kwh,
        received_kwh=nothing,
        supplied_kwh=nothing,
    )


def controlled_flows(world: DemoWorld, settled: Sequence[SettledInterval]) -> Flows:
    """Energies of the controlled days, as the store has them."""
    metered = ("import_wh", "export_wh", "pv_wh", "charge_wh", "discharge_wh", "ev_wh", "shiftable_wh")
    arrays = {name: _collect(world, settled, "metered", name) for name in metered}
    return Flows(
        import_kwh=arrays["import_wh"],
        export_kwh=arrays["export_wh"],
        pv_kwh=arrays["pv_wh"],
        charge_kwh=arrays["charge_wh"],
        discharge_kwh=arrays["discharge_wh"],
        ev_kwh=arrays["ev_wh"],
        runs_kwh=arrays["shiftable_wh"],
        received_kwh=_collect(world, settled, "allocations", "shared_wh"),
        supplied_kwh=_collect(world, settled, "allocations", "sold_wh"),
    )


def _collect(world: DemoWorld, settled: Sequence[SettledInterval], rows: str, name: str) -> FloatArray:
    """[N, K] one value of every member's row in every interval, in thousandths."""
    index = {member.id: row for row, member in enumerate(world.site.members)}
    count = world.uncontrolled.import_kwh.shape[1]
    interval = timedelta(minutes=world.site.interval_min)
    values = np.zeros((len(index), count))
    for one in settled:
        column = round((one.start_utc - world.start_utc) / interval)
        for row in getattr(one, rows):
            values[index[row.member], column] = (getattr(row, name) or 0) / WH_PER_KWH
    return values


def alone_cost(world: DemoWorld, prices: StepPrices) -> FloatArray:
    """[N] bills without a controller: each member on its own tariff [currency]."""
    run = world.uncontrolled
    paid = run.import_kwh @ prices.import_price_eur_per_kwh
    return np.asarray(paid - run.export_kwh @ prices.export_price_eur_per_kwh)


def billed_cost(world: DemoWorld, settled: Sequence[SettledInterval]) -> FloatArray:
    """[N] provisional bills of the controlled days [currency]."""
    billed = _collect(world, settled, "allocations", "billed_micro").sum(axis=1)
    return np.asarray(billed * WH_PER_KWH / MICRO_PER_EUR)


def describe_course(world: DemoWorld, flows: Flows, prices: StepPrices, billed: FloatArray) -> Course:
    """Powers, origins, burdens and costs of one course."""
    hours = world.uncontrolled.interval_s / 3600.0
    use_kwh, renewable_kwh = _colours(world, flows)
    net_kw = (flows.import_kwh - flows.export_kwh).sum(axis=0) / hours
    stored_kwh = _stored_kwh(world, flows)
    capacity_kwh = _capacity_kwh(world)
    return Course(
        net_import_kw=net_kw,
        battery_kw=(flows.charge_kwh - flows.discharge_kwh).sum(axis=0) / hours,
        soc_frac=stored_kwh / capacity_kwh if capacity_kwh > 0.0 else np.zeros_like(stored_kwh),
        pv_kw=flows.pv_kwh.sum(axis=0) / hours,
        consumption_kwh=use_kwh,
        renewable_kwh=renewable_kwh,
        billed=billed,
        burden_frac=billed / _income(world),
        cost=_cost(world, flows, prices, stored_kwh, max(0.0, float(net_kw.max()))),
    )


def _cost(world: DemoWorld, flows: Flows, prices: StepPrices, stored_kwh: FloatArray, peak_kw: float) -> CostParts:
    days = (world.end_utc - world.start_utc) / timedelta(days=1)
    month_h = billing_period(world.start_utc, world.site.zone).hours
    grid_import = flows.import_kwh - flows.received_kwh
    grid_export = flows.export_kwh - flows.supplied_kwh
    start_kwh = _stored_at_start_kwh(world)
    value = float(np.mean(prices.import_price_eur_per_kwh)) * _mean_discharge_efficiency(world)
    return CostParts(
        energy=float(
            (grid_import @ prices.import_price_eur_per_kwh - grid_export @ prices.export_price_eur_per_kwh).sum()
        ),
        network_fee=float((flows.received_kwh @ prices.network_fee_eur_per_kwh).sum()),
        peak_charge=world.site.tariff.peak_charge_eur_per_kw * peak_kw * days * 24.0 / month_h,
        wear=float((flows.discharge_kwh.sum(axis=1) * _wear(world)).sum()),
        stored=(start_kwh - float(stored_kwh[-1])) * value if len(stored_kwh) else 0.0,
        deferred=_deferred_kwh(world, flows) * float(np.mean(prices.import_price_eur_per_kwh)),
    )


def _deferred_kwh(world: DemoWorld, flows: Flows) -> float:
    """Energy of cars and appliances that is still to be served at the end, beside the uncontrolled course [kWh]."""
    run = world.uncontrolled
    return float((run.ev_kwh + run.runs_kwh).sum() - (flows.ev_kwh + flows.runs_kwh).sum())


def _colours(world: DemoWorld, flows: Flows) -> tuple[FloatArray, FloatArray]:
    """[N] final use and the renewable part of it [kWh]."""
    rows = _batteries(world)
    batteries = [world.site.members[row].batteries[0] for row in rows]
    traits = BatteryTraits(
        member=np.array(rows, dtype=np.int64),
        charge_efficiency_frac=np.array([battery.charge_efficiency_frac for battery in batteries]),
        discharge_efficiency_frac=np.array([battery.discharge_efficiency_frac for battery in batteries]),
    )
    stored_wh = store_unknown(WH_PER_KWH * np.array(_stored_by_member_kwh(world))[rows])
    use_kwh = np.zeros(len(world.site.members))
    renewable_kwh = np.zeros(len(world.site.members))
    for column in range(flows.import_kwh.shape[1]):
        coloured = colour_interval(_home_flows(flows, rows, column), traits, stored_wh)
        stored_wh = coloured.stored_wh
        use_kwh += coloured.use_wh.sum(axis=1) / WH_PER_KWH
        renewable_kwh += coloured.renewable_use_wh / WH_PER_KWH
    return use_kwh, renewable_kwh


def _home_flows(flows: Flows, rows: list[int], column: int) -> HomeFlows:
    return HomeFlows(
        import_wh=WH_PER_KWH * flows.import_kwh[:, column],
        export_wh=WH_PER_KWH * flows.export_kwh[:, column],
        received_wh=WH_PER_KWH * flows.received_kwh[:, column],
        supplied_wh=WH_PER_KWH * flows.supplied_kwh[:, column],
        pv_wh=WH_PER_KWH * flows.pv_kwh[:, column],
        charged_wh=WH_PER_KWH * flows.charge_kwh[rows, column],
        discharged_wh=WH_PER_KWH * flows.discharge_kwh[rows, column],
    )


def _income(world: DemoWorld) -> FloatArray:
    """[N] income pro-rated to the demo's days; NaN without one."""
    share = (world.end_utc - world.start_utc) / timedelta(hours=billing_period(world.start_utc, world.site.zone).hours)
    least = world.site.by_law.income_min_eur_per_month
    return np.array(
        [
            max(member.income_eur_per_month.reveal(), least) * share
            if member.income_eur_per_month is not None and member.kind == "household"
            else np.nan
            for member in world.site.members
        ]
    )


def _batteries(world: DemoWorld) -> list[int]:
    return [row for row, member in enumerate(world.site.members) if member.batteries]


def _capacity_kwh(world: DemoWorld) -> float:
    return sum(battery.capacity_kwh for member in world.site.members for battery in member.batteries)


def _stored_at_start_kwh(world: DemoWorld) -> float:
    return float(sum(_stored_by_member_kwh(world)))


def _stored_by_member_kwh(world: DemoWorld) -> list[float]:
    states = world.history.end_states
    return [sum(states[member.id].soc_kwh.values()) for member in world.site.members]


def _mean_discharge_efficiency(world: DemoWorld) -> float:
    batteries = [battery for member in world.site.members for battery in member.batteries]
    return float(np.mean([battery.discharge_efficiency_frac for battery in batteries])) if batteries else 1.0


def _wear(world: DemoWorld) -> FloatArray:
    return np.array(
        [
            float(np.mean([battery.wear_eur_per_kwh for battery in member.batteries])) if member.batteries else 0.0
            for member in world.site.members
        ]
    )


def _stored_kwh(world: DemoWorld, flows: Flows) -> FloatArray:
    """[K] energy in all batteries at each interval's end, from what went in and out."""
    stored = np.full(flows.charge_kwh.shape[1], _stored_at_start_kwh(world))
    for row in _batteries(world):
        battery = world.site.members[row].batteries[0]
        change = (
            flows.charge_kwh[row] * battery.charge_efficiency_frac
            - flows.discharge_kwh[row] / battery.discharge_efficiency_frac
        )
        stored += np.cumsum(change)
    return stored
