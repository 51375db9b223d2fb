"""What goes into the store and comes out of it: integers for energy [Wh] and money [micro-currency]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from controller.record.event_records import Curtailment
from models.dispatch.result import SolveRecord
from models.domain.errors import SettlementError
from models.domain.setpoint import Reason, Setpoint
from models.domain.snapshot import MeterQuality
from models.domain.telemetry import DeviceKey

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]
Figures = Mapping[str, float | None]
"""Numbers by name; each name ends in its unit. ``None``: not defined."""


class Rung(StrEnum):
    """Which step of the fallback ladder a plan came from."""

    OPTIMAL = "optimal"
    INCUMBENT = "incumbent"
    PREVIOUS = "previous"
    RULE = "rule"
    DEVICE = "device"


class Stage(StrEnum):
    """How settled an allocation is."""

    PROVISIONAL = "provisional"
    FINAL = "final"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices in force in an interval [micro-currency/kWh]."""

    import_micro_per_kwh: int
    export_micro_per_kwh: int
    network_fee_micro_per_kwh: int
    local_micro_per_kwh: int
    is_islanded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredRow:
    """What one member's meters counted in one interval, whole watt-hours, >= 0; ``None`` is unknown."""

    member: str
    quality: MeterQuality
    import_wh: int | None = None
    export_wh: int | None = None
    demand_wh: int | None = None
    """Without batteries, cars and shiftable runs."""
    pv_wh: int | None = None
    """Generated, after curtailment."""
    charge_wh: int | None = None
    """Into batteries, at their terminals."""
    discharge_wh: int | None = None
    ev_wh: int | None = None
    shiftable_wh: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """What one battery, car or PV plant did in one interval, whole watt-hours, >= 0; ``None`` is unknown."""

    device: DeviceKey
    member: str
    kind: str
    """``battery``, ``ev`` or ``pv``."""
    import_wh: int | None = None
    """Into it, at its terminals."""
    export_wh: int | None = None
    soc_wh: int | None = None
    """Stored at the interval's end."""
    is_plugged: bool | None = None
    """A car, at the interval's end."""
    curtailed_wh: int | None = None
    """PV that the sky offered and that was not generated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRow:
    """What one member got of the community's energy in one interval. Own + community + grid = consumption."""

    member: str
    shared_wh: int
    """Bought from the community, >= 0, at most the metered import."""
    sold_wh: int
    """Sold to the community, >= 0, at most the metered export."""
    own_wh: int
    """Consumed of the member's own generation."""
    community_wh: int
    """Consumed of the community's energy, by the colour of stored energy too."""
    grid_wh: int
    """Consumed of the grid's energy."""
    use_wh: int
    """Final use: consumption without charging, so that each watt-hour counts once."""
    renewable_wh: int
    """Final use from PV, own or shared, directly or through a battery."""
    value_micro: int
    """For shared energy at the local price: + received, - paid."""
    billed_micro: int
    """Provisional cost of the interval: + paid, - received, shared energy included."""
    weight: float

    @property
    def consumption_wh(self) -> int:
        """All that the member consumed, charging included [Wh]."""
        return self.own_wh + self.community_wh + self.grid_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledInterval:
    """One closed interval: metered energy and its sharing. A correction is the next revision."""

    start_utc: datetime
    duration_s: int
    revision: int = 0
    stage: Stage = Stage.PROVISIONAL
    key: str
    """Sharing key: ``equity``, ``proportional`` or ``static``."""
    prices: Prices
    metered: tuple[MeteredRow, ...]
    allocations: tuple[AllocationRow, ...] = ()
    """Members whose import or export is unknown have none."""
    devices: tuple[DeviceRow, ...] = ()
    """Batteries, cars and PV plants, by gateway and device."""

    def __post_init__(self) -> None:
        bought_wh = sum(row.shared_wh for row in self.allocations)
        sold_wh = sum(row.sold_wh for row in self.allocations)
        if bought_wh != sold_wh:
            message = f"{self.start_utc.isoformat()}: members bought {bought_wh} Wh and sold {sold_wh} Wh"
            raise SettlementError(message)
        metered = {row.member: row for row in self.metered}
        for row in self.allocations:
            self._check(row, metered.get(row.member))

    def _check(self, row: AllocationRow, metered: MeteredRow | None) -> None:
        place = f"{self.start_utc.isoformat()}, member {row.member}"
        if metered is None or metered.import_wh is None or metered.export_wh is None:
            message = f"{place}: an allocation without metered import and export"
            raise SettlementError(message)
        if not (0 <= row.shared_wh <= metered.import_wh and 0 <= row.sold_wh <= metered.export_wh):
            message = (
                f"{place}: bought {row.shared_wh} of {metered.import_wh} Wh imported, "
                f"sold {row.sold_wh} of {metered.export_wh} Wh exported"
            )
            raise SettlementError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One plan that was decided on: the tick's, or a re-plan of the running interval."""

    decision_id: str
    interval_start_utc: datetime
    interval_s: int
    valid_from_utc: datetime
    """Start of what it covers: the interval's start, later for a re-plan."""
    committed_utc: datetime
    replan: int = 0
    """0 for the tick's plan, then 1, 2, ... within the interval."""
    cause: str = "tick"
    """What asked for it: tick, deviation, price, limit, device, start."""
    rung: Rung
    prices: Prices
    solve: SolveRecord | None = None
    problem_sha256: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight in force by member; stays in SQLite."""
    proposals: Mapping[str, float] = field(default_factory=dict)
    """Weight that the policy proposes by member; stays in SQLite."""
    figures: Figures = field(default_factory=dict)
    """The plan's community figures, such as ``cost_eur``, ``price_of_equity_eur``, ``peak_kw``."""
    faults: tuple[str, ...] = ()
    """Phases that failed, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationRow:
    """Why one figure of one member is as it is. Its numbers sum to what they explain."""

    member: str
    topic: str
    """``setpoint:DEVICE``, ``allocation``, ``weight``, ...; one row for each decision, member and topic."""
    reason: Reason | str
    """Bounded vocabulary: it is a tag in the database."""
    numbers: Figures = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """Sentence by language; free of tier, income and names."""
    interval_start_utc: datetime | None = None
    """The interval it speaks of, if not the decision's own (an allocation is of the one that ended)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetState:
    """A device as the cycle saw it at freeze; ``None`` is unknown."""

    device: DeviceKey
    member: str | None
    kind: str
    power_kw: float | None = None
    soc_frac: float | None = None
    soc_kwh: float | None = None
    age_s: float | None = None
    """Age of the reading [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRecord:
    """All that one cycle makes durable before it dispatches."""

    decision: DecisionRow
    settled: tuple[SettledInterval, ...] = ()
    """Intervals closed by this cycle, usually the one that just ended."""
    setpoints: tuple[Setpoint, ...] = ()
    curtailments: tuple[Curtailment, ...] = ()
    """What its setpoints hold back from loads."""
    explanations: tuple[ExplanationRow, ...] = ()
    asset_states: tuple[AssetState, ...] = ()
    fairness: Figures = field(default_factory=dict)
    policy: Figures = field(default_factory=dict)
    """Community figures of the policy, never a member's weight."""
    gateway: Figures = field(default_factory=dict)
    """The gateway's own health: queue lengths, lags, counts."""
