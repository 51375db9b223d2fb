"""What a demo came to: figures of the controlled days from the store, beside the same days without a controller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from controller.apps.demo import PlayedDemo
from controller.apps.demo_bills import is_settled, list_days, pay_with, pay_without
from controller.apps.demo_courses import (
    Flows,
    controlled_flows,
    demo_prices,
    describe_course,
    uncontrolled_flows,
)
from controller.apps.demo_result import CostParts, Course, DemoSeries
from controller.apps.demo_settlement import SettledDemo, describe_settlement, read_settlement
from controller.apps.demo_world import DemoWorld
from controller.apps.report_events import describe_events, sum_held_back
from controller.record.fairness_rows import read_day_fairness
from controller.record.reader import Reader, open_reader
from controller.record.records import SettledInterval
from models.domain.arrays import FloatArray
from models.domain.errors import SettlementError
from models.domain.tariff import StepPrices, local_price
from models.fairness.indices import measure_gini

WH_PER_KWH = 1000.0


def measure(world: DemoWorld, played: PlayedDemo) -> tuple[dict[str, object], DemoSeries]:
    """The JSON object and the report's series."""
    with open_reader(played.store_path) as reader:
        settled = reader.settled(world.start_utc, world.end_utc)
        if len(settled) < count_intervals(world):
            # Figures of a part of the days beside those of all of them would mislead.
            message = (
                f"the store has {len(settled)} of the {count_intervals(world)} intervals of these days: the controller "
                f"could not meter the others; messages taken and dropped: {reader.counters()}"
            )
            raise SettlementError(message)
        prices = demo_prices(world)
        days = read_settlement(reader, world.start_utc, world.end_utc, world.site.zone)
        before = describe_course(world, uncontrolled_flows(world), prices, pay_without(world, prices, days))
        flows = controlled_flows(world, settled)
        after = describe_course(world, flows, prices, pay_with(world, settled, days))
        figures = _figures(world, played, reader, settled, before, after)
        figures["settlement"] = describe_settlement(days)
        figures["fairness"] = read_day_fairness(reader.select, days.days[-1].local_day) if days.days else None
        figures["demand_response"] = describe_events(reader, world.start_utc, world.end_utc)
        figures["held_back"] = sum_held_back(reader, world.site, world.start_utc, world.end_utc)
        series = _series(world, played, flows, before, after, prices, days)
    return figures, series


def count_intervals(world: DemoWorld) -> int:
    """Intervals that the demo's days have."""
    return round((world.end_utc - world.start_utc) / timedelta(minutes=world.site.interval_min))


def _figures(
    world: DemoWorld,
    played: PlayedDemo,
    reader: Reader,
    settled: Sequence[SettledInterval],
    before: Course,
    after: Course,
) -> dict[str, object]:
    span = (world.start_utc, world.end_utc)
    states = reader.setpoint_states(*span)
    solve_s = np.array([plan.solve_s for plan in played.plans])
    return {
        "members": len(world.site.members),
        "intervals": len(settled),
        "days": len(list_days(world)),
        "plans_by_rung": reader.plans_by_rung(*span),
        "replans": reader.replans(*span),
        "peak_import_kw": _pair(before.peak_kw, after.peak_kw),
        "community_cost": _pair(before.cost.total, after.cost.total),
        "community_cost_parts": {
            "uncontrolled": _parts(before.cost),
            "controlled": _parts(after.cost),
        },
        "currency": world.site.community.currency,
        "shared_kwh": round(sum(row.shared_wh for one in settled for row in one.allocations) / WH_PER_KWH, 3),
        "gini_energy_burden": _pair(
            _gini(np.maximum(before.burden_frac, 0.0)), _gini(np.maximum(after.burden_frac, 0.0))
        ),
        "gini_renewable_access": _pair(_gini(before.access_frac), _gini(after.access_frac)),
        "worst_energy_burden": _pair(_worst(before.burden_frac), _worst(after.burden_frac)),
        "least_renewable_access": _pair(_least(before.access_frac), _least(after.access_frac)),
        "setpoints": {
            "sent": sum(states.values()),
            "acknowledged": states.get("acknowledged", 0),
            "refused": states.get("refused", 0),
            "expired": states.get("expired", 0),
        },
        "max_energy_residual_wh": _residual_wh(world, played, settled),
        "solve_s": {"median": float(np.median(solve_s)), "max": float(np.max(solve_s))},
        "loop_stall_s_max": played.loop_stall_s_max,
    }


def _pair(before: float | None, after: float | None) -> dict[str, float | None]:
    return {
        "uncontrolled": None if before is None else round(before, 6),
        "controlled": None if after is None else round(after, 6),
    }


def _parts(cost: CostParts) -> dict[str, float]:
    return {
        name: round(getattr(cost, name), 6)
        for name in ("energy", "network_fee", "peak_charge", "wear", "stored", "deferred")
    }


def _gini(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return measure_gini(known) if len(known) else None


def _worst(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.max(known)) if len(known) else None


def _least(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.min(known)) if len(known) else None


def _residual_wh(world: DemoWorld, played: PlayedDemo, settled: Sequence[SettledInterval]) -> float:
    """Largest difference between what the store says a member imported or exported and what really flowed."""
    index = {member.id: row for row, member in enumerate(world.site.members)}
    interval = timedelta(minutes=world.site.interval_min)
    worst_wh = 0.0
    for one in settled:
        column = round((one.start_utc - world.start_utc) / interval)
        for row in one.metered:
            if row.import_wh is None or row.export_wh is None:
                return float("inf")
            member = index[row.member]
            true_import_wh = played.truth["import_kwh"][member, column] * WH_PER_KWH
            true_export_wh = played.truth["export_kwh"][member, column] * WH_PER_KWH
            worst_wh = max(worst_wh, abs(row.import_wh - true_import_wh), abs(row.export_wh - true_export_wh))
    return round(worst_wh, 3)


def _series(
    world: DemoWorld,
    played: PlayedDemo,
    flows: Flows,
    before: Course,
    after: Course,
    prices: StepPrices,
    days: SettledDemo,
) -> DemoSeries:
    site = world.site
    interval = timedelta(minutes=site.interval_min)
    count = flows.import_kwh.shape[1]
    return DemoSeries(
        title=site.community.name,
        source=world.source,
        currency=site.community.currency,
        zone=site.community.zone,
        starts_utc=tuple(world.start_utc + number * interval for number in range(count)),
        interval_h=interval / timedelta(hours=1),
        members=tuple(member.id for member in site.members),
        has_pv=tuple(member.pv_kwp > 0.0 for member in site.members),
        has_battery=tuple(bool(member.batteries) for member in site.members),
        uncontrolled=before,
        controlled=after,
        import_price=prices.import_price_eur_per_kwh,
        export_price=prices.export_price_eur_per_kwh,
        local_price=local_price(prices, site.tariff.local_price),
        received_kwh=_who_from_whom(flows),
        solve_s=np.array([plan.solve_s for plan in played.plans]),
        solve_at_utc=tuple(plan.at_utc for plan in played.plans),
        rungs=tuple(plan.rung for plan in played.plans),
        money=days.members,
        is_settled=is_settled(world, days),
        unsettled=played.unsettled,
    )


def _who_from_whom(flows: Flows) -> FloatArray:
    """[N, N] energy by supplier and receiver: in each interval, buyer's share times seller's share [kWh]."""
    shared = flows.received_kwh.sum(axis=0)
    share = np.divide(flows.supplied_kwh, shared, out=np.zeros_like(flows.supplied_kwh), where=shared > 0.0)
    return np.asarray(share @ flows.received_kwh.T)
