"""Which recorded home plays which member."""

from __future__ import annotations

from collections.abc import Mapping

from config.schema import Site
from models.profiles.recorded import Recording


def choose_homes(recording: Recording, count: int) -> tuple[str, ...]:
    """Ids of so many homes, balanced over kinds and over homes with and without PV; always the same ones.

    Raises:
        ProfileError: The recording has fewer homes.
    """
    raise NotImplementedError


def assign_homes(site: Site, recording: Recording) -> Mapping[str, str]:
    """Home id for each member id: members with PV get homes with PV first, kinds alternate; no home plays twice.

    Raises:
        ProfileError: The recording has fewer homes than the site has members.
    """
    raise NotImplementedError
