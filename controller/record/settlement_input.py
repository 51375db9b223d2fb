"""From store and site file to the job that settles a day; what is missing is estimated and flagged, or named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np

from config.currency import minor_per_unit
from config.schema import Site
from controller.record.day_devices import describe_batteries, describe_cars, sum_curtailed
from controller.record.day_estimates import FilledDay, fill_day
from controller.record.day_fairness import PeriodEquity
from controller.record.day_readings import PRICE_LINES as STORED_LINES
from controller.record.day_readings import DayReadings, read_day_readings
from controller.record.day_records import PRICE_LINES
from controller.record.day_rows import read_day
from controller.record.fairness_rows import read_renewable_wh
from controller.record.period_so_far import PeriodSoFar, days_of_period, read_period
from controller.record.quantities import MICRO_PER_EUR, WH_PER_KWH, to_micro
from controller.record.reader import Reader
from controller.record.settlement_job import DayJob, PeakJob
from models.domain.arrays import BoolArray, FloatArray
from models.domain.errors import SettlementError, SiteFileError
from models.domain.interval import billing_period, settlement_day
from models.domain.tariff import PriceBook
from models.fairness.burden import pro_rate_income
from models.settlement.arrays import IntArray
from models.settlement.coalition_day import CoalitionDay
from models.settlement.means import MOST_EXACT_REOPTIMISED
from models.settlement.prices import IntervalPrices, price_intervals
from models.settlement.provisional import charge_suppliers
from models.settlement.settle_day import GameKind, SettlementTerms
from models.settlement.shapley import Weighting
from models.settlement.sharing import SharingKey
from models.settlement.solidarity import SolidarityRule, find_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementWish:
    """How a day is to be settled."""

    game: GameKind
    is_final: bool
    most_players: int = MOST_EXACT_REOPTIMISED
    is_clustered: bool = False


def build_job(
    reader: Reader, site: Site, local_day: date, wish: SettlementWish, read_prices: Callable[[], PriceBook]
) -> DayJob:
    """The job of a day.

    Args:
        reader: the store.
        site: the site as it is now: its by-law, its members and their devices.
        local_day: the local day.
        wish: game and method.
        read_prices: the site's prices, asked for only where intervals are without.

    Raises:
        SettlementError: the day cannot be settled, with what is missing.
    """
    period = read_period(reader, local_day)
    readings = read_day_readings(
        reader,
        local_day,
        zone=site.zone,
        interval_min=site.interval_min,
        members=[member.id for member in site.members],
        former=period.members,
    )
    filled = fill_day(reader, readings)
    lines, price_notes = _fill_prices(readings, read_prices)
    prices = _to_prices(lines, site.tariff.islanded_price_eur_per_kwh)
    newest = read_day(reader.select, local_day)
    return DayJob(
        site_id=site.community.id,
        local_day=local_day,
        zone=site.community.zone,
        currency=site.community.currency,
        members=readings.members,
        starts_utc=readings.starts_utc,
        day=_coalition_day(site, readings, filled, prices),
        price_lines=lines,
        terms=_terms(site, readings, filled, prices, period),
        game=wish.game,
        most_players=wish.most_players,
        is_clustered=wish.is_clustered,
        peak=_peak(site, readings, filled, period),
        is_estimated=filled.is_estimated,
        equity=_equity(reader, site, readings, period),
        notes=(*filled.notes, *price_notes, *_notes(site, readings)),
        follows=None if newest is None else newest.revision,
        is_final=wish.is_final,
        inputs=readings.inputs,
    )


def _fill_prices(
    readings: DayReadings, read_prices: Callable[[], PriceBook]
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """[T] prices in force by name; intervals without a record take them from the tariff."""
    lines = [np.array(readings.prices[name]) for name in STORED_LINES]
    gaps = np.flatnonzero(np.isnan(lines[0]))
    notes: tuple[str, ...] = ()
    if gaps.size:
        starts = tuple(readings.starts_utc[k] for k in gaps)
        try:
            found = read_prices().prices(starts, np.full(gaps.size, readings.step_h))
        except SiteFileError as error:
            raise SettlementError(
                f"{readings.local_day} cannot be settled: {error}; bring the price series up to the end of that day, "
                "then settle it again"
            ) from error
        lines[0][gaps] = [to_micro(float(price)) for price in found.import_price_eur_per_kwh]
        lines[1][gaps] = [to_micro(float(price)) for price in found.export_price_eur_per_kwh]
        lines[2][gaps] = [to_micro(float(price)) for price in found.network_fee_eur_per_kwh]
        lines[3][gaps] = 0
        notes = (
            f"{gaps.size} of {len(lines[0])} intervals were not recorded when they ended: the tariff's prices hold",
        )
    return dict(zip(PRICE_LINES, (tuple(int(value) for value in line) for line in lines), strict=True)), notes


def _to_prices(lines: dict[str, tuple[int, ...]], islanded_eur_per_kwh: float) -> IntervalPrices:
    bought, sold, fee = (np.array(lines[name]) / MICRO_PER_EUR for name in PRICE_LINES[:3])
    return price_intervals(
        bought,
        sold,
        fee,
        is_islanded=np.array(lines["is_islanded"], dtype=np.bool_),
        islanded_eur_per_kwh=to_micro(islanded_eur_per_kwh) / MICRO_PER_EUR,
    )


def _coalition_day(site: Site, readings: DayReadings, filled: FilledDay, prices: IntervalPrices) -> CoalitionDay:
    is_fixed: BoolArray = ~readings.is_member | np.isnan(readings.import_wh) | np.isnan(readings.pv_wh)
    limits = {member.id: (member.import_limit_kw, member.export_limit_kw) for member in site.members}
    # Of a member who left, the limits are not known any more; as its devices did as metered, they bind nothing.
    both = np.array([limits.get(member, (0.0, 0.0)) for member in readings.members])
    return CoalitionDay(
        step_h=readings.step_h,
        prices=prices,
        import_wh=filled.import_wh,
        export_wh=filled.export_wh,
        pv_wh=np.rint(np.nan_to_num(readings.pv_wh)).astype(np.int64),
        curtailed_wh=sum_curtailed(readings),
        import_limit_kw=both[:, 0],
        export_limit_kw=both[:, 1],
        batteries=describe_batteries(site, readings),
        evs=describe_cars(site, readings),
        is_fixed=is_fixed,
    )


def _terms(
    site: Site, readings: DayReadings, filled: FilledDay, prices: IntervalPrices, period: PeriodSoFar
) -> SettlementTerms:
    ids = readings.members
    configured = {member.id: member for member in site.members}
    shares = site.sharing.static_shares
    days = len(period.days) + 1
    elapsed_frac = days / days_of_period(readings.local_day)
    unit = minor_per_unit(site.community.currency)
    # The peak charge is one for the whole month: as much of it counts as of the month's income.
    billed = period.billed_eur(ids) + period.peak_booked_minor(ids) / unit * elapsed_frac
    # Cost with the grid alone stands for the day's: it does not depend on how the gain is split.
    so_far = billed + charge_suppliers(filled.import_wh, filled.export_wh, prices).sum(axis=1)
    persons = np.array([configured[member].persons if member in configured else 1 for member in ids])
    return SettlementTerms(
        key=SharingKey(site.sharing.key),
        weighting=Weighting(site.by_law.weighting),
        weight=_weights(site, readings),
        need=persons.astype(np.float64),
        static_share=None if shares is None else np.array([shares.get(member, 0.0) for member in ids]),
        solidarity=SolidarityRule(
            solidarity_frac=site.by_law.solidarity_frac,
            support_cap_frac=site.by_law.support_cap_frac,
            billed_eur=billed,
            income_eur=_income(site, readings, days),
            reference_eur=find_reference(so_far, persons, _references(site, persons, elapsed_frac)),
        ),
        carried_loss_eur=period.carried_loss_eur(ids),
        minor_per_unit=unit,
    )


def _references(site: Site, persons: IntArray, elapsed_frac: float) -> dict[int, float] | None:
    """The by-law's reference costs of the days so far, by number of persons; ``None``: it has none."""
    costs = site.by_law.reference_cost_eur_per_month
    if not costs:
        return None
    return {int(count): costs[min(int(count), len(costs)) - 1] * elapsed_frac for count in np.unique(persons)}


