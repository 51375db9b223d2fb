"""What a demo's settled days came to: the result's figures, and the rows that the report shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from controller.record.day_records import DaySettlement
from controller.record.day_rows import read_day, read_settled_days
from controller.record.quantities import MICRO_PER_EUR
from controller.record.reader import Reader
from models.settlement.utility import charge_community, to_minor

LINES = ("stand_alone", "wear", "share", "solidarity", "islanded", "bill", "peak")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberMoney:
    """One member's lines over all settled days [currency]; by name of ``LINES``."""

    member: str
    amounts: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledDemo:
    """The demo's days after settlement."""

    days: tuple[DaySettlement, ...]

    @property
    def members(self) -> tuple[MemberMoney, ...]:
        """Lines of every member, in the order of the newest day."""
        if not self.days:
            return ()
        names = [one.member for one in self.days[-1].members]
        sums = {name: dict.fromkeys(LINES, 0.0) for name in names}
        for day in self.days:
            for one in day.members:
                for line in LINES:
                    sums[one.member][line] += getattr(one, f"{line}_minor")
        unit = self.days[-1].minor_per_unit
        return tuple(
            MemberMoney(member=name, amounts={line: round(value) / unit for line, value in sums[name].items()})
            for name in names
        )


def read_settlement(reader: Reader, start_utc: datetime, end_utc: datetime, zone: ZoneInfo) -> SettledDemo:
    """The settled days of a demo, each in its newest revision."""
    first, last = start_utc.astimezone(zone).date(), (end_utc - timedelta(seconds=1)).astimezone(zone).date()
    days = [read_day(reader.select, day) for day in read_settled_days(reader.select, first, last + timedelta(days=1))]
    return SettledDemo(days=tuple(day for day in days if day is not None))


def describe_settlement(settled: SettledDemo) -> dict[str, Any] | None:
    """The result's figures over all settled days; ``None`` where none could be settled."""
    days = settled.days
    if not days:
        return None
    unit = days[-1].minor_per_unit
    bills = sum(one.bill_minor for day in days for one in day.members)
    return {
        "days": len(days),
        "stage": _all(day.stage.value for day in days),
        "game": _all(day.game.value for day in days),
        "method": _all(day.method for day in days),
        "gain": sum(day.gain_micro for day in days) / MICRO_PER_EUR,
        "sum_of_bills": bills / unit,
        "sum_equals_tariff": all(_equals_tariff(day) for day in days),
        "peak_charge": sum(day.peak_minor for day in days) / unit,
        "max_standard_error": max(day.max_error_micro for day in days) / MICRO_PER_EUR,
        "core_excess": max(day.core_excess_micro for day in days) / MICRO_PER_EUR,
    }


def _equals_tariff(day: DaySettlement) -> bool:
    """Whether the day's bills add up to the tariff, computed anew from the community's flows."""
    tariff = to_minor(charge_community(day.energy, day.prices), day.minor_per_unit)
    return sum(one.bill_minor for one in day.members) == tariff


def _all(words: Iterable[str]) -> str:
    return " and ".join(sorted(dict.fromkeys(words)))
