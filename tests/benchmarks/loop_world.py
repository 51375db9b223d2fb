"""What simulated days of the closed loop are given: site, homes on the interval grid, prices, history, span."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from config.composition import compose_site
from config.members import Ev
from config.schema import Site
from devices.simulator.uncontrolled import UncontrolledRun, run_uncontrolled
from models.domain.arrays import FloatArray
from models.domain.interval import settlement_day
from models.domain.tariff import PriceBook
from models.profiles.generator import generate
from models.profiles.profiles import CommunityProfile, EvSession, ShiftableRun

FIRST_DAY = date(2026, 5, 12)
"""A Tuesday in spring: sun by day, a need for it in the evening."""
HISTORY_DAYS = 14
"""Days that forecasts are made from; played without a controller."""
AFTER_DAYS = 1
"""Known day after the window, on which what is left in stores and to be charged is valued."""
SEEN_BEYOND_DAYS = 2
"""The last plans look beyond the window by a day and a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that members, days and seed give again."""

    site: Site
    profile: CommunityProfile
    """Interval means; cars and runs on the interval grid."""
    prices: PriceBook
    history: UncontrolledRun
    """The days before the window."""
    uncontrolled: UncontrolledRun
    """The window without a controller."""
    start_utc: datetime
    end_utc: datetime
    after_utc: datetime
    """End of the known day after the window."""

    @property
    def interval(self) -> timedelta:
        """Length of an interval."""
        return timedelta(minutes=self.site.interval_min)

    @property
    def interval_h(self) -> float:
        """Length of an interval [h]."""
        return self.site.interval_min / 60.0

    def starts(self, start_utc: datetime, end_utc: datetime) -> tuple[datetime, ...]:
        """Starts of the intervals of a span."""
        return tuple(start_utc + number * self.interval for number in range((end_utc - start_utc) // self.interval))

    def of_span(self, series_kw: FloatArray, start_utc: datetime, end_utc: datetime) -> FloatArray:
        """[N, K] of a span from a series [N, T] of the whole profile."""
        first, last = ((moment - self.profile.start_utc) // self.interval for moment in (start_utc, end_utc))
        return series_kw[:, first:last]


def build_world(members: int, days: int, seed: int, first_day: date = FIRST_DAY) -> World:
    """An invented community and its days."""
    site = _without_price_events(compose_site(members, seed))
    edges = [settlement_day(first_day + timedelta(days=number), site.zone).start_utc for number in _day_numbers(days)]
    history_utc, start_utc, end_utc, after_utc, seen_utc = (edge.astimezone(UTC) for edge in edges)
    raw = generate(site, history_utc, seen_utc, seed=seed, step_s=site.interval_min * 60)
    profile = snap(site, raw)
    history = run_uncontrolled(site, profile, start_utc=history_utc, end_utc=start_utc)
    return World(
        site=site,
        profile=profile,
        prices=PriceBook(tariff=site.tariff, zone=site.zone),
        history=history,
        uncontrolled=run_uncontrolled(site, profile, start_utc=start_utc, end_utc=end_utc, states=history.end_states),
        start_utc=start_utc,
        end_utc=end_utc,
        after_utc=after_utc,
    )


def _without_price_events(site: Site) -> Site:
    """The site with all demand served: a course that holds loads back gives another service than the optimum."""
    none = site.demand_response.model_copy(update={"price_threshold_std": None})
    return site.model_copy(update={"demand_response": none})


def _day_numbers(days: int) -> tuple[int, ...]:
    return -HISTORY_DAYS, 0, days, days + AFTER_DAYS, days + SEEN_BEYOND_DAYS


def snap(site: Site, profile: CommunityProfile) -> CommunityProfile:
    """The same profile with cars and runs on the interval grid, so that a plan's steps can follow them exactly.

    A car is there from the first whole interval to the last one; what it could not charge in them it does not need. A
    run may wait from the first interval start after its request on.
    """
    interval = timedelta(minutes=site.interval_min)
    evs = {(member.id, ev.id): ev for member in site.members for ev in member.evs}
    sessions = [_snap_session(one, evs[one.member_id, one.asset_id], interval) for one in profile.ev_sessions]
    return replace(
        profile,
        ev_sessions=tuple(one for one in sessions if one is not None),
        runs=tuple(_snap_run(one, interval) for one in profile.runs),
    )


def _snap_session(session: EvSession, ev: Ev, interval: timedelta) -> EvSession | None:
    arrival_utc = ceil_to(session.arrival_utc, interval)
    departure_utc = -ceil_to_delta(-_since(session.departure_utc), interval) + _EPOCH
    if departure_utc <= arrival_utc:
        return None
    most_kwh = ev.charge_limit_kw * ev.charge_efficiency_frac * ((departure_utc - arrival_utc) / timedelta(hours=1))
    needed_kwh = min(session.energy_needed_kwh, most_kwh)
    return replace(session, arrival_utc=arrival_utc, departure_utc=departure_utc, energy_needed_kwh=needed_kwh)


def _snap_run(run: ShiftableRun, interval: timedelta) -> ShiftableRun:
    requested_utc = ceil_to(run.requested_utc, interval)
    soonest_utc = requested_utc + ceil_to_delta(timedelta(seconds=run.duration_s), interval)
    latest_end_utc = max(-ceil_to_delta(-_since(run.latest_end_utc), interval) + _EPOCH, soonest_utc)
    return replace(run, requested_utc=requested_utc, latest_end_utc=latest_end_utc)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _since(moment_utc: datetime) -> timedelta:
    return moment_utc - _EPOCH


def ceil_to(moment_utc: datetime, interval: timedelta) -> datetime:
    """The first interval start that is not before a moment."""
    return _EPOCH + ceil_to_delta(_since(moment_utc), interval)


def ceil_to_delta(span: timedelta, interval: timedelta) -> timedelta:
    """The smallest whole number of intervals that is not below a span; the span may be negative."""
    return -(-span // interval) * interval


def interval_means(world: World, energy_kwh: FloatArray) -> FloatArray:
    """Mean powers [kW] of energies by interval [kWh]."""
    return np.asarray(energy_kwh / world.interval_h)
