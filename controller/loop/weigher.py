"""The weigh phase: the policy's proposal each interval, the weights in force once an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.record.settled_bills import SettledBills
from models.domain.arrays import FloatArray
from models.domain.errors import PolicyError
from models.domain.interval import Span, local_day_of
from models.explanation.weight import WeightCase
from models.fairness.access import weigh_access
from models.fairness.burden import weigh_burden
from models.fairness.indices import measure_gini
from models.fairness.spread import describe_spread
from models.policy.observation import EquityState
from models.policy.onnx_policy import OnnxPolicy
from models.policy.weights import (
    WeightDecision,
    WeightPolicy,
    carry_weights,
    configure_weights,
    decide_weights,
)

SHIPPED_MODEL = Path(__file__).parents[2] / "models" / "policy" / "equity_policy.onnx"
"""The policy that comes with CommonWatt."""
LEAST_MEAN_KW = 0.01
"""Mean demand of a member before anything was metered, so that ratios to it stay finite [kW]."""
HOURS_PER_YEAR = 8760.0
TYPICAL_MEAN_KW = 3000.0 / HOURS_PER_YEAR
"""A household's mean demand until its own is known: 3000 kWh a year [kW]."""
LEAST_GAIN_EUR = 0.01
"""A day's gain or cost below a cent is nothing to take shares of."""
GAIN_RANGE = (-1.0, 2.0)
"""Of the gain as a share of the stand-alone cost, as policies know it."""
EXCESS_RANGE = (-1.0, 10.0)
"""Of the core excess as a share of the gain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What the weigh phase came to."""

    proposed: FloatArray | None
    """[N] weights that would come into force; ``None`` when the policy is off or failed."""
    problem: str | None
    """Why there is no proposal, or why it was not used."""
    has_changed: bool
    """New weights came into force just now."""
    case: WeightCase | None = None
    """The proposal that came into force just now, to be explained."""
    figures: dict[str, float | None]
    """How many proposals were limited."""
    fairness: dict[str, float | None] = field(default_factory=dict)
    """Burdens and access of the period so far, as community figures; ``None``: undefined."""


