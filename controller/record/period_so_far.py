"""The billing period before a day: what was billed, losses still to be given back, and flows for the peak charge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from controller.record.day_posting import PEAK, booked_on
from controller.record.day_records import DaySettlement
from controller.record.day_rows import read_day, read_settled_days
from controller.record.quantities import MICRO_PER_EUR
from controller.record.reader import Reader
from models.domain.arrays import FloatArray
from models.settlement.arrays import IntArray
from models.settlement.booking import name_account


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodSoFar:
    """Settled days of the billing period before a day, each in its newest revision."""

    days: tuple[DaySettlement, ...]
    """By date."""
    peak_booked: Mapping[str, int]
    """Booked for the peak charge by those days, by account [minor units]."""

    @property
    def members(self) -> tuple[str, ...]:
        """Everyone who was billed, by id."""
        return tuple(sorted({one.member for day in self.days for one in day.members}))

    def billed_eur(self, members: tuple[str, ...]) -> FloatArray:
        """[N] billed for energy [currency]."""
        return self._sum(members, "bill_minor")

    def stand_alone_eur(self, members: tuple[str, ...]) -> FloatArray:
        """[N] what those days would have cost by oneself, wear included [currency]."""
        return self._sum(members, "stand_alone_minor")

    def wear_eur(self, members: tuple[str, ...]) -> FloatArray:
        """[N] battery wear, borne in kind [currency]."""
        return self._sum(members, "wear_minor")

    def _sum(self, members: tuple[str, ...], line: str) -> FloatArray:
        total = np.zeros(len(members))
        for day in self.days:
            by_member = {one.member: getattr(one, line) / day.minor_per_unit for one in day.members}
            total += [by_member.get(member, 0.0) for member in members]
        return total

    def carried_loss_eur(self, members: tuple[str, ...]) -> FloatArray:
        """[N] losses that were not given back yet [currency]."""
        if not self.days:
            return np.zeros(len(members))
        after = {one.member: one.loss_after_micro / MICRO_PER_EUR for one in self.days[-1].members}
        return np.array([after.get(member, 0.0) for member in members])

    def net_wh(self, members: tuple[str, ...]) -> IntArray:
        """[N, T] net import of all those days, one after the other [Wh]."""
        parts = [np.zeros((len(members), 0), dtype=np.int64)]
        for day in self.days:
            by_member = {one.member: one.import_wh - one.export_wh for one in day.members}
            nothing = np.zeros(len(day.starts_utc), dtype=np.int64)
            parts.append(np.stack([by_member.get(member, nothing) for member in members]))
        return np.hstack(parts)

    def peak_booked_minor(self, members: tuple[str, ...]) -> IntArray:
        """[N] booked for the peak charge [minor units]."""
        return np.array([self.peak_booked.get(name_account(member), 0) for member in members], dtype=np.int64)


def read_period(reader: Reader, local_day: date) -> PeriodSoFar:
    """The period (local calendar month) before a day."""
    first = local_day.replace(day=1)
    days = [read_day(reader.select, day) for day in read_settled_days(reader.select, first, local_day)]
    return PeriodSoFar(
        days=tuple(day for day in days if day is not None),
        peak_booked=booked_on(reader.select, PEAK, first, local_day),
    )


def days_of_period(local_day: date) -> int:
    """Days of the calendar month."""
    following = (local_day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (following - timedelta(days=1)).day
