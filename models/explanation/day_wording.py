"""A member's day in sentences: what it came to, what one might have expected instead, and why it is so.

A member's tier changes numbers only: which sentences are said depends on its energy, its costs, the day, and on which
of two amounts told is the larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from models.explanation.asset_parts import Asset
from models.explanation.benefit import Benefit
from models.explanation.language import Language, mark
from models.settlement.gain_split import GainOutcome

LEAST_COMPARED = 3
"""With fewer members an equal part would tell the other one's."""

WORTH = mark("Being part of the community was worth {amount} to you on {date}.")
NO_DIFFERENCE = mark("Being part of the community made no difference to your costs on {date}.")
LOSS = mark(
    "On {date}, running everything together cost you {amount} more than staying alone would have. "
    "This is noted, and later gains of the same billing period are used to give it back."
)
ALONE_COST = mark("Alone, the day would have cost you {amount}.")
ALONE_EARNED = mark("Alone, the day would have earned you {amount}.")
TOGETHER_COST = mark("Together, it cost you {amount}.")
TOGETHER_EARNED = mark("Together, it earned you {amount}.")
WEAR = mark("The wear of your own battery, {amount}, is already counted in that; it is on no bill.")
ISLANDED_PAID = mark("While the grid was away, you also paid {amount} for your neighbours' energy.")
ISLANDED_EARNED = mark(
    "While the grid was away, you also received {amount} for energy that you gave to your neighbours."
)

ENERGY_ONLY = mark("That is the energy alone; the charge on the community's highest power is explained separately.")

MORE_THAN_EQUAL = mark(
    "You may have expected an equal part of the community's gain for every home, {equal}; you get {difference} more."
)
LESS_THAN_EQUAL = mark(
    "You may have expected an equal part of the community's gain for every home, {equal}; you get {difference} less."
)
ABOUT_EQUAL = mark("What you get is about an equal part of the community's gain for every home, {equal}.")
OWN_PART = mark("Your own part, which is what your home adds to the saving that is possible, counts as {plain}.")
OWN_PART_MORE = mark(
    "Your own part, which is what your home adds to the saving that is possible, counts as {plain}: "
    "the saving depends on your home more than on the average home."
)
OWN_PART_LESS = mark(
    "Your own part, which is what your home adds to the saving that is possible, counts as {plain}: "
    "the saving depends on your home less than on the average home."
)
OWN_PART_ABOUT = mark(
    "Your own part, which is what your home adds to the saving that is possible, counts as {plain}, "
    "about as much as that of the average home."
)
ADJUSTED = mark("To your own part come: {parts}. That makes {benefit}.")
BY_WEIGHTING = mark("{amount} through the agreed weights")
BY_MISSED = mark(
    "{amount} because the day left less to share than the best plan, which is known only afterwards, would have"
)
BY_SURPASSED = mark("{amount} because the day left more to share than was reckoned")
BY_CARRIED = mark("{amount} from earlier losses that are now given back")
BY_SOLIDARITY = mark("{amount} through solidarity among the members")
BY_ROUNDING = mark("{amount} through rounding")
CARRIED = mark("Another {amount} come from earlier losses that are now given back.")

MOSTLY_AT: tuple[str, ...] = (
    mark("The largest piece of your own part, {amount}, arose at night, between 22 and 6 o'clock."),
    mark("The largest piece of your own part, {amount}, arose in the morning, between 6 and 10 o'clock."),
    mark("The largest piece of your own part, {amount}, arose around midday, between 10 and 16 o'clock."),
    mark("The largest piece of your own part, {amount}, arose in the evening, between 16 and 22 o'clock."),
)
"""By part of the day, in the order of ``day_parts``."""

MOSTLY_BY = {
    Asset.DEMAND: mark(
        "Your home's consumption contributed most, {amount}: "
        "it used neighbours' surplus that the grid would have paid little for."
    ),
    Asset.PV: mark(
        "Your solar panels contributed most, {amount}: "
        "neighbours could use surplus that the grid would have paid little for."
    ),
    Asset.BATTERY: mark(
        "Your battery contributed most, {amount}: it gave energy when the community was short of it, "
        "or took it in when there was plenty."
    ),
    Asset.EV: mark("Your car contributed most, {amount}: it charged when the community had energy to spare."),
}

