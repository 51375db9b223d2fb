"""Do the site's times fit together: control loop, horizon, zone, tariff windows, appliance windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time

from config.errors import Severity
from config.flaw import Flaw, Location
from config.schema import Site
from config.tariff import PriceWindow, TimeOfUsePrice

_DAY_MIN = 1440
_LEAST_HORIZON_H = 12.0
"""A shorter plan does not see the evening from the morning."""
_MOST_HORIZON_H = 72.0
"""Forecasts beyond three days say little and every step costs solving time."""
_MOST_LIFE_S = 900.0
"""A setpoint that lives longer than this outlives the plan that it came from."""
_ORDERS = (
    ("stale_after_s", "at least", "telemetry_period_s"),
    ("telemetry_period_s", "at most", "interval_min"),
    ("setpoint_life_s", "above", "setpoint_renewal_s"),
    ("acknowledgement_deadline_s", "at most", "setpoint_life_s"),
    ("replan_debounce_s", "at most", "replan_min_gap_s"),
)
_OFFSET_YEARS = range(2025, 2036)


def check_timing(site: Site) -> Iterator[Flaw]:
    """Times that contradict each other."""
    yield from _check_control(site)
    yield from _check_horizon(site)
    yield from _check_zone(site)
    yield from _check_tariff_windows(site)
    yield from _check_appliances(site)


def _check_control(site: Site) -> Iterator[Flaw]:
    control, interval_s = site.control, site.interval_min * 60.0
    for key, relation, other in _ORDERS:
        value_s = getattr(control, key)
        bound_s = interval_s if other == "interval_min" else getattr(control, other)
        holds = {"at least": value_s >= bound_s, "at most": value_s <= bound_s, "above": value_s > bound_s}[relation]
        if not holds:
            place: Location = ("interval_min",) if other == "interval_min" else ("control", other)
            accepted = f"{relation} {other} ({bound_s:g} s)"
            yield Flaw(location=("control", key), found=f"{value_s:g} s", accepted=accepted, concerns=(place,))
    if control.telemetry_period_s <= control.stale_after_s < 2.0 * control.telemetry_period_s:
        yield _warn(("control", "stale_after_s"), f"{control.stale_after_s:g} s", "at least two telemetry periods")
    if control.setpoint_life_s > _MOST_LIFE_S:
        yield _warn(("control", "setpoint_life_s"), f"{control.setpoint_life_s:g} s", f"at most {_MOST_LIFE_S:g} s")
    if site.solver.deadline_s >= interval_s:
        accepted = f"less than the interval ({interval_s:g} s)"
        yield Flaw(
            location=("solver", "deadline_s"),
            found=f"{site.solver.deadline_s:g} s",
            accepted=accepted,
            concerns=(("interval_min",),),
        )


def _check_horizon(site: Site) -> Iterator[Flaw]:
    horizon, interval_min = site.horizon, site.interval_min
    if horizon.coarse_steps and horizon.coarse_step_min % interval_min:
        yield Flaw(
            location=("horizon", "coarse_step_min"),
            found=f"{horizon.coarse_step_min} min",
            accepted=f"a multiple of the interval ({interval_min} min)",
            concerns=(("interval_min",),),
        )
    steps = horizon.fine_steps + horizon.coarse_steps
    if horizon.exact_steps > steps:
        found = f"{horizon.exact_steps} exact steps"
        yield Flaw(location=("horizon", "exact_steps"), found=found, accepted=f"at most all {steps} steps")
    length_h = (horizon.fine_steps * interval_min + horizon.coarse_steps * horizon.coarse_step_min) / 60.0
    if not _LEAST_HORIZON_H <= length_h <= _MOST_HORIZON_H:
        accepted = f"{_LEAST_HORIZON_H:g} to {_MOST_HORIZON_H:g} h; 24 h sees a whole day"
        yield _warn(("horizon",), f"a horizon of {length_h:g} h", accepted)


def _check_zone(site: Site) -> Iterator[Flaw]:
    """Settlement days must begin on the start of an interval, which is aligned to UTC."""
    offsets_min = {
        int(offset.total_seconds() // 60): None
        for year in _OFFSET_YEARS
        for month in range(1, 13)
        if (offset := datetime(year, month, 1, tzinfo=site.zone).utcoffset()) is not None
    }
    odd = [offset for offset in offsets_min if offset % site.interval_min]
    if odd:
        hours, minutes = divmod(abs(odd[0]), 60)
        found = f"{site.interval_min} min in a zone that is {hours}:{minutes:02d} h from UTC"
        accepted = "an interval that begins at local midnight: 15 min fits every zone"
        yield Flaw(location=("interval_min",), found=found, accepted=accepted, concerns=(("community", "zone"),))


def _check_tariff_windows(site: Site) -> Iterator[Flaw]:
    for key in ("import_price", "export_price"):
        price = getattr(site.tariff, key)
        if not isinstance(price, TimeOfUsePrice):
            continue
        taken = [0] * (7 * _DAY_MIN)
        for w, window in enumerate(price.windows):
            place = ("tariff", key, "windows", w)
            if window.start == window.end and window.start != time(0, 0):
                found = f"a window from {window.start:%H:%M} to {window.end:%H:%M}"
                yield Flaw(location=place, found=found, accepted="an end that differs from the start")
                continue
            minutes = _week_minutes(window)
            months = sum(1 << month for month in window.months)
            if all(taken[minute] & months == months for minute in minutes):
                yield _warn(
                    place, "a window that windows above it cover", "each window with time of its own; the first wins"
                )
            for minute in minutes:
                taken[minute] |= months


def _week_minutes(window: PriceWindow) -> list[int]:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    start, length = _minute(window.start), window_length_min(window.start, window.end)
    days = [names.index(day) for day in window.days]
    return [(day * _DAY_MIN + start + k) % (7 * _DAY_MIN) for day in days for k in range(length)]


def _check_appliances(site: Site) -> Iterator[Flaw]:
    for i, member in enumerate(site.members):
        for k, load in enumerate(member.shiftable_loads):
            length_min = window_length_min(load.window_start, load.window_end)
            if load.duration_min > length_min:
                yield Flaw(
                    location=("members", i, "shiftable_loads", k, "duration_min"),
                    found=f"{load.duration_min} min in a window of {length_min} min",
                    accepted="a run that fits its window",
                    concerns=(("members", i, "shiftable_loads", k),),
                )


def window_length_min(start: time, end: time) -> int:
    """Length of a daily window [min]; one that ends where it starts is a whole day."""
    return (_minute(end) - _minute(start)) % _DAY_MIN or _DAY_MIN


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _warn(location: Location, found: str, accepted: str) -> Flaw:
    return Flaw(location=location, found=found, accepted=accepted, severity=Severity.WARNING)
