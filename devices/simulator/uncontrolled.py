"""The same homes without a controller: batteries serve their own home, cars charge on arrival, runs start at once.

Used for the day that a controlled one is compared with, and for days of history that are played before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from config.schema import Site
from devices.simulator.home import Home
from devices.simulator.home_state import NOTHING_KNOWN, UNCONTROLLED, HomeState
from devices.simulator.meter import ENERGY_FIELDS
from models.profiles.profiles import CommunityProfile

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class UncontrolledRun:
    """Energy of N members over K intervals, and where their homes stand at the end. Arrays are [N, K] in kWh, >= 0."""

    member_ids: tuple[str, ...]
    start_utc: datetime
    interval_s: int
    import_kwh: FloatArray
    export_kwh: FloatArray
    demand_kwh: FloatArray
    """Without batteries, cars and shiftable runs."""
    pv_kwh: FloatArray
    charge_kwh: FloatArray
    discharge_kwh: FloatArray
    ev_kwh: FloatArray
    runs_kwh: FloatArray
    end_states: Mapping[str, HomeState]
    """By member id; a later run takes them as its start."""
    ev_missed_kwh: float
    """Energy that cars left without, over all members [kWh]."""

    @property
    def peak_import_kw(self) -> float:
        """Largest interval mean of the community's net import [kW]; 0 if it never imports."""
        net_kwh = (self.import_kwh - self.export_kwh).sum(axis=0)
        return max(float(net_kwh.max(initial=0.0)), 0.0) * 3600.0 / self.interval_s


def run_uncontrolled(
    site: Site,
    profile: CommunityProfile,
    *,
    start_utc: datetime | None = None,
    end_utc: datetime | None = None,
    states: Mapping[str, HomeState] | None = None,
    interval_s: int | None = None,
) -> UncontrolledRun:
    """Play all homes without a controller, home by home.

    Args:
        site: Members and what they own.
        profile: What the homes use and generate.
        start_utc: When to start, a multiple of the interval into the profile; at its start if unset.
        end_utc: When to end, a multiple of the interval later; at the profile's end if unset.
        states: Where the homes stand at the start, by member id.
        interval_s: Length of an interval [s]; the site's interval if unset.

    Raises:
        ValueError: Start and end do not lie on the profile's grid of intervals.
    """
    interval_s = interval_s or site.interval_min * 60
    start_utc, end_utc = start_utc or profile.start_utc, end_utc or profile.end_utc
    for name, moment in (("start", start_utc), ("end", end_utc)):
        if (moment - profile.start_utc) % timedelta(seconds=interval_s) or not (
            profile.start_utc <= moment <= profile.end_utc
        ):
            raise ValueError(
                f"{name}: found {moment.isoformat()}, accepted are whole intervals of {interval_s} s "
                f"from {profile.start_utc.isoformat()} to {profile.end_utc.isoformat()}"
            )
    if end_utc <= start_utc:
        raise ValueError(f"end: found {end_utc.isoformat()}, accepted is any interval after {start_utc.isoformat()}")
    homes = [
        Home(
            member,
            profile.home(member.id),
            devices={},
            behaviour=UNCONTROLLED,
            start_utc=start_utc,
            state=(states or {}).get(member.id, NOTHING_KNOWN),
            mark_s=interval_s,
        )
        for member in site.members
    ]
    for home in homes:
        home.advance_to((end_utc - profile.start_utc).total_seconds())
    return _collect(homes, start_utc=start_utc, interval_s=interval_s)


def _collect(homes: list[Home], *, start_utc: datetime, interval_s: int) -> UncontrolledRun:
    tables = np.stack([home.ledger.table() for home in homes])
    tables.flags.writeable = False
    column = {name: tables[:, :, at] for at, name in enumerate(ENERGY_FIELDS)}
    return UncontrolledRun(
        member_ids=tuple(home.member_id for home in homes),
        start_utc=start_utc,
        interval_s=interval_s,
        import_kwh=column["import_kwh"],
        export_kwh=column["export_kwh"],
        demand_kwh=column["demand_kwh"],
        pv_kwh=column["pv_kwh"],
        charge_kwh=column["charge_kwh"],
        discharge_kwh=column["discharge_kwh"],
        ev_kwh=column["ev_kwh"],
        runs_kwh=column["runs_kwh"],
        end_states={home.member_id: home.state() for home in homes},
        ev_missed_kwh=sum(ev.missed_kwh for home in homes for ev in home.assets.evs),
    )
