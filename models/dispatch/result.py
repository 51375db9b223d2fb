"""What a solved dispatch problem says: schedule, figures, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from models.dispatch.problem import FloatArray, IntArray
from models.domain.arrays import freeze

NOTICEABLE_EUR = 1e-3
"""A member's cost that is higher by less is the same: a tenth of a cent over the horizon [EUR]."""


class Termination(StrEnum):
    """How a solve ended, the same words for every solver."""

    OPTIMAL = "optimal"
    """Proven within the asked gap."""
    INCUMBENT = "incumbent"
    """Stopped at the deadline with a feasible solution."""
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    NO_SOLUTION = "no_solution"
    """Stopped at the deadline with nothing usable."""
    FAILED = "failed"
    """The solver reported a numerical or internal failure."""


class LimitKind(StrEnum):
    """Limits that give way, only by as much as they must."""

    MEMBER_IMPORT = "member_import"
    COMMUNITY_IMPORT = "community_import"
    COMMUNITY_EXPORT = "community_export"
    BATTERY_LOW = "battery_low"
    BATTERY_HIGH = "battery_high"
    RUN_SKIPPED = "run_skipped"
    UNSERVED = "unserved"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftLimit:
    """One limit that cannot be kept, and by how much."""

    kind: LimitKind
    index: int
    """Member, battery or run; -1 for the community."""
    step: int
    """-1 for a run."""
    size: float
    """[kW], for batteries [kWh], for a run its share not started."""

    def __str__(self) -> str:
        """In words."""
        unit = "kWh" if self.kind in (LimitKind.BATTERY_LOW, LimitKind.BATTERY_HIGH) else "kW"
        words = {
            LimitKind.MEMBER_IMPORT: f"import limit of member {self.index} exceeded",
            LimitKind.COMMUNITY_IMPORT: "the community's import limit exceeded",
            LimitKind.COMMUNITY_EXPORT: "the community's export limit exceeded",
            LimitKind.BATTERY_LOW: f"battery {self.index} stays below its lowest state of charge",
            LimitKind.BATTERY_HIGH: f"battery {self.index} stays above its highest state of charge",
            LimitKind.UNSERVED: f"demand of member {self.index} not served",
        }
        if self.kind is LimitKind.RUN_SKIPPED:
            return f"run {self.index} cannot be started"
        return f"{words[self.kind]} by {self.size:.3f} {unit} in step {self.step}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Powers [kW] and states [kWh] for every member and device in every step; all powers >= 0."""

    import_kw: FloatArray
    """[N, T]"""
    export_kw: FloatArray
    """[N, T]"""
    buy_kw: FloatArray
    """[N, T] from the community's pool."""
    sell_kw: FloatArray
    """[N, T] to the community's pool."""
    curtailed_kw: FloatArray
    """[N, T] PV not generated."""
    unserved_kw: FloatArray
    """[N, T] demand not met; 0 except in islanded steps."""
    charge_kw: FloatArray
    """[B, T]"""
    discharge_kw: FloatArray
    """[B, T]"""
    soc_kwh: FloatArray
    """[B, T] at the end of each step."""
    ev_kw: FloatArray
    """[E, T]"""
    ev_shortfall_kwh: FloatArray
    """[E] missing at departure."""
    run_option: IntArray
    """[S] start option taken; -1 if none."""
    run_kw: FloatArray
    """[S, T]"""
    curtailed_load_kw: FloatArray = field(default_factory=lambda: freeze(np.zeros((0, 0))))
    """[C, T] held back from each curtailable load; empty without any."""
    event_excess_kw: FloatArray = field(default_factory=lambda: freeze(()))
    """[T] net import of the community above the target of a demand-response event; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFigures:
    """Figures of a plan, each recomputed from the schedule by the audit."""

    cost_eur: float
    """F: cost of the plan with the peak charge, wear, missing EV energy, the value of stored energy, discomfort and
    missed event targets."""
    efficient_cost_eur: float
    """F*: the least possible F; F itself where the time was up before any was found."""
    alone_cost_eur: float
    """F_alone: every member by itself under the self-consumption rule."""
    member_cost_eur: FloatArray
    """[N] C_i, without discomfort: it is no money."""
    peak_kw: FloatArray
    """[Q] largest community import in each billing period of the horizon, at least its floor."""
    worst_burden_frac: float | None
    """z, if any member has an income."""
    access_shortfall_kwh: FloatArray
    """[N]"""
    discomfort_eur: FloatArray = field(default_factory=lambda: freeze(()))
    """[N] D_i: what each member's held-back energy is worth to it; empty without curtailable loads."""
    event_shortfall_kwh: FloatArray = field(default_factory=lambda: freeze(()))
    """[T] energy drawn above the target of a demand-response event; empty without one."""
    alone_member_cost_eur: FloatArray = field(default_factory=lambda: freeze(()))
    """[N] what each member by itself under the self-consumption rule would pay, as C_i counts it; empty in plans that
    were recorded without it."""

    @property
    def members_above_alone(self) -> tuple[int, ...]:
        """Members whose C_i exceeds their stand-alone cost in this plan; that nobody pays for it is settlement's."""
        if not self.alone_member_cost_eur.size:
            return ()
        above = self.member_cost_eur - self.alone_member_cost_eur > NOTICEABLE_EUR
        return tuple(int(member) for member in np.flatnonzero(above))

    @property
    def price_of_equity_eur(self) -> float:
        """What regard to equity costs in this plan."""
        return self.cost_eur - self.efficient_cost_eur


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveRecord:
    """How the solver got there."""

    solver: str
    termination: Termination
    gap_frac: float
    """Largest relative gap over the stages, of the model whose tail beyond the exact steps is relaxed."""
    stage_s: tuple[float, ...]
    """Seconds for each stage, model building first."""
    rows: int
    columns: int
    binaries: int
    peak_memory_mb: float
    objective_eur: float = 0.0
    """Value of the equity stage's objective; 0 without a schedule from it."""
    violated: tuple[str, ...] = ()
    """Limits that cannot be kept, in words, the largest first; also of a problem that got no schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Answer of a solver to a dispatch problem; without a schedule unless usable."""

    record: SolveRecord
    schedule: Schedule | None
    figures: PlanFigures | None
    marginal_price_eur_per_kwh: FloatArray | None
    """[N, T] what one more kWh of demand at each member costs the community: the dual of the balance in the
    efficiency stage."""
    softened: tuple[SoftLimit, ...] = ()
    """Limits that cannot be kept, least in sum; empty for a plan that keeps them all."""

    @property
    def is_usable(self) -> bool:
        """Has a schedule, proven optimal or not."""
        return self.schedule is not None
