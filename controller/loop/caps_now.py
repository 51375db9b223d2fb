"""The caps of a plan made earlier, as of now: only for an event that is on, and by what loads draw now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from config.members import CurtailableLoad
from config.schema import Site
from controller.loop.curtailable_data import NOTHING_HELD, HeldSoFar, wanted_now_kw
from controller.loop.plan_powers import LEAST_CURTAILMENT_KW
from controller.loop.setpoints import ControlledDevice, DevicePower, bound
from models.domain.arrays import freeze
from models.domain.demand_response import DemandEvent, find_open_steps, find_remaining
from models.domain.interval import PlanSteps, Span, floor_to_interval, local_day_of
from models.domain.snapshot import Snapshot
from models.explanation.setpoint import explain_hold_back


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsNow:
    """What is known of demand-response events when an earlier plan is followed."""

    events: tuple[DemandEvent, ...] = ()
    """Called for and not called off."""
    held: HeldSoFar = NOTHING_HELD
    """What loads were held back by so far, and are at the moment."""


NO_EVENTS = EventsNow()


def renew_cap(
    planned: DevicePower, device: ControlledDevice, site: Site, snapshot: Snapshot, now: EventsNow
) -> DevicePower | None:
    """The cap that takes no more from a load than was planned, of what it draws now, within its day's limit.

    Args:
        planned: The plan's cap for now.
        device: A curtailable load.
        site: The site.
        snapshot: What the cycle sees.
        now: Events and what was held back.

    Returns:
        ``None``: the load is to be held back no longer. No event is on, it does not say what it draws, it draws
        nothing, or its limit of the day is used up.
    """
    reading, load = snapshot.fresh.get(device.key), device.asset
    rest = _rest_of_interval(site, snapshot)
    if reading is None or not isinstance(load, CurtailableLoad) or not find_open_steps(now.events, rest).any():
        return None
    wanted_kw = wanted_now_kw(load, reading, now.held.caps.get(device.key))
    if wanted_kw is None:
        return None
    today = local_day_of(snapshot.taken_utc, site.zone)
    left_kwh = float(find_remaining(load.limit_kwh_per_day, now.held.by_day_kwh.get(device.key, {}), (today,))[0])
    cut_kw = min(planned.held_back_kw, wanted_kw, left_kwh / _longest_h(site, rest))
    if cut_kw <= LEAST_CURTAILMENT_KW:
        return None
    allowed_kw = bound(round(wanted_kw - cut_kw, 3), device)
    return replace(
        planned,
        power_kw=allowed_kw,
        held_back_kw=max(0.0, wanted_kw - allowed_kw),
        reason=explain_hold_back(now.events, rest),
    )


def _rest_of_interval(site: Site, snapshot: Snapshot) -> PlanSteps:
    begin_utc = snapshot.taken_utc
    end_utc = floor_to_interval(begin_utc, site.interval_min) + timedelta(minutes=site.interval_min)
    return PlanSteps(starts_utc=(begin_utc,), step_h=freeze([Span(start_utc=begin_utc, end_utc=end_utc).hours]))


def _longest_h(site: Site, rest: PlanSteps) -> float:
    """How long the cap may hold before another plan is there [h]."""
    late_s = site.control.tick_delay_s + site.solver.deadline_s
    return float(rest.step_h[0]) + late_s / 3600.0
