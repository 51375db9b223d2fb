"""What a plan looks ahead to: its steps, prices, forecasts and limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from config.schema import Site
from controller.loop.event_outlook import find_events
from controller.loop.forecast_misses import Expected, ForecastMisses, columns_to_review
from controller.loop.settling import PriceNow
from models.domain.arrays import BoolArray, FloatArray, IntArray, freeze
from models.domain.demand_response import DemandEvent
from models.domain.errors import CommonWattError
from models.domain.interval import PlanSteps, billing_period_index, floor_to_interval, plan_steps
from models.domain.market import LimitNotice
from models.domain.tariff import PriceBook, StepPrices, local_price
from models.forecast.demand import forecast_demand
from models.forecast.history import Forecast, History
from models.forecast.pv import forecast_pv

HISTORY_DAYS = 28
"""Days of metered means that forecasts are made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentLimits:
    """Limits of the community's connection, now."""

    import_kw: float
    export_kw: float
    is_islanded: bool
    """Nothing can be drawn or given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimits:
    """Limits of the community's connection in each step."""

    import_kw: FloatArray
    """[T]"""
    export_kw: FloatArray
    """[T]"""
    is_islanded: BoolArray
    """[T] nothing can be drawn or given."""

    def at(self, step: int) -> PresentLimits:
        """Limits of one step."""
        return PresentLimits(
            import_kw=float(self.import_kw[step]),
            export_kw=float(self.export_kw[step]),
            is_islanded=bool(self.is_islanded[step]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Everything about the coming steps that does not depend on what is decided."""

    steps: PlanSteps
    prices: StepPrices
    local_price_eur_per_kwh: FloatArray
    """[T]"""
    billing_period: IntArray
    """[T] 0 = the running one."""
    demand: Forecast
    pv: Forecast
    limits: StepLimits
    stored_value_eur_per_kwh: float
    """Mean import price of the day after the horizon: what a stored kWh will replace."""
    zone: ZoneInfo
    events: tuple[DemandEvent, ...] = ()
    """Demand-response events that touch the steps, the first to begin first."""
    peak_reserve_kw: FloatArray = field(default_factory=lambda: freeze(()))
    """[T] room to keep free below the peak for what forecasts miss [kW]; empty: none."""

    def share_of(self, start_utc: datetime, end_utc: datetime) -> FloatArray:
        """[T] part of each step that lies between two instants, 0 to 1."""
        begin_s = np.array([moment.timestamp() for moment in self.steps.starts_utc])
        length_s = self.steps.step_h * 3600.0
        overlap = np.minimum(begin_s + length_s, end_utc.timestamp()) - np.maximum(begin_s, start_utc.timestamp())
        return np.asarray(np.clip(overlap / length_s, 0.0, 1.0))

    def last_step_before(self, moment_utc: datetime) -> int:
        """Index of the last step that ends at or before a moment; step 0 if none does."""
        ends = [
            start + timedelta(hours=float(hours))
            for start, hours in zip(self.steps.starts_utc, self.steps.step_h, strict=True)
        ]
        return max(0, sum(end <= moment_utc + timedelta(seconds=1) for end in ends) - 1)

    def next_local_time(self, at: time) -> datetime:
        """First moment after the plan's start at which the site's clocks show ``at``."""
        return next_local_time(self.steps.starts_utc[0], at, self.zone)


def next_local_time(after_utc: datetime, at: time, zone: ZoneInfo) -> datetime:
    """First moment after another at which clocks in the zone show ``at``."""
    local = after_utc.astimezone(zone)
    today = datetime.combine(local.date(), at, tzinfo=zone)
    due = today if today > local else datetime.combine(local.date() + timedelta(days=1), at, tzinfo=zone)
    return due.astimezone(after_utc.tzinfo)


class MeteredHistory:
    """Demand and PV generation of the last weeks on the interval grid, N members."""

    def __init__(self, members: int, interval_min: int) -> None:
        """Start empty."""
        self._interval = timedelta(minutes=interval_min)
        self._capacity = HISTORY_DAYS * 24 * 60 // interval_min
        self._demand_kw = np.zeros((members, 0))
        self._pv_kw = np.zeros((members, 0))
        self._end_utc: datetime | None = None

    def load(self, start_utc: datetime, demand_kw: FloatArray, pv_kw: FloatArray) -> None:
        """Take over a whole history.

        Args:
            start_utc: Start of its first interval.
            demand_kw: [N, H] interval means; NaN: unknown [kW].
            pv_kw: [N, H] interval means; NaN: unknown [kW].
        """
        self._demand_kw = demand_kw[:, -self._capacity :]
        self._pv_kw = pv_kw[:, -self._capacity :]
        self._end_utc = start_utc + demand_kw.shape[1] * self._interval

    def append(self, start_utc: datetime, demand_kw: FloatArray, pv_kw: FloatArray) -> None:
        """Add the interval that began at ``start_utc``; intervals passed over in between are unknown.

        Args:
            start_utc: Start of the interval, after all known ones.
            demand_kw: [N] means; NaN: unknown [kW].
            pv_kw: [N] means; NaN: unknown [kW].
        """
        end_utc = self._end_utc or start_utc
        gap = min(self._capacity, max(0, round((start_utc - end_utc) / self._interval)))
        unknown = np.full((len(demand_kw), gap), np.nan)
        self._demand_kw = np.hstack([self._demand_kw, unknown, demand_kw[:, None]])[:, -self._capacity :]
        self._pv_kw = np.hstack([self._pv_kw, unknown, pv_kw[:, None]])[:, -self._capacity :]
        self._end_utc = start_utc + self._interval

    def history(self, now_utc: datetime, *, of_pv: bool) -> History:
        """The history up to the start of the running interval."""
        values = self._pv_kw if of_pv else self._demand_kw
        end_utc = self._end_utc or floor_to_interval(now_utc, self._interval // timedelta(minutes=1))
        return History(
            start_utc=end_utc - values.shape[1] * self._interval,
            interval_s=int(self._interval.total_seconds()),
            mean_kw=np.maximum(values, 0.0),
        )


class Forecaster:
    """Makes outlooks from the metered history, the tariff and the limits that were announced."""

    def __init__(self, site: Site, prices: PriceBook, history: MeteredHistory) -> None:
        """Keep what every outlook needs; ``prices`` may be replaced when live prices arrive."""
        self._site = site
        self.prices = prices
        self.history = history
        self.limits: tuple[LimitNotice, ...] = ()
        """Announced limits, oldest first."""
        self.events: tuple[DemandEvent, ...] = ()
        """Announced demand-response events, the first to begin first."""
        self._misses = ForecastMisses(site.interval_min, site.zone)
        self._persons = np.array([member.persons for member in site.members], dtype=np.int64)
        self._pv_kwp = np.array([member.pv_kwp for member in site.members])

    def look_ahead(self, now_utc: datetime, supply_demand_ratio: float, ends_utc: Iterable[datetime] = ()) -> Outlook:
        """Outlook of a plan that is made now.

        Args:
            now_utc: Start of step 0.
            supply_demand_ratio: Of the previous plan, for the local price.
            ends_utc: When plugged cars leave: steps end there.
        """
        horizon = self._site.horizon
        steps = plan_steps(
            now_utc,
            interval_min=self._site.interval_min,
            fine_steps=horizon.fine_steps,
            coarse_steps=horizon.coarse_steps,
            coarse_step_min=max(horizon.coarse_step_min, self._site.interval_min),
            ends_utc=ends_utc,
        )
        prices = self.prices.prices(steps.starts_utc, steps.step_h)
        past = (self.history.history(now_utc, of_pv=False), self.history.history(now_utc, of_pv=True))
        self._misses.learn(*past)
        demand, pv = self._forecast(*past, now_utc, steps.step_h)
        if now_utc == floor_to_interval(now_utc, self._site.interval_min):
            self._misses.expect(_first_step(now_utc, demand, pv))
        return Outlook(
            steps=steps,
            prices=prices,
            local_price_eur_per_kwh=local_price(prices, self._site.tariff.local_price, supply_demand_ratio),
            billing_period=billing_period_index(steps.starts_utc, self._site.zone),
            demand=demand,
            pv=pv,
            peak_reserve_kw=self._misses.reserve_kw(steps),
            limits=self._limits(steps.starts_utc, steps.step_h),
            stored_value_eur_per_kwh=self._stored_value(steps, prices),
            zone=self._site.zone,
            events=find_events(self._site, self.prices, self.events, steps),
        )

    def review(self, now_utc: datetime) -> None:
        """Learn from the history how good forecasts of one step ahead have been, where the peak has a price."""
        if self._site.tariff.peak_charge_eur_per_kw <= 0.0:
            return
        demand, pv = (self.history.history(now_utc, of_pv=of_pv) for of_pv in (False, True))
        members, count = demand.mean_kw.shape
        interval_h = np.array([self._site.interval_min / 60.0])
        for known in columns_to_review(count, members, self._site.interval_min):
            past = [replace(one, mean_kw=one.mean_kw[:, :known]) for one in (demand, pv)]
            start_utc = past[0].end_utc
            self._misses.expect(_first_step(start_utc, *self._forecast(past[0], past[1], start_utc, interval_h)))
            self._misses.learn(demand, pv)

    def _forecast(
        self, demand: History, pv: History, start_utc: datetime, step_h: FloatArray
    ) -> tuple[Forecast, Forecast]:
        """Demand and PV from a start on, by what was metered before."""
        zone, where = self._site.zone, self._site.community.location
        return (
            forecast_demand(demand, start_utc, step_h, zone=zone, persons=self._persons),
            forecast_pv(
                pv,
                start_utc,
                step_h,
                zone=zone,
                pv_kwp=self._pv_kwp,
                latitude_deg=where.latitude_deg if where else None,
                longitude_deg=where.longitude_deg if where else None,
            ),
        )

    def price_of(self, start_utc: datetime, supply_demand_ratio: float) -> PriceNow:
        """Prices in force during the interval that begins at ``start_utc``."""
        interval_h = np.array([self._site.interval_min / 60.0])
        prices = self.prices.prices((start_utc,), interval_h)
        local = local_price(prices, self._site.tariff.local_price, supply_demand_ratio)
        return PriceNow(
            import_eur_per_kwh=float(prices.import_price_eur_per_kwh[0]),
            export_eur_per_kwh=float(prices.export_price_eur_per_kwh[0]),
            local_eur_per_kwh=float(local[0]),
            is_islanded=bool(self._limits((start_utc,), interval_h).is_islanded[0]),
        )

    def limits_now(self, now_utc: datetime) -> PresentLimits:
        """Limits from a moment on, for a plan phase that came to no outlook; one about to begin counts already."""
        return self._limits((now_utc,), np.array([self._site.interval_min / 60.0])).at(0)

    def _limits(self, starts_utc: Sequence[datetime], step_h: FloatArray) -> StepLimits:
        """Limits of each step; one that begins within a step holds for all of it: it has to be kept from there on."""
        community = self._site.community
        import_kw = np.full(len(starts_utc), community.import_limit_kw)
        export_kw = np.full(len(starts_utc), community.export_limit_kw)
        start_s = np.array([start.timestamp() for start in starts_utc])
        is_islanded = np.zeros(len(starts_utc), dtype=np.bool_)
        for notice in self.limits:
            late_s = notice.valid_from_utc.timestamp() - start_s
            applies, begins = late_s <= 0.0, (late_s > 0.0) & (late_s < step_h * 3600.0)
            own_import_kw = _or(notice.import_kw, community.import_limit_kw)
            own_export_kw = _or(notice.export_kw, community.export_limit_kw)
            import_kw[applies], export_kw[applies] = own_import_kw, own_export_kw
            is_island = own_import_kw <= 0.0 and own_export_kw <= 0.0
            is_islanded[applies] = is_island
            if not is_island:
                import_kw[begins] = np.minimum(import_kw[begins], own_import_kw)
                export_kw[begins] = np.minimum(export_kw[begins], own_export_kw)
        return StepLimits(import_kw=import_kw, export_kw=export_kw, is_islanded=is_islanded)

    def _stored_value(self, steps: PlanSteps, prices: StepPrices) -> float:
        hours = tuple(steps.end_utc + timedelta(hours=hour) for hour in range(24))
        try:
            after = self.prices.prices(hours, np.ones(24)).import_price_eur_per_kwh
        except CommonWattError:
            # A price series ends with what is published: the horizon's own mean is the best guess then.
            return float(np.average(prices.import_price_eur_per_kwh, weights=steps.step_h))
        return float(np.mean(after))


def _first_step(start_utc: datetime, demand: Forecast, pv: Forecast) -> Expected:
    return Expected(start_utc=start_utc, demand_kw=demand.mean_kw[:, 0], pv_kw=pv.mean_kw[:, 0])


def _or(limit_kw: float | None, usual_kw: float) -> float:
    return usual_kw if limit_kw is None else min(limit_kw, usual_kw)
