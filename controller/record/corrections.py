"""Validated meter values in place of metered ones: the next revision of an interval, shared anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from config.schema import Site
from controller.record.quantities import MICRO_PER_EUR, to_micro
from controller.record.records import AllocationRow, MeteredRow, SettledInterval
from models.domain.snapshot import MeterQuality
from models.settlement.arrays import IntArray
from models.settlement.prices import price_intervals
from models.settlement.provisional import settle_provisionally
from models.settlement.sharing import SharingKey, share_energy

WH_PER_KWH = 1000.0


class MeterValue(NamedTuple):
    """What the operator's meter counted in an interval, whole watt-hours."""

    import_wh: int
    export_wh: int


def correct_interval(
    site: Site,
    stored: SettledInterval,
    values: Mapping[str, MeterValue],
    weights: Mapping[str, float],
    *,
    is_first: bool = False,
) -> SettledInterval | None:
    """The next revision of an interval with an operator's values; ``None`` where they say nothing new.

    Shared energy and provisional money are computed anew. What became of it behind the meters is adjusted by the
    difference: the colours of stored energy are not followed again.

    Args:
        site: the site.
        stored: the newest revision.
        values: by member.
        weights: of members that have no allocation yet, because their meter was silent.
        is_first: the interval is not on record yet: its first revision is made.
    """
    known = {row.member: row for row in stored.metered}
    if all(_is_same(known.get(member), value) for member, value in values.items()):
        return None
    metered = tuple(_corrected(row, values[row.member]) if row.member in values else row for row in stored.metered)
    return replace(
        stored,
        revision=stored.revision if is_first else stored.revision + 1,
        metered=metered,
        allocations=_allocate(site, replace(stored, metered=metered, allocations=()), stored, weights),
    )


def _is_same(row: MeteredRow | None, value: MeterValue) -> bool:
    return row is not None and (row.import_wh, row.export_wh) == tuple(value)


def _corrected(row: MeteredRow, value: MeterValue) -> MeteredRow:
    behind = (row.charge_wh, row.discharge_wh, row.ev_wh, row.shiftable_wh, row.pv_wh)
    demand_wh = None
    if None not in behind:
        charge, discharge, car, runs, generated = (part or 0 for part in behind)
        demand_wh = max(0, value.import_wh - value.export_wh - charge + discharge - car - runs + generated)
    return replace(
        row,
        quality=MeterQuality.MEASURED,
        import_wh=value.import_wh,
        export_wh=value.export_wh,
        demand_wh=demand_wh,
    )


def _allocate(
    site: Site, corrected: SettledInterval, before: SettledInterval, weights: Mapping[str, float]
) -> tuple[AllocationRow, ...]:
    rows = [row for row in corrected.metered if row.import_wh is not None and row.export_wh is not None]
    old = {row.member: row for row in before.allocations}
    old_metered = {row.member: row for row in before.metered}
    persons = {member.id: member.persons for member in site.members}
    shares = site.sharing.static_shares
    weight = [old[row.member].weight if row.member in old else weights.get(row.member, 1.0) for row in rows]
    stored = corrected.prices
    prices = price_intervals(
        [stored.import_micro_per_kwh / MICRO_PER_EUR],
        [stored.export_micro_per_kwh / MICRO_PER_EUR],
        [stored.network_fee_micro_per_kwh / MICRO_PER_EUR],
        is_islanded=[stored.is_islanded],
        islanded_eur_per_kwh=site.tariff.islanded_price_eur_per_kwh,
    )
    energy = share_energy(
        _column([row.import_wh or 0 for row in rows]),
        _column([row.export_wh or 0 for row in rows]),
        SharingKey(corrected.key),
        weight=weight,
        need=[persons.get(row.member, 1) for row in rows],
        static_share=None if shares is None else [shares.get(row.member, 0.0) for row in rows],
        is_open=prices.is_open,
    )
    local = stored.local_micro_per_kwh / MICRO_PER_EUR
    fee = stored.network_fee_micro_per_kwh / MICRO_PER_EUR
    cost = settle_provisionally(energy, prices, np.array([local])).cost_eur
    allocations = []
    for k, row in enumerate(rows):
        received, sold = int(energy.received_wh[k, 0]), int(energy.supplied_wh[k, 0])
        drawn = row.import_wh or 0
        base = old.get(row.member)
        own = 0 if base is None else base.own_wh
        more = drawn - (old_metered[row.member].import_wh or 0)
        use = min(own + drawn, max(0, (drawn if base is None else base.use_wh + more)))
        sunny = received if base is None else base.renewable_wh + received - base.shared_wh
        allocations.append(
            AllocationRow(
                member=row.member,
                shared_wh=received,
                sold_wh=sold,
                own_wh=own,
                community_wh=received,
                grid_wh=drawn - received,
                use_wh=use,
                renewable_wh=min(use, max(0, sunny)),
                value_micro=to_micro((sold * local - received * (local + fee)) / WH_PER_KWH),
                billed_micro=to_micro(float(cost[k, 0])),
                weight=float(weight[k]),
            )
        )
    return tuple(allocations)


def _column(values: list[int]) -> IntArray:
    return np.array(values, dtype=np.int64)[:, None]
