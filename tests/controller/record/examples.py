"""Records of a small community, for the store's tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from controller.record.outbox import OutboxLimits
from controller.record.records import (
    AllocationRow,
    AssetState,
    DecisionRow,
    ExplanationRow,
    IntervalRecord,
    MeteredRow,
    Prices,
    Rung,
    SettledInterval,
)
from controller.record.store import Store
from models.dispatch.result import SolveRecord, Termination
from models.domain.setpoint import Reason, Setpoint
from models.domain.snapshot import MeterQuality
from models.domain.telemetry import DeviceKey

START = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
INTERVAL_S = 900
INTERVAL = timedelta(seconds=INTERVAL_S)
SITE = "sunhill"
PRICES = Prices(
    import_micro_per_kwh=301_234,
    export_micro_per_kwh=81_000,
    network_fee_micro_per_kwh=20_000,
    local_micro_per_kwh=181_117,
)
SOLVE = SolveRecord(
    solver="glpk",
    termination=Termination.OPTIMAL,
    gap_frac=0.001,
    stage_s=(0.1, 0.2, 0.05),
    rows=100,
    columns=200,
    binaries=8,
    peak_memory_mb=80.5,
)


async def open_store(path: Path, *, limits: OutboxLimits | None = None, seed: int = 1, is_queued: bool = True) -> Store:
    outbox = (limits or OutboxLimits()) if is_queued else None
    return await Store.open(
        path, site_id=SITE, language="en", started_utc=START, rng=np.random.default_rng(seed), outbox=outbox
    )


def interval_start(index: int) -> datetime:
    return START + index * INTERVAL


def settled(index: int, *, members: int = 3, revision: int = 0) -> SettledInterval:
    """Member 0 exports what the others share; the last one's meter is silent."""
    metered = [MeteredRow(member="home-0", quality=MeterQuality.MEASURED, import_wh=0, export_wh=400, demand_wh=100)]
    metered += [
        MeteredRow(
            member=f"home-{i}",
            quality=MeterQuality.MEASURED,
            import_wh=250 + i,
            export_wh=0,
            demand_wh=250 + i,
            pv_wh=0,
        )
        for i in range(1, members - 1)
    ]
    metered.append(MeteredRow(member=f"home-{members - 1}", quality=MeterQuality.MISSING))
    shared = [100 // max(1, members - 2)] * (members - 2)
    base = AllocationRow(
        member="home-0",
        shared_wh=0,
        sold_wh=sum(shared),
        own_wh=100,
        community_wh=0,
        grid_wh=0,
        use_wh=100,
        renewable_wh=100,
        value_micro=18_112,
        billed_micro=-51_000,
        weight=1.25,
    )
    allocations = [base] + [
        replace(
            base,
            member=f"home-{i}",
            shared_wh=shared[i - 1],
            sold_wh=0,
            own_wh=0,
            community_wh=shared[i - 1],
            grid_wh=250 + i - shared[i - 1],
            use_wh=250 + i,
            renewable_wh=shared[i - 1],
            value_micro=-20_112,
            billed_micro=75_123,
        )
        for i in range(1, members - 1)
    ]
    return SettledInterval(
        start_utc=interval_start(index),
        duration_s=INTERVAL_S,
        revision=revision,
        key="equity",
        prices=PRICES,
        metered=tuple(metered),
        allocations=tuple(allocations),
    )


def setpoint(decision_id: str, *, epoch: int = 1, seq: int = 1, member: int = 0, index: int = 0) -> Setpoint:
    return Setpoint(
        setpoint_id=f"{decision_id}-{member}-{seq}",
        device=DeviceKey(f"gw-{member}", "battery"),
        epoch=epoch,
        seq=seq,
        power_kw=1.5,
        not_before_utc=interval_start(index),
        expires_utc=interval_start(index) + timedelta(seconds=60),
        reason=Reason.STORE_SURPLUS,
    )


def record(index: int, *, members: int = 3, epoch: int = 1, replan: int = 0) -> IntervalRecord:
    """The cycle at the start of interval ``index``, which closes the one before."""
    decision_id = f"{epoch}-{index}-{replan}"
    moment = interval_start(index) + timedelta(seconds=300 * replan)
    decision = DecisionRow(
        decision_id=decision_id,
        interval_start_utc=interval_start(index),
        interval_s=INTERVAL_S,
        valid_from_utc=moment,
        committed_utc=moment + timedelta(milliseconds=1250),
        replan=replan,
        cause="deviation" if replan else "tick",
        rung=Rung.OPTIMAL,
        prices=PRICES,
        solve=SOLVE,
        problem_sha256="ab" * 32,
        weights={f"home-{i}": 1.0 for i in range(members)},
        proposals={f"home-{i}": 1.5 for i in range(members)},
        figures={"cost_eur": 12.5, "price_of_equity_eur": 0.25, "worst_burden_frac": None},
    )
    return IntervalRecord(
        decision=decision,
        settled=() if replan else (settled(index - 1, members=members),),
        setpoints=tuple(
            setpoint(decision_id, epoch=epoch, seq=10 * index + replan + 1, member=i, index=index)
            for i in range(members)
        ),
        explanations=tuple(explanation(i) for i in range(members)),
        asset_states=tuple(
            AssetState(
                device=DeviceKey(f"gw-{i}", "battery"),
                member=f"home-{i}",
                kind="battery",
                power_kw=-0.5,
                soc_frac=0.5,
                soc_kwh=5.0,
                age_s=3.0,
            )
            for i in range(members)
        ),
        fairness={"members_with_burden": 4.0, "gini_energy_burden": 0.21, "gini_renewable_access": None},
        policy={"step_largest": 0.1},
        gateway={"outbox_rows": 3.0},
    )


def explanation(member: int) -> ExplanationRow:
    return ExplanationRow(
        member=f"home-{member}",
        topic=f"setpoint:gw-{member}/battery",
        reason=Reason.STORE_SURPLUS,
        numbers={"saved_eur": 0.31, "marginal_price_eur_per_kwh": 0.12},
        texts={"en": 'The battery stores your surplus, "for tonight".', "de": "Die Batterie speichert Überschuss."},
    )
