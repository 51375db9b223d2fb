"""A change of a member's weight in sentences.

The policy also sees what the by-law says of a member; that has its line among the numbers, and no sentence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date

from models.explanation.language import Language, mark
from models.explanation.weight import MICRO, WeightChange, WeightInput

CHANGED = mark(
    "From {date} on, your home counts with a weight of {after} instead of {before} "
    "when the community's gain is shared out."
)
UNCHANGED = mark(
    "From {date} on, your home still counts with a weight of {after} when the community's gain is shared out."
)
LIMITED = mark(
    "One step is limited, and the weights of all homes are scaled so that their average stays 1; "
    "together this changed your weight by {change}."
)
PRESENT = mark(
    "Moving on from the present weight accounts for {change}: "
    "step by step, weights follow what the figures of each home call for."
)
MAIN_REASONS = {
    WeightInput.BURDEN: mark(
        "What mattered most were your energy costs so far in this billing period, "
        "compared with the community's average: they changed your weight by {change}."
    ),
    WeightInput.ACCESS: mark(
        "What mattered most was how much renewable energy you have been able to use so far, "
        "compared with the community's average: it changed your weight by {change}."
    ),
    WeightInput.PV: mark(
        "What mattered most were the solar panels that your home has or does not have, "
        "compared with the community's average: they changed your weight by {change}."
    ),
    WeightInput.BATTERY: mark(
        "What mattered most was the battery that your home has or does not have, "
        "compared with the community's average: it changed your weight by {change}."
    ),
    WeightInput.DEMAND: mark(
        "What mattered most was how much electricity your home uses, compared with the community's average: "
        "it changed your weight by {change}."
    ),
    WeightInput.LAST_SHARE: mark(
        "What mattered most was your part of the gain on the last settled day, "
        "compared with the community's average: it changed your weight by {change}."
    ),
}
"""Inputs that may be the main reason; the present weight has a sentence of its own, for everyone."""


def word_weight(change: WeightChange, from_day: date, language: Language) -> str:
    """The sentences on one member's change of weight."""
    return " ".join(_sentences(change, from_day, language))


def _sentences(change: WeightChange, from_day: date, language: Language) -> Iterator[str]:
    before, after = language.weight(change.weight_before), language.weight(change.weight_after)
    day = language.day(from_day)
    if before == after:
        yield language.say(UNCHANGED, date=day, after=after)
    else:
        yield language.say(CHANGED, date=day, before=before, after=after)
    parts = {name: change.by_input_micro[name] for name in MAIN_REASONS}
    name = max(parts, key=lambda one: abs(parts[one]))
    if parts[name]:
        yield language.say(MAIN_REASONS[name], change=language.percent_change(math.exp(parts[name] / MICRO)))
    yield language.say(
        PRESENT, change=language.percent_change(math.exp(change.by_input_micro[WeightInput.WEIGHT] / MICRO))
    )
    held = change.limit_micro + change.projection_micro
    yield language.say(LIMITED, change=language.percent_change(math.exp(held / MICRO)))
