"""Prices or limits in the order in which they come into force, bounded without losing the one that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from models.domain.market import LimitNotice, PriceNotice

NoticeT = TypeVar("NoticeT", PriceNotice, LimitNotice)

MOST_NOTICES = 512
"""Prices and limits kept of each."""
UNSETTLED = timedelta(hours=2)
"""What was in force this long ago may still be asked for: intervals are settled a cycle or more late."""


def is_outdated(known: Iterable[NoticeT], notice: NoticeT) -> bool:
    """Whether a notice given later already says what holds from the same moment on."""
    return any(one.valid_from_utc == notice.valid_from_utc and one.ts_utc > notice.ts_utc for one in known)


def find_in_force(ordered: Sequence[NoticeT], at_utc: datetime) -> int:
    """Index of the newest notice that has come into force; -1: none has."""
    return sum(one.valid_from_utc <= at_utc for one in ordered) - 1


def insert_notice(known: Iterable[NoticeT], notice: NoticeT, now_utc: datetime) -> tuple[NoticeT, ...]:
    """The notices with one more, which replaces one for the same moment, oldest first.

    Where there are too many, those go that something newer has long replaced, then those that begin last. The one in
    force stays whatever comes.
    """
    others: list[NoticeT] = [one for one in known if one.valid_from_utc != notice.valid_from_utc]
    others.append(notice)
    ordered = sorted(others, key=lambda one: one.valid_from_utc)
    excess = max(0, len(ordered) - MOST_NOTICES)
    replaced = min(excess, max(0, find_in_force(ordered, now_utc - UNSETTLED)))
    ordered = ordered[replaced:]
    to_come = min(excess - replaced, len(ordered) - 1 - find_in_force(ordered, now_utc))
    ordered = ordered[: len(ordered) - to_come]
    return tuple(ordered[-MOST_NOTICES:])
