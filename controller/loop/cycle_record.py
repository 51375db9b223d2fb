"""What one cycle makes durable, as the store wants it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from config.members import Battery, Ev
from config.schema import Site
from controller.loop.setpoint_explanations import explain_setpoints
from controller.record.event_records import Curtailment
from controller.record.quantities import to_micro
from controller.record.records import AssetState, DecisionRow, IntervalRecord, Prices
from models.dispatch.bundle import hash_problem
from models.domain.arrays import FloatArray
from models.domain.telemetry import DeviceKey

if TYPE_CHECKING:
    from controller.loop.cycle import CycleReport
    from controller.loop.outlook import Outlook


def interval_record(site: Site, report: CycleReport, weights: FloatArray, committed_utc: datetime) -> IntervalRecord:
    """The first transaction of a cycle."""
    return IntervalRecord(
        decision=_decision_row(site, report, weights, committed_utc),
        settled=tuple(closed.settled for closed in report.closed),
        setpoints=report.setpoints,
        curtailments=_curtailments(site, report),
        explanations=explain_setpoints(site, report.decision),
        asset_states=_asset_states(site, report),
        fairness={} if report.weighing is None else dict(report.weighing.fairness),
        policy={} if report.weighing is None else dict(report.weighing.figures),
        gateway={"solve_s": report.decision.solve_s, "stale_devices": float(len(report.snapshot.stale))},
    )


def _decision_row(site: Site, report: CycleReport, weights: FloatArray, committed_utc: datetime) -> DecisionRow:
    decision, weighing = report.decision, report.weighing
    ids = [member.id for member in site.members]
    proposed = None if weighing is None else weighing.proposed
    return DecisionRow(
        decision_id=report.decision_id,
        interval_start_utc=report.snapshot.interval_start_utc,
        interval_s=site.interval_min * 60,
        valid_from_utc=report.snapshot.taken_utc if report.replan else report.snapshot.interval_start_utc,
        committed_utc=committed_utc,
        replan=report.replan,
        cause=",".join(trigger.value for trigger in report.triggers),
        rung=decision.rung,
        prices=_prices(site, report.outlook),
        solve=None if decision.plan is None else decision.plan.record,
        problem_sha256=None if decision.built is None else hash_problem(decision.built.problem),
        weights=dict(zip(ids, map(float, weights), strict=True)),
        proposals={} if proposed is None else dict(zip(ids, map(float, proposed), strict=True)),
        figures=_figures(report),
        faults=report.faults,
    )


def _curtailments(site: Site, report: CycleReport) -> tuple[Curtailment, ...]:
    owners = {
        DeviceKey(gateway.id, device.id): device.member
        for gateway in site.gateways
        for device in gateway.devices
        if device.kind == "curtailable_load"
    }
    held_kw = {power.device: power.held_back_kw for power in report.decision.powers}
    return tuple(
        Curtailment(device=one.device, member=member, held_back_kw=held_kw.get(one.device, 0.0))
        for one in report.setpoints
        if (member := owners.get(one.device)) is not None
    )


def _prices(site: Site, outlook: Outlook | None) -> Prices:
    if outlook is None:
        return Prices(
            import_micro_per_kwh=0, export_micro_per_kwh=0, network_fee_micro_per_kwh=0, local_micro_per_kwh=0
        )
    return Prices(
        import_micro_per_kwh=to_micro(float(outlook.prices.import_price_eur_per_kwh[0])),
        export_micro_per_kwh=to_micro(float(outlook.prices.export_price_eur_per_kwh[0])),
        network_fee_micro_per_kwh=to_micro(site.tariff.network_fee_eur_per_kwh),
        local_micro_per_kwh=to_micro(float(outlook.local_price_eur_per_kwh[0])),
        is_islanded=bool(outlook.limits.is_islanded[0]),
    )


def _figures(report: CycleReport) -> dict[str, float | None]:
    plan = report.decision.plan
    if plan is None or plan.figures is None:
        return {}
    figures = plan.figures
    return {
        "cost_eur": figures.cost_eur,
        "efficient_cost_eur": figures.efficient_cost_eur,
        "alone_cost_eur": figures.alone_cost_eur,
        "price_of_equity_eur": figures.price_of_equity_eur,
        "peak_kw": float(figures.peak_kw[0]),
        "peak_reserve_kw": _reserve_now_kw(report),
        "worst_burden_frac": figures.worst_burden_frac,
        "access_shortfall_kwh": float(figures.access_shortfall_kwh.sum()),
        "members_above_alone": float(len(figures.members_above_alone)),
    }


def _reserve_now_kw(report: CycleReport) -> float:
    """What the plan keeps free below its peak in step 0; ``peak_kw`` contains it wherever it sets the peak."""
    built = report.decision.built
    reserve_kw = built.problem.peak_reserve_kw if built is not None else np.zeros(0)
    return float(reserve_kw[0]) if reserve_kw.size else 0.0


def _asset_states(site: Site, report: CycleReport) -> tuple[AssetState, ...]:
    assets: dict[tuple[str, str], Battery | Ev] = {}
    for member in site.members:
        assets |= {(member.id, battery.id): battery for battery in member.batteries}
        assets |= {(member.id, ev.id): ev for ev in member.evs}
    states = []
    for gateway in site.gateways:
        for device in gateway.devices:
            key = DeviceKey(gateway.id, device.id)
            reading = report.snapshot.fresh.get(key)
            if reading is None:
                states.append(
                    AssetState(device=key, member=device.member, kind=device.kind, age_s=report.snapshot.stale.get(key))
                )
                continue
            asset = assets.get((device.member or "", device.asset or ""))
            soc_kwh = None
            if isinstance(asset, Battery | Ev) and reading.soc_frac is not None:
                soc_kwh = reading.soc_frac * asset.capacity_kwh
            states.append(
                AssetState(
                    device=key,
                    member=device.member,
                    kind=device.kind,
                    power_kw=reading.power_kw,
                    soc_frac=reading.soc_frac,
                    soc_kwh=soc_kwh,
                    age_s=max(0.0, (report.snapshot.taken_utc - reading.ts_utc).total_seconds()),
                )
            )
    return tuple(states)