LOWERED_BY = {
    Asset.DEMAND: mark(
        "Using your own energy lowered your own part by {amount}, as it could not be shared. "
        "That is no loss: what it saves you at home is already in what the day would have cost you alone."
    ),
    Asset.PV: mark(
        "Your solar panels lowered your own part by {amount}: with them you needed less from your neighbours. "
        "What they save you at home is not lost: it is already in what the day would have cost you alone."
    ),
    Asset.BATTERY: mark(
        "Your battery lowered your own part by {amount}: what it kept for your own home could not be shared. "
        "What it saves you at home is not lost: it is already in what the day would have cost you alone."
    ),
    Asset.EV: mark(
        "Your car lowered your own part by {amount}: what it took from your own surplus could not be shared."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayContext:
    """What wording a day needs besides the benefit."""

    local_day: date
    members: int
    """Of the community."""
    currency: str
    minor_per_unit: int = 100
    has_peak_charge: bool = False
    """The charge on the highest power is billed beside the energy."""


def word_benefit(benefit: Benefit, context: DayContext, language: Language) -> str:
    """The sentences of one member's day."""
    return " ".join(_sentences(benefit, context, language))


def _sentences(benefit: Benefit, context: DayContext, language: Language) -> Iterator[str]:
    def money(minor: int) -> str:
        return language.money(minor, context.currency, context.minor_per_unit)

    yield from _what_it_came_to(benefit, context, language)
    if benefit.outcome is GainOutcome.GAIN and (benefit.benefit_minor or benefit.plain_minor):
        yield from _why(benefit, context, language)
    elif benefit.carried_minor > 0:
        yield language.say(CARRIED, amount=money(benefit.carried_minor))


def _what_it_came_to(benefit: Benefit, context: DayContext, language: Language) -> Iterator[str]:
    def money(minor: int) -> str:
        return language.money(abs(minor), context.currency, context.minor_per_unit)

    amount, day = money(benefit.benefit_minor), language.day(context.local_day)
    if benefit.benefit_minor == 0:
        yield language.say(NO_DIFFERENCE, date=day)
    else:
        yield language.say(WORTH if benefit.benefit_minor > 0 else LOSS, amount=amount, date=day)
    yield language.say(ALONE_COST if benefit.alone_minor >= 0 else ALONE_EARNED, amount=money(benefit.alone_minor))
    yield language.say(TOGETHER_COST if benefit.cost_minor >= 0 else TOGETHER_EARNED, amount=money(benefit.cost_minor))
    if benefit.wear_minor:
        yield language.say(WEAR, amount=money(benefit.wear_minor))
    if benefit.islanded_minor:
        sentence = ISLANDED_PAID if benefit.islanded_minor > 0 else ISLANDED_EARNED
        yield language.say(sentence, amount=money(benefit.islanded_minor))
    if context.has_peak_charge:
        yield language.say(ENERGY_ONLY)


def _why(benefit: Benefit, context: DayContext, language: Language) -> Iterator[str]:
    def money(minor: int) -> str:
        return language.money(minor, context.currency, context.minor_per_unit)

    if context.members < LEAST_COMPARED:
        yield language.say(OWN_PART, plain=money(benefit.plain_minor))
    else:
        sentence = {1: MORE_THAN_EQUAL, 0: ABOUT_EQUAL, -1: LESS_THAN_EQUAL}[benefit.compared_to_equal]
        places = {"equal": money(benefit.equal_minor)}
        if benefit.compared_to_equal:
            places["difference"] = money(abs(benefit.benefit_minor - benefit.equal_minor))
        yield language.say(sentence, **places)
        own = {1: OWN_PART_MORE, 0: OWN_PART_ABOUT, -1: OWN_PART_LESS}[benefit.compared_to_mean]
        yield language.say(own, plain=money(benefit.plain_minor))
    yield from _where_from(benefit, context, language)
    parts = language.line_up(list(_list_adjustments(benefit, context, language)))
    yield language.say(ADJUSTED, parts=parts, benefit=money(benefit.benefit_minor))


def _list_adjustments(benefit: Benefit, context: DayContext, language: Language) -> Iterator[str]:
    """What leads from the own part to the benefit.

    Parts of nothing are left out, but not those of weights and solidarity: every member is told of these in the same
    words, whatever they come to.
    """
    steps = (
        (BY_WEIGHTING, benefit.weighting_minor),
        (BY_MISSED if benefit.scaling_minor < 0 else BY_SURPASSED, benefit.scaling_minor),
        (BY_CARRIED, benefit.carried_minor),
        (BY_SOLIDARITY, benefit.solidarity_minor),
        (BY_ROUNDING, benefit.rounding_minor),
    )
    for sentence, minor in steps:
        if minor or sentence in (BY_WEIGHTING, BY_SOLIDARITY):
            yield language.say(sentence, amount=language.change(minor, context.currency, context.minor_per_unit))


def _where_from(benefit: Benefit, context: DayContext, language: Language) -> Iterator[str]:
    def money(minor: int) -> str:
        return language.money(minor, context.currency, context.minor_per_unit)

    largest = max(benefit.by_time_minor)
    if largest > 0:
        yield language.say(MOSTLY_AT[benefit.by_time_minor.index(largest)], amount=money(largest))
    asset, most = max(benefit.by_asset_minor.items(), key=lambda item: item[1])
    if most > 0:
        yield language.say(MOSTLY_BY[asset], amount=money(most))
    for asset, amount in benefit.by_asset_minor.items():
        if amount < -1:
            yield language.say(LOWERED_BY[asset], amount=money(-amount))
