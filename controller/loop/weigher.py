"""The weigh phase: the policy's proposal each interval, the weights in force once an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from config.schema import Site
from controller.loop.account import PeriodAccount
from models.domain.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What the weigh phase came to."""

    proposed: FloatArray | None
    """[N] weights that the policy proposes; ``None`` when it is off or failed."""
    figures: dict[str, float | None]
    """Community figures of the policy."""


class Weigher:
    """Owner of the weights in force."""

    def __init__(self, site: Site) -> None:
        """Start with the configured weights."""
        self._site = site
        self.in_force: FloatArray = configured_weights(site)
        self._epoch_day: date | None = None

    @classmethod
    def from_site(cls, site: Site) -> Weigher:
        return cls(site)

    def weigh(self, now_utc: datetime, account: PeriodAccount) -> Weighing:
        return Weighing(proposed=None, figures={})


def configured_weights(site: Site) -> FloatArray:
    """[N] weights by priority tier, scaled to mean 1."""
    weights = np.array([site.by_law.tier_weights[member.priority_tier.reveal()] for member in site.members])
    return np.asarray(weights / weights.mean())
