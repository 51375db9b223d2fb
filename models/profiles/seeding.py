"""One random stream for each member, day and purpose, so that a day is the same whatever window it is part of."""

from __future__ import annotations

import hashlib
from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; its number is part of the stream's key and never changes."""

    TRAITS = 1
    DEMAND = 2
    AWAY = 3
    EV = 4
    RUN = 5
    CLOUD_DAY = 6
    CLOUD_HOURS = 7
    CLOUD_MINUTES = 8
    CLOUD_HOME = 9


def open_stream(seed: int, purpose: Purpose, *, owner: str = "", ordinal: int = 0) -> np.random.Generator:
    """A generator of its own for a purpose, an owner and a day.

    Args:
        seed: The community's seed, >= 0.
        purpose: What the numbers are for.
        owner: Whose numbers: a member's or asset's id; empty for what the community shares.
        ordinal: Which day (proleptic Gregorian ordinal), week or other count, >= 0.
    """
    owner_key = int.from_bytes(hashlib.blake2b(owner.encode(), digest_size=8).digest(), "big")
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(int(purpose), owner_key, ordinal))
    return np.random.Generator(np.random.PCG64(sequence))
