"""What settled days came to for members: the money that takes the place of the intervals' provisional one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from controller.record.day_rows import Select
from controller.record.quantities import MICRO_PER_EUR, from_epoch_s


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledBills:
    """The newest revision of a settled day; amounts by member [currency]."""

    local_day: date
    revision: int
    start_utc: datetime
    bill_eur: Mapping[str, float] = field(repr=False)
    """For energy: + paid, - received."""
    peak_eur: Mapping[str, float] = field(repr=False)
    """What the day booked for the period's peak charge."""
    share_eur: Mapping[str, float] = field(repr=False)
    """Of the gain, after solidarity; below 0 where a loss is borne."""
    stand_alone_eur: float
    """What all members would have paid by themselves."""
    gain_eur: float
    core_excess_eur: float
    """The most that a coalition would gain by leaving."""


def read_settled_bills(select: Select, since: date, known: Mapping[date, int]) -> tuple[SettledBills, ...]:
    """Settled days from ``since`` on whose newest revision is not known yet, by date.

    Args:
        select: queries over the store.
        since: first local day of interest.
        known: newest known revision by day.
    """
    days = select(
        "SELECT day, max(revision) AS revision, start_s, minor_per_unit, gain_micro, core_excess_micro"
        " FROM day_settlements WHERE day >= ? GROUP BY day ORDER BY day",
        (since.isoformat(),),
    )
    found = []
    for row in days:
        local_day = date.fromisoformat(row["day"])
        if known.get(local_day, -1) >= row["revision"]:
            continue
        bills = select(
            "SELECT member, stand_alone_minor, peak_minor, share_minor + solidarity_minor AS share_minor,"
            " stand_alone_minor - wear_minor - share_minor - solidarity_minor + islanded_minor AS bill_minor"
            " FROM day_bills WHERE day = ? AND revision = ? ORDER BY place",
            (row["day"], row["revision"]),
        )
        unit = row["minor_per_unit"]
        found.append(
            SettledBills(
                local_day=local_day,
                revision=row["revision"],
                start_utc=from_epoch_s(row["start_s"]),
                bill_eur={bill["member"]: bill["bill_minor"] / unit for bill in bills},
                peak_eur={bill["member"]: bill["peak_minor"] / unit for bill in bills},
                share_eur={bill["member"]: bill["share_minor"] / unit for bill in bills},
                stand_alone_eur=sum(bill["stand_alone_minor"] for bill in bills) / unit,
                gain_eur=row["gain_micro"] / MICRO_PER_EUR,
                core_excess_eur=row["core_excess_micro"] / MICRO_PER_EUR,
            )
        )
    return tuple(found)
