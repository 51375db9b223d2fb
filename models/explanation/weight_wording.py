"""A change of a member's weight in sentences.

The policy also sees what the by-law says of a member; that has its line among the numbers, and no sentence of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from models.explanation.language import Language, mark
from models.explanation.weight import HUNDREDTHS, WeightChange, WeightInput, WeightSteps, find_weight_steps

CHANGED = mark(
    "From {date} on, your home counts with a weight of {after} instead of {before} "
    "when the community's gain is shared out."
)
UNCHANGED = mark(
    "From {date} on, your home still counts with a weight of {after} when the community's gain is shared out."
)
ASKED = mark(
    "Weights move step by step, by a rule that compares the figures of your home with the average of the community. "
    "From {before} it leads to {asked}: {parts}."
)
LIMITED_AND_SCALED = mark(
    "The limit on a single step changes this by {limit}, "
    "and keeping the weights of all homes at an average of 1 changes it by {scaling}."
)
LIMITED = mark("The limit on a single step changes this by {limit}.")
SCALED = mark("Keeping the weights of all homes at an average of 1 changes this by {scaling}.")
BY_INPUT = {
    WeightInput.BURDEN: mark("{change} for your energy costs so far in this billing period"),
    WeightInput.ACCESS: mark("{change} for how much renewable energy you have been able to use so far"),
    WeightInput.PV: mark("{change} for the solar panels that your home has or does not have"),
    WeightInput.BATTERY: mark("{change} for the battery that your home has or does not have"),
    WeightInput.DEMAND: mark("{change} for how much electricity your home uses"),
    WeightInput.LAST_SHARE: mark("{change} for your part of the gain on the last settled day"),
    WeightInput.WEIGHT: mark("{change} for your weight until now, against the average of 1"),
}
"""Inputs that are named; what the by-law says of a member is among everything else, for everyone."""
BY_REST = mark("{change} for everything else")
MOST_NAMED = 3
"""Inputs that are named, those that changed most."""


def word_weight(change: WeightChange, from_day: date, language: Language) -> str:
    """The sentences on one member's change of weight."""
    return " ".join(_sentences(change, from_day, language))


def _sentences(change: WeightChange, from_day: date, language: Language) -> Iterator[str]:
    def weight(hundredths: int) -> str:
        return language.weight(hundredths / HUNDREDTHS)

    def part(hundredths: int) -> str:
        return language.weight_change(hundredths / HUNDREDTHS)

    steps, day = find_weight_steps(change), language.day(from_day)
    if steps.before == steps.after:
        yield language.say(UNCHANGED, date=day, after=weight(steps.after))
    else:
        yield language.say(CHANGED, date=day, before=weight(steps.before), after=weight(steps.after))
    yield language.say(
        ASKED, before=weight(steps.before), asked=weight(steps.asked), parts=_list_parts(steps, language)
    )
    yield from _say_limits(part(steps.limit), part(steps.projection), steps, language)


def _list_parts(steps: WeightSteps, language: Language) -> str:
    """What leads from the weight before to the one that is asked for, the largest parts first."""

    def part(hundredths: int) -> str:
        return language.weight_change(hundredths / HUNDREDTHS)

    changed = [name for name in BY_INPUT if steps.by_input[name]]
    named = sorted(changed, key=lambda name: -abs(steps.by_input[name]))[:MOST_NAMED]
    rest = steps.asked - steps.before - sum(steps.by_input[name] for name in named)
    parts = [language.say(BY_INPUT[name], change=part(steps.by_input[name])) for name in named]
    return language.line_up([*parts, language.say(BY_REST, change=part(rest))])


def _say_limits(limit: str, scaling: str, steps: WeightSteps, language: Language) -> Iterator[str]:
    if steps.limit and steps.projection:
        yield language.say(LIMITED_AND_SCALED, limit=limit, scaling=scaling)
    elif steps.limit:
        yield language.say(LIMITED, limit=limit)
    elif steps.projection:
        yield language.say(SCALED, scaling=scaling)
