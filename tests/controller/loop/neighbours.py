"""Three neighbours for the loop's tests: their site, what their devices say, and a solver that follows the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from config.schema import Site
from controller.loop.account import PeriodAccount
from controller.loop.outlook import Forecaster, MeteredHistory
from controller.loop.solver_process import SolverFailure
from models.dispatch.figures import measure_schedule
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan, PlanFigures, SolveRecord, Termination
from models.dispatch.rule import follow_rule
from models.domain.snapshot import Snapshot
from models.domain.tariff import PriceBook
from models.domain.telemetry import DeviceKey, Reading

START = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
"""A quarter-hour, at noon in Berlin."""
ANNA_METER = DeviceKey("gw-anna", "meter")
ANNA_PV = DeviceKey("gw-anna", "pv")
ANNA_BATTERY = DeviceKey("gw-anna", "bat")
ANNA_CAR = DeviceKey("gw-anna", "car")
ANNA_WASHER = DeviceKey("gw-anna", "wash")
BERT_METER = DeviceKey("gw-bert", "meter")
BERT_BATTERY = DeviceKey("gw-bert", "bat")
CLEO_METER = DeviceKey("gw-cleo", "meter")
GRID_METER = DeviceKey("gw-grid", "grid")

BATTERY = {
    "id": "bat",
    "capacity_kwh": 10.0,
    "charge_limit_kw": 4.0,
    "discharge_limit_kw": 4.0,
    "soc_min_frac": 0.1,
    "soc_max_frac": 0.9,
}
CAR = {
    "id": "car",
    "capacity_kwh": 50.0,
    "charge_limit_kw": 7.0,
    "charge_min_kw": 1.4,
    "typical_departure": "07:00",
    "typical_daily_kwh": 8.0,
}
WASHER = {"id": "wash", "power_kw": 2.0, "duration_min": 60, "window_start": "08:00", "window_end": "20:00"}

HEATER = {"id": "heat", "power_kw": 3.0, "discomfort_eur_per_kwh": 0.2, "limit_kwh_per_day": 2.0}
CLEO_HEATER = DeviceKey("gw-cleo", "heat")


def at(minutes: float) -> datetime:
    """A moment some minutes after the start."""
    return START + timedelta(minutes=minutes)


def gateway_of(member: dict[str, Any]) -> dict[str, Any]:
    name = member["id"]
    devices = [{"id": "meter", "kind": "meter", "member": name}]
    if member.get("pv_kwp"):
        devices.append({"id": "pv", "kind": "pv", "member": name})
    for kind, key in (
        ("battery", "batteries"),
        ("ev", "evs"),
        ("shiftable_load", "shiftable_loads"),
        ("curtailable_load", "curtailable_loads"),
    ):
        devices += [
            {"id": asset["id"], "kind": kind, "member": name, "asset": asset["id"]} for asset in member.get(key, ())
        ]
    return {"id": f"gw-{name}", "devices": devices}


def describe_site(**parts: Any) -> dict[str, Any]:
    """Anna has everything, Bert a battery, Cleo nothing; parts of the description replace the usual ones."""
    members = parts.pop(
        "members",
        [
            {
                "id": "anna",
                "pv_kwp": 5.0,
                "income_eur_per_month": 3000.0,
                "batteries": [BATTERY],
                "evs": [CAR],
                "shiftable_loads": [WASHER],
            },
            {"id": "bert", "batteries": [BATTERY], "income_eur_per_month": 1500.0, "priority_tier": 1},
            {"id": "cleo"},
        ],
    )
    return {
        "community": {
            "id": "village",
            "name": "Village",
            "zone": "Europe/Berlin",
            "import_limit_kw": 60.0,
            "export_limit_kw": 60.0,
        },
        "tariff": {
            "import_price": {"kind": "flat", "price_eur_per_kwh": 0.3},
            "export_price": {"kind": "flat", "price_eur_per_kwh": 0.08},
            "network_fee_eur_per_kwh": 0.02,
        },
        "members": members,
        "gateways": [
            *(gateway_of(member) for member in members),
            {"id": "gw-grid", "devices": [{"id": "grid", "kind": "community_meter"}]},
        ],
    } | parts


def make_site(**parts: Any) -> Site:
    return Site.model_validate(describe_site(**parts))


def with_heater(**parts: Any) -> dict[str, Any]:
    """Members of ``describe_site``, of whom Cleo has a heater that may be held back."""
    members = describe_site()["members"]
    return {"members": [*members[:2], members[2] | {"curtailable_loads": [HEATER]}], **parts}


def keys_of(site: Site) -> tuple[DeviceKey, ...]:
    return tuple(DeviceKey(gateway.id, device.id) for gateway in site.gateways for device in gateway.devices)


def say(device: DeviceKey, minutes: float = 0.0, **said: Any) -> Reading:
    """A reading taken some minutes after the start."""
    return Reading(device=device, ts_utc=at(minutes), seq=round(1e6 + minutes * 1000.0), **said)


def count(device: DeviceKey, minutes: float, import_kwh: float, export_kwh: float = 0.0, **said: Any) -> Reading:
    """A reading with counters."""
    return say(device, minutes, import_kwh_total=import_kwh, export_kwh_total=export_kwh, **said)


def usual_readings(minutes: float = 0.0) -> list[Reading]:
    """Everybody speaks: Anna's car is away, nothing is asked of her washer."""
    return [
        count(ANNA_METER, minutes, 100.0, 50.0, power_kw=-1.0),
        count(ANNA_PV, minutes, 0.0, 400.0, power_kw=-2.0),
        count(ANNA_BATTERY, minutes, 30.0, 20.0, power_kw=0.0, soc_frac=0.5),
        count(ANNA_CAR, minutes, 60.0, power_kw=0.0, is_plugged=False),
        count(ANNA_WASHER, minutes, 5.0, power_kw=0.0, is_requested=False, is_running=False),
        count(BERT_METER, minutes, 200.0, 0.0, power_kw=1.5),
        count(BERT_BATTERY, minutes, 10.0, 5.0, power_kw=0.0, soc_frac=0.4),
        count(CLEO_METER, minutes, 300.0, 0.0, power_kw=0.7),
        count(GRID_METER, minutes, 500.0, 10.0, power_kw=1.2),
    ]


