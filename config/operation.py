"""How the controller runs: intervals, solver, setpoints, broker, store, InfluxDB, policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.base import DurationS, Fraction, MonthlyCost, Part


class Horizon(Part):
    """Steps of a plan: fine first, coarse later."""

    fine_steps: Annotated[int, Field(ge=1, le=400)] = 16
    """Steps of one interval each."""
    coarse_steps: Annotated[int, Field(ge=0, le=400)] = 20
    coarse_step_min: Literal[15, 30, 60, 120, 180] = 60
    exact_steps: Annotated[int, Field(ge=1, le=400)] = 8
    """Steps of the control window, in which binaries are exact."""


class Solver(Part):
    """Which solver plans, and how long it may take."""

    name: Literal["glpk", "highs"] = "glpk"
    deadline_s: DurationS = 20.0
    """After this time the worker is killed and the next rung of the fallback ladder is used."""
    mip_gap_frac: Annotated[float, Field(ge=0.0, le=0.1)] = 0.002
    memory_limit_mb: Annotated[int, Field(ge=256, le=65_536)] = 1024


class Control(Part):
    """Times and thresholds of the control loop."""

    telemetry_period_s: DurationS = 10.0
    stale_after_s: DurationS = 30.0
    """A reading older than this is not used (three periods)."""
    tick_delay_s: Annotated[float, Field(ge=0.0, le=30.0)] = 2.0
    """Time after an interval's start that readings sampled at the boundary get to arrive [s]."""
    setpoint_life_s: DurationS = 60.0
    setpoint_renewal_s: DurationS = 20.0
    acknowledgement_deadline_s: DurationS = 5.0
    replan_min_gap_s: DurationS = 60.0
    replan_debounce_s: DurationS = 2.0
    deviation_kw: Annotated[float, Field(gt=0.0, le=1000.0)] = 2.0
    """A member's net power this far from the plan asks for a re-plan."""
    clock_skew_limit_s: DurationS = 60.0
    """A device whose stamps are further off than this is not used."""


class Tls(Part):
    """TLS to the broker; certificates are named by path."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


class Broker(Part):
    """The MQTT broker; a password comes from a file or an environment variable, never from here."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 1883
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    username: str | None = None
    password_file: Path | None = None
    password_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    tls: Tls | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=600)] = 30


class Store(Part):
    """The SQLite store, the source of truth."""

    path: Path = Path("commonwatt.sqlite")
    """Relative to the site file's folder."""
    bundle_days: Annotated[int, Field(ge=0, le=3650)] = 14
    """Days for which re-playable planning bundles are kept; 0: none are written."""
    bundle_limit_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    """All bundles together take no more than this; the oldest go first."""


class Influxdb(Part):
    """Optional view of the store in InfluxDB; the token comes from a file or an environment variable."""

    url: Annotated[str, Field(pattern=r"^https?://", examples=["http://127.0.0.1:8086"])]
    org: str = "commonwatt"
    bucket: str = "commonwatt"
    token_file: Path | None = None
    token_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None


class Policy(Part):
    """The equity policy that proposes weights."""

    mode: Literal["live", "shadow", "off"] = "live"
    model: Path | None = None
    """An ONNX file with its manifest beside it; unset: the one that ships with CommonWatt."""
    max_log_step: Annotated[float, Field(gt=0.0, le=2.0)] = 0.25
    """Largest change of a log weight in one epoch."""


class DemandResponse(Part):
    """When curtailable loads may be held back, and what missing an event's target costs.

    Events come over MQTT (``market/event``) or from the prices themselves.
    """

    price_threshold_std: Annotated[float, Field(ge=0.0, le=10.0)] | None = 1.0
    """Hours whose import price lies above the local day's mean by this many of its standard deviations count as an
    event without a target; unset: prices open none."""
    shortfall_eur_per_kwh: Annotated[float, Field(ge=0.0, le=20_000.0)] = 1.0
    """What each kWh drawn above an event's target is taken to cost. The whole site's check is stricter where it knows
    the currency."""


class ByLaw(Part):
    """What the community's by-law fixes about equity."""

    weight_min: Annotated[float, Field(gt=0.0, le=1.0)] = 0.2
    weight_max: Annotated[float, Field(ge=1.0, le=20.0)] = 5.0
    tier_weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    """Configured weights by priority tier 0 to 3: the start, and the fallback without a policy."""
    solidarity_frac: Fraction = 0.1
    """Share of the gain from cooperating that lowers the highest burdens first."""
    equity_budget_frac: Fraction = 0.02
    """Share of the gain from cooperating that equity may cost in dispatch."""
    core_excess_bound_frac: Fraction = 0.25
    access_share_frac: Fraction = 0.3
    """Share of a priority member's consumption that should be renewable."""
    access_shortfall_eur_per_kwh: Annotated[float, Field(ge=0.0, le=10.0)] = 0.5
    burden_price_frac: Annotated[float, Field(ge=0.0, le=10.0)] = 0.5
    """Weight rho of the highest energy burden in the dispatch objective."""
    income_min_eur_per_month: Annotated[float, Field(gt=0.0, le=100_000.0)] = 500.0
    """Incomes below this count as this."""
    support_cap_frac: Fraction = 0.3
    """Solidarity pays for at most this part of a member's cost of the day."""
    reference_cost_eur_per_month: Annotated[tuple[MonthlyCost, ...], Field(max_length=50)] = ()
    """What a household of 1, 2, 3, ... persons usually pays a month, peak charge included; the last one holds for
    larger ones too. Solidarity counts a burden up to this cost only. Empty: the community's median of the same days for
    households of the same number of persons."""
    weighting: Literal["proportional", "kalai_samet", "classical"] = "proportional"
    """How weights enter the split of the gain; ``classical`` leaves them out."""


class Settlement(Part):
    """How days are settled when they are over."""

    final_game: Literal["reoptimised", "metered"] = "reoptimised"
    """What the final figure is made from: every coalition's own best dispatch, or the flows as metered."""
    deadline_s: Annotated[float, Field(gt=0.0, le=86_400.0)] = 3600.0
    """A settlement that takes longer is given up; the day stays provisional until it is settled by hand."""


class Sharing(Part):
    """How shared energy is split among those who import."""

    key: Literal["equity", "proportional", "static"] = "equity"
    static_shares: dict[str, Fraction] | None = None
    """For ``static``: a share for each member id, summing to 1."""
