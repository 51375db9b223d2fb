"""One interval of a member in sentences: its energy, the cost of one more kWh, and what would have been otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from models.explanation.counterfactual import Counterfactual, Motive
from models.explanation.language import Language, mark
from models.explanation.setpoint import NOTICEABLE_KW

ENERGY = mark(
    "From {start} to {end} your home used {consumption}: "
    "{own} of your own, {community} from the community and {grid} from the grid."
)
SOLD = mark("Your neighbours used {sold} of your surplus.")
MARGINAL_PRICE = mark("One more kilowatt-hour used in your home now would cost the community {price}.")

IDLE = {
    Motive.PEAK_CHARGE: mark(
        "Without the charge on the community's highest power, your battery would have stayed idle."
    ),
    Motive.PRICE_CHANGES: mark("If electricity cost the same at all hours, your battery would have stayed idle."),
    Motive.SHARING: mark("If the members did not share energy, your battery would have stayed idle."),
}
CHARGING = {
    Motive.PEAK_CHARGE: mark(
        "Without the charge on the community's highest power, your battery would have charged with {power}."
    ),
    Motive.PRICE_CHANGES: mark(
        "If electricity cost the same at all hours, your battery would have charged with {power}."
    ),
    Motive.SHARING: mark("If the members did not share energy, your battery would have charged with {power}."),
}
GIVING = {
    Motive.PEAK_CHARGE: mark(
        "Without the charge on the community's highest power, your battery would have given {power}."
    ),
    Motive.PRICE_CHANGES: mark("If electricity cost the same at all hours, your battery would have given {power}."),
    Motive.SHARING: mark("If the members did not share energy, your battery would have given {power}."),
}
SAME = {
    Motive.PEAK_CHARGE: mark(
        "Without the charge on the community's highest power, your battery would have done the same."
    ),
    Motive.PRICE_CHANGES: mark("If electricity cost the same at all hours, your battery would have done the same."),
    Motive.SHARING: mark("If the members did not share energy, your battery would have done the same."),
}
SAVES = mark("Taking that into account saves the community {amount} over the hours planned ahead.")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalEnergy:
    """What a member used in an interval [Wh]; own + community + grid is all of it."""

    start_utc: datetime
    end_utc: datetime
    own_wh: int
    community_wh: int
    grid_wh: int
    sold_wh: int


def word_energy(energy: IntervalEnergy, zone: ZoneInfo, language: Language) -> str:
    """Where the energy of an interval came from."""
    said = language.say(
        ENERGY,
        start=language.clock_time(energy.start_utc, zone),
        end=language.clock_time(energy.end_utc, zone),
        consumption=language.energy(energy.own_wh + energy.community_wh + energy.grid_wh),
        own=language.energy(energy.own_wh),
        community=language.energy(energy.community_wh),
        grid=language.energy(energy.grid_wh),
    )
    return said if not energy.sold_wh else f"{said} {language.say(SOLD, sold=language.energy(energy.sold_wh))}"


def word_marginal_price(price_eur_per_kwh: float, currency: str, language: Language) -> str:
    """What one more kWh would cost the community."""
    return language.say(MARGINAL_PRICE, price=language.price_per_kwh(price_eur_per_kwh, currency))


def word_counterfactual(answer: Counterfactual, currency: str, minor_per_unit: int, language: Language) -> str:
    """What the battery would have done without a motive, and what following it saves."""
    power = language.power(answer.other_kw)
    if answer.is_same:
        said = language.say(SAME[answer.without])
    elif abs(answer.other_kw) <= NOTICEABLE_KW:
        said = language.say(IDLE[answer.without])
    else:
        said = language.say((CHARGING if answer.other_kw > 0.0 else GIVING)[answer.without], power=power)
    saved_minor = round(answer.saved_eur * minor_per_unit)
    if saved_minor <= 0:
        return said
    return f"{said} {language.say(SAVES, amount=language.money(saved_minor, currency, minor_per_unit))}"
