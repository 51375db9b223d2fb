"""What a community's homes would use and generate over a stretch of time: the values handed out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from models.domain.errors import ProfileError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvSession:
    """A car that stands at its charging point."""

    member_id: str
    asset_id: str
    arrival_utc: datetime
    departure_utc: datetime
    energy_needed_kwh: float
    """To be stored in the car by departure; always possible at the charging point's limit [kWh]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftableRun:
    """An appliance run that somebody asked for."""

    member_id: str
    asset_id: str
    requested_utc: datetime
    """When it may start at the earliest."""
    latest_end_utc: datetime
    """When it has to be finished; never before the run could be through."""
    power_kw: float
    duration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeProfile:
    """One member's part of a community's profile."""

    member_id: str
    start_utc: datetime
    step_s: int
    demand_kw: FloatArray
    """[T] mean demand without cars and shiftable runs, >= 0 [kW]; read-only."""
    pv_kw: FloatArray
    """[T] mean PV generation available, >= 0 [kW]; read-only."""
    ev_sessions: tuple[EvSession, ...]
    runs: tuple[ShiftableRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityProfile:
    """Demand, PV, cars and runs of N members over T steps, in the site's order of members."""

    member_ids: tuple[str, ...]
    start_utc: datetime
    """Start of the first step."""
    step_s: int
    """Length of a step [s]."""
    demand_kw: FloatArray
    """[N, T] mean demand without cars and shiftable runs, >= 0 [kW]; read-only."""
    pv_kw: FloatArray
    """[N, T] mean PV generation available, >= 0 [kW]; read-only."""
    ev_sessions: tuple[EvSession, ...]
    """Sessions that touch the window, by member, asset and arrival; one may begin before it or end after it."""
    runs: tuple[ShiftableRun, ...]
    """Runs whose window of time touches the window, by member, asset and request."""

    def __post_init__(self) -> None:
        """Check shapes and values, and make the arrays read-only.

        Raises:
            ProfileError: A shape does not fit, or a power is negative or not finite.
        """
        steps = self.demand_kw.shape[-1] if self.demand_kw.ndim == 2 else -1
        for name, array in (("demand_kw", self.demand_kw), ("pv_kw", self.pv_kw)):
            if array.shape != (len(self.member_ids), steps):
                raise ProfileError(f"{name}: found shape {array.shape}, accepted ({len(self.member_ids)}, {steps})")
            if not bool(np.all(np.isfinite(array) & (array >= 0.0))):
                raise ProfileError(f"{name}: found a negative or non-finite power, accepted are finite values >= 0")
            array.flags.writeable = False

    @property
    def end_utc(self) -> datetime:
        """End of the last step."""
        return self.start_utc + timedelta(seconds=self.step_s * self.demand_kw.shape[1])

    def home(self, member_id: str) -> HomeProfile:
        """One member's part.

        Raises:
            ProfileError: There is no such member.
        """
        if member_id not in self.member_ids:
            raise ProfileError(f"member: found {member_id!r}, accepted {', '.join(self.member_ids)}")
        row = self.member_ids.index(member_id)
        return HomeProfile(
            member_id=member_id,
            start_utc=self.start_utc,
            step_s=self.step_s,
            demand_kw=self.demand_kw[row],
            pv_kw=self.pv_kw[row],
            ev_sessions=tuple(session for session in self.ev_sessions if session.member_id == member_id),
            runs=tuple(run for run in self.runs if run.member_id == member_id),
        )

    def moved(self, by: timedelta) -> CommunityProfile:
        """The same profile at another time, cars and runs with it.

        Args:
            by: How far, a multiple of the step.

        Raises:
            ProfileError: It is no multiple of the step.
        """
        if by % timedelta(seconds=self.step_s):
            raise ProfileError(f"move: found {by}, accepted are multiples of the step of {self.step_s} s")
        return replace(
            self,
            start_utc=self.start_utc + by,
            ev_sessions=tuple(
                replace(one, arrival_utc=one.arrival_utc + by, departure_utc=one.departure_utc + by)
                for one in self.ev_sessions
            ),
            runs=tuple(
                replace(one, requested_utc=one.requested_utc + by, latest_end_utc=one.latest_end_utc + by)
                for one in self.runs
            ),
        )

    def averaged(self, step_s: int) -> CommunityProfile:
        """The same profile as means over longer steps; energy is kept.

        Args:
            step_s: New step [s], a multiple of the present one that fits the window a whole number of times.

        Raises:
            ProfileError: The step does not fit.
        """
        ratio, rest = divmod(step_s, self.step_s)
        steps = self.demand_kw.shape[1]
        if ratio < 1 or rest or steps % ratio:
            raise ProfileError(f"step: found {step_s} s, accepted multiples of {self.step_s} s that divide the window")
        shape = (len(self.member_ids), steps // ratio, ratio)
        return CommunityProfile(
            member_ids=self.member_ids,
            start_utc=self.start_utc,
            step_s=step_s,
            demand_kw=self.demand_kw.reshape(shape).mean(axis=2),
            pv_kw=self.pv_kw.reshape(shape).mean(axis=2),
            ev_sessions=self.ev_sessions,
            runs=self.runs,
        )


def count_steps(start_utc: datetime, end_utc: datetime, step_s: int) -> int:
    """Steps between two aligned moments.

    Args:
        start_utc: Aware, in UTC, a multiple of the step since 1970.
        end_utc: The same, later than ``start_utc``.
        step_s: Step [s]; whole minutes that divide an hour.

    Raises:
        ProfileError: A moment is naive, not aligned or not in order, or the step does not fit.
    """
    if step_s < 60 or step_s % 60 or 3600 % step_s:
        raise ProfileError(f"step: found {step_s} s, accepted whole minutes that divide an hour (60 s ... 3600 s)")
    for name, moment in (("start", start_utc), ("end", end_utc)):
        if moment.tzinfo is None or moment.utcoffset() != timedelta(0):
            raise ProfileError(f"{name}: found {moment.isoformat()}, accepted are aware times in UTC")
        if (moment - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(seconds=step_s):
            raise ProfileError(f"{name}: found {moment.isoformat()}, accepted are multiples of {step_s} s")
    if end_utc <= start_utc:
        raise ProfileError(f"end: found {end_utc.isoformat()}, accepted is any time after {start_utc.isoformat()}")
    return int((end_utc - start_utc) / timedelta(seconds=step_s))