def _equity(reader: Reader, site: Site, readings: DayReadings, period: PeriodSoFar) -> PeriodEquity:
    ids, days = readings.members, len(period.days) + 1
    until_utc = settlement_day(readings.local_day, site.zone).end_utc
    since_utc = billing_period(readings.starts_utc[0], site.zone).start_utc
    used = read_renewable_wh(reader.select, since_utc, until_utc)
    energy_kwh = np.array([used.get(one, (0, 0)) for one in ids]).reshape(-1, 2) / WH_PER_KWH
    owns = {member.id: float(member.pv_kwp > 0.0 or bool(member.batteries or member.evs)) for member in site.members}
    return PeriodEquity(
        day_of_period=days,
        elapsed_frac=days / days_of_period(readings.local_day),
        income_eur=_income(site, readings, days),
        billed_before_eur=period.billed_eur(ids),
        stand_alone_before_eur=period.stand_alone_eur(ids),
        wear_before_eur=period.wear_eur(ids),
        renewable_kwh=energy_kwh[:, 1],
        consumption_kwh=energy_kwh[:, 0],
        has_assets=np.array([owns.get(one, np.nan) for one in ids]),
        core_excess_bound_frac=site.by_law.core_excess_bound_frac,
    )


def _weights(site: Site, readings: DayReadings) -> FloatArray:
    """[N] in force on the day; the configured one of the tier where a member's meter was silent all day."""
    configured = {member.id: site.by_law.tier_weights[member.priority_tier.reveal()] for member in site.members}
    usual = np.array([configured.get(member, 1.0) for member in readings.members])
    return np.where(np.isnan(readings.weight), usual, readings.weight)


