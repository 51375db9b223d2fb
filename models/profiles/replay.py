"""A recording, played by a site's members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import numpy as np

from config.members import Member
from config.schema import Site
from models.domain.errors import ProfileError
from models.profiles.generator import generate_assets
from models.profiles.profiles import CommunityProfile, FloatArray, count_steps
from models.profiles.recorded import Recording, find_window
from models.profiles.refinement import refine


class PvScaling(StrEnum):
    """How large a member's PV is in a replay."""

    SITE = "site"
    """The home's recorded output per kWp times the member's ``pv_kwp``; a home without PV lends the homes' mean."""
    RECORDED = "recorded"
    """As recorded, whatever the site says."""


def replay(
    recording: Recording,
    site: Site,
    homes: Mapping[str, str],
    start_utc: datetime,
    end_utc: datetime,
    *,
    seed: int,
    step_s: int = 60,
    pv_scaling: PvScaling = PvScaling.SITE,
) -> CommunityProfile:
    """Recorded demand and PV on a finer (or equal) grid, energy kept; cars and runs are generated from the seed.

    Args:
        recording: Homes to play.
        site: Members, in whose order the profile is.
        homes: Home id for each member id.
        start_utc: Start, within one window of the recording.
        end_utc: End, within the same window.
        seed: For car sessions and appliance runs.
        step_s: Step [s]; divides the recording's interval.
        pv_scaling: As recorded, or scaled to the members' PV.

    Raises:
        ProfileError: A member without a home, an unknown home, a window that the recording does not cover (the message
            names those it has), or a step that does not fit.
    """
    steps = count_steps(start_utc, end_utc, step_s)
    if recording.step_s % step_s:
        raise ProfileError(f"step: found {step_s} s, accepted are divisors of the recording's {recording.step_s} s")
    window = find_window(recording, start_utc, end_utc)
    rows = _find_rows(recording, site, homes)
    part = slice(window.first, window.first + window.count)
    ratio = recording.step_s // step_s
    skipped, rest = divmod(int((start_utc - window.start_utc).total_seconds()), step_s)
    if rest:
        raise ProfileError(
            f"start: found {start_utc.isoformat()}, accepted are whole steps of {step_s} s from "
            f"{window.start_utc.isoformat()} on"
        )
    shown = slice(skipped, skipped + steps)
    pv_kw = np.stack(
        [_scale_pv(recording, row, member, part, pv_scaling) for row, member in zip(rows, site.members, strict=True)]
    )
    ev_sessions, runs = generate_assets(site, start_utc, end_utc, seed=seed)
    return CommunityProfile(
        member_ids=tuple(member.id for member in site.members),
        start_utc=start_utc,
        step_s=step_s,
        demand_kw=refine(recording.load_kw[rows, part], ratio)[:, shown],
        pv_kw=refine(pv_kw, ratio)[:, shown],
        ev_sessions=ev_sessions,
        runs=runs,
    )


def _find_rows(recording: Recording, site: Site, homes: Mapping[str, str]) -> list[int]:
    ids = [home.home_id for home in recording.homes]
    rows: list[int] = []
    for member in site.members:
        home_id = homes.get(member.id)
        if home_id not in ids:
            found = "no home" if home_id is None else f"the home {home_id!r}"
            raise ProfileError(f"homes, member {member.id}: found {found}, accepted are {', '.join(ids)}")
        rows.append(ids.index(home_id))
    return rows


def _scale_pv(recording: Recording, row: int, member: Member, part: slice, pv_scaling: PvScaling) -> FloatArray:
    """[T] the member's PV generation in the window [kW]."""
    if pv_scaling is PvScaling.RECORDED:
        return recording.pv_kw[row, part]
    if member.pv_kwp <= 0.0:
        return np.zeros_like(recording.pv_kw[row, part])
    lenders = [row] if recording.homes[row].pv_kwp > 0.0 else [n for n, h in enumerate(recording.homes) if h.pv_kwp > 0]
    if not lenders:
        raise ProfileError(
            f"member {member.id}: found PV in the site file but none in the recording, accepted: pv_kwp 0"
        )
    sizes_kwp = np.array([recording.homes[n].pv_kwp for n in lenders])
    per_kwp = np.mean(recording.pv_kw[lenders, part] / sizes_kwp[:, None], axis=0)
    # A recorded system may beat its stated size for an hour; a simulated inverter may not.
    scaled: FloatArray = np.minimum(per_kwp, 1.0) * member.pv_kwp
    return scaled
