"""One interval of a member in sentences: its energy, and the cost of one more kWh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from models.explanation.language import Language, mark

USED = mark("On {date}, from {start} to {end}, your home used {consumption}: {sources}.")
USED_ONE = mark("On {date}, from {start} to {end}, your home used {source}.")
USED_NOTHING = mark("On {date}, from {start} to {end}, your home used no energy.")
OWN = mark("{energy} of your own")
COMMUNITY = mark("{energy} from the community")
GRID = mark("{energy} from the grid")
GAVE = mark("It gave away {surplus}: {takers}.")
GAVE_ONE = mark("It gave away {taker}.")
TO_NEIGHBOURS = mark("{energy} to your neighbours")
TO_GRID = mark("{energy} to the grid")
MARGINAL_PRICE = mark("One more kilowatt-hour used in your home at this time would have cost the community {price}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalEnergy:
    """What a member used and gave away in an interval [Wh].

    own + community + grid is all that it used, sold + fed in all that it gave away.
    """

    start_utc: datetime
    end_utc: datetime
    own_wh: int
    community_wh: int
    grid_wh: int
    sold_wh: int
    """To other members."""
    fed_in_wh: int
    """To the grid."""


def word_energy(energy: IntervalEnergy, zone: ZoneInfo, language: Language) -> str:
    """Where the energy of an interval came from, and where the surplus went."""
    return " ".join(_sentences(energy, zone, language))


def _sentences(energy: IntervalEnergy, zone: ZoneInfo, language: Language) -> Iterator[str]:
    moment = {
        "date": language.day(energy.start_utc.astimezone(zone).date()),
        "start": language.clock_time(energy.start_utc, zone),
        "end": language.clock_time(energy.end_utc, zone),
    }
    used = {OWN: energy.own_wh, COMMUNITY: energy.community_wh, GRID: energy.grid_wh}
    match _word_parts(used, language):
        case []:
            yield language.say(USED_NOTHING, **moment)
        case [source]:
            yield language.say(USED_ONE, **moment, source=source)
        case sources:
            consumption = language.energy(sum(used.values()))
            yield language.say(USED, **moment, consumption=consumption, sources=language.enumerate(sources))
    given = {TO_NEIGHBOURS: energy.sold_wh, TO_GRID: energy.fed_in_wh}
    match _word_parts(given, language):
        case []:
            return
        case [taker]:
            yield language.say(GAVE_ONE, taker=taker)
        case takers:
            surplus = language.energy(sum(given.values()))
            yield language.say(GAVE, surplus=surplus, takers=language.enumerate(takers))


def _word_parts(parts_wh: dict[str, int], language: Language) -> list[str]:
    """Each part with its energy, without those that are nothing."""
    return [language.say(sentence, energy=language.energy(wh)) for sentence, wh in parts_wh.items() if wh]


def word_marginal_price(price_eur_per_kwh: float, currency: str, language: Language) -> str:
    """What one more kWh would cost the community."""
    return language.say(MARGINAL_PRICE, price=language.price_per_kwh(price_eur_per_kwh, currency))
