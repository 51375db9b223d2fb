"""The settle phase: which ended intervals can be closed now, and those that the store has not taken yet."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.held_back import HeldBackAccount
from controller.loop.outlook import Forecaster
from controller.loop.settling import ClosedInterval, IntervalSettler
from controller.record.records import SettledInterval
from controller.record.store import Store
from models.domain.arrays import BoolArray, FloatArray
from models.domain.errors import CommonWattError
from models.domain.interval import Span
from models.domain.snapshot import CountedEnergy, MeterQuality, Snapshot
from models.domain.telemetry import DeviceKey

_log = logging.getLogger(__name__)

MOST_KEPT = 3 * 96
"""Settled intervals that wait for a store that cannot be written: three days of quarter-hours."""
MOST_TRIES = 3
"""A settled interval that the store refuses this often while it takes others is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deferred:
    """An interval that some meters have not counted to its end yet, with what was in force in it."""

    start_utc: datetime
    weights: FloatArray
    is_curtailed: BoolArray


@dataclass(slots=True, kw_only=True)
class _Kept:
    settled: SettledInterval
    tries: int = 0


class IntervalCloser:
    """Closes intervals in their order, each once.

    A meter that does not sample at the boundary can only be read there by interpolation, once it has sampled after
    it. So an interval that a fresh device has not counted to its end is closed by the next cycle, with
    whatever is known then.
    """

    def __init__(self, site: Site, settler: IntervalSettler, account: PeriodAccount, forecaster: Forecaster) -> None:
        """Start with nothing to close."""
        self._site = site
        self._interval = timedelta(minutes=site.interval_min)
        self._settler = settler
        self._account = account
        self._forecaster = forecaster
        self.held_back: HeldBackAccount | None = None
        """What loads were held back; unset: nothing is."""
        self._deferred: _Deferred | None = None
        self._kept: list[_Kept] = []
        self.supply_demand_ratio = 0.0
        """Of the last closed interval: what was exported over what was imported, at most 1."""
        self.lost = 0
        """Settled intervals that never reached the store."""

    def close(
        self, snapshot: Snapshot, weights: FloatArray, is_curtailed: BoolArray, *, is_final: bool = False
    ) -> tuple[ClosedInterval, ...]:
        """Close what can be closed at this cycle's start, oldest first.

        Args:
            snapshot: What the cycle sees.
            weights: [N] weights that were in force in the interval that has just ended.
            is_curtailed: [N] members whose PV was limited in it: their generation says nothing about the sun.
            is_final: No later cycle will come; close with what is known.
        """
        ended_utc = snapshot.interval_start_utc - self._interval
        just_ended = _Deferred(start_utc=ended_utc, weights=weights, is_curtailed=is_curtailed)
        deferred, self._deferred = self._deferred, None
        closed = []
        if deferred is not None and deferred.start_utc == ended_utc - self._interval:
            # The state of charge at its end is not known any more: colours go by what was charged and discharged.
            closed.append(self._close(deferred, snapshot, is_late=True))
        if snapshot.awaited and not is_final:
            self._deferred = just_ended
        else:
            closed.append(self._close(just_ended, snapshot, is_late=False))
        return tuple(one for one in closed if one is not None)

    def _close(self, interval: _Deferred, snapshot: Snapshot, *, is_late: bool) -> ClosedInterval | None:
        counted: dict[DeviceKey, CountedEnergy] = dict(snapshot.earlier if is_late else snapshot.closed)
        if all(energy.quality is MeterQuality.MISSING for energy in counted.values()):
            return None
        price = self._forecaster.price_of(interval.start_utc, self.supply_demand_ratio)
        newest = {} if is_late else snapshot.fresh
        curtailed = [
            member.id for member, is_cut in zip(self._site.members, interval.is_curtailed, strict=True) if is_cut
        ]
        closed = self._settler.close(interval.start_utc, counted, newest, price, interval.weights, curtailed)
        self._account.add((closed.settled,))
        self._learn(closed, interval.is_curtailed)
        return closed

    def _learn(self, closed: ClosedInterval, is_curtailed: BoolArray) -> None:
        interval_h = self._interval / timedelta(hours=1)
        is_unknown = np.array(
            [energy.quality is MeterQuality.MISSING or not energy.has_all_devices for energy in closed.energies]
        )
        demand_kw = np.array([energy.demand_kwh / interval_h for energy in closed.energies])
        if self.held_back is not None:
            # A forecast of what homes want must not learn from what they were not given.
            start_utc = closed.settled.start_utc
            span = Span(start_utc=start_utc, end_utc=start_utc + self._interval)
            demand_kw = demand_kw + self.held_back.by_member(span) / interval_h
        pv_kw = np.array([energy.pv_kwh / interval_h for energy in closed.energies])
        demand_kw[is_unknown] = np.nan
        pv_kw[is_unknown | is_curtailed] = np.nan
        self._forecaster.history.append(closed.settled.start_utc, demand_kw, pv_kw)
        imported = sum(energy.import_kwh for energy in closed.energies)
        exported = sum(energy.export_kwh for energy in closed.energies)
        self.supply_demand_ratio = min(1.0, exported / imported) if imported > 0.0 else 1.0

    def keep(self, closed: tuple[ClosedInterval, ...]) -> None:
        """Keep intervals whose transaction failed, for a later one; the oldest are lost where there are too many."""
        self._kept.extend(_Kept(settled=one.settled) for one in closed)
        self.lost += max(0, len(self._kept) - MOST_KEPT)
        self._kept = self._kept[-MOST_KEPT:]

    async def write_kept(self, store: Store) -> None:
        """Write kept intervals, each in a transaction of its own: one that cannot be written stops no other."""
        remaining: list[_Kept] = []
        for kept in self._kept:
            try:
                await store.commit_settled([kept.settled])
            except CommonWattError as error:
                kept.tries += 1
                remaining.append(kept)
                _log.warning("the interval of %s is not on record yet: %s", kept.settled.start_utc, error)
        # Only where others were written is the record itself at fault, and not the disk.
        is_disk_well = len(remaining) < len(self._kept)
        given_up = [kept for kept in remaining if is_disk_well and kept.tries >= MOST_TRIES]
        self.lost += len(given_up)
        self._kept = [kept for kept in remaining if kept not in given_up]