def see(site: Site, readings: Iterable[Reading], minutes: float = 0.0, **parts: Any) -> Snapshot:
    """A snapshot in which the given readings are fresh and all other devices were never heard of."""
    fresh = {reading.device: reading for reading in readings}
    snapshot = Snapshot(
        taken_utc=at(minutes),
        interval_start_utc=START,
        fresh=fresh,
        stale={key: None for key in keys_of(site) if key not in fresh},
        closed={},
        running={},
    )
    return replace(snapshot, **parts)


def without(readings: Iterable[Reading], *devices: DeviceKey) -> list[Reading]:
    return [reading for reading in readings if reading.device not in devices]


def make_forecaster(site: Site) -> Forecaster:
    prices = PriceBook(tariff=site.tariff, zone=site.zone)
    return Forecaster(site, prices, MeteredHistory(len(site.members), site.interval_min))


def make_account(site: Site, now_utc: datetime = START) -> PeriodAccount:
    return PeriodAccount(site, now_utc)


def weights_of(site: Site) -> np.ndarray:
    return np.ones(len(site.members))


def plan_by_rule(problem: DispatchProblem) -> Plan:
    """A plan that keeps every promise of the audit: each home by itself."""
    schedule = follow_rule(problem)
    measured = measure_schedule(problem, schedule)
    return Plan(
        record=SolveRecord(
            solver="scripted",
            termination=Termination.OPTIMAL,
            gap_frac=0.0,
            stage_s=(0.1,),
            rows=1,
            columns=1,
            binaries=0,
            peak_memory_mb=1.0,
        ),
        schedule=schedule,
        figures=PlanFigures(
            cost_eur=measured.cost_eur,
            efficient_cost_eur=measured.cost_eur,
            alone_cost_eur=measured.cost_eur,
            member_cost_eur=measured.member_cost_eur,
            peak_kw=measured.peak_kw,
            worst_burden_frac=measured.worst_burden_frac,
            access_shortfall_kwh=measured.access_shortfall_kwh,
            discomfort_eur=measured.discomfort_eur,
            event_shortfall_kwh=measured.event_shortfall_kwh,
        ),
        marginal_price_eur_per_kwh=None,
    )


Answerer = Callable[[DispatchProblem], Plan | SolverFailure]


class ScriptedSolver:
    """Answers one call after the other as told; the last answer is given ever after."""

    def __init__(self, *answers: Answerer) -> None:
        self._answers = list(answers) or [plan_by_rule]
        self.problems: list[DispatchProblem] = []
        self.deadlines_s: list[float] = []

    def answer_with(self, *answers: Answerer) -> None:
        """Other answers from now on."""
        self._answers = list(answers)

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def solve(self, problem: DispatchProblem, *, deadline_s: float) -> Plan | SolverFailure:
        assert deadline_s > 0.0
        self.problems.append(problem)
        self.deadlines_s.append(deadline_s)
        answer = self._answers[0]
        if len(self._answers) > 1:
            del self._answers[0]
        return answer(problem)
