"""Who lives in a home and when they get up, leave, come back and go to bed.

The clock times are round figures of everyday life, of the kind that time-use surveys give (the approach of
I. Richardson et al., "Domestic electricity use: a high-resolution energy demand model", Energy and Buildings 42, 2010:
appliances are used by people who are at home and awake); they are assumptions, not taken from one survey.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from config.members import Member


class BehaviourGroup(StrEnum):
    """What kind of home it is."""

    SINGLE = "single"
    WORKING_COUPLE = "working_couple"
    FAMILY = "family"
    RETIRED = "retired"
    HOME_WORKER = "home_worker"
    BUSINESS = "business"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """A person's day: mean clock times [h]; every day spreads around them."""

    wake_h: float
    sleep_h: float
    """May pass 24: the morning of the next day."""
    leave_h: float
    return_h: float
    out_probability: float
    """Share of days on which the person goes out at all."""
    spread_h: float
    """Standard deviation of each of the times [h]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A kind of person."""

    weekday: Routine
    weekend: Routine


_FREE_DAY = Routine(wake_h=8.6, sleep_h=23.6, leave_h=13.5, return_h=17.0, out_probability=0.55, spread_h=1.1)

WORKER = Role(
    weekday=Routine(wake_h=6.5, sleep_h=23.0, leave_h=7.7, return_h=17.4, out_probability=0.92, spread_h=0.6),
    weekend=_FREE_DAY,
)
PART_TIME = Role(
    weekday=Routine(wake_h=6.6, sleep_h=22.8, leave_h=8.2, return_h=13.4, out_probability=0.8, spread_h=0.5),
    weekend=_FREE_DAY,
)
PUPIL = Role(
    weekday=Routine(wake_h=6.8, sleep_h=21.3, leave_h=7.6, return_h=14.6, out_probability=0.93, spread_h=0.6),
    weekend=Routine(wake_h=8.3, sleep_h=22.2, leave_h=13.5, return_h=17.0, out_probability=0.5, spread_h=1.0),
)
PENSIONER = Role(
    weekday=Routine(wake_h=7.2, sleep_h=22.6, leave_h=10.0, return_h=11.8, out_probability=0.6, spread_h=0.7),
    weekend=Routine(wake_h=7.6, sleep_h=22.8, leave_h=13.8, return_h=17.0, out_probability=0.45, spread_h=0.8),
)
DESK_AT_HOME = Role(
    weekday=Routine(wake_h=7.3, sleep_h=23.4, leave_h=17.6, return_h=19.0, out_probability=0.5, spread_h=0.7),
    weekend=_FREE_DAY,
)

_CHOICES: dict[int, tuple[tuple[BehaviourGroup, float], ...]] = {
    1: ((BehaviourGroup.SINGLE, 0.5), (BehaviourGroup.RETIRED, 0.3), (BehaviourGroup.HOME_WORKER, 0.2)),
    2: ((BehaviourGroup.WORKING_COUPLE, 0.45), (BehaviourGroup.RETIRED, 0.3), (BehaviourGroup.HOME_WORKER, 0.25)),
    3: ((BehaviourGroup.FAMILY, 0.8), (BehaviourGroup.HOME_WORKER, 0.2)),
}
_MOST_PEOPLE = 6
"""Persons that are played one by one; more do not change the shape of a day any further."""


def draw_group(member: Member, rng: np.random.Generator) -> BehaviourGroup:
    """A behaviour group that fits the member's kind and number of persons."""
    if member.kind == "business":
        return BehaviourGroup.BUSINESS
    groups, shares = zip(*_CHOICES[min(member.persons, 3)], strict=True)
    return BehaviourGroup(str(rng.choice(np.array(groups, dtype=str), p=shares)))


def list_roles(group: BehaviourGroup, persons: int) -> tuple[Role, ...]:
    """The people of a home, adults first; nobody in a business."""
    adults: dict[BehaviourGroup, tuple[Role, Role]] = {
        BehaviourGroup.SINGLE: (WORKER, WORKER),
        BehaviourGroup.WORKING_COUPLE: (WORKER, WORKER),
        BehaviourGroup.FAMILY: (WORKER, PART_TIME),
        BehaviourGroup.RETIRED: (PENSIONER, PENSIONER),
        BehaviourGroup.HOME_WORKER: (DESK_AT_HOME, WORKER),
    }
    if group is BehaviourGroup.BUSINESS:
        return ()
    people = (*adults[group], *(PUPIL for _ in range(_MOST_PEOPLE - 2)))
    return people[: min(persons, _MOST_PEOPLE)]
