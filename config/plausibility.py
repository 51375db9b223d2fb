"""Magnitudes that are within their bounds and still cannot be meant: W for kW, Wh for kWh, cents for euros."""

from __future__ import annotations

from collections.abc import Iterator

from config.currency import price_bound_per_kwh
from config.errors import Severity
from config.flaw import Flaw, Location
from config.members import Battery, CurtailableLoad, Ev, Member
from config.schema import Site
from config.slips import hint_number, hint_thousand
from config.tariff import FlatPrice, Price, TimeOfUsePrice

_HOUSEHOLD_LIMIT_KW = 100.0
"""Six times a large home's connection; homes with more do not exist, a slip of unit does."""
_HOUSEHOLD_BATTERY_KWH = 200.0
"""The largest home batteries hold about 60 kWh."""
_CAR_KWH = 300.0
"""The largest car batteries hold about 200 kWh."""
_SLOWEST_H = 50.0
"""A battery that needs longer than this to fill has a slip of unit in its power or its capacity."""
_FASTEST_PER_H = 10.0
"""A battery that fills in less than six minutes has one as well."""
_MOST_INCOME_EUR_PER_MONTH = 20_000.0
"""Above this an income is probably a year's."""
_SHORTFALL_FACTOR = 20.0
"""Missing an event's target may be dearer than any energy, but not beyond what a blackout is said to cost."""
_SHARE_TOLERANCE_FRAC = 1e-6


def check_plausibility(site: Site) -> Iterator[Flaw]:
    """Values whose magnitude suggests a slip of unit."""
    yield from _check_prices(site)
    for i, member in enumerate(site.members):
        place = ("members", i)
        yield from _check_member(place, member, site.community.currency)
        for k, battery in enumerate(member.batteries):
            yield from _check_battery((*place, "batteries", k), battery, member)
        for k, ev in enumerate(member.evs):
            yield from _check_ev((*place, "evs", k), ev, member)
        for k, load in enumerate(member.shiftable_loads):
            if load.power_kw > member.import_limit_kw:
                yield _above((*place, "shiftable_loads", k, "power_kw"), load.power_kw, member)
        yield from _check_shares((*place, "curtailable_loads"), member)
        for k, held in enumerate(member.curtailable_loads):
            yield from _check_curtailable((*place, "curtailable_loads", k), held, member, site)
    yield from _check_fallbacks(site)


def _check_prices(site: Site) -> Iterator[Flaw]:
    bound, tariff = price_bound_per_kwh(site.community.currency), site.tariff
    prices: list[tuple[Location, float]] = []
    for key in ("import_price", "export_price"):
        price = getattr(tariff, key)
        if isinstance(price, FlatPrice):
            prices.append((("tariff", key, "price_eur_per_kwh"), price.price_eur_per_kwh))
        elif isinstance(price, TimeOfUsePrice):
            prices.append((("tariff", key, "base_eur_per_kwh"), price.base_eur_per_kwh))
            prices += [
                (("tariff", key, "windows", w, "price_eur_per_kwh"), window.price_eur_per_kwh)
                for w, window in enumerate(price.windows)
            ]
    for key in ("network_fee_eur_per_kwh", "islanded_price_eur_per_kwh"):
        prices.append((("tariff", key), getattr(tariff, key)))
    for location, value in prices:
        yield from _check_price(location, value, -bound, bound, site.community.currency)
    shortfall = site.demand_response.shortfall_eur_per_kwh
    place = ("demand_response", "shortfall_eur_per_kwh")
    yield from _check_price(place, shortfall, 0.0, _SHORTFALL_FACTOR * bound, site.community.currency)
    if isinstance(tariff.import_price, FlatPrice) and isinstance(tariff.export_price, FlatPrice):
        gain = tariff.import_price.price_eur_per_kwh - tariff.network_fee_eur_per_kwh
        if gain < tariff.export_price.price_eur_per_kwh:
            yield Flaw(
                location=("tariff", "export_price"),
                found=f"{tariff.export_price.price_eur_per_kwh:g}, above the import price less the network fee",
                accepted="any price; but at this one energy is never shared",
                severity=Severity.WARNING,
                concerns=(("tariff", "import_price"), ("tariff", "network_fee_eur_per_kwh")),
            )


