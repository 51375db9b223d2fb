"""The billing period so far: what members were billed, what they used of the sun, the community's peak.

A settled day's bills take the place of its intervals' provisional money. The peak charge that was accrued counts for
as much of the period as the income that it is compared with: it is one charge for the whole month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from config.schema import Site
from controller.record.quantities import to_eur
from controller.record.records import SettledInterval
from controller.record.settled_bills import SettledBills
from models.domain.arrays import FloatArray
from models.domain.interval import Span, billing_period, local_day_of

WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberTotals:
    """Sums over the billing period so far, N members."""

    billed_eur: FloatArray
    """[N] for energy, and the part of the accrued peak charge that belongs to the time so far [currency]."""
    renewable_kwh: FloatArray
    """[N] of it from PV, own or shared."""
    consumption_kwh: FloatArray
    """[N] final use: without charging batteries."""


@dataclass(slots=True)
class _DaySums:
    """What the intervals of a local day came to, N members."""

    billed_eur: FloatArray
    """[N] provisional [currency]."""
    renewable_kwh: FloatArray
    """[N]"""
    consumption_kwh: FloatArray
    """[N]"""
    peak_kw: float = 0.0
    """Largest interval mean of the community's net import [kW]."""


class PeriodAccount:
    """Running sums of one billing period (local calendar month); starts anew when the next one begins."""

    def __init__(self, site: Site, now_utc: datetime) -> None:
        """Open the account of the period that ``now_utc`` lies in, empty."""
        self._site = site
        self._members = {member.id: index for index, member in enumerate(site.members)}
        self.last_settled: SettledBills | None = None
        """The latest settled day, be it of an earlier period."""
        self._revisions: dict[date, int] = {}
        self._open(billing_period(now_utc, site.zone))

    def _open(self, period: Span) -> None:
        self.period = period
        self.peak_kw = 0.0
        """Largest interval mean of the community's net import in the period [kW]."""
        self._days: dict[date, _DaySums] = {}
        self._bill_eur: dict[date, FloatArray] = {}
        self._peak_eur: dict[date, FloatArray] = {}
        self._first_utc: datetime | None = None
        self._billed_since_utc: datetime | None = None
        self._until_utc: datetime | None = None

    def add(self, settled: Sequence[SettledInterval]) -> None:
        """Add closed intervals; one that begins a new period closes this account first, one of an earlier is left out.

        Members who are no longer in the site file are left out as well.
        """
        for interval in settled:
            self.turn_to(interval.start_utc)
            if not self.period.contains(interval.start_utc):
                continue
            self._first_utc = self._first_utc or interval.start_utc
            self._billed_since_utc = self._billed_since_utc or interval.start_utc
            self._until_utc = interval.start_utc + timedelta(seconds=interval.duration_s)
            sums = self._days.setdefault(local_day_of(interval.start_utc, self._site.zone), self._new_day())
            self._count(sums, interval)
            self.peak_kw = max(self.peak_kw, sums.peak_kw)

    def recount(self, local_day: date, settled: Iterable[SettledInterval]) -> None:
        """Replace what a day's intervals came to by what is on record now: some may have been corrected since.

        Args:
            local_day: A day; it changes nothing if it has no intervals in the account's period.
            settled: The newest revision of its intervals, those that the community shared.
        """
        sums, known = self._new_day(), [one for one in settled if self.period.contains(one.start_utc)]
        if not known:
            return
        for interval in known:
            self._count(sums, interval)
        self._days[local_day] = sums
        self.peak_kw = max(day.peak_kw for day in self._days.values())

    def _new_day(self) -> _DaySums:
        return _DaySums(*np.zeros((3, len(self._members))))

    def _count(self, sums: _DaySums, interval: SettledInterval) -> None:
        for row in interval.allocations:
            index = self._members.get(row.member)
            if index is None:
                continue
            sums.billed_eur[index] += to_eur(row.billed_micro)
            sums.renewable_kwh[index] += row.renewable_wh / WH_PER_KWH
            sums.consumption_kwh[index] += row.use_wh / WH_PER_KWH
        sums.peak_kw = max(sums.peak_kw, _mean_net_import_kw(interval))

    def book(self, days: Iterable[SettledBills]) -> None:
        """Take settled or corrected days; their bills replace what was provisional, or an earlier revision."""
        for day in days:
            self._revisions[day.local_day] = day.revision
            if self.last_settled is None or day.local_day >= self.last_settled.local_day:
                self.last_settled = day
            if not self.period.contains(day.start_utc):
                continue
            self._bill_eur[day.local_day] = self._by_member(day.bill_eur)
            self._peak_eur[day.local_day] = self._by_member(day.peak_eur)
            # A day is billed as a whole, from its midnight, even where metering began later.
            self._billed_since_utc = min(self._billed_since_utc or day.start_utc, day.start_utc)

    def known_revisions(self) -> Mapping[date, int]:
        """Newest booked revision of each settled day."""
        return dict(self._revisions)

    def turn_to(self, now_utc: datetime) -> None:
        """Open a new account if the period is over: the next plan must not count on a peak that was paid for before."""
        if now_utc >= self.period.end_utc:
            # What happens to the closing period's days still matters; to those before it, no more.
            first = local_day_of(self.period.start_utc, self._site.zone)
            self._revisions = {day: number for day, number in self._revisions.items() if day >= first}
            self._open(billing_period(now_utc, self._site.zone))

    def totals(self, until_utc: datetime | None = None) -> MemberTotals:
        """Copies of the sums.

        Args:
            until_utc: End of the time whose part of the peak charge counts, as of ``income_eur``; unset: the end of the
                newest interval.
        """
        none = np.zeros(len(self._members))
        provisional_eur = {day: sums.billed_eur for day, sums in self._days.items()}
        energy_eur = sum((provisional_eur | self._bill_eur).values(), none)
        peak_eur = sum(self._peak_eur.values(), none)
        return MemberTotals(
            billed_eur=energy_eur + peak_eur * min(1.0, self._elapsed_frac(until_utc or self._until_utc)),
            renewable_kwh=sum((sums.renewable_kwh for sums in self._days.values()), none),
            consumption_kwh=sum((sums.consumption_kwh for sums in self._days.values()), none),
        )

    def day_of_period(self, until_utc: datetime) -> int:
        """Local days from the first billed one to that of ``until_utc``, both counted; 0 before anything was billed."""
        if self._billed_since_utc is None:
            return 0
        zone = self._site.zone
        return (local_day_of(until_utc, zone) - local_day_of(self._billed_since_utc, zone)).days + 1

    def elapsed_h(self, until_utc: datetime) -> float:
        """Time from the account's first interval to ``until_utc`` [h]; 0 before the first."""
        if self._first_utc is None:
            return 0.0
        return max(0.0, Span(start_utc=self._first_utc, end_utc=until_utc).hours)

    def income_eur(self, until_utc: datetime, *, opened_utc: datetime | None = None) -> FloatArray:
        """[N] income pro-rated from the first billed time to ``until_utc``; NaN for members without one.

        Incomes below the site's ``income_min_eur_per_month`` count as that; non-households are left out.

        Args:
            until_utc: End of the time that the income is for.
            opened_utc: Its start while nothing has been billed yet; unset: there is no income for no time.
        """
        share = self._elapsed_frac(until_utc, opened_utc)
        least = self._site.by_law.income_min_eur_per_month
        incomes = [
            max(member.income_eur_per_month.reveal(), least)
            if member.income_eur_per_month is not None and member.kind == "household"
            else np.nan
            for member in self._site.members
        ]
        return np.array(incomes) * share

    def _elapsed_frac(self, until_utc: datetime | None, opened_utc: datetime | None = None) -> float:
        """Billed time up to ``until_utc`` over that of the period."""
        first_utc = self._billed_since_utc or opened_utc
        if until_utc is None or first_utc is None:
            return 0.0
        return max(0.0, Span(start_utc=first_utc, end_utc=until_utc).hours) / self.period.hours

    def _by_member(self, amounts: Mapping[str, float]) -> FloatArray:
        return np.array([amounts.get(member, 0.0) for member in self._members])


def _mean_net_import_kw(interval: SettledInterval) -> float:
    net_wh = sum((row.import_wh or 0) - (row.export_wh or 0) for row in interval.metered)
    return net_wh / WH_PER_KWH / (interval.duration_s / 3600.0)
