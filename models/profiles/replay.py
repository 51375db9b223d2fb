"""A recording, played by a site's members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from config.schema import Site
from models.profiles.profiles import CommunityProfile
from models.profiles.recorded import Recording


class PvScaling(StrEnum):
    """How large a member's PV is in a replay."""

    SITE = "site"
    """The recorded output per kWp times the member's ``pv_kwp``; 0 where that is 0."""
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
    raise NotImplementedError
