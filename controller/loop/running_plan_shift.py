"""The running plan, shifted to now: the rung below a solved plan, while it is fresh and keeps the limits in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from config.members import Battery, CurtailableLoad, Ev, ShiftableLoad
from config.schema import Site
from controller.loop.caps_now import NO_EVENTS, EventsNow, renew_cap
from controller.loop.outlook import PresentLimits
from controller.loop.plan_powers import RunningPlan, powers_of_plan
from controller.loop.setpoints import ControlledDevice, DevicePower
from models.domain.interval import floor_to_interval
from models.domain.setpoint import Reason
from models.domain.snapshot import Snapshot
from models.domain.telemetry import Reading

SLACK_KW = 0.001
"""A limit that is lower by less is the same limit: a watt [kW]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """What a running plan asks for now, or why it is not followed."""

    powers: tuple[DevicePower, ...] = ()
    refusal: str = ""


def shift_plan(
    running: RunningPlan | None,
    site: Site,
    devices: tuple[ControlledDevice, ...],
    snapshot: Snapshot,
    limits: PresentLimits,
    events: EventsNow = NO_EVENTS,
) -> Shifted:
    """Powers that the running plan had for now, of devices that are still fresh.

    It does not matter how many intervals were missed since, as long as now lies within its fine steps; a run whose
    start was missed starts now. The plan itself is not kept anywhere: after a restart there is none.

    Args:
        running: The last audited plan; ``None`` since the start, if there was none.
        site: The site.
        devices: Devices that take setpoints.
        snapshot: What the cycle sees.
        limits: Of the community's connection, now.
        events: Those that are known now: the plan's own may have been called off since.
    """
    if running is None:
        return Shifted(refusal="no running plan to shift")
    if snapshot.taken_utc >= _fine_end_utc(site, running.starts_utc):
        return Shifted(refusal="the running plan is too old to shift")
    step = running.step_at(snapshot.taken_utc)
    if refusal := _find_break(running, step, limits):
        return Shifted(refusal=refusal)
    by_key = {device.key: device for device in devices}
    powers = []
    for power in powers_of_plan(running, step, devices):
        device, reading = by_key[power.device], snapshot.fresh.get(power.device)
        if isinstance(device.asset, CurtailableLoad):
            present = renew_cap(power, device, site, snapshot, events)
        else:
            present = None if reading is None else _adapt(power, device, reading, running, limits)
        if present is not None:
            powers.append(present)
    return Shifted(powers=tuple(powers), refusal="" if powers else "no device of the running plan has a fresh reading")


def _fine_end_utc(site: Site, starts_utc: tuple[datetime, ...]) -> datetime:
    # Coarse steps say too little about a quarter of an hour to be followed. Step 0 may be a part of an interval.
    fine = timedelta(minutes=site.horizon.fine_steps * site.interval_min)
    return floor_to_interval(starts_utc[0], site.interval_min) + fine


def _find_break(running: RunningPlan, step: int, limits: PresentLimits) -> str:
    """Which limit that it did not know of the plan would break now; a limit that it broke already, nobody keeps."""
    problem, schedule = running.built.problem, running.schedule
    if bool(problem.is_islanded[step]) != limits.is_islanded:
        return f"the running plan counts on {'no grid' if problem.is_islanded[step] else 'the grid'} for now"
    pulses_kw = float((running.ev_kw[:, step] - schedule.ev_kw[:, step]).sum())
    net_kw = float((schedule.import_kw - schedule.export_kw)[:, step].sum()) + pulses_kw
    known_import_kw, known_export_kw = (
        float(problem.community_import_limit_kw[step]),
        float(problem.community_export_limit_kw[step]),
    )
    for word, planned_kw, limit_kw, known_kw in (
        ("draws", net_kw, limits.import_kw, known_import_kw),
        ("gives", -net_kw, limits.export_kw, known_export_kw),
    ):
        if limit_kw < known_kw - SLACK_KW and planned_kw > limit_kw + SLACK_KW:
            return f"the running plan breaks a new limit: it {word} {planned_kw:.3f} kW of {limit_kw:g} kW"
    return ""


def _adapt(
    power: DevicePower, device: ControlledDevice, reading: Reading, running: RunningPlan, limits: PresentLimits
) -> DevicePower | None:
    """The plan's power, as far as it fits what the device says now; None: it is left to itself."""
    match device.asset:
        case Battery() as battery:
            if reading.soc_frac is None:
                return None
            is_full = reading.soc_frac >= battery.soc_max_frac and power.power_kw > 0.0
            is_empty = reading.soc_frac <= battery.soc_min_frac and power.power_kw < 0.0
            return replace(power, power_kw=0.0) if is_full or is_empty else power
        case Ev() if not reading.is_plugged:
            return replace(power, power_kw=0.0, reason=Reason.IDLE)
        case Ev():
            # A car that came since is not held back by a plan that did not know of it: it charges on arrival. Not so
            # without grid.
            is_planned = any(known.key == device.key for known in running.built.evs)
            return power if is_planned or limits.is_islanded else None
        case ShiftableLoad():
            return power if reading.is_requested or reading.is_running else None
        case _:
            return power
