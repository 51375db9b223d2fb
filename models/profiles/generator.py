"""A whole community's stochastic profile from one seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from config.members import Member
from config.schema import Site
from models.domain.errors import ProfileError
from models.profiles.demand import draw_demand, draw_empty_home
from models.profiles.ev import draw_session
from models.profiles.local_day import LocalDay, list_local_days
from models.profiles.profiles import CommunityProfile, EvSession, FloatArray, ShiftableRun, count_steps
from models.profiles.seeding import Purpose, open_stream
from models.profiles.shiftable import draw_run
from models.profiles.traits import draw_traits
from models.profiles.weather import generate_pv

_AWAY_WEEK_PROBABILITY = 0.03
"""Share of weeks in which a household is away from home."""
_TEMPERATE_LATITUDE_DEG = 48.0
"""Stands in for an unknown latitude where only the length of dark evenings depends on it."""


def generate(site: Site, start_utc: datetime, end_utc: datetime, *, seed: int, step_s: int = 60) -> CommunityProfile:
    """Demand, PV, car sessions and appliance runs of a site's members.

    A member's day depends on the seed, the member's id and the date only: not on the window asked for, nor on who
    else is a member.

    Args:
        site: Members with their assets, zone and location.
        start_utc: Start: aware, UTC, a multiple of the step.
        end_utc: End, later.
        seed: Any number >= 0; the same one gives the same community.
        step_s: Step [s]; whole minutes that divide an hour.

    Raises:
        ProfileError: The window does not fit the step; the seed is negative; PV is asked for without a location or
            without pvlib; an appliance's run does not fit its window.
    """
    steps = count_steps(start_utc, end_utc, step_s)
    if seed < 0:
        raise ProfileError(f"seed: found {seed}, accepted are whole numbers >= 0")
    location = site.community.location
    latitude_deg = _TEMPERATE_LATITUDE_DEG if location is None else location.latitude_deg
    days = list_local_days(start_utc, end_utc, site.zone, days_before=1)
    minutes = steps * step_s // 60
    demand_kw = np.zeros((len(site.members), steps))
    for row, member in enumerate(site.members):
        home_kw = _join_days(member, days, latitude_deg, start_utc, minutes, seed)
        demand_kw[row] = home_kw.reshape(steps, -1).mean(axis=1)
    ev_sessions, runs = generate_assets(site, start_utc, end_utc, seed=seed)
    return CommunityProfile(
        member_ids=tuple(member.id for member in site.members),
        start_utc=start_utc,
        step_s=step_s,
        demand_kw=demand_kw,
        pv_kw=_stack_pv(site, start_utc, steps, step_s, seed),
        ev_sessions=ev_sessions,
        runs=runs,
    )


def generate_assets(
    site: Site, start_utc: datetime, end_utc: datetime, *, seed: int
) -> tuple[tuple[EvSession, ...], tuple[ShiftableRun, ...]]:
    """Car sessions and appliance runs that touch a window, by member, asset and time.

    Raises:
        ProfileError: An appliance's run does not fit its window.
    """
    days = list_local_days(start_utc, end_utc, site.zone, days_before=2)
    sessions: list[EvSession] = []
    runs: list[ShiftableRun] = []
    for member in site.members:
        present = [day for day in days if not is_away(member, day, seed)]
        for ev in member.evs:
            streams = (
                open_stream(seed, Purpose.EV, owner=f"{member.id}/{ev.id}", ordinal=_key(day)) for day in present
            )
            drawn = (
                draw_session(member.id, ev, day, site.zone, rng) for day, rng in zip(present, streams, strict=True)
            )
            sessions += [s for s in drawn if s and s.arrival_utc < end_utc and s.departure_utc > start_utc]
        for load in member.shiftable_loads:
            for day in present:
                rng = open_stream(seed, Purpose.RUN, owner=f"{member.id}/{load.id}", ordinal=_key(day))
                run = draw_run(member.id, load, day, site.zone, rng)
                if run is not None and run.requested_utc < end_utc and run.latest_end_utc > start_utc:
                    runs.append(run)
    return tuple(sessions), tuple(runs)


def is_away(member: Member, day: LocalDay, seed: int) -> bool:
    """Whether a household is away in the whole week (from Monday) that a day belongs to; a business never is."""
    week = (_key(day) - 1) // 7
    rng = open_stream(seed, Purpose.AWAY, owner=member.id, ordinal=week)
    return member.kind == "household" and bool(rng.random() < _AWAY_WEEK_PROBABILITY)


def _key(day: LocalDay) -> int:
    return day.day.toordinal()


def _join_days(
    member: Member, days: list[LocalDay], latitude_deg: float, start_utc: datetime, minutes: int, seed: int
) -> FloatArray:
    """[minutes] demand of one member from the window's start on [kW]."""
    traits = draw_traits(member, open_stream(seed, Purpose.TRAITS, owner=member.id))
    origin_s = days[0].start_s
    joined_kw = np.zeros((days[-1].start_s - origin_s) // 60 + len(days[-1].wall_h) + 240)
    for day in days:
        rng = open_stream(seed, Purpose.DEMAND, owner=member.id, ordinal=_key(day))
        draw = draw_empty_home if is_away(member, day, seed) else draw_demand
        day_kw = draw(traits, day, latitude_deg, rng)
        first = (day.start_s - origin_s) // 60
        joined_kw[first : first + len(day_kw)] += day_kw
    skipped = int((start_utc - datetime.fromtimestamp(origin_s, tz=UTC)) / timedelta(minutes=1))
    return joined_kw[skipped : skipped + minutes]


def _stack_pv(site: Site, start_utc: datetime, steps: int, step_s: int, seed: int) -> FloatArray:
    """[N, T] PV generation [kW]."""
    pv_kw = np.zeros((len(site.members), steps))
    owners = [member.id for member in site.members if member.pv_kwp > 0.0]
    if not owners:
        return pv_kw
    location = site.community.location
    if location is None:
        raise ProfileError(
            f"community.location: found none, but {owners[0]} has PV; accepted: latitude_deg and longitude_deg of the "
            "community"
        )
    by_member = generate_pv(site.members, location, start_utc, steps * step_s // 60, seed=seed)
    for row, member in enumerate(site.members):
        if member.id in by_member:
            pv_kw[row] = by_member[member.id].reshape(steps, -1).mean(axis=1)
    return pv_kw
