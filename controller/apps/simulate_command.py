"""``commonwatt simulate``: the site's devices on its broker, in real time, for tests of hardware in the loop."""

from __future__ import annotations

import asyncio
import logging
import signal
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from config.load import load_site
from config.schema import Site
from controller.apps.broker_access import broker_address, gateway_credentials
from controller.apps.demo_world import read_profiles
from devices.broker_address import Credentials
from devices.clock import SystemClock
from devices.simulator.community import SimulatedCommunity, connections_to
from models.domain.interval import floor_to_interval
from models.profiles.assignment import assign_homes
from models.profiles.generator import generate
from models.profiles.profiles import CommunityProfile
from models.profiles.recorded import default_start
from models.profiles.replay import replay

_log = logging.getLogger(__name__)


def run_simulation(config: Path, *, seed: int, profiles: Path | None, days: int, passwords: Path | None) -> int:
    """Play the site's homes until stopped, or for so many days; returns the exit status.

    Raises:
        CommonWattError: The site file or the recording does not fit.
    """
    site = load_site(config)
    credentials = gateway_credentials(passwords)
    clock = SystemClock()
    start_utc = floor_to_interval(clock.now_utc(), 1)
    if profiles is None:
        profile = generate(site, start_utc, start_utc + timedelta(days=days), seed=seed)
    else:
        profile = _recorded(site, profiles, start_utc, seed=seed, days=days)
    asyncio.run(_play(site, profile, clock, start_utc, seed, credentials))
    return 0


def _recorded(site: Site, folder: Path, start_utc: datetime, *, seed: int, days: int) -> CommunityProfile:
    """Recorded homes from their first full days on, moved to now by whole days, so that noon stays noon."""
    recording = read_profiles(folder, site.zone)
    first_utc = default_start(recording, history_days=0, days=days + 1)
    homes = assign_homes(site, recording)
    profile = replay(recording, site, homes, first_utc, first_utc + timedelta(days=days + 1), seed=seed)
    return profile.moved(timedelta(days=(start_utc - first_utc) // timedelta(days=1)))


async def _play(
    site: Site,
    profile: CommunityProfile,
    clock: SystemClock,
    start_utc: datetime,
    seed: int,
    credentials: dict[str, Credentials],
) -> None:
    rng = np.random.default_rng(seed)
    connect = connections_to(
        broker_address(site),
        rng=rng.spawn(1)[0],
        client_prefix=f"{site.community.id}-",
        credentials=credentials,
    )
    homes = SimulatedCommunity(site, profile, clock, connect=connect, rng=rng, start_utc=start_utc)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    _log.warning(
        "playing %d homes on %s:%d until %s; stop with Ctrl-C",
        len(site.members),
        site.broker.host,
        site.broker.port,
        profile.end_utc.isoformat(),
    )
    await homes.run(stop)
