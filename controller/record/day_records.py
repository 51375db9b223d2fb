"""A settled day as it is stored: its figures, and for each member the lines of the bill and the energy behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from controller.record.quantities import MICRO_PER_EUR
from models.settlement.arrays import BoolArray, IntArray
from models.settlement.bills import DayBills
from models.settlement.ledger import Stage
from models.settlement.prices import IntervalPrices, price_intervals
from models.settlement.settle_day import GameKind
from models.settlement.sharing import SharedEnergy

PRICE_LINES = ("import_micro_per_kwh", "export_micro_per_kwh", "fee_micro_per_kwh", "is_islanded")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDay:
    """One member's day; money in minor units, positive = the member pays."""

    member: str
    stand_alone_minor: int
    wear_minor: int
    share_minor: int
    """Share of the gain."""
    solidarity_minor: int
    """Support less what was given."""
    islanded_minor: int
    peak_minor: int
    """What this day books for the period's peak charge; apart from the bill of the energy."""
    plain_micro: int
    """Value of the game before weights."""
    loss_after_micro: int
    """Losses of the period up to and with this day that later gains give back."""
    weight: float = field(repr=False)
    import_wh: IntArray
    """[T]"""
    export_wh: IntArray
    """[T]"""
    received_wh: IntArray
    """[T] of the community's energy."""
    supplied_wh: IntArray
    """[T] to other members."""
    is_estimated: BoolArray
    """[T] the meter's value was missing."""

    @property
    def bill_minor(self) -> int:
        """Bill of the day's energy."""
        return self.stand_alone_minor - self.wear_minor - self.share_minor - self.solidarity_minor + self.islanded_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySettlement:
    """One revision of a local day."""

    local_day: date
    revision: int = 0
    """Given by the store when it is written."""
    stage: Stage = Stage.PROVISIONAL
    """As well."""
    game: GameKind
    method: str
    """exact, sampled or clustered."""
    outcome: str
    """gain, no_gain or loss."""
    input_digest: str
    """SHA-256 of all that it was computed from."""
    settled_utc: datetime
    start_utc: datetime
    step_s: int
    minor_per_unit: int
    players: int
    coalitions: int
    gain_micro: int
    """Realised gain G."""
    game_micro: int
    """Value of the game v(M)."""
    max_error_micro: int
    """Largest standard error of a member's value; 0 when exact."""
    core_excess_micro: int
    """The most that a coalition would gain by leaving."""
    utility_minor: int
    """The utility's tariff on the community's flows; the bills add up to it."""
    peak_minor: int
    """What the day books for the peak charge; the members' parts add up to it."""
    notes: tuple[str, ...]
    """What a reader should know: estimates, members who left, and so on."""
    price_lines: Mapping[str, tuple[int, ...]]
    """[T] by name of ``PRICE_LINES``."""
    islanded_micro_per_kwh: int
    members: tuple[MemberDay, ...]

    @property
    def starts_utc(self) -> tuple[datetime, ...]:
        """[T] starts of the intervals."""
        step = timedelta(seconds=self.step_s)
        return tuple(self.start_utc + k * step for k in range(len(self.price_lines["is_islanded"])))

    @property
    def energy(self) -> SharedEnergy:
        """[N, T] energies of all members."""
        return SharedEnergy(
            import_wh=np.stack([one.import_wh for one in self.members]),
            export_wh=np.stack([one.export_wh for one in self.members]),
            received_wh=np.stack([one.received_wh for one in self.members]),
            supplied_wh=np.stack([one.supplied_wh for one in self.members]),
        )

    @property
    def bills(self) -> DayBills:
        """[N] bills of the energy."""

        def line(name: str) -> IntArray:
            return np.array([getattr(one, name) for one in self.members], dtype=np.int64)

        return DayBills(
            stand_alone_minor=line("stand_alone_minor"),
            wear_minor=line("wear_minor"),
            share_minor=line("share_minor"),
            solidarity_minor=line("solidarity_minor"),
            islanded_minor=line("islanded_minor"),
            utility_minor=self.utility_minor,
        )

    @property
    def prices(self) -> IntervalPrices:
        """[T] prices that it was settled at."""
        bought, sold, fee = (np.array(self.price_lines[name]) / MICRO_PER_EUR for name in PRICE_LINES[:3])
        return price_intervals(
            bought,
            sold,
            fee,
            is_islanded=np.array(self.price_lines["is_islanded"], dtype=np.bool_),
            islanded_eur_per_kwh=self.islanded_micro_per_kwh / MICRO_PER_EUR,
        )

    @property
    def estimated(self) -> int:
        """Values that were estimated: members times intervals."""
        return int(sum(one.is_estimated.sum() for one in self.members))