class Weigher:
    """Owner of the weights in force, which change only when a settlement day begins."""

    def __init__(self, site: Site, policy: WeightPolicy | PolicyError | None) -> None:
        """Start with the configured weights.

        Args:
            site: The site.
            policy: A loaded policy, or why it could not be loaded.
        """
        self._site = site
        self._policy = policy
        self._current = configure_weights(site.members, site.by_law)
        self._epoch_day: date | None = None

    @classmethod
    def from_site(cls, site: Site) -> Weigher:
        """Load the site's policy; a policy that cannot be used is reported each cycle and changes nothing."""
        return cls(site, load_policy(site))

    @property
    def in_force(self) -> FloatArray:
        """[N] weights that count for plan, key and money alike; mean 1."""
        return self._current.weight

    def resume(self, known: Mapping[str, float], epoch_day: date) -> None:
        """Go on with the weights of an earlier run of the same settlement day or of a day before.

        Args:
            known: Weight by member id.
            epoch_day: Settlement day for which they came into force.
        """
        if self._site.policy.mode == "live":
            self._current = carry_weights(known, self._site.members, self._site.by_law)
            self._epoch_day = epoch_day

    def weigh(self, now_utc: datetime, account: PeriodAccount) -> Weighing:
        """The proposal of this interval, and the weights in force from now on."""
        day = local_day_of(now_utc, self._site.zone)
        burden, access = self._burden_and_access(now_utc, account)
        state = self._observe(now_utc, account, burden, access)
        decision = decide_weights(
            state,
            self._current,
            self._policy,
            mode=self._site.policy.mode,
            is_epoch_start=day != self._epoch_day,
            by_law=self._site.by_law,
            max_log_step=self._site.policy.max_log_step,
        )
        self._current = decision.in_force
        self._epoch_day = day
        return Weighing(
            proposed=None if decision.proposal is None else decision.proposal.weight,
            problem=decision.problem,
            has_changed=decision.has_changed,
            case=self._note_case(state, decision),
            figures=_figures(decision),
            fairness=describe_spread(burden, access, account.day_of_period(now_utc)).as_dict(),
        )

    def _note_case(self, state: EquityState, decision: WeightDecision) -> WeightCase | None:
        policy, proposal = self._policy, decision.proposal
        if not decision.has_changed or proposal is None or policy is None or isinstance(policy, PolicyError):
            return None
        return WeightCase(policy=policy, state=state, proposal=proposal)

    def _burden_and_access(self, now_utc: datetime, account: PeriodAccount) -> tuple[FloatArray, FloatArray]:
        totals, income = account.totals(now_utc), account.income_eur(now_utc)
        # Before the first settled interval there are no days to pro-rate an income to: the burden is unknown.
        burden = weigh_burden(totals.billed_eur, np.where(income > 0.0, income, np.nan))
        return burden, weigh_access(totals.renewable_kwh, totals.consumption_kwh)

    def _observe(
        self, now_utc: datetime, account: PeriodAccount, burden: FloatArray, access: FloatArray
    ) -> EquityState:
        members, last = self._site.members, account.last_settled
        return EquityState(
            weight=self._current.weight,
            burden_frac=burden,
            access_frac=access,
            is_priority=np.array([member.priority_tier.reveal() > 0 for member in members]),
            pv_kwp=np.array([member.pv_kwp for member in members]),
            battery_kwh=np.array([sum(battery.capacity_kwh for battery in member.batteries) for member in members]),
            mean_demand_kw=_mean_demand_kw(account.totals().consumption_kwh, account.elapsed_h(now_utc)),
            last_share_frac=_last_share(self._site, last),
            day_of_year=local_day_of(now_utc, self._site.zone).timetuple().tm_yday,
            period_elapsed_frac=min(
                1.0, Span(start_utc=account.period.start_utc, end_utc=now_utc).hours / account.period.hours
            ),
            gain_frac=0.0 if last is None else _ratio(last.gain_eur, last.stand_alone_eur, GAIN_RANGE),
            core_excess_frac=0.0 if last is None else _ratio(last.core_excess_eur, last.gain_eur, EXCESS_RANGE),
            # A policy's inputs are numbers; where nobody has a burden, nobody has a higher one.
            gini_energy_burden=measure_gini(burden) or 0.0,
            gini_renewable_access=measure_gini(access) or 0.0,
        )


def load_policy(site: Site) -> WeightPolicy | PolicyError | None:
    """The site's policy, the shipped one, or why it cannot be used; ``None`` when the mode is ``off``."""
    if site.policy.mode == "off":
        return None
    path = site.policy.model or SHIPPED_MODEL
    try:
        return OnnxPolicy(path.read_bytes(), path.with_suffix(".json").read_bytes())
    except OSError as error:
        return PolicyError(f"the policy model {path.name} or its manifest cannot be read: {error.strerror}")
    except PolicyError as error:
        return error


def _mean_demand_kw(consumption_kwh: FloatArray, elapsed_h: float) -> FloatArray:
    if elapsed_h <= 0.0 or not consumption_kwh.any():
        return np.full(len(consumption_kwh), TYPICAL_MEAN_KW)
    return np.maximum(consumption_kwh / elapsed_h, LEAST_MEAN_KW)


def _last_share(site: Site, last: SettledBills | None) -> FloatArray:
    """[N] part of the last settled day's gain; 0 for all where there was none."""
    share = np.array([0.0 if last is None else last.share_eur.get(member.id, 0.0) for member in site.members])
    if last is None or last.gain_eur < LEAST_GAIN_EUR:
        return np.zeros(len(share))
    return np.clip(share / last.gain_eur, -1.0, 1.0)


def _ratio(part_eur: float, whole_eur: float, bounds: tuple[float, float]) -> float:
    """A share as policies see it, kept in their range: over a whole near nothing it says nothing."""
    return float(np.clip(part_eur / whole_eur, *bounds)) if whole_eur >= LEAST_GAIN_EUR else 0.0


def _figures(decision: WeightDecision) -> dict[str, float | None]:
    proposal = decision.proposal
    return {
        "proposals_limited": None if proposal is None else float(proposal.is_step_limited.sum()),
        "proposals_at_bound": None if proposal is None else float(proposal.is_at_bound.sum()),
    }
