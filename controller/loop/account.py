"""The billing period so far: what members were billed, what they used of the sun, the community's peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from config.schema import Site
from controller.record.quantities import to_eur
from controller.record.records import SettledInterval
from models.domain.arrays import FloatArray
from models.domain.interval import Span, billing_period

WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberTotals:
    """Sums over the billing period so far, N members."""

    billed_eur: FloatArray
    """[N] [currency]"""
    renewable_kwh: FloatArray
    """[N] of it from PV, own or shared."""
    consumption_kwh: FloatArray
    """[N] final use: without charging batteries."""


class PeriodAccount:
    """Running sums of one billing period (local calendar month); starts anew when the next one begins."""

    def __init__(self, site: Site, now_utc: datetime) -> None:
        """Open the account of the period that ``now_utc`` lies in, empty."""
        self._site = site
        self._members = {member.id: index for index, member in enumerate(site.members)}
        self._open(billing_period(now_utc, site.zone))

    def _open(self, period: Span) -> None:
        count = len(self._members)
        self.period = period
        self.peak_kw = 0.0
        """Largest interval mean of the community's net import in the period [kW]."""
        self._billed_eur = np.zeros(count)
        self._renewable_kwh = np.zeros(count)
        self._consumption_kwh = np.zeros(count)
        self._first_utc: datetime | None = None

    def add(self, settled: Sequence[SettledInterval]) -> None:
        """Add closed intervals; one that begins a new period closes this account first, one of an earlier is left out.

        Members who are no longer in the site file are left out as well.
        """
        for interval in settled:
            self.turn_to(interval.start_utc)
            if not self.period.contains(interval.start_utc):
                continue
            self._first_utc = self._first_utc or interval.start_utc
            for row in interval.allocations:
                index = self._members.get(row.member)
                if index is None:
                    continue
                self._billed_eur[index] += to_eur(row.billed_micro)
                self._renewable_kwh[index] += row.renewable_wh / WH_PER_KWH
                self._consumption_kwh[index] += row.use_wh / WH_PER_KWH
            self.peak_kw = max(self.peak_kw, _mean_net_import_kw(interval))

    def turn_to(self, now_utc: datetime) -> None:
        """Open a new account if the period is over: the next plan must not count on a peak that was paid for before."""
        if now_utc >= self.period.end_utc:
            self._open(billing_period(now_utc, self._site.zone))

    def totals(self) -> MemberTotals:
        """Copies of the sums."""
        return MemberTotals(
            billed_eur=self._billed_eur.copy(),
            renewable_kwh=self._renewable_kwh.copy(),
            consumption_kwh=self._consumption_kwh.copy(),
        )

    def elapsed_h(self, until_utc: datetime) -> float:
        """Time from the account's first interval to ``until_utc`` [h]; 0 before the first."""
        if self._first_utc is None:
            return 0.0
        return max(0.0, Span(start_utc=self._first_utc, end_utc=until_utc).hours)

    def income_eur(self, until_utc: datetime, *, opened_utc: datetime | None = None) -> FloatArray:
        """[N] income pro-rated from the account's first interval to ``until_utc``; NaN for members without one.

        Incomes below the site's ``income_min_eur_per_month`` count as that; non-households are left out.

        Args:
            until_utc: End of the time that the income is for.
            opened_utc: Its start while nothing has been billed yet; unset: there is no income for no time.
        """
        first_utc = self._first_utc or opened_utc or until_utc
        share = max(0.0, Span(start_utc=first_utc, end_utc=until_utc).hours) / self.period.hours
        least = self._site.by_law.income_min_eur_per_month
        incomes = [
            max(member.income_eur_per_month.reveal(), least)
            if member.income_eur_per_month is not None and member.kind == "household"
            else np.nan
            for member in self._site.members
        ]
        return np.array(incomes) * share


def _mean_net_import_kw(interval: SettledInterval) -> float:
    net_wh = sum((row.import_wh or 0) - (row.export_wh or 0) for row in interval.metered)
    return net_wh / WH_PER_KWH / (interval.duration_s / 3600.0)
