"""Appliances that somebody switches on: short, peaky runs of a few kilowatts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.profiles.profiles import FloatArray

SPILL_MIN = 240
"""A run that starts late in a day may reach this far into the next one [min]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """A kind of appliance. Ratings are typical type-plate values, rates typical habits."""

    name: str
    phases: tuple[tuple[float, int], ...]
    """Powers [kW] and how long each holds [min], one after the other."""
    runs_per_day: float
    """For the home."""
    runs_per_person_day: float = 0.0
    """In addition for each person."""
    weekend_factor: float = 1.0
    """Runs on a Saturday or Sunday against a working day."""
    hours: tuple[tuple[float, float], ...] = ()
    """Favourite clock times [h] and their spread [h]; none: whenever somebody is awake."""
    owned_by_frac: float = 1.0
    """Share of homes that have one."""
    is_wet: bool = False
    """Washes or dries: where a member has a shiftable load, that takes the place of one of these."""

    @property
    def run_kwh(self) -> float:
        """Energy of a run [kWh]."""
        return sum(power_kw * minutes / 60.0 for power_kw, minutes in self.phases)

    @property
    def length_min(self) -> int:
        """Length of a run [min]."""
        return sum(minutes for _, minutes in self.phases)

    def expected_runs(self, persons: int, *, is_weekend: bool) -> float:
        """Mean runs on such a day; the mean over a week is ``runs_per_day + runs_per_person_day * persons``."""
        weekly = self.runs_per_day + self.runs_per_person_day * persons
        weekday = 7.0 * weekly / (5.0 + 2.0 * self.weekend_factor)
        return weekday * self.weekend_factor if is_weekend else weekday

    def run_kw(self) -> FloatArray:
        """[L] power of a run in each of its minutes [kW]."""
        return np.concatenate([np.full(minutes, power_kw) for power_kw, minutes in self.phases])


APPLIANCES = (
    Appliance(
        name="washing_machine",
        phases=((2.0, 18), (0.25, 62)),
        runs_per_day=0.08,
        runs_per_person_day=0.1,
        weekend_factor=1.6,
        hours=((10.0, 2.5), (18.0, 2.0)),
        is_wet=True,
    ),
    Appliance(
        name="dishwasher",
        phases=((1.9, 18), (0.1, 35), (1.9, 14), (0.05, 15)),
        runs_per_day=0.2,
        runs_per_person_day=0.14,
        hours=((13.5, 1.5), (20.0, 1.3)),
        owned_by_frac=0.72,
        is_wet=True,
    ),
    Appliance(
        name="dryer",
        phases=((2.2, 50),),
        runs_per_day=0.04,
        runs_per_person_day=0.06,
        weekend_factor=1.6,
        hours=((12.0, 2.5), (19.5, 1.8)),
        owned_by_frac=0.42,
        is_wet=True,
    ),
    Appliance(name="kettle", phases=((2.0, 3),), runs_per_day=1.6, runs_per_person_day=0.6),
    Appliance(name="coffee_machine", phases=((1.2, 5),), runs_per_day=1.1, hours=((7.4, 1.0), (14.5, 1.2))),
    Appliance(name="toaster", phases=((0.9, 4),), runs_per_day=0.5, weekend_factor=1.5, hours=((7.8, 1.0),)),
    Appliance(
        name="hob_at_noon",
        phases=((1.6, 10), (0.8, 15)),
        runs_per_day=0.3,
        weekend_factor=2.2,
        hours=((12.3, 0.7),),
    ),
    Appliance(
        name="hob_in_the_evening",
        phases=((1.8, 10), (0.9, 20)),
        runs_per_day=0.6,
        runs_per_person_day=0.08,
        hours=((18.6, 0.9),),
    ),
    Appliance(
        name="oven",
        phases=((2.3, 12), (0.9, 30)),
        runs_per_day=0.16,
        runs_per_person_day=0.05,
        weekend_factor=2.0,
        hours=((12.0, 0.9), (18.4, 1.0)),
    ),
    Appliance(name="microwave", phases=((1.1, 5),), runs_per_day=0.6, hours=((12.5, 1.2), (19.0, 1.5))),
    Appliance(name="vacuum_cleaner", phases=((0.8, 18),), runs_per_day=0.22, weekend_factor=2.0),
    Appliance(name="hair_dryer", phases=((1.4, 5),), runs_per_day=0.0, runs_per_person_day=0.3, hours=((7.2, 0.8),)),
    Appliance(name="iron", phases=((1.1, 25),), runs_per_day=0.03, runs_per_person_day=0.03, weekend_factor=1.5),
)


def start_weights(appliance: Appliance, awake: FloatArray, wall_h: FloatArray) -> FloatArray:
    """[M] how likely a run starts in each minute, not normalised: somebody awake, and the hour suits."""
    if not appliance.hours:
        return awake
    liking = np.zeros_like(wall_h)
    for centre_h, spread_h in appliance.hours:
        liking += np.exp(-0.5 * ((wall_h - centre_h) / spread_h) ** 2)
    return awake * liking


def draw_starts(weights: FloatArray, mean_runs: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Minutes in which runs start: a Poisson number of them, placed by weight; none when nobody is there."""
    cumulative = np.cumsum(weights)
    runs = int(rng.poisson(mean_runs))
    picks = rng.random(runs)
    if cumulative[-1] <= 0.0:
        return np.empty(0, dtype=np.int64)
    starts: NDArray[np.int64] = np.searchsorted(cumulative, picks * cumulative[-1], side="right").astype(np.int64)
    return np.minimum(starts, len(weights) - 1)
