"""What members pay for a demo's days, with and without the controller: energy, and these days' part of the peak charge.

The peak charge is one for the whole month: as much of it counts as these days are of the month, as in burdens.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from controller.apps.demo_courses import alone_cost, billed_cost
from controller.apps.demo_settlement import SettledDemo
from controller.apps.demo_world import DemoWorld
from controller.record.period_so_far import days_of_period
from controller.record.records import SettledInterval
from models.domain.arrays import FloatArray
from models.domain.interval import local_day_of
from models.domain.tariff import StepPrices


def pay_with(world: DemoWorld, settled: Sequence[SettledInterval], days: SettledDemo) -> FloatArray:
    """[N] as settled; where not every day is, the intervals' provisional money, without a peak charge [currency]."""
    if not is_settled(world, days):
        return billed_cost(world, settled)
    paid = np.zeros(len(world.site.members))
    index = {member.id: number for number, member in enumerate(world.site.members)}
    local_days = list_days(world)
    for day in days.days:
        share = _share_of_month(day.local_day, local_days)
        for one in day.members:
            if one.member in index:
                paid[index[one.member]] += (one.bill_minor + share * one.peak_minor) / day.minor_per_unit
    return paid


def pay_without(world: DemoWorld, prices: StepPrices, days: SettledDemo) -> FloatArray:
    """[N] each member on its own tariff; with a charge on its own peak where the settled bills have one [currency]."""
    paid = alone_cost(world, prices)
    if not is_settled(world, days):
        return paid
    run, charge = world.uncontrolled, world.site.tariff.peak_charge_eur_per_kw
    hours = run.interval_s / 3600.0
    net_kw = (run.import_kwh - run.export_kwh) / hours
    starts = (world.start_utc + number * timedelta(seconds=run.interval_s) for number in range(net_kw.shape[1]))
    of_day = np.array([local_day_of(start, world.site.zone).toordinal() for start in starts])
    local_days = list_days(world)
    for first in dict.fromkeys(day.replace(day=1) for day in local_days):
        month = [day.toordinal() for day in local_days if day.replace(day=1) == first]
        peak_kw = np.maximum(net_kw[:, np.isin(of_day, month)].max(axis=1), 0.0)
        paid = paid + charge * peak_kw * _share_of_month(first, local_days)
    return np.asarray(paid)


def is_settled(world: DemoWorld, days: SettledDemo) -> bool:
    """Whether every day has its bills."""
    return [day.local_day for day in days.days] == list_days(world)


def list_days(world: DemoWorld) -> list[date]:
    """The demo's local days."""
    first, last = (
        local_day_of(moment, world.site.zone) for moment in (world.start_utc, world.end_utc - timedelta(seconds=1))
    )
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _share_of_month(day: date, local_days: Sequence[date]) -> float:
    """Days of a day's month among these, over all days of that month."""
    same = sum((one.year, one.month) == (day.year, day.month) for one in local_days)
    return same / days_of_period(day)