def _check_price(location: Location, value: float, low: float, high: float, currency: str) -> Iterator[Flaw]:
    if not low <= value <= high:
        accepted = f"a price from {low:g} to {high:g} [{currency}/kWh]"
        hint = hint_number(str(location[-1]), value, {})
        place = ("community", "currency")
        yield Flaw(location=location, found=f"{value:g}", accepted=accepted, hint=hint, concerns=(place,))


def _check_member(place: Location, member: Member, currency: str) -> Iterator[Flaw]:
    if member.kind == "household":
        for key in ("import_limit_kw", "export_limit_kw", "pv_kwp"):
            value = getattr(member, key)
            if value > _HOUSEHOLD_LIMIT_KW:
                accepted = f"at most {_HOUSEHOLD_LIMIT_KW:g} for a household; more needs kind: business"
                yield _unlikely((*place, key), value, accepted)
    income = member.income_eur_per_month
    if income is not None and currency in {"EUR", "USD", "GBP", "CHF"} and income.reveal() > _MOST_INCOME_EUR_PER_MONTH:
        yield Flaw(
            location=(*place, "income_eur_per_month"),
            found="<hidden>, a very high income",
            accepted="income per month",
            hint="is it a year's income?",
            severity=Severity.WARNING,
        )


def _check_battery(place: Location, battery: Battery, member: Member) -> Iterator[Flaw]:
    if battery.soc_min_frac >= battery.soc_max_frac:
        found = f"soc_min_frac {battery.soc_min_frac:g}, soc_max_frac {battery.soc_max_frac:g}"
        yield Flaw(location=(*place, "soc_min_frac"), found=found, accepted="soc_min_frac below soc_max_frac")
    if member.kind == "household" and battery.capacity_kwh > _HOUSEHOLD_BATTERY_KWH:
        accepted = f"at most {_HOUSEHOLD_BATTERY_KWH:g} for a household; more needs kind: business"
        yield _unlikely((*place, "capacity_kwh"), battery.capacity_kwh, accepted)
    elif battery.capacity_kwh > max(_SLOWEST_H * battery.charge_limit_kw, _HOUSEHOLD_BATTERY_KWH):
        accepted = f"at most {_SLOWEST_H:g} h of charging at {battery.charge_limit_kw:g} kW"
        yield _unlikely((*place, "capacity_kwh"), battery.capacity_kwh, accepted)
    for key in ("charge_limit_kw", "discharge_limit_kw"):
        power_kw = getattr(battery, key)
        if power_kw > _FASTEST_PER_H * battery.capacity_kwh:
            yield _unlikely((*place, key), power_kw, f"at most {_FASTEST_PER_H:g} times the capacity in kWh")


def _check_ev(place: Location, ev: Ev, member: Member) -> Iterator[Flaw]:
    if ev.charge_min_kw > ev.charge_limit_kw:
        found, accepted = f"{ev.charge_min_kw:g}", f"at most charge_limit_kw ({ev.charge_limit_kw:g})"
        yield Flaw(location=(*place, "charge_min_kw"), found=found, accepted=accepted)
    if ev.typical_daily_kwh > ev.capacity_kwh:
        found, accepted = f"{ev.typical_daily_kwh:g}", f"at most capacity_kwh ({ev.capacity_kwh:g})"
        yield Flaw(location=(*place, "typical_daily_kwh"), found=found, accepted=accepted)
    if member.kind == "household" and ev.capacity_kwh > _CAR_KWH:
        yield _unlikely((*place, "capacity_kwh"), ev.capacity_kwh, f"at most {_CAR_KWH:g} for a household's car")
    if ev.charge_limit_kw > member.import_limit_kw:
        yield _above((*place, "charge_limit_kw"), ev.charge_limit_kw, member)


