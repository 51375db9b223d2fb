"""Which recorded home plays which member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from config.schema import Site
from models.domain.errors import ProfileError
from models.profiles.homes import RecordedHome
from models.profiles.recorded import Recording


def choose_homes(recording: Recording, count: int) -> tuple[str, ...]:
    """Ids of so many homes, kinds (and with and without PV) taking turns; always the same ones, in this order.

    Raises:
        ProfileError: The recording has fewer homes, or none is asked for.
    """
    _require_enough(recording, count)
    groups = _group(recording.homes)
    return tuple(home.home_id for home in _take_turns(groups))[:count]


def assign_homes(site: Site, recording: Recording) -> Mapping[str, str]:
    """Home id for each member id: members with PV get homes with PV while there are any; no home plays twice.

    Raises:
        ProfileError: The recording has fewer homes than the site has members.
    """
    _require_enough(recording, len(site.members))
    with_pv = _take_turns(_group([home for home in recording.homes if home.pv_kwp > 0.0]))
    without_pv = _take_turns(_group([home for home in recording.homes if home.pv_kwp <= 0.0]))
    homes: dict[str, str] = {}
    for member in site.members:
        first, second = (with_pv, without_pv) if member.pv_kwp > 0.0 else (without_pv, with_pv)
        homes[member.id] = (first or second).pop(0).home_id
    return homes


def _require_enough(recording: Recording, count: int) -> None:
    if not 1 <= count <= len(recording.homes):
        raise ProfileError(f"homes: found {count} asked for, accepted are 1 to {len(recording.homes)} in the recording")


def _group(homes: Sequence[RecordedHome]) -> list[list[RecordedHome]]:
    groups: dict[tuple[str, bool], list[RecordedHome]] = {}
    for home in homes:
        groups.setdefault((home.kind, home.pv_kwp > 0.0), []).append(home)
    return list(groups.values())


def _take_turns(groups: list[list[RecordedHome]]) -> list[RecordedHome]:
    return [home for turn in zip_longest(*groups) for home in turn if home is not None]
