"""Stretches of a recording without a break, and the interval that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from models.domain.errors import ProfileError
from models.profiles.local_stamps import StampedRows

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedWindow:
    """A stretch of the recording without a break."""

    start_utc: datetime
    end_utc: datetime
    first: int
    """Index of its first interval in the recording's arrays."""
    count: int
    """Its intervals."""


def infer_step_s(rows: StampedRows, file: str) -> int:
    """The interval [s]: the smallest distance of two stamps, of which all others are multiples.

    Raises:
        ProfileError: There are fewer than two rows, or the distances have no such measure that divides an hour.
    """
    distances = {later - earlier for earlier, later in pairwise(rows.start_s)}
    if not distances:
        raise ProfileError(f"{file}: found {len(rows.start_s)} usable rows, accepted are two or more")
    step_s = min(distances)
    if 3600 % step_s or step_s % 60 or any(distance % step_s for distance in distances):
        raise ProfileError(
            f"{file}: found distances of {', '.join(f'{s} s' for s in sorted(distances)[:3])} between stamps, accepted "
            "is one interval of whole minutes that divides an hour (breaks: multiples of it)"
        )
    return step_s


def divide_windows(rows: StampedRows, step_s: int) -> tuple[RecordedWindow, ...]:
    """Stretches without a break of more than a day."""
    breaks = [n + 1 for n, (earlier, later) in enumerate(pairwise(rows.start_s)) if later - earlier > _DAY_S]
    windows: list[RecordedWindow] = []
    for begin, end in pairwise([0, *breaks, len(rows.start_s)]):
        start_s, end_s = rows.start_s[begin], rows.start_s[end - 1] + step_s
        windows.append(
            RecordedWindow(
                start_utc=datetime.fromtimestamp(start_s, tz=UTC),
                end_utc=datetime.fromtimestamp(end_s, tz=UTC),
                first=windows[-1].first + windows[-1].count if windows else 0,
                count=(end_s - start_s) // step_s,
            )
        )
    return tuple(windows)