def _income(site: Site, readings: DayReadings, days: int) -> FloatArray:
    incomes = {
        member.id: member.income_eur_per_month.reveal()
        for member in site.members
        if member.income_eur_per_month is not None and member.kind == "household"
    }
    return pro_rate_income(
        [incomes.get(member, np.nan) for member in readings.members],
        days=days,
        days_in_month=days_of_period(readings.local_day),
        income_min_eur_per_month=site.by_law.income_min_eur_per_month,
    )


def _peak(site: Site, readings: DayReadings, filled: FilledDay, period: PeriodSoFar) -> PeakJob | None:
    charge = site.tariff.peak_charge_eur_per_kw
    if charge <= 0.0 and not any(period.peak_booked.values()):
        return None
    return PeakJob(
        net_wh=np.hstack([period.net_wh(readings.members), filled.import_wh - filled.export_wh]),
        charge_eur_per_kw=charge,
        booked_minor=period.peak_booked_minor(readings.members),
    )


def _notes(site: Site, readings: DayReadings) -> list[str]:
    notes = []
    configured = frozenset(member.id for member in site.members)
    for member, is_in in zip(readings.members, readings.is_member, strict=True):
        if is_in.any() and member not in configured:
            notes.append(f"{member} is not in the site file any more: settled as one person, its devices as metered")
        elif is_in.any() and not is_in.all():
            notes.append(f"{member} was in the community in {int(is_in.sum())} of {is_in.size} intervals")
    if readings.keys and readings.keys != (site.sharing.key,):
        found = ", ".join(readings.keys)
        notes.append(f"shared by the key {site.sharing.key}; the key in force when metered was {found}")
    return notes
