"""All homes of a site and the community's meter, advanced in step, with samples at aligned moments.

Nothing here waits or speaks to anybody: whoever drives it tells the time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.schema import Site
from devices.simulator.home import Home
from devices.simulator.home_state import NOTHING_KNOWN, HomeBehaviour, HomeState
from devices.simulator.meter import HomeEnergy, SimulatedMeter
from models.domain.setpoint import Acknowledgement, Setpoint
from models.domain.telemetry import DeviceKey, Reading
from models.profiles.profiles import CommunityProfile

SAMPLES_KEPT = 4
"""Newest samples kept for those who deliver them a little later."""

EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What every device said at one aligned moment."""

    ts_utc: datetime
    readings: Mapping[DeviceKey, Reading]


class Neighbourhood:
    """The simulated community: homes side by side behind one connection to the grid."""

    def __init__(
        self,
        site: Site,
        profile: CommunityProfile,
        *,
        behaviour: HomeBehaviour,
        start_utc: datetime | None = None,
        states: Mapping[str, HomeState] | None = None,
        sample_period_s: float | None = None,
    ) -> None:
        """Set up all homes.

        Args:
            site: Members and their devices.
            profile: What the homes use and generate.
            behaviour: What devices do without a setpoint.
            start_utc: When to start within the profile; at its start if unset.
            states: Where the homes stand at the start, by member id.
            sample_period_s: Distance between samples, aligned to UTC [s]; the site's telemetry period if unset.
        """
        self.origin_utc = profile.start_utc
        self._home_of_device: dict[DeviceKey, Home] = {}
        devices = [
            (DeviceKey(gateway=gateway.id, device=device.id), device)
            for gateway in site.gateways
            for device in gateway.devices
        ]
        self._grid_meters = [key for key, device in devices if device.member is None]
        self.grid_meter = SimulatedMeter()
        self.homes: dict[str, Home] = {}
        for member in site.members:
            own = {key: device for key, device in devices if device.member == member.id}
            home = self.homes[member.id] = Home(
                member,
                profile.home(member.id),
                devices=own,
                behaviour=behaviour,
                start_utc=start_utc,
                state=(states or {}).get(member.id, NOTHING_KNOWN),
            )
            self._home_of_device.update(dict.fromkeys(own, home))
        self._row = list(self.homes.values())
        self.now_s = self._row[0].now_s
        self.end_utc = profile.end_utc
        self._end_s = self._row[0].end_s
        self._period = timedelta(seconds=sample_period_s or site.control.telemetry_period_s)
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self._next_sample_utc = self.first_sample_utc = self._align(self.now_utc)
        self._level()
        self.advance_to(self.now_utc)

    def _align(self, moment_utc: datetime) -> datetime:
        """The first sampling moment that is not before a moment."""
        return moment_utc + (EPOCH_UTC - moment_utc) % self._period

    @property
    def now_utc(self) -> datetime:
        """How far the homes have come."""
        return self.origin_utc + timedelta(seconds=self.now_s)

    @property
    def sample_period(self) -> timedelta:
        """Distance between samples."""
        return self._period

    def advance_to(self, moment_utc: datetime) -> None:
        """Advance all homes to a moment, taking the samples that fall due; earlier moments change nothing.

        Behind the profile's end the homes stand still.
        """
        target_utc = min(moment_utc, self.end_utc)
        while self._next_sample_utc <= target_utc:
            self._advance_to_s((self._next_sample_utc - self.origin_utc).total_seconds())
            self._sample()
        self._advance_to_s((target_utc - self.origin_utc).total_seconds())

    def _advance_to_s(self, target_s: float) -> None:
        while self.now_s < target_s:
            to_s = min(target_s, *(home.valid_until_s for home in self._row))
            self.grid_meter.advance(to_s - self.now_s)
            self.now_s = to_s
            for home in self._row:
                # Homes without an event keep their powers and catch up later: the community's net is known anyway.
                if home.valid_until_s <= to_s or to_s >= target_s:
                    home.advance(to_s)
            self._level()

    def _level(self) -> None:
        self.grid_meter.net_kw = sum(home.meter.net_kw for home in self._row)

    def _sample(self) -> None:
        ts_utc = self._next_sample_utc
        # Milliseconds since 1970: rises with every sample, and across restarts of the simulation too.
        seq = (ts_utc - EPOCH_UTC) // timedelta(milliseconds=1)
        readings: dict[DeviceKey, Reading] = {}
        for home in self._row:
            readings.update(home.readings(ts_utc, seq))
        for key in self._grid_meters:
            readings[key] = self.grid_meter.reading(key, ts_utc, seq)
        self._samples.append(Sample(ts_utc=ts_utc, readings=readings))
        self._next_sample_utc = ts_utc + self._period

    def sample(self, ts_utc: datetime) -> Sample | None:
        """The sample of an aligned moment; ``None`` once it is forgotten, or before it is due."""
        return next((sample for sample in self._samples if sample.ts_utc == ts_utc), None)

    def offer(self, setpoint: Setpoint, now_utc: datetime, *, is_retained: bool = False) -> Acknowledgement | None:
        """Advance to a moment and offer a setpoint to its device.

        Returns:
            What to answer; ``None``: nothing (no such device, no gate, or a retained message).
        """
        home = self._home_of_device.get(setpoint.device)
        if home is None:
            return None
        self.advance_to(now_utc)
        acknowledgement = home.offer(setpoint, now_utc, is_retained=is_retained)
        self._level()
        return acknowledgement

    def interval_energy(self, member_id: str, start_utc: datetime, end_utc: datetime) -> HomeEnergy:
        """The truth about one member and interval; boundaries are whole minutes that have passed.

        Raises:
            ValueError: A boundary is no whole minute, or has not been passed.
        """
        return self.homes[member_id].interval_energy(start_utc, end_utc)

    def states(self) -> dict[str, HomeState]:
        """Where every home stands now, by member id."""
        return {member_id: home.state() for member_id, home in self.homes.items()}
