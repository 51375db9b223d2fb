"""What loads were held back so far, for the limits of the day and so that forecasts do not learn from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from config.schema import Site
from controller.record.event_records import HeldBack
from controller.record.event_rows import read_held_back
from controller.record.store import Store
from models.domain.arrays import FloatArray
from models.domain.demand_response import split_by_day
from models.domain.errors import StoreError
from models.domain.interval import Span, local_day_of, settlement_day
from models.domain.telemetry import DeviceKey, Reading

_log = logging.getLogger(__name__)

CAP_KEPT_FRAC = 1.1
"""A load that draws up to this share of its cap is taken to be held by it."""
CAP_FILLED_FRAC = 0.9
"""One that draws less than this share of it does so by itself: it would not draw more without the cap."""
CAP_KEPT_KW = 0.05
"""And this much more or less is the meter's noise [kW]."""
LOOK_BACK = timedelta(hours=3)
"""Before the running day's midnight: intervals that are settled after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most that a load may draw by the setpoint in force."""

    allowed_kw: float
    held_back_kw: float
    """Below what the load was expected to draw [kW]."""

    def is_kept(self, reading: Reading) -> bool:
        """Whether the load seems to be held by it: what it wants can then not be read off its power."""
        least_kw = CAP_FILLED_FRAC * self.allowed_kw - CAP_KEPT_KW
        most_kw = CAP_KEPT_FRAC * self.allowed_kw + CAP_KEPT_KW
        return reading.power_kw is not None and least_kw <= reading.power_kw <= most_kw


class HeldBackAccount:
    """Stretches in which loads were held back, as the store has them: decisions on record whose setpoints were taken.

    Args:
        site: The site.
        store: Asked before each cycle; while it fails, what was known before holds.
    """

    def __init__(self, site: Site, store: Store) -> None:
        self._site = site
        self._store = store
        self._members = {member.id: index for index, member in enumerate(site.members)}
        self._has_loads = any(member.curtailable_loads for member in site.members)
        self.stretches: Sequence[HeldBack] = ()
        """Of the running local day and a little before, oldest first."""
        self._is_failing = False

    async def refresh(self, now_utc: datetime) -> None:
        """Ask the store."""
        if not self._has_loads:
            return
        day = settlement_day(local_day_of(now_utc, self._site.zone), self._site.zone)
        span = Span(start_utc=day.start_utc - LOOK_BACK, end_utc=now_utc)
        try:
            self.stretches = await self._store.read(lambda reader: read_held_back(reader.select, span))
        except StoreError as error:
            if not self._is_failing:
                _log.warning("what loads were held back could not be read: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def by_day(self, device: DeviceKey) -> dict[date, float]:
        """Energy that a load was held back by, by local day [kWh]."""
        energy_kwh: dict[date, float] = {}
        for one in self.stretches:
            if one.device == device:
                for day, hours in split_by_day(one.span, self._site.zone).items():
                    energy_kwh[day] = energy_kwh.get(day, 0.0) + hours * one.held_back_kw
        return energy_kwh

    def by_member(self, span: Span) -> FloatArray:
        """[N] energy that members were held back by within a span of time [kWh]."""
        energy_kwh = np.zeros(len(self._members))
        for one in self.stretches:
            begin_utc, end_utc = max(one.span.start_utc, span.start_utc), min(one.span.end_utc, span.end_utc)
            if begin_utc < end_utc and one.member in self._members:
                hours = Span(start_utc=begin_utc, end_utc=end_utc).hours
                energy_kwh[self._members[one.member]] += hours * one.held_back_kw
        return energy_kwh