def _check_shares(place: Location, member: Member) -> Iterator[Flaw]:
    """All curtailable loads of a home are parts of one demand."""
    total_frac = sum(load.typical_share_frac for load in member.curtailable_loads)
    if total_frac > 1.0 + _SHARE_TOLERANCE_FRAC:
        yield Flaw(
            location=place,
            found=f"typical_share_frac of {total_frac:.6g} in all",
            accepted="at most 1 in all: each is a part of the home's demand",
        )


def _check_curtailable(place: Location, load: CurtailableLoad, member: Member, site: Site) -> Iterator[Flaw]:
    if load.power_kw > member.import_limit_kw:
        yield _above((*place, "power_kw"), load.power_kw, member)
    currency, discomfort = site.community.currency, load.discomfort_eur_per_kwh
    yield from _check_price(
        (*place, "discomfort_eur_per_kwh"), discomfort, 0.0, price_bound_per_kwh(currency), currency
    )
    lowest = _lowest_price(site.tariff.import_price)
    # A default is nobody's slip, and a load that is never held back has no use for its discomfort.
    is_said = "discomfort_eur_per_kwh" in load.model_fields_set and load.limit_kwh_per_day > 0.0
    if is_said and lowest is not None and discomfort < lowest:
        yield Flaw(
            location=(*place, "discomfort_eur_per_kwh"),
            found=f"{discomfort:g}, below every import price",
            accepted=f"at least the lowest import price ({lowest:g}), or each event holds the load back to its limit",
            hint="limit_kwh_per_day: 0 says that it is never held back",
            severity=Severity.WARNING,
            concerns=(("tariff", "import_price"), (*place, "limit_kwh_per_day")),
        )


def _lowest_price(price: Price) -> float | None:
    """The lowest that a tariff ever asks [currency/kWh]; ``None`` where only a file knows."""
    match price:
        case FlatPrice():
            return price.price_eur_per_kwh
        case TimeOfUsePrice():
            return min(price.base_eur_per_kwh, *(window.price_eur_per_kwh for window in price.windows))
        case _:
            return None


def _check_fallbacks(site: Site) -> Iterator[Flaw]:
    """Without setpoints cars charge, appliances run and PV feeds in, all as they like."""
    drawn_kw = sum(ev.charge_limit_kw for member in site.members for ev in member.evs)
    drawn_kw += sum(load.power_kw for member in site.members for load in member.shiftable_loads)
    fed_kw = sum(member.pv_kwp for member in site.members)
    for key, total_kw, what in (
        ("import_limit_kw", drawn_kw, "charging points and appliances that draw"),
        ("export_limit_kw", fed_kw, "PV that feeds in"),
    ):
        limit_kw = getattr(site.community, key)
        if total_kw > limit_kw:
            yield Flaw(
                location=("community", key),
                found=f"{limit_kw:g}, but {what} up to {total_kw:g} kW when nothing controls them",
                accepted=f"at least {total_kw:g}, or a protection that does not need the controller",
                severity=Severity.WARNING,
                concerns=(("members",),),
            )


def _unlikely(location: Location, value: float, accepted: str) -> Flaw:
    hint = hint_thousand(str(location[-1]), value)
    return Flaw(location=location, found=f"{value:g}", accepted=accepted, hint=hint, concerns=(location[:-1],))


def _above(location: Location, value_kw: float, member: Member) -> Flaw:
    return Flaw(
        location=location,
        found=f"{value_kw:g}",
        accepted=f"at most the member's import_limit_kw ({member.import_limit_kw:g})",
        hint=hint_thousand(str(location[-1]), value_kw) if value_kw >= _HOUSEHOLD_LIMIT_KW else "",
        severity=Severity.ERROR if value_kw >= _HOUSEHOLD_LIMIT_KW else Severity.WARNING,
        concerns=((*location[:2], "import_limit_kw"),),
    )
